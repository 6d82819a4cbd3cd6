/* The parameters of a host: one array, of which each of its ranks updates a slice.
 *
 * So an update is done once a host. What goes with the parameters, such as an optimizer's state,
 * each rank has for its slice alone. All ranks of a host read one array; but where it is small and
 * each has a processor to itself, each reads a copy, which stays in that processor's cache, and the
 * common array hands on what the others have updated. The hosts are replicas of each other: each
 * updates all of its array. */
#ifndef DT_DIST_REPLICA_H
#define DT_DIST_REPLICA_H

#include <stddef.h>
#include <stdint.h>

#include "base/partition.h"
#include "base/status.h"
#include "dist/comm.h"

typedef struct dt_replica dt_replica;

/* An array of `count` zeros, and `padding` behind them. slice: this rank's, those of a host being
 * all of it; NULL on all ranks: nobody updates it. The comm must outlive it. The caller owns *out:
 * dt_replica_destroy. Collective. Errors: the same on all ranks. */
dt_status dt_replica_create(dt_comm *comm, size_t count, size_t padding, const dt_range *slice,
                            dt_replica **out, dt_error *error);

/* Bytes that it will take on this rank: of its own, and of *shared memory. updated: floats of this
 * rank's slice; -1: nobody updates it. Not collective. */
uint64_t dt_replica_need(const dt_comm *comm, uint64_t count, size_t padding, int64_t updated,
                         uint64_t *shared);

/* NULL is allowed. Collective. */
void dt_replica_destroy(dt_replica *replica);

/* The array that this rank reads, [count]. */
float *dt_replica_values(const dt_replica *replica);

/* Where this rank updates its slice. */
float *dt_replica_slice(const dt_replica *replica);

/* Rank 0's array becomes that of all ranks. Collective. */
void dt_replica_spread(dt_replica *replica);

/* This rank has updated floats first .. end - 1 of its slice while nobody read the parameters; the
 * last part of a slice comes last. When all ranks of the host have published theirs and met, they
 * see each other's slices after dt_replica_refresh, and may publish again when all have come back
 * from there. Not collective. */
void dt_replica_publish(dt_replica *replica, size_t first, size_t end);
void dt_replica_refresh(dt_replica *replica);

/* All of that: the slices that the ranks of the host have updated, since the last time, are seen by
 * all of them. Collective. */
void dt_replica_share(dt_replica *replica);

/* slice: [this rank's slice] of an array that goes with the parameters. All of it comes to rank 0's
 * `whole`, [count]; NULL on others. Collective. */
void dt_replica_gather(dt_replica *replica, const float *slice, float *whole);

/* The reverse: rank 0's `whole` to everybody's slice. Collective. */
void dt_replica_scatter(dt_replica *replica, const float *whole, float *slice);

#endif
