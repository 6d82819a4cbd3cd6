/* Numbers drawn for unit tests, the same in every run. */
#ifndef DT_TESTS_DRAW_H
#define DT_TESTS_DRAW_H

#include "base/random.h"

/* A sequence of its own for each `sample`. */
static inline dt_random_sequence draw_begin(uint32_t sample)
{
    return dt_random_sequence_of((dt_random_key){.stream = DT_STREAM_TEST, .sample = sample});
}

/* Uniform integer, low and high included. */
static inline int draw_int(dt_random_sequence *random, int low, int high)
{
    uint32_t word = dt_random_next(random);
    return low + (int)dt_below(word, dt_random_next(random), (uint32_t)(high - low) + 1);
}

/* Uniform between low and high. */
static inline double draw_real(dt_random_sequence *random, double low, double high)
{
    return low + (high - low) * dt_uniform(dt_random_next(random));
}

#endif
