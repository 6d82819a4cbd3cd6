/* Signals: they end the process at once, or leave a request to stop. */
#ifndef DT_TRAIN_STOP_H
#define DT_TRAIN_STOP_H

#include <stdbool.h>

#include "base/status.h"

/* The signal that asks, in the order of urgency. */
typedef enum dt_stop_reason {
    DT_STOP_NONE,
    DT_STOP_USR1, /* there is time for a checkpoint (Slurm, before a time limit) */
    DT_STOP_PIPE, /* nobody reads what is printed any more: a terminal that closed, | tee, | head */
    DT_STOP_XCPU, /* a limit of processor time (ulimit -St); there is time up to the hard limit */
    DT_STOP_HUP,
    DT_STOP_TERM, /* mpirun kills in a second */
    DT_STOP_INT   /* a user; a second one ends the process at once */
} dt_stop_reason;

/* From now on SIGTERM, SIGHUP, SIGXCPU, SIGINT and SIGPIPE end the process, as they would without
 * this, but leave nothing half made behind (base/leftover.h); SIGUSR1 only leaves a request, as
 * often as it comes. Before the start of MPI: mpirun passes SIGUSR1 on as soon as the process runs,
 * and its default is the end. A SIGHUP, SIGINT or SIGPIPE that the parent ignores (nohup, jobs in
 * the background of a script) stays ignored. System calls are restarted.
 * Errors: DT_ERR_INTERNAL. */
dt_status dt_stop_install(dt_error *error);

/* True: from now on these, too, only leave a request, for those who look at it soon. False: they
 * end the process again. */
void dt_stop_defer(bool deferred);

/* The most urgent request so far. Of this rank alone: ranks must agree on what to make of it. */
dt_stop_reason dt_stop_requested(void);

/* Ends the process as the signal that asked would have, so that a shell that waits knows. Returns
 * when there is no request. */
void dt_stop_end(void);

/* "SIGUSR1", "SIGTERM", ...; "none". Never NULL. */
const char *dt_stop_reason_text(dt_stop_reason reason);

#endif
