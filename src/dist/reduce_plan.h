/* Inside of the dist room: who adds up what in a reduction, and how the vector is cut. */
#ifndef DT_DIST_REDUCE_PLAN_H
#define DT_DIST_REDUCE_PLAN_H

#include <stddef.h>

#include "base/status.h"
#include "comm_mpi.h"
#include "fold.h"

/* Floats first .. first + size - 1 of the vector. */
typedef struct vector_cut {
    size_t first, size;
} vector_cut;

typedef struct reduction_plan {
    const dt_comm *comm;
    int virtual_ranks;
    size_t count; /* floats of a vector */
    int sections; /* of the vector, which are reduced one by one, the last floats first */
    size_t section_size;
    node_fold own;     /* virtual ranks to nodes of this rank */
    int depth;         /* vectors on the stack of `own` */
    node_fold host;    /* nodes of the host's ranks to nodes of the host */
    node_fold all;     /* nodes of the hosts, ascending, to the sum */
    int *all_places;   /* [all.part_count]: place of each in the row of the nodes host after host */
    int *all_hosts;    /* [all.part_count]: the host of each */
    int *first_places; /* [hosts + 1]: where each host's nodes begin in that row */
} reduction_plan;

/* *plan must be zero; reduce_plan_free frees it, also after an error. section_size: floats, 0
 * chooses; on one host there is one section. Not collective. Errors: DT_ERR_INTERNAL (memory). */
dt_status reduce_plan_make(const dt_comm *comm, int virtual_ranks, size_t count,
                           size_t section_size, reduction_plan *plan, dt_error *error);
void reduce_plan_free(reduction_plan *plan);

/* Floats from one vector to the next: whole cache lines. */
size_t reduce_plan_stride(const reduction_plan *plan);

/* How many sections lie in what is from float `first` on. */
int reduce_plan_sections_from(const reduction_plan *plan, size_t first);

/* The part of a section that `rank` finishes; section 0 is the first to be reduced. */
vector_cut reduce_plan_slice(const reduction_plan *plan, int section, int rank);

#endif
