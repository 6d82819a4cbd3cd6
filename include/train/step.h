/* One update of the parameters. */
#ifndef DT_TRAIN_STEP_H
#define DT_TRAIN_STEP_H

#include "base/status.h"
#include "nn/loss.h"
#include "train/feed.h"
#include "train/run.h"

/* What a step was like; the same on all ranks. */
typedef struct dt_step_result {
    int64_t samples;
    double loss;     /* sum over the samples, before the update */
    int64_t correct; /* before the update */
    double lr;
} dt_step_result;

/* Plays step `step` of the epoch that the plan has started, the update number `update` of the run
 * (from 0): samples, gradients, their sum, new parameters. Collective. Errors: DT_ERR_DATA when the
 * loss is not finite, on all ranks; the parameters then stay. */
dt_status dt_step(dt_run *run, dt_feed *feed, int64_t step, int64_t update, dt_step_result *result,
                  dt_error *error);

#endif
