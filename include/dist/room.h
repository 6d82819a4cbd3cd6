/* Whether a host has the memory that its ranks need, before they take it. */
#ifndef DT_DIST_ROOM_H
#define DT_DIST_ROOM_H

#include <stdint.h>

#include "base/status.h"
#include "dist/comm.h"

/* Bytes that a rank is going to take, in all. */
typedef struct dt_need {
    uint64_t network; /* parameters and what belongs to them */
    uint64_t data;    /* samples and what is kept of each */
    uint64_t shared;  /* of both together: in memory that the ranks of a host share */
} dt_need;

/* Compares what the ranks of each host need together with what there is: free memory of the
 * machine, what control groups (each with those ranks that are in it) and limits of the process
 * leave, and for shared memory what /dev/shm has. Collective. Errors: DT_ERR_CONFIG, the same on
 * all ranks: what is needed, what there is, and what helps. */
dt_status dt_room_check(dt_comm *comm, const dt_need *need, dt_error *error);

/* The same for a process that is on its own. Not collective. */
dt_status dt_room_check_alone(const dt_need *need, dt_error *error);

/* Bytes of shared memory that the ranks of this host can still make. Not collective. */
uint64_t dt_room_shared(const dt_comm *comm);

/* What a segment of `bytes` takes, with the sizes of pages and what MPI adds. */
static inline uint64_t dt_room_segment(uint64_t bytes)
{
    return bytes + bytes / 16 + (1 << 20);
}

#endif
