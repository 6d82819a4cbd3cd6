/* Optimizers, and a step as a trainer takes it: the norm of the mean gradient, then the update.
 * Returns the norm.
 */
#ifndef OPTIMIZER_STEP_H
#define OPTIMIZER_STEP_H

#include <math.h>

#include <CUnit/CUnit.h>

#include "nn/optimizer.h"

/* An optimizer of a part of a vector. */
static inline dt_optimizer *create_part(const dt_optimizer_spec *spec,
                                        const dt_optimizer_part *part)
{
    dt_optimizer *optimizer = NULL;
    dt_error error = {.status = DT_OK};
    CU_ASSERT_EQUAL_FATAL(dt_optimizer_create(spec, part, &optimizer, &error), DT_OK);
    return optimizer;
}

/* An optimizer of a single tensor. */
static inline dt_optimizer *create_of(const dt_optimizer_spec *spec, dt_tensor_role role,
                                      size_t count)
{
    dt_tensor tensor = {.role = role, .rank = 1, .shape = {(int64_t)count}};
    return create_part(spec, &(dt_optimizer_part){&tensor, 1, 0, count});
}

static inline double take_step_at(const dt_rates *rates, dt_optimizer *optimizer, size_t count,
                                  float *parameters, const float *gradient_sum,
                                  const dt_support *support, int64_t samples)
{
    double blocks[16], norm;
    const dt_support all = {1, &(dt_interval){0, count}};
    CU_ASSERT_FATAL(dt_squares_blocks(count) <= sizeof blocks / sizeof *blocks);
    dt_support_squares(support ? support : &all, count, gradient_sum, blocks);
    norm = sqrt(dt_squares_sum(count, blocks)) / (double)samples;
    dt_optimizer_begin(optimizer, dt_optimizer_scale(optimizer, samples, norm), rates);
    double notes[80];
    CU_ASSERT_FATAL(dt_optimizer_notes(optimizer) <= sizeof notes / sizeof *notes);
    if (dt_optimizer_notes(optimizer) > 0) {
        dt_optimizer_note(optimizer, parameters, gradient_sum, notes);
        dt_optimizer_find_ratios(optimizer, notes);
    }
    support = support ? support : &all;
    for (size_t i = 0; i < support->count; i++)
        dt_optimizer_update(optimizer, &support->intervals[i], parameters, gradient_sum);
    return norm;
}

static inline double take_step(dt_optimizer *optimizer, size_t count, float *parameters,
                               const float *gradient_sum, const dt_support *support,
                               int64_t samples, double lr)
{
    return take_step_at(&(dt_rates){lr, (double)NAN}, optimizer, count, parameters, gradient_sum,
                        support, samples);
}

#endif
