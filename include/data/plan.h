/* The plan of an epoch: which samples are played in which step by which virtual rank.
 *
 * Steps take batch_size samples each, the last one of an epoch what is left. `order` is a
 * permutation of the training set; each virtual rank of a step plays a contiguous slice of it:
 *   global, none: step t has places [t B, min((t + 1) B, N)), cut among the V virtual ranks by
 *     dt_partition. The order is a new permutation every epoch (global) or the identity (none).
 *   shard: virtual rank v plays only its part v of the training set, in an order that is new every
 *     epoch. Places of the epoch are dealt to the virtual ranks in turn, so that every step has its
 *     B samples and every part is played to its end.
 * Every sample is in exactly one slice of an epoch. Pure functions of the fields below. */
#ifndef DT_DATA_PLAN_H
#define DT_DATA_PLAN_H

#include <stdint.h>

#include "base/partition.h"
#include "base/status.h"

typedef enum dt_shuffle { DT_SHUFFLE_GLOBAL, DT_SHUFFLE_SHARD, DT_SHUFFLE_NONE } dt_shuffle;

extern const char *const dt_shuffle_names[];

typedef struct dt_plan {
    dt_shuffle shuffle;
    uint64_t seed;
    int64_t samples;    /* of the training set, 1 <= samples < 2^31 */
    int64_t batch_size; /* >= 1 */
    int virtual_ranks;  /* >= 1 */
    uint32_t epoch;     /* the one last started ... */
    int32_t *order;     /* ... and its order: [samples] */
} dt_plan;

/* Allocates plan->order; the other fields are the caller's to set, before or after. */
dt_status dt_plan_create(dt_plan *plan, int64_t samples, dt_error *error);
void dt_plan_destroy(dt_plan *plan);

/* Steps of an epoch. */
int64_t dt_plan_steps(const dt_plan *plan);

/* Samples of step `step` of an epoch, all virtual ranks together: batch_size, or what is left. */
int64_t dt_plan_batch(const dt_plan *plan, int64_t step);

/* Samples of the largest step: batch_size, or all that there are. */
int64_t dt_plan_largest_batch(int64_t samples, int64_t batch_size);

/* Sets epoch (from 0) and fills order[] for it. */
void dt_plan_start_epoch(dt_plan *plan, uint32_t epoch);

/* The places in order[] that virtual rank v plays in step `step`; may be empty. */
dt_range dt_plan_slice(const dt_plan *plan, int64_t step, int v);

#endif
