/* Schedules: what changes from step to step, a pure function of the step. */
#ifndef DT_NN_SCHEDULE_H
#define DT_NN_SCHEDULE_H

#include <stdint.h>

typedef enum dt_schedule_kind {
    DT_SCHEDULE_CONSTANT,
    DT_SCHEDULE_STEP,   /* times `gamma` after every `step_epochs` epochs (torch StepLR) */
    DT_SCHEDULE_COSINE, /* half a cosine from lr down to lr_min at the last step */
    DT_SCHEDULE_LINEAR  /* a straight line from lr down to lr_min at the last step */
} dt_schedule_kind;

extern const char *const dt_schedule_names[];

typedef struct dt_schedule {
    dt_schedule_kind kind;
    double lr;              /* the peak */
    double lr_min;          /* cosine, linear: where it ends */
    double gamma;           /* step */
    int64_t step_epochs;    /* step: >= 1 */
    double warmup_epochs;   /* the first so many epochs: W steps that rise by lr / (W + 1) each */
    int64_t steps_an_epoch; /* >= 1 */
    int64_t total_steps;    /* of the whole run, warm-up included */
} dt_schedule;

/* What an update is made with. */
typedef struct dt_rates {
    double lr;
    double momentum; /* in the place of the optimizer's momentum or beta1; NaN: its own */
} dt_rates;

/* The rates of step `step`, 0 <= step; from total_steps on, the last ones stay. */
dt_rates dt_schedule_rates(const dt_schedule *schedule, int64_t step);

#endif
