/* The samples of a step as they are augmented (data/augment.h). */
#ifndef DT_TRAIN_AUGMENTED_H
#define DT_TRAIN_AUGMENTED_H

#include "base/status.h"
#include "data/augment.h"
#include "data/plan.h"
#include "nn/network.h"

typedef struct dt_augmented dt_augmented;

/* For a rank that plays the virtual ranks `own` of the plan, and images of `shape`. The caller owns
 * *out: dt_augmented_destroy. Not collective. Errors: DT_ERR_INTERNAL. */
dt_status dt_augmented_create(const dt_augment *augment, dt_shape shape, const dt_plan *plan,
                              dt_range own, dt_augmented **out, dt_error *error);

/* NULL is allowed. */
void dt_augmented_destroy(dt_augmented *augmented);

/* Draws the images of a step's batch anew, as the places of `noise` say; the batch then shows the
 * new ones, which stay until the next call. */
void dt_augmented_draw(dt_augmented *augmented, const dt_noise *noise, dt_batch *batch);

/* Bytes that dt_augmented_create allocates for a rank that plays `samples` of a step. */
uint64_t dt_augmented_bytes(const dt_augment *augment, dt_shape shape, int64_t samples);

#endif
