/* The samples of the steps to come, brought a window of steps at a time, the next window while the
 * one before is played. */
#ifndef DT_TRAIN_FEED_H
#define DT_TRAIN_FEED_H

#include <stdint.h>

#include "base/status.h"
#include "data/plan.h"
#include "dist/exchange.h"
#include "nn/network.h"

/* Samples of a rank in a window, unless one step has more. */
#define DT_FEED_WINDOW 4096

typedef struct dt_feed dt_feed;

/* What this rank plays in a step; valid until the next dt_feed_step. */
typedef struct dt_play {
    dt_batch batch;           /* the samples of its virtual ranks, one rank's behind the other's */
    dt_noise noise;           /* theirs */
    const int64_t *counts;    /* [own virtual ranks]: samples of each; may be 0 */
    const int32_t *positions; /* [batch.count], of the samples in the training set */
    int64_t step;             /* of the epoch */
    int64_t step_samples;     /* of the whole step, all ranks together */
} dt_play;

/* A feed for the virtual ranks `own` of this one of `ranks` ranks. plan and exchange must outlive
 * it. The caller owns *out: dt_feed_destroy. Not collective. */
dt_status dt_feed_create(const dt_plan *plan, dt_exchange *exchange, dt_range own, int ranks,
                         dt_feed **out, dt_error *error);

/* NULL is allowed. Collective. */
void dt_feed_destroy(dt_feed *feed);

/* To be called when a new epoch of the plan has started; first_step: the first that will be played,
 * at most the number of steps. Collective. */
dt_status dt_feed_start_epoch(dt_feed *feed, int64_t first_step, dt_error *error);

/* The samples of the next step of the epoch. Collective. Errors: the same on all ranks. */
dt_status dt_feed_step(dt_feed *feed, dt_play *play, dt_error *error);

#endif
