/* Schedules: what changes from step to step. Formulas and defaults are PyTorch's. */
#ifndef DT_NN_SCHEDULE_H
#define DT_NN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum dt_schedule_kind {
    DT_SCHEDULE_CONSTANT,
    DT_SCHEDULE_STEP, /* torch StepLR */
    DT_SCHEDULE_COSINE,
    DT_SCHEDULE_LINEAR,
    DT_SCHEDULE_POLYNOMIAL, /* torch PolynomialLR */
    DT_SCHEDULE_ONE_CYCLE,  /* torch OneCycleLR, two phases */
    DT_SCHEDULE_PLATEAU     /* torch ReduceLROnPlateau */
} dt_schedule_kind;         /* dt_schedule_facts_of says what they are */

extern const char *const dt_schedule_names[];

typedef enum dt_anneal { DT_ANNEAL_COSINE, DT_ANNEAL_LINEAR } dt_anneal;

extern const char *const dt_anneal_names[];

/* What becomes of the learning rate with other batches than it was tuned for.
 * source: P. Goyal et al., Accurate, Large Minibatch SGD, arXiv:1706.02677 (linear);
 * A. Krizhevsky, One weird trick, arXiv:1404.5997 (sqrt). */
typedef enum dt_lr_scaling { DT_LR_AS_IT_IS, DT_LR_LINEAR, DT_LR_SQRT } dt_lr_scaling;

extern const char *const dt_lr_scaling_names[];

/* For batches of `batch` samples, the rate that was tuned for those of `tuned`. */
double dt_scale_lr(dt_lr_scaling scaling, double lr, int64_t batch, int64_t tuned);

typedef struct dt_schedule {
    dt_schedule_kind kind;
    double lr;                          /* the peak */
    double lr_min;                      /* of those that have a least rate */
    double gamma;                       /* step, plateau */
    int64_t step_epochs;                /* step: >= 1 */
    double power;                       /* polynomial: >= 0 */
    double pct_start;                   /* one-cycle: share of the steps in which the rate rises */
    double div_factor;                  /* one-cycle: > 0 */
    double final_div_factor;            /* one-cycle: > 0 */
    dt_anneal anneal;                   /* one-cycle */
    bool cycle_momentum;                /* one-cycle */
    double base_momentum, max_momentum; /* one-cycle: at the peak, and at both ends */
    int64_t plateau_patience;           /* plateau: epochs that may be no better in a row */
    double plateau_threshold;           /* plateau: a better loss is below (1 - this) of the best */
    double warmup_epochs;   /* the first so many epochs: W steps that rise by lr / (W + 1) each */
    int64_t steps_an_epoch; /* >= 1 */
    int64_t total_steps;    /* of the whole run, warm-up included */
} dt_schedule;

/* What people read of a kind: the settings that it uses besides lr and warmup_epochs
 * ("lr_min power"), and what it is. */
typedef struct dt_schedule_facts {
    const char *uses, *help;
    bool follows_end; /* depends on where the run ends */
} dt_schedule_facts;

/* kind: a dt_schedule_kind. */
const dt_schedule_facts *dt_schedule_facts_of(int kind);

/* Where a plateau stands: all that goes on from epoch to epoch. */
typedef struct dt_plateau {
    double best;    /* the best validation loss so far; NaN: there is none yet */
    int64_t epochs; /* without a better one */
    int64_t drops;  /* of the learning rate so far */
} dt_plateau;

/* The validation loss of an epoch, for schedules that look at it; NaN is never better. */
void dt_schedule_note(const dt_schedule *schedule, double loss, dt_plateau *plateau);

/* What an update is made with. */
typedef struct dt_rates {
    double lr;
    double momentum; /* instead of the optimizer's momentum or beta1; NaN: its own */
} dt_rates;

/* The rates of step `step`, 0 <= step, after so many drops, which plateaus alone have; from
 * total_steps on, the last ones stay. */
dt_rates dt_schedule_rates(const dt_schedule *schedule, int64_t step, int64_t drops);

#endif
