/* The sum of the virtual ranks' vectors, the same bits on any number of ranks.
 *
 * The V vectors are added along one fixed binary tree over 0 .. V-1: node [lo, hi) is the sum of
 * [lo, mid) and [mid, hi), mid = (lo + hi) / 2. A rank adds the complete subtrees that it holds as
 * its virtual ranks come in; then each rank finishes one slice of the vector from all ranks'
 * subtrees, and the slices are gathered: the traffic of a ring allreduce.
 *
 * Rank r of R plays the virtual ranks dt_partition(V, R, r); V >= R. */
#ifndef DT_DIST_REDUCE_H
#define DT_DIST_REDUCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "dist/comm.h"

typedef struct dt_reduce dt_reduce;

/* A reduction of vectors of `count` floats. Buffers are allocated as they are needed: about
 * 2 log2(virtual ranks of a rank) + 1 vectors, and one more for the exchange between ranks.
 * The comm must outlive it. The caller owns *out: dt_reduce_destroy. Not collective. */
dt_status dt_reduce_create(dt_comm *comm, int virtual_ranks, size_t count, dt_reduce **out,
                           dt_error *error);
void dt_reduce_destroy(dt_reduce *reduce);

/* The vector that the next virtual rank of this rank (they come in order, first one first) is to
 * fill: `count` floats, zeroed. Valid until dt_reduce_add. Not collective. */
float *dt_reduce_next(dt_reduce *reduce);

/* The vector of dt_reduce_next is complete. Not collective. */
void dt_reduce_add(dt_reduce *reduce);

/* When all virtual ranks of all ranks have been added: their sum, `count` floats, the same bits on
 * every rank. Valid until the next dt_reduce_next. Collective. */
const float *dt_reduce_finish(dt_reduce *reduce);

/* The sums of a few doubles a virtual rank, along the same tree. values: [own virtual
 * ranks][width], sums: [width]. Collective. */
dt_status dt_reduce_totals(dt_comm *comm, int virtual_ranks, int width, const double *values,
                           double *sums, dt_error *error);

#endif
