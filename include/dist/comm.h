/* The processes of a run. The only room that knows MPI is dist; others see this.
 *
 * MPI errors are fatal by MPI's own default: a call that returns has succeeded. */
#ifndef DT_DIST_COMM_H
#define DT_DIST_COMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct dt_comm dt_comm;

/* Starts MPI (a program started without mpirun is one rank). Collective, once a process.
 * The caller owns *out: dt_comm_finish. Errors: DT_ERR_CONFIG when the launcher has started several
 * processes of which MPI does not know, with an empty message in all but one, or the directory for
 * temporary files is none (dist/launcher.h). */
dt_status dt_comm_start(int *argc, char ***argv, dt_comm **out, dt_error *error);

/* Ends MPI; NULL is allowed. Collective. */
void dt_comm_finish(dt_comm *comm);

int dt_comm_rank(const dt_comm *comm);
int dt_comm_size(const dt_comm *comm);
int dt_comm_host_rank(const dt_comm *comm);    /* number among the ranks of its host ... */
int dt_comm_host_size(const dt_comm *comm);    /* ... of which there are so many */
int dt_comm_hosts(const dt_comm *comm);        /* number of hosts that the ranks are on */
const char *dt_comm_host(const dt_comm *comm); /* name of this rank's host */

/* How many processors the ranks of this rank's host may use together: those that they are bound to,
 * and no more than a quota of their control groups allows, which need not be a whole number; less
 * where some of the ranks crowd on a few of them. */
double dt_comm_host_processors(const dt_comm *comm);

/* Whether each rank of this host may have a processor to itself: they are not more than those. */
bool dt_comm_host_has_room(const dt_comm *comm);

/* Writes what MPI is, "Open MPI v4.1.4" or "MPICH 4.0.2", into `text`. Not collective. */
void dt_comm_library(char *text, size_t size);

/* All ranks leave with the status and message of the lowest rank that failed, with its number in
 * front of the message unless it is rank 0, which fails for all; DT_OK if none did.
 * To be called where ranks may differ, before the next collective, so that none waits for one that
 * has given up. Collective. */
dt_status dt_comm_agree(dt_comm *comm, dt_status status, dt_error *error);

/* `size` bytes from rank 0 to all. Collective. */
void dt_comm_broadcast(dt_comm *comm, void *bytes, size_t size);

/* all: [ranks][size], what each rank has in `bytes` (size < 2^31), in the order of the ranks.
 * Collective. */
void dt_comm_all_gather(dt_comm *comm, const void *bytes, size_t size, void *all);

/* `size` bytes of rank `from` to rank 0's `to`. Other ranks do nothing; `size` counts on those two
 * alone, and is the same there. */
void dt_comm_bring(dt_comm *comm, int from, const void *bytes, void *to, size_t size);

/* Waits for all ranks. Collective. */
void dt_comm_barrier(dt_comm *comm);

/* A moment of the clock, when all ranks have come here: on a host, whose ranks look at one clock,
 * the same on each. Collective. */
double dt_comm_moment(dt_comm *comm);

#endif
