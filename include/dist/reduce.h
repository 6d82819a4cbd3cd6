/* The sum of the virtual ranks' vectors, the same bits on any number of ranks.
 *
 * The V vectors are added along one fixed binary tree (dist/tree.h). Rank r of R plays the virtual
 * ranks dt_partition(V, R, r), none where R > V leaves it without, and brings the complete nodes
 * that they form. Then each rank finishes one slice of the vector: within a host from the other
 * ranks' nodes in shared memory, between hosts from messages that carry what a host has already
 * added up; the finished slices go to every host once.
 *
 * Between hosts the vector is cut into sections, from its end to its beginning, and each is reduced
 * by itself, each rank finishing a slice of it. So sections whose sums are announced travel while
 * the sums of others are worked on. The bits do not depend on the cut: an element's tree is that of
 * V alone. */
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

/* A reduction of vectors of `count` floats. section_size: floats of a section (about; at least 16,
 * at most 16,000 sections), 0: as many as have turned out well. The comm must outlive it. The
 * caller owns *out: dt_reduce_destroy. Collective. On an error all ranks return the same one. */
dt_status dt_reduce_create(dt_comm *comm, dt_allreduce kind, int virtual_ranks, size_t count,
                           size_t section_size, dt_reduce **out, dt_error *error);

/* Bytes that dt_reduce_create will take on this rank: of shared memory, and of its own for messages
 * to other hosts. Not collective. Errors: DT_ERR_CONFIG: too many floats; DT_ERR_INTERNAL. */
dt_status dt_reduce_need(dt_comm *comm, dt_allreduce kind, int virtual_ranks, uint64_t count,
                         uint64_t *shared, uint64_t *messages, dt_error *error);

/* NULL is allowed. Collective. */
void dt_reduce_destroy(dt_reduce *reduce);

/* How this rank's own virtual ranks, in order, form nodes with a stack of vectors: after the i-th,
 * merges[i] times the two vectors on top become lower + upper. sums: the stack, the bottom first,
 * `count` floats each, for the caller to fill; there is none on a rank that plays no virtual rank.
 * Valid as long as the reduction; the contents until dt_reduce_finish. Not collective. */
const int *dt_reduce_merges(const dt_reduce *reduce);
float *const *dt_reduce_sums(const dt_reduce *reduce);

/* What a rank asks of all goes with the sums, so many bits; a rank that plays no virtual rank may
 * ask too. From the round on that begins, before anything of it is announced or finished, until it
 * asks something else. At first nothing (0). Not collective. */
enum { DT_REDUCE_ASKS = 2 };
void dt_reduce_ask(dt_reduce *reduce, unsigned bits);

/* The bits that any rank has asked for in the round last finished, the same on every rank. */
unsigned dt_reduce_asked(const dt_reduce *reduce);

/* Floats of a section; 0: there is one section, and announcements gain nothing. */
size_t dt_reduce_section(const dt_reduce *reduce);

/* From float `first` on, the sums that are left on this rank's stack hold their final values. What
 * all ranks of the host have announced goes on its way; what has come from other hosts is taken.
 * Does not wait. Any number of times before dt_reduce_finish, `first` never larger than before, and
 * as each rank likes: not collective. */
void dt_reduce_announce(dt_reduce *reduce, size_t first);

/* This rank has filled its sums; when every rank has, the sum over all virtual ranks, `count`
 * floats, the same on every rank. Valid until this rank fills its sums again. Collective.
 * trace: laps of DT_PHASE_WAIT and DT_PHASE_REDUCE. */
const float *dt_reduce_finish(dt_reduce *reduce, dt_trace *trace);

/* The sums of a few doubles a virtual rank, along the same tree. values: [own virtual
 * ranks][width], sums: [width]. Collective. */
dt_status dt_reduce_totals(dt_comm *comm, int virtual_ranks, int width, const double *values,
                           double *sums, dt_error *error);

#endif
