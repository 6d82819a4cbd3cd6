/* Checks that all ranks have the same parameters. */
#ifndef DT_TRAIN_REPLICAS_H
#define DT_TRAIN_REPLICAS_H

#include <stdint.h>

#include "base/status.h"
#include "train/session.h"

/* Compares the parameters that all ranks read: those of hosts with each other, and on a host, where
 * the parameters are few, the ranks' copies (dist/replica.h). So too their average, where one is
 * kept, of which ranks first get the others' slices. *parameter_hash: of the parameters.
 * Collective. Errors: DT_ERR_INTERNAL, on all ranks, with the ranks whose parameters are not those
 * of most. */
dt_status dt_verify_replicas(dt_session *run, uint64_t *parameter_hash, dt_error *error);

#endif
