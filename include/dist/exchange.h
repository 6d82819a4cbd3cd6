/* Samples travel from the rank that holds them to the rank that plays them. */
#ifndef DT_DIST_EXCHANGE_H
#define DT_DIST_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "dist/comm.h"

typedef struct dt_exchange dt_exchange;

/* The samples of a set of which rank r holds the positions dt_partition_parts(count, virtual_ranks,
 * the virtual ranks of r): images [held][image_size] and labels [held], which must outlive the
 * exchange and are not changed. The caller owns *out: dt_exchange_destroy. Not collective. */
dt_status dt_exchange_create(dt_comm *comm, int64_t count, int virtual_ranks, size_t image_size,
                             const uint8_t *images, const uint8_t *labels, dt_exchange **out,
                             dt_error *error);
void dt_exchange_destroy(dt_exchange *exchange);

/* Brings the samples at wanted[n] (positions in the set, any order, any rank's) to this rank:
 * images[i] points to the bytes of the i-th, labels[i] is its label. The pointers are valid until
 * the next fetch. Samples that this rank holds are not copied. n may differ between ranks and may
 * be 0. Collective. */
dt_status dt_exchange_fetch(dt_exchange *exchange, const int32_t *wanted, int64_t n,
                            const uint8_t **images, uint8_t *labels, dt_error *error);

#endif
