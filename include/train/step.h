/* One update of the parameters, and one pass over a subset without updates. */
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

/* Compares the parameters of all ranks. Collective. Errors: DT_ERR_INTERNAL, on all ranks, with the
 * ranks whose parameters are not those of most. */
dt_status dt_verify_replicas(dt_run *run, uint64_t *parameter_hash, dt_error *error);

/* Loss and accuracy of a subset, the same bits on all ranks and any number of them. */
typedef struct dt_evaluation {
    double loss;     /* mean; NaN for an empty subset */
    double accuracy; /* correct / samples; NaN for an empty subset */
} dt_evaluation;

/* Collective. Errors: DT_ERR_INTERNAL (memory), the same on all ranks. */
dt_status dt_evaluate(dt_run *run, dt_subset_kind kind, dt_evaluation *result, dt_error *error);

#endif
