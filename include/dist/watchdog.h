/* Ends a run that has come to a standstill: a rank that hangs, a stopped process, a lost host.
 *
 * Ranks that wait for a rank wait for ever: MPI does not look whether it still goes. So each rank
 * says where it is, in memory that the ranks of its host share, and a thread of each looks on. The
 * thread makes no MPI calls. */
#ifndef DT_DIST_WATCHDOG_H
#define DT_DIST_WATCHDOG_H

#include <stdint.h>

#include "base/status.h"
#include "base/trace.h"
#include "dist/comm.h"

typedef struct dt_watchdog dt_watchdog;

/* Watches until dt_watchdog_stop. When this rank has not beaten for timeout_seconds, one rank of
 * its host writes a line to standard error that names the ranks of the host that are furthest
 * behind, with pid, state, step and phase, or the hosts that it may wait for; then it ends its
 * process with the code DT_ERR_STALLED, and with it the launcher the job, stopped processes
 * included: within 2 s, mpirun with this code, srun --mpi=pmix with 137 or 143. A host whose ranks
 * all wait speaks 5 s later, so that the one to blame comes first. Time in which a process is
 * suspended does not count: a job may be stopped and continued. timeout_seconds = 0: nothing is
 * watched, *out = NULL. Otherwise the caller owns *out. Collective. Errors: DT_ERR_INTERNAL
 * (memory, threads), the same on all ranks. */
dt_status dt_watchdog_start(dt_comm *comm, double timeout_seconds, dt_watchdog **out,
                            dt_error *error);

/* This rank is alive: it has done `step` steps and now begins `phase`. Every rank beats at the same
 * places in the same order: who has beaten less often is behind. For the one to blame to be told
 * from those who wait for it, a beat with DT_PHASE_WAIT stands in front of what waits for others.
 * Costs two stores to memory. Not collective, one thread. NULL is allowed. */
void dt_watchdog_beat(dt_watchdog *watchdog, int64_t step, dt_phase phase);

/* NULL is allowed. Collective over the host; watches until all its ranks have come. */
void dt_watchdog_stop(dt_watchdog *watchdog);

#endif
