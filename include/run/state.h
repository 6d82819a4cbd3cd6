/* Where a training is. */
#ifndef DT_RUN_STATE_H
#define DT_RUN_STATE_H

#include <stdint.h>

#include "nn/schedule.h"

/* Loss and accuracy of a subset, the same bits on all ranks and any number of them. */
typedef struct dt_evaluation {
    double loss;     /* mean; NaN for an empty subset */
    double accuracy; /* correct / samples; NaN for an empty subset */
} dt_evaluation;

/* The best epoch so far, by validation accuracy. */
typedef struct dt_best {
    int64_t epoch, step, samples; /* epoch: from 1; 0: there is none yet */
    dt_evaluation val, test;
} dt_best;

/* With the parameters and the optimizer's state it is all that goes on from step to step; no
 * pointers: can be sent as bytes. The same on all ranks. */
typedef struct dt_state {
    int64_t epoch;         /* the one under way, from 0 */
    int64_t step_in_epoch; /* steps of it that are done; all of them: still to be evaluated */
    int64_t step;          /* updates so far */
    int64_t samples;       /* consumed so far, all ranks together */
    /* Sums over the samples of the epoch so far, without skipped steps; between two epochs those of
     * the one that is complete. */
    double loss;
    int64_t correct, counted;
    int64_t skips;        /* steps without update in a row, up to the last step */
    double gradient_norm; /* of the last step; NaN: not known */
    dt_best best;
    int64_t epochs_since_best;
    dt_plateau plateau; /* of the validation loss */
    double seconds;     /* of training, over all starts of the run */
} dt_state;

#endif
