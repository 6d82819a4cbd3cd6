/* The training loop. */
#ifndef DT_TRAIN_TRAINER_H
#define DT_TRAIN_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "run/state.h"
#include "train/evaluate.h"
#include "train/session.h"
#include "train/step.h"

/* The state before the first step. */
dt_state dt_state_initial(void);

/* What is known after a step or, with evaluations, after an epoch. */
typedef struct dt_progress_report {
    int64_t epoch, epochs; /* epoch: from 1 */
    int64_t step, steps;   /* updates so far, and of the whole run */
    int64_t step_in_epoch, steps_an_epoch;
    int64_t samples;                   /* consumed so far, all ranks together */
    int64_t first_step;                /* at this start of the run */
    double train_loss, train_accuracy; /* means over the epoch's samples so far */
    dt_evaluation val, test;           /* NaN after a step, and for subsets that do not exist */
    double lr;                         /* of the last update */
    double gradient_norm;              /* of the last step, if a row tells of it; else NaN */
    double seconds;                    /* of training, over all starts of the run */
    double seconds_now;                /* the same, of this start */
    double samples_per_second;         /* of the training part of this epoch */
    uint64_t parameter_hash;           /* 0 after a step */
    double phase_seconds[DT_PHASES];   /* of this epoch, mean over the ranks; after an epoch */
    bool best;                         /* after an epoch: the best validation accuracy so far */
} dt_progress_report;

/* Who takes part; any function may be NULL. Called on every rank that passes them. */
typedef struct dt_observer {
    void *state;
    /* Before each step: what this rank would like to happen after it. */
    dt_request (*request)(void *state);
    /* After each step. */
    void (*step)(void *state, const dt_progress_report *report);
    /* After a step that was left out, with the reason. */
    void (*skipped)(void *state, const dt_error *problem);
    /* After the evaluation that ends an epoch. */
    void (*epoch)(void *state, const dt_progress_report *report);
    /* Of rank 0, before each save: where the state of the optimizer goes, of all ranks. NULL: it is
     * not gathered. */
    dt_optimizer_state (*room)(void *state);
    /* When a checkpoint is due, after the two above: of the run's parameters and optimizer as they
     * are, and `where`. last: the run ends with it. */
    void (*save)(void *state, const dt_state *where, bool last);
} dt_observer;

/* How a training ended. */
typedef enum dt_ending {
    DT_ENDED_COMPLETE, /* all steps done */
    DT_ENDED_PATIENCE, /* no better validation accuracy for `patience` epochs */
    DT_ENDED_STOPPED   /* on request: it can go on */
} dt_ending;

/* True when nothing is left to do from `where`; *ending then says why. */
bool dt_train_finished(const dt_session *run, const dt_state *where, dt_ending *ending);

/* Trains from *state to the end, or to a request to stop: for each epoch its steps and an
 * evaluation. *last is the report of the last epoch, or of the last step of a training that was
 * stopped. Without any step to take, the initial parameters are evaluated and reported as epoch 0.
 *
 * A checkpoint is due when the settings or a request say so, and at the end; the parameters of all
 * ranks are compared before it. At an end in the middle of an epoch (max_steps) it is the one
 * before the evaluation, from which a longer run would go on.
 * Collective. Errors: the same on all ranks. */
dt_status dt_train(dt_session *run, const dt_observer *observer, dt_state *state,
                   dt_progress_report *last, dt_ending *ending, dt_error *error);

#endif
