/* One update of the parameters. */
#ifndef DT_TRAIN_STEP_H
#define DT_TRAIN_STEP_H

#include <stdbool.h>

#include "base/status.h"
#include "nn/loss.h"
#include "run/state.h"
#include "train/feed.h"
#include "train/session.h"

/* What a rank would like to happen after a step. */
typedef struct dt_request {
    bool stop, save;
} dt_request;

/* What a step was like; the same on all ranks. */
typedef struct dt_step_result {
    int64_t samples;
    double loss;     /* sum over the samples, before the update */
    int64_t correct; /* before the update */
    dt_rates rates;
    double gradient_norm; /* of the mean gradient, before clipping; NaN: not finite, or not taken,
                             since it ends no row of metrics.csv and no checkpoint follows */
    bool skipped;     /* no update was made: loss or gradient is not finite (on_nonfinite skip) */
    dt_error problem; /* of a skipped step */
    dt_request asked; /* what any of the ranks would like */
} dt_step_result;

/* Plays the next step of the feed, the update number where->step of the run (from 0): samples,
 * gradients, their sum, new parameters. own: what this rank would like to happen afterwards.
 * Collective. Errors: DT_ERR_DATA when the loss or the gradient is not finite, on all ranks, unless
 * on_nonfinite is skip; the parameters and the optimizer then stay as they were. */
dt_status dt_step(dt_session *run, dt_feed *feed, const dt_state *where, dt_request own,
                  dt_step_result *result, dt_error *error);

#endif
