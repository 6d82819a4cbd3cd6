/* Inside of the dist room: what a dt_reduce is. */
#ifndef DT_DIST_REDUCE_STATE_H
#define DT_DIST_REDUCE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/memory.h"
#include "dist/reduce.h"
#include "dist/shared.h"
#include "reduce_hosts.h"
#include "reduce_plan.h"

/* In front of what each rank has in shared memory. */
typedef struct progress {
    /* Sections that the rank has announced, in all rounds together. */
    _Alignas(DT_ALIGNMENT) atomic_ullong announced;
    atomic_uint asks; /* of dt_reduce_ask */
    /* Written before the ranks meet, read after. */
    float largest; /* magnitude on the rank's stack */
    bool votes[2]; /* of a meeting, and of the one before: some still look at that */
} progress;

struct dt_reduce {
    dt_comm *comm;
    dt_allreduce kind;
    reduction_plan plan;
    float *own;        /* this rank's stack; NULL: it is in shared memory */
    float **sums;      /* [plan.depth], on the stack */
    float *published;  /* where other ranks read its nodes; without `own` the same place */
    size_t pending;    /* floats of each, from the first on, that are not published in this round */
    int *rank_nodes;   /* [host size]: nodes that each rank of this host forms */
    int first_vectors; /* of this host's first rank, in shared memory */
    dt_shared *shared; /* the ranks' vectors; behind those of the first, the total and the notes */
    float *total;      /* where messages bring the sum; on one host, dt_reduce_whole */
    double *notes;     /* [units + DT_REDUCE_REMARKS] */
    dt_range slice;
    int meeting;                       /* 0 and 1 in turn */
    progress **progress;               /* [host size] */
    unsigned long long last_announced; /* sections, in all rounds before this one */
    dt_made made;                      /* of this round */
    size_t made_end;                   /* of what has been made of a range */
    unsigned asked;                    /* by any rank, in the last round */
    host_reduce *hosts;                /* NULL: there is one host */
};

#endif
