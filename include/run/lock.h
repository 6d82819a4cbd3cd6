/* One writer a run directory: the file DIR/lock says who.
 *
 * Works on network file systems: nothing but link, rename and time stamps is relied upon, neither
 * flock nor the clocks of other hosts. The file appears whole. It names the holder: host, process,
 * the process' start, boot, PID namespace, Slurm job and its restarts, and the time, for people.
 *
 * A lock whose holder is dead is taken over, which a remark tells (dt_info). Dead is
 * - a process of this machine (same boot, same PID namespace) that is gone or a zombie, or that
 *   began at another time than the holder;
 * - a process of this machine before it was booted again (same host name and machine id);
 * - the same Slurm job with fewer restarts;
 * - any other holder, when its heartbeat (the file's time stamp) has not moved for
 *   DT_RUN_LOCK_SILENCE seconds of watching, however that file's time compares with ours.
 *
 * Only who has taken the exclusive claim on a certain dead lock (a link ".lock.<hash of its
 * content>") may replace that lock, and does so by renaming the claim over it: so of several that
 * try at once one succeeds, and a living lock is never moved. A claim whose owner dies is a lock
 * like any other and is taken over in the same way. */
#ifndef DT_RUN_LOCK_H
#define DT_RUN_LOCK_H

#include "base/status.h"
#include "run/names.h"

/* Seconds between two heartbeats, at least; and without one after which a holder that this machine
 * cannot see is dead. */
#define DT_RUN_LOCK_BEAT    10
#define DT_RUN_LOCK_SILENCE 60

typedef struct dt_run_lock dt_run_lock;

/* Takes the lock of `directory`, which exists. While a living process has it, waits until
 * `wait_seconds` >= 0 have passed since the call; where only watching can tell, until a heartbeat
 * is seen or DT_RUN_LOCK_SILENCE has passed. The caller owns *out: dt_run_lock_release.
 * Not collective. Errors: DT_ERR_CREATE: in use ("DIR: in use by process 1234 on host x since
 * ..."), or the file cannot be created or read; DT_ERR_IO: writing it failed; DT_ERR_INTERNAL. */
dt_status dt_run_lock_take(const char *directory, double wait_seconds, dt_run_lock **out,
                           dt_error *error);

/* The heartbeat: must be called more often than every DT_RUN_LOCK_SILENCE / 2 seconds. A look at
 * the clock, and a new time stamp for the file at most every DT_RUN_LOCK_BEAT seconds. From any
 * thread, also at once. */
void dt_run_lock_beat(dt_run_lock *lock);

/* Whether the lock is still ours: a process that stood still for long (stopped, suspended) may
 * have lost it to another host. Ask before a file of the run is replaced. A lock that somebody
 * removed is put back. One thread at a time. Errors: DT_ERR_IO: another process has it (named), so
 * this one may not write any more; or it cannot be read or put back. */
dt_status dt_run_lock_check(dt_run_lock *lock, dt_error *error);

typedef enum dt_run_lock_state {
    DT_RUN_LOCK_FREE,
    DT_RUN_LOCK_HELD,  /* by a process that lives */
    DT_RUN_LOCK_DEAD,  /* by one that has ended */
    DT_RUN_LOCK_UNSEEN /* by one that this machine cannot see: it may live */
} dt_run_lock_state;

/* Room for dt_run_lock_look. */
#define DT_RUN_LOCK_TEXT 256

/* Looks at the lock of `directory` without waiting and without changing anything; unless it is
 * free, `holder` becomes "process 1234 on host x since ...". Not collective. Errors:
 * DT_ERR_NO_INPUT: it cannot be read. */
dt_status dt_run_lock_look(const char *directory, dt_run_lock_state *state,
                           char holder[DT_RUN_LOCK_TEXT], dt_error *error);

/* Removes the file, if it is still ours, and frees the lock; NULL is allowed. */
void dt_run_lock_release(dt_run_lock *lock);

#endif
