/* Which gradients of a step the ranks of a host leave as factors (nn/factors.h), and where.
 *
 * The rows of all samples of a step are in memory that the ranks share, one virtual rank's behind
 * the other's. Each rank makes of them the part of the gradients that it updates. It pays where
 * many ranks share few samples and much gradient; that is decided layer by layer, in every step. */
#ifndef DT_TRAIN_FACTORED_H
#define DT_TRAIN_FACTORED_H

#include "train/feed.h"
#include "train/session.h"

typedef struct dt_factored dt_factored;

/* *out is NULL if it never pays in the run, which has its network and reduction. Steps have at most
 * config.batch_size samples. The caller owns *out: dt_factored_destroy. Collective. Errors: the
 * same on all ranks. */
dt_status dt_factored_create(dt_session *run, dt_factored **out, dt_error *error);

/* Bytes that it takes on this rank, *shared of them in shared memory; samples: for training. */
uint64_t dt_factored_need(const dt_session *run, const dt_network_spec *spec, int64_t samples,
                          uint64_t *shared);

/* NULL is allowed. Collective. */
void dt_factored_destroy(dt_factored *factored);

/* What dt_network_gradient is to leave as factors in this step; NULL: nothing. */
dt_factoring *dt_factored_begin(dt_session *run, const dt_play *play);

/* After dt_network_gradient: tells the reduction what is left to be made. */
void dt_factored_end(dt_session *run);

/* Test hook: how runs that open from now on decide. */
typedef enum dt_factored_when {
    DT_FACTORED_IF_IT_PAYS,
    DT_FACTORED_ALWAYS,
    DT_FACTORED_NEVER
} dt_factored_when;
void dt_factored_set(dt_factored_when when);

#endif
