/* One pass over a subset without updates. */
#ifndef DT_TRAIN_EVALUATE_H
#define DT_TRAIN_EVALUATE_H

#include "base/status.h"
#include "data/dataset.h"
#include "run/state.h"
#include "train/session.h"

/* With config.report, run->outputs[kind] becomes the outputs of the samples that this rank holds;
 * after an error NULL, on all ranks. Collective. Errors: DT_ERR_INTERNAL (memory), the same on all
 * ranks. */
dt_status dt_evaluate(dt_session *run, dt_subset_kind kind, dt_evaluation *result, dt_error *error);

#endif
