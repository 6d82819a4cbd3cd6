/* Inside of the dist room: the part of a reduction that goes from host to host, section by section.
 *
 * Each section takes two messages, one after the other: a host's nodes, of which there may be none,
 * and behind them what its ranks ask for go to the rank that finishes a slice, then the finished
 * slice to every other host. The sections are independent of each other: while one travels, the
 * next can be added up. */
#ifndef DT_DIST_REDUCE_HOSTS_H
#define DT_DIST_REDUCE_HOSTS_H

#include "base/status.h"
#include "comm_mpi.h"
#include "reduce_plan.h"

typedef struct dt_reduce_hosts dt_reduce_hosts;

/* The plan must outlive it; its host.parts must be set before the first start. The caller owns
 * *out: dt_reduce_hosts_destroy. Not collective. Errors: DT_ERR_INTERNAL (memory). */
dt_status dt_reduce_hosts_create(const dt_reduce_plan *plan, dt_reduce_hosts **out,
                                 dt_error *error);
void dt_reduce_hosts_destroy(dt_reduce_hosts *hosts);

/* Floats of the messages of a rank, which dt_reduce_hosts_create makes room for. */
size_t dt_reduce_hosts_floats(const dt_reduce_plan *plan);

/* Sections started in this round. */
int dt_reduce_hosts_started(const dt_reduce_hosts *hosts);

/* Starts the next section, whose floats all ranks of the host have ready. Of the vector `total`,
 * which the ranks of the host share, this rank will write what it finishes and what it receives for
 * them. asks: the bits that the ranks of the host ask for, in this round. Does not wait. */
void dt_reduce_hosts_start(dt_reduce_hosts *hosts, float *total, unsigned asks);

/* Goes on as far as messages have come. Does not wait. */
void dt_reduce_hosts_poll(dt_reduce_hosts *hosts);

/* All sections have been started: waits until this rank's part of them is done. The next round can
 * begin when all ranks of the host are here. Returns the bits that ranks of other hosts ask for.
 * Collective over all ranks. */
unsigned dt_reduce_hosts_finish(dt_reduce_hosts *hosts);

#endif
