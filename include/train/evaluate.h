/* One pass over a subset without updates. */
#ifndef DT_TRAIN_EVALUATE_H
#define DT_TRAIN_EVALUATE_H

#include "base/status.h"
#include "data/dataset.h"
#include "train/run.h"

/* Loss and accuracy of a subset, the same bits on all ranks and any number of them. */
typedef struct dt_evaluation {
    double loss;     /* mean; NaN for an empty subset */
    double accuracy; /* correct / samples; NaN for an empty subset */
} dt_evaluation;

/* With config.report, run->outputs[kind] becomes the outputs of the samples that this rank holds;
 * after an error NULL, on all ranks. Collective. Errors: DT_ERR_INTERNAL (memory), the same on all
 * ranks. */
dt_status dt_evaluate(dt_run *run, dt_subset_kind kind, dt_evaluation *result, dt_error *error);

#endif
