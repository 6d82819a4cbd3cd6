/* The training loop. */
#ifndef DT_TRAIN_TRAINER_H
#define DT_TRAIN_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "train/evaluate.h"
#include "train/run.h"

/* What is known after a step or, with evaluations, after an epoch. */
typedef struct dt_progress_report {
    int64_t epoch, epochs; /* epoch: from 1 */
    int64_t step, steps;   /* updates so far, and of the whole run */
    int64_t step_in_epoch, steps_an_epoch;
    int64_t samples;                   /* consumed so far, all ranks together */
    double train_loss, train_accuracy; /* means over the epoch's samples so far */
    dt_evaluation val, test;           /* NaN after a step, and for subsets that do not exist */
    double lr;                         /* of the last update */
    double seconds;                    /* since training began */
    double samples_per_second;         /* of the training part of this epoch */
    uint64_t parameter_hash;           /* 0 after a step */
    double phase_seconds[DT_PHASES];   /* of this epoch, mean over the ranks; after an epoch */
    bool best;                         /* after an epoch: the best validation accuracy so far */
} dt_progress_report;

/* Who wants to know; either function may be NULL. Called on every rank that passes them, after each
 * step and after the evaluation that ends an epoch. */
typedef struct dt_observer {
    void *state;
    void (*step)(void *state, const dt_progress_report *report);
    void (*epoch)(void *state, const dt_progress_report *report);
} dt_observer;

/* Trains to the end: for each epoch its steps and an evaluation; *last is the report of the last
 * epoch. Without any step to take, the initial parameters are evaluated and reported as epoch 0.
 * Collective. Errors: the same on all ranks. */
dt_status dt_train(dt_run *run, const dt_observer *observer, dt_progress_report *last,
                   dt_error *error);

#endif
