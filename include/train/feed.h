/* The samples of the steps to come, fetched for a few steps at a time. */
#ifndef DT_TRAIN_FEED_H
#define DT_TRAIN_FEED_H

#include <stdint.h>

#include "base/status.h"
#include "data/plan.h"
#include "dist/exchange.h"

typedef struct dt_feed dt_feed;

/* The samples that one virtual rank plays in one step; valid until the next dt_feed_step. */
typedef struct dt_samples {
    int64_t count;
    const uint8_t *const *images; /* [count] pointers to the image's bytes */
    const uint8_t *labels;        /* [count] */
} dt_samples;

/* A feed for the virtual ranks `own` of this one of `ranks` ranks. plan and exchange must outlive
 * it. The caller owns *out: dt_feed_destroy. Not collective. */
dt_status dt_feed_create(const dt_plan *plan, dt_exchange *exchange, dt_range own, int ranks,
                         dt_feed **out, dt_error *error);
void dt_feed_destroy(dt_feed *feed);

/* To be called when a new epoch of the plan has started. Not collective. */
void dt_feed_start_epoch(dt_feed *feed);

/* Makes the samples of step `step` of the epoch ready; steps are asked for in order.
 * Collective. */
dt_status dt_feed_step(dt_feed *feed, int64_t step, dt_error *error);

/* The samples of this rank's virtual rank v in the step that was made ready. Not collective. */
dt_samples dt_feed_samples(const dt_feed *feed, int v);

#endif
