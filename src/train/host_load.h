/* Data that can only be read from its beginning (gzip) is read once a host, not once a rank. */
#ifndef DT_TRAIN_HOST_LOAD_H
#define DT_TRAIN_HOST_LOAD_H

#include "base/status.h"
#include "data/dataset.h"
#include "data/source.h"
#include "dist/comm.h"

/* As dt_dataset_load: but the first rank of each host reads all of `source`, piece by piece, and
 * every rank of the host takes out of each piece what it holds. After dt_dataset_hold. Collective;
 * hosts may differ in the status. */
dt_status load_on_host(dt_comm *comm, dt_source *source, dt_dataset *dataset, dt_error *error);

#endif
