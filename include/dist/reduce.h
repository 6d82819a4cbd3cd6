/* The sum of the virtual ranks' vectors, the same bits on any number of ranks.
 *
 * The V vectors are added along one fixed binary tree (dist/tree.h). Rank r of R plays the virtual
 * ranks dt_partition(V, R, r), V >= R, and brings the complete nodes that they form. Then each rank
 * finishes one slice of the vector: within a host from the other ranks' nodes in shared memory,
 * between hosts from messages that carry what a host has already added up; the finished slices go
 * to every host once. */
#ifndef DT_DIST_REDUCE_H
#define DT_DIST_REDUCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/trace.h"
#include "dist/comm.h"

typedef enum dt_allreduce {
    DT_ALLREDUCE_TREE, /* as above */
    DT_ALLREDUCE_MPI   /* MPI_Allreduce: the bits depend on the number of ranks and on MPI */
} dt_allreduce;

extern const char *const dt_allreduce_names[];

typedef struct dt_reduce dt_reduce;

/* A reduction of vectors of `count` floats. The comm must outlive it. The caller owns *out:
 * dt_reduce_destroy. Collective. On an error all ranks return the same one. */
dt_status dt_reduce_create(dt_comm *comm, dt_allreduce kind, int virtual_ranks, size_t count,
                           dt_reduce **out, dt_error *error);

/* NULL is allowed. Collective. */
void dt_reduce_destroy(dt_reduce *reduce);

/* How this rank's own virtual ranks, in order, form nodes with a stack of vectors: after the i-th,
 * merges[i] times the two vectors on top become lower + upper. sums: the stack, the bottom first,
 * `count` floats each, for the caller to fill. Valid as long as the reduction; the contents until
 * dt_reduce_finish. Not collective. */
const int *dt_reduce_merges(const dt_reduce *reduce);
float *const *dt_reduce_sums(const dt_reduce *reduce);

/* When every rank has filled its sums: the sum over all virtual ranks, `count` floats, the same on
 * every rank. Valid until this rank fills its sums again. Collective.
 * trace: laps of DT_PHASE_WAIT and DT_PHASE_REDUCE. */
const float *dt_reduce_finish(dt_reduce *reduce, dt_trace *trace);

/* The sums of a few doubles a virtual rank, along the same tree. values: [own virtual
 * ranks][width], sums: [width]. Collective. */
dt_status dt_reduce_totals(dt_comm *comm, int virtual_ranks, int width, const double *values,
                           double *sums, dt_error *error);

#endif
