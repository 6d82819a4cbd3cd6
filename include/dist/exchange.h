/* Samples travel from the rank that holds them to the rank that plays them.
 *
 * Every rank holds its shard in memory that the ranks of its host share: what any of them holds is
 * played where it is. Samples of other hosts come in messages, which travel while the samples that
 * came before are played. */
#ifndef DT_DIST_EXCHANGE_H
#define DT_DIST_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "dist/comm.h"

typedef struct dt_exchange dt_exchange;

/* Room for the samples of a set that is cut into `parts`, at least as many as there are ranks R, of
 * which rank r holds dt_partition(parts, R, r). The caller owns *out: dt_exchange_destroy.
 * Collective. On an error all ranks return the same. */
dt_status dt_exchange_create(dt_comm *comm, int64_t count, int parts, size_t image_size,
                             dt_exchange **out, dt_error *error);

/* Where the samples are to be written that this rank holds: images [held][image_size] and labels
 * [held], which stay the exchange's. Not collective. */
void dt_exchange_own(const dt_exchange *exchange, uint8_t **images, uint8_t **labels);

/* All ranks have written theirs, before any delivery. Collective. */
void dt_exchange_publish(dt_exchange *exchange);

/* NULL is allowed. Nothing may be under way. Collective. */
void dt_exchange_destroy(dt_exchange *exchange);

/* Samples that are being brought: wanted[count] positions in the set, any order, any rank's (count
 * may differ between ranks and may be 0). When they are there, images[i] points to the bytes of the
 * i-th and labels[i] is its label. All arrays are the caller's. */
typedef struct dt_delivery {
    int64_t count;
    const int32_t *wanted;
    const uint8_t **images;
    uint8_t *labels;
} dt_delivery;

/* Deliveries have one of two slots, so that one can be under way while the other is in use. */
#define DT_DELIVERY_SLOTS 2

/* Begins a delivery in `slot`, whose last one is of no more use. Collective.
 * Errors: DT_ERR_INTERNAL (memory), the same on all ranks; nothing is under way then. */
dt_status dt_exchange_begin(dt_exchange *exchange, int slot, const dt_delivery *delivery,
                            dt_error *error);

/* Waits for the delivery in `slot`; without one it does nothing. The pointers are valid until the
 * next one begins in that slot. Collective. */
void dt_exchange_end(dt_exchange *exchange, int slot);

#endif
