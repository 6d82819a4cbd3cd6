/* Requests from outside to stop a run. */
#ifndef DT_TRAIN_STOP_H
#define DT_TRAIN_STOP_H

#include "base/status.h"

/* In the order of urgency. */
typedef enum dt_stop_reason {
    DT_STOP_NONE,
    DT_STOP_USR1, /* SIGUSR1: there is time for a checkpoint (Slurm, before a time limit) */
    DT_STOP_TERM, /* SIGTERM, SIGHUP: mpirun kills in a second */
    DT_STOP_INT   /* SIGINT: a user; a second one ends the process at once */
} dt_stop_reason;

/* From now on these signals, as often as they come, only leave a request. Before the start of MPI:
 * mpirun passes SIGUSR1 on as soon as the process runs, and its default is the end. A SIGHUP or
 * SIGINT that the parent ignores (nohup, jobs in the background of a script) stays ignored.
 * System calls are restarted. Errors: DT_ERR_INTERNAL. */
dt_status dt_stop_install(dt_error *error);

/* The most urgent request so far. Of this rank alone: ranks must agree on what to make of it. */
dt_stop_reason dt_stop_requested(void);

/* "SIGUSR1", "SIGTERM or SIGHUP", "SIGINT"; "none". Never NULL. */
const char *dt_stop_reason_text(dt_stop_reason reason);

#endif
