/* The sum of the virtual ranks' vectors, the same bits on any number of ranks.
 *
 * The V vectors are added along one fixed binary tree (dist/tree.h). Rank r of R plays the virtual
 * ranks dt_partition(V, R, r), none where R > V leaves it without, and brings the complete nodes
 * that they form. Then each rank finishes one slice of the vector: within a host from the other
 * ranks' nodes in shared memory, between hosts from messages that carry what a host has already
 * added up; the finished slices go to every host once. On one host they need not: each rank uses
 * the slice that it has. Vectors that fit into caches a rank fills in memory of its own, and hands
 * on what others read of them (base/stream.h).
 *
 * Between hosts the vector is cut into sections, from its end to its beginning, and each is reduced
 * by itself, each rank finishing a slice of it. So sections whose sums are announced travel while
 * the sums of others are worked on. The bits do not depend on the cut: an element's tree is that of
 * V alone. */
#ifndef DT_DIST_REDUCE_H
#define DT_DIST_REDUCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/partition.h"
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

/* Bytes that dt_reduce_create will take on this rank: of shared memory, and of its own. Not
 * collective. Errors: DT_ERR_CONFIG: too many floats; DT_ERR_INTERNAL. */
dt_status dt_reduce_need(dt_comm *comm, dt_allreduce kind, int virtual_ranks, uint64_t count,
                         uint64_t *shared, uint64_t *own, dt_error *error);

/* NULL is allowed. Collective. */
void dt_reduce_destroy(dt_reduce *reduce);

/* How this rank's own virtual ranks, in order, form nodes with a stack of vectors: after the i-th,
 * merges[i] times the two vectors on top become lower + upper. sums: the stack, the bottom first,
 * `count` floats each, for the caller to fill; there is none on a rank that plays no virtual rank.
 * Valid as long as the reduction; the contents until dt_reduce_finish. Not collective. */
const int *dt_reduce_merges(const dt_reduce *reduce);
float *const *dt_reduce_sums(const dt_reduce *reduce);

/* What this rank asks of all: so many bits, which travel with the sums; a rank that plays no
 * virtual rank may ask too. To be called before anything of a round is announced or finished; holds
 * from that round on, until the next call. At first nothing (0). Not collective. */
enum { DT_REDUCE_ASKS = 2 };
void dt_reduce_ask(dt_reduce *reduce, unsigned bits);

/* The bits that any rank has asked for in the round last finished, the same on every rank. */
unsigned dt_reduce_asked(const dt_reduce *reduce);

/* What the ranks of a host do not bring in their vectors, because each can make what it uses of the
 * sum from something else that they share. */
typedef struct dt_made {
    int count;
    const dt_range *ranges; /* [count], of the vector, ascending; the same on all ranks */
    /* Sets sum[i] for `first` <= i < `end`, of range number `range`, when all ranks have come to
     * dt_reduce_finish; may set more of that range. Returns where what is set ends. */
    size_t (*make)(void *state, int range, size_t first, size_t end, float *sum);
    void *state;
    double largest; /* no sum of this rank's share exceeds it in magnitude; else infinite or NaN */
} dt_made;

/* Whether something may be made: where the ranks are on one host, and each plays a virtual rank. */
bool dt_reduce_may_make(const dt_comm *comm, dt_allreduce kind, int virtual_ranks);

/* In the round that begins, so much is made; a copy is kept, but for the ranges. Not collective. */
void dt_reduce_make(dt_reduce *reduce, const dt_made *made);

/* Floats of a section; 0: there is one section, and announcements gain nothing. */
size_t dt_reduce_section(const dt_reduce *reduce);

/* From float `first` on, the sums that are left on this rank's stack hold their final values. What
 * all ranks of the host have announced goes on its way; what has come from other hosts is taken.
 * Does not wait. Any number of times before dt_reduce_finish, `first` never larger than before, and
 * as each rank likes: not collective. */
void dt_reduce_announce(dt_reduce *reduce, size_t first);

/* The floats of the sum that this rank is to use; the ranks of a host have all of them, and each a
 * slice of its own. `first` and the end of all but the last slice are multiples of DT_SLICE_UNIT.
 */
enum { DT_SLICE_UNIT = 256 };
dt_range dt_reduce_slice(const dt_reduce *reduce);

/* The sum over all virtual ranks. */
typedef struct dt_reduced {
    const float *values; /* [count], until dt_reduce_release; of a sum that is not `whole` those of
                            this rank's slice alone, where dt_reduce_add has been */
    bool whole;
    bool bounded; /* surely finite, and not whole */
} dt_reduced;

/* This rank has filled its sums; when every rank has, their sum. Collective.
 * trace: of this and of the next ones, laps of DT_PHASE_WAIT and DT_PHASE_REDUCE. */
dt_reduced dt_reduce_finish(dt_reduce *reduce, dt_trace *trace);

/* Adds up, or makes, `count` floats of this rank's slice, from float `first` on, of a sum that is
 * not whole: each float once, in their order. A block after the other, each while it is of use, is
 * fastest. Not collective. */
void dt_reduce_add(dt_reduce *reduce, size_t first, size_t count);

/* Makes a sum whole whose slices have been added up: its [count] values, until dt_reduce_release.
 * Since they were, the ranks of the host have met. Collective over the host. */
const float *dt_reduce_whole(dt_reduce *reduce, dt_trace *trace);

/* Room for what the ranks of a host have to tell each other of the sum: a number for each
 * DT_SLICE_UNIT floats of it, and DT_REDUCE_REMARKS more. */
enum { DT_REDUCE_REMARKS = 4 };
double *dt_reduce_notes(const dt_reduce *reduce);

/* The ranks of the host meet, after dt_reduce_finish: what they wrote is seen by all after. True if
 * `own` is on each of them. Collective over the host. */
bool dt_reduce_meet(dt_reduce *reduce, bool own, dt_trace *trace);

/* This rank has used its slice of the sum. When every rank of the host has, they may fill their
 * sums again; what they noted is there for all until the next dt_reduce_finish. Collective over the
 * host. */
void dt_reduce_release(dt_reduce *reduce, dt_trace *trace);

/* The sums of a few doubles a virtual rank, along the same tree. values: [own virtual
 * ranks][width], sums: [width]. Collective. */
dt_status dt_reduce_totals(dt_comm *comm, int virtual_ranks, int width, const double *values,
                           double *sums, dt_error *error);

#endif
