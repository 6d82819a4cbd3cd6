/* Data that can only be read from its beginning (gzip) is read once a host, not once a rank. */
#ifndef DT_TRAIN_HOST_SOURCE_H
#define DT_TRAIN_HOST_SOURCE_H

#include "base/status.h"
#include "data/source.h"
#include "dist/comm.h"

/* Reads all of `source` into memory that the ranks of a host share, and gives a source that reads
 * from there. `source` is not changed. The caller owns *out: dt_source_close, which is collective
 * for this source. Collective. On an error all ranks return the same one. */
dt_status dt_host_source_open(dt_comm *comm, dt_source *source, dt_source **out, dt_error *error);

#endif
