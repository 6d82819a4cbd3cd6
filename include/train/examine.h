/* What a network of a weights file answers on a subset of the data, in counts. */
#ifndef DT_TRAIN_EXAMINE_H
#define DT_TRAIN_EXAMINE_H

#include <stdint.h>

#include "base/status.h"
#include "data/dataset.h"
#include "nn/metrics.h"
#include "train/session.h"

typedef struct dt_examination {
    int classes;
    int64_t samples;
    double loss;     /* mean */
    int64_t *counts; /* [dt_metrics_size(classes)], of all samples */
} dt_examination;

/* Examines a subset that has samples. The counts are exact on any number of ranks (below 2^53), and
 * the loss is that of dt_evaluate. run: of dt_session_open_model. Collective; all ranks get the
 * same. *out is always set: dt_examination_destroy. Errors: DT_ERR_CONFIG for a subset without
 * samples; DT_ERR_INTERNAL; the same on all ranks. */
dt_status dt_examine(dt_session *run, dt_subset_kind kind, dt_examination *out, dt_error *error);

/* *counts becomes [dt_metrics_size(classes)], of all samples of the subset, by their outputs in the
 * last evaluation (run->outputs, of all ranks). The caller frees it, also after an error: dt_free.
 * Collective. Errors: DT_ERR_INTERNAL (memory), the same on all ranks. */
dt_status dt_examine_count(const dt_session *run, dt_subset_kind kind, int64_t **counts,
                           dt_error *error);

/* NULL and {0} are allowed. */
void dt_examination_destroy(dt_examination *examination);

#endif
