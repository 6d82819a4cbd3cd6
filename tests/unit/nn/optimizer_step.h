/* A step as a trainer takes it: the norm of the mean gradient, then the update. Returns the norm.
 */
#ifndef OPTIMIZER_STEP_H
#define OPTIMIZER_STEP_H

#include <math.h>

#include <CUnit/CUnit.h>

#include "nn/optimizer.h"

static inline double take_step(dt_optimizer *optimizer, size_t count, float *parameters,
                               const float *gradient_sum, const dt_support *support,
                               int64_t samples, double lr)
{
    double blocks[8], norm;
    const dt_support all = {1, &(dt_interval){0, count}};
    CU_ASSERT_FATAL(dt_squares_blocks(count) <= sizeof blocks / sizeof *blocks);
    dt_support_squares(support ? support : &all, count, gradient_sum, blocks);
    norm = sqrt(dt_squares_sum(count, blocks)) / (double)samples;
    dt_optimizer_begin(optimizer, dt_optimizer_scale(optimizer, samples, norm),
                       &(dt_rates){lr, (double)NAN});
    support = support ? support : &all;
    for (size_t i = 0; i < support->count; i++)
        dt_optimizer_update(optimizer, &support->intervals[i], parameters, gradient_sum);
    return norm;
}

#endif
