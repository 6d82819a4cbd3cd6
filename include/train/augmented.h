/* The samples of a step as they are augmented (data/augment.h), a tile of the network at a time. */
#ifndef DT_TRAIN_AUGMENTED_H
#define DT_TRAIN_AUGMENTED_H

#include "base/status.h"
#include "data/augment.h"
#include "nn/network.h"

typedef struct dt_augmented dt_augmented;

/* For images of `shape`, of which a tile has at most `most` (dt_network_size). The caller owns
 * *out: dt_augmented_destroy. Not collective. Errors: DT_ERR_INTERNAL. */
dt_status dt_augmented_create(const dt_augment *augment, dt_shape shape, uint64_t seed, int most,
                              dt_augmented **out, dt_error *error);

/* NULL is allowed. */
void dt_augmented_destroy(dt_augmented *augmented);

/* From now on the batch shows its images drawn anew, as the places of `noise` say. */
void dt_augmented_step(dt_augmented *augmented, const dt_noise *noise, dt_batch *batch);

/* Bytes that dt_augmented_create allocates. */
uint64_t dt_augmented_bytes(const dt_augment *augment, dt_shape shape, int most);

#endif
