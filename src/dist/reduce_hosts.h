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

typedef struct host_reduce host_reduce;

/* The plan must outlive it; its host.parts must be set before the first start. The caller owns
 * *out: reduce_hosts_destroy. Not collective. Errors: DT_ERR_INTERNAL (memory). */
dt_status reduce_hosts_create(const reduction_plan *plan, host_reduce **out, dt_error *error);
void reduce_hosts_destroy(host_reduce *hosts);

/* Floats of the messages of a rank, which reduce_hosts_create makes room for. */
size_t reduce_hosts_floats(const reduction_plan *plan);

/* Sections started in this round. */
int reduce_hosts_started(const host_reduce *hosts);

/* Starts the next section, whose floats all ranks of the host have ready. Of the vector `total`,
 * which the ranks of the host share, this rank will write what it finishes and what it receives for
 * them. asks: the bits that the ranks of the host ask for, in this round. Does not wait. */
void reduce_hosts_start(host_reduce *hosts, float *total, unsigned asks);

/* Goes on as far as messages have come. Does not wait. */
void reduce_hosts_poll(host_reduce *hosts);

/* All sections have been started: waits until this rank's part of them is done. The next round can
 * begin when all ranks of the host are here. Returns the bits that ranks of other hosts ask for.
 * Collective over all ranks. */
unsigned reduce_hosts_finish(host_reduce *hosts);

#endif
