/* Memory that the ranks of a host share, and a barrier in it. */
#ifndef DT_DIST_SHARED_H
#define DT_DIST_SHARED_H

#include <stddef.h>

#include "base/status.h"
#include "dist/comm.h"

typedef struct dt_shared dt_shared;

/* A segment of `size` bytes (may differ between ranks, may be 0), zeroed, aligned to a cache line,
 * that all ranks of the host can read and write. The caller owns *out: dt_shared_destroy.
 * Collective over the host. Errors: DT_ERR_INTERNAL, on all ranks of the host: too little memory.
 */
dt_status dt_shared_create(dt_comm *comm, size_t size, dt_shared **out, dt_error *error);

/* NULL is allowed. Collective over the host. */
void dt_shared_destroy(dt_shared *shared);

/* The segment of the rank with number host_rank on this host. Not collective. */
void *dt_shared_segment(const dt_shared *shared, int host_rank);

/* Waits for all ranks of the host; what they wrote before is seen by all after. A rank that waits
 * spins for some microseconds, if there is a processor for every rank (dt_comm_host_has_room),
 * and then sleeps. Collective over the host. */
void dt_shared_barrier(dt_shared *shared);

#endif
