/* A background thread that does jobs, in the order in which they came.
 *
 * Signals are blocked in it. Not collective; all functions are for one thread, the owner's. */
#ifndef DT_BASE_WORKER_H
#define DT_BASE_WORKER_H

#include <stdbool.h>

#include "base/status.h"

/* Jobs that may wait behind the one at work; with more, the caller waits. */
#define DT_WORKER_QUEUE 4

typedef struct dt_worker dt_worker;

/* Does something with `job`, which it owns and frees. Runs in the worker's thread. */
typedef void dt_work(void *job);

/* gives_way: it only takes processor time that no other thread wants. The caller owns *out:
 * dt_worker_destroy. Errors: DT_ERR_INTERNAL. */
dt_status dt_worker_create(bool gives_way, dt_worker **out, dt_error *error);

/* Waits for the jobs that are left, and ends the thread. NULL is allowed. */
void dt_worker_destroy(dt_worker *worker);

/* Hands over a job; waits while the queue is full. `work` sees what the caller wrote before. */
void dt_worker_do(dt_worker *worker, dt_work *work, void *job);

/* Waits until all jobs are done, at most `seconds`; true when they are: what they wrote is seen
 * then. */
bool dt_worker_wait(dt_worker *worker, double seconds);

#endif
