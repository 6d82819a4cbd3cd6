/* The exponential moving average of the parameters w, which is evaluated and saved in their place.
 *
 * After step t of a run, from 0:
 *   a = d a + (1 - d) w,  d = min(decay, (1 + t) / (10 + t)), and 0 in the first step
 * So the first steps are forgotten however short the run: it is the average of about the last tenth
 * of the steps, until in step 9 / (1 - decay) it becomes that of the last 1 / (1 - decay).
 * source: tf.train.ExponentialMovingAverage with num_updates; EMAModel of diffusers. */
#ifndef DT_NN_AVERAGE_H
#define DT_NN_AVERAGE_H

#include <stdint.h>

#include "nn/real.h"
#include "nn/support.h"

/* The average, in an interval of both arrays, takes in what step `step` of the run has made of the
 * parameters; decay: 0 to 1. Each element depends on its own parameter alone: the same bits
 * whatever the intervals. */
void dt_average_update(double decay, int64_t step, const dt_interval *where,
                       const dt_real *restrict parameters, dt_real *restrict average);

#endif
