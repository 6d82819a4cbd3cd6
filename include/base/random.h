/* Counter-based random numbers: Philox4x32-10.
 *
 * A value is a pure function of (seed, stream, part, epoch, sample, index): there is no generator
 * state to store, to ship or to get out of step. Streams keep the uses apart: two draws with
 * different streams are independent whatever the other coordinates are.
 *
 * source: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; Random123. */
#ifndef DT_BASE_RANDOM_H
#define DT_BASE_RANDOM_H

#include <math.h>
#include <stdint.h>

#include <Random123/philox.h>

#include "base/elementary.h"

/* One number a use, below 256, never reused for another: results depend on them. */
typedef enum dt_random_stream {
    DT_STREAM_INIT = 1,       /* initial parameters: sample = layer, index = parameter */
    DT_STREAM_ORDER = 2,      /* order of the training samples of an epoch */
    DT_STREAM_SPLIT = 3,      /* which samples are held out */
    DT_STREAM_GLYPH = 4,      /* synthetic digits: sample = image */
    DT_STREAM_DROPOUT = 5,    /* part = layer, sample = place in the epoch, index = values / 4 */
    DT_STREAM_AUGMENT = 6,    /* sample = place in the epoch, index: src/data/augment.c */
    DT_STREAM_EXACTNESS = 98, /* numbers for the program to check itself with */
    DT_STREAM_TEST = 99       /* unit tests */
} dt_random_stream;

typedef struct dt_random_key {
    uint64_t seed;
    dt_random_stream stream;
    uint32_t part; /* of the stream, below 2^24; 0 where it has no parts */
    uint32_t epoch;
    uint32_t sample;
} dt_random_key;

typedef struct dt_random_block {
    uint32_t word[4];
} dt_random_block;

/* Block `index` of the sequence that `key` names: 128 random bits. */
static inline dt_random_block dt_random_at(const dt_random_key *key, uint32_t index)
{
    uint32_t stream = (uint32_t)key->stream | key->part << 8;
    philox4x32_ctr_t counter = {{index, key->sample, key->epoch, stream}};
    philox4x32_key_t seed = {{(uint32_t)key->seed, (uint32_t)(key->seed >> 32)}};
    philox4x32_ctr_t bits = philox4x32(counter, seed);
    return (dt_random_block){{bits.v[0], bits.v[1], bits.v[2], bits.v[3]}};
}

/* Uniform in the open interval (0, 1), a multiple of 2^-33 that is never 0 or 1. */
static inline double dt_uniform(uint32_t word)
{
    return ((double)word + 0.5) * 0x1p-32;
}

/* Two independent standard normal values from two words (Box-Muller). */
static inline void dt_normal_pair(uint32_t a, uint32_t b, double out[2])
{
    double radius = sqrt(-2.0 * dt_log(dt_uniform(a)));
    double angle = 6.283185307179586476925 * dt_uniform(b);
    out[0] = radius * dt_cos(angle);
    out[1] = radius * dt_sin(angle);
}

/* Uniform integer in [0, bound), bound >= 1 (Lemire's multiplication; bias below bound * 2^-64).
 * Takes two words. */
static inline uint32_t dt_below(uint32_t high, uint32_t low, uint32_t bound)
{
    uint64_t word = (uint64_t)high << 32 | low;
    return (uint32_t)(((unsigned __int128)word * bound) >> 64);
}

/* Draws one after the other from the sequence of a key: for code that needs "the next" value. */
typedef struct dt_random_sequence {
    dt_random_key key;
    uint32_t next_index;
    int left; /* words of `block` not yet given out */
    dt_random_block block;
} dt_random_sequence;

static inline dt_random_sequence dt_random_sequence_of(dt_random_key key)
{
    return (dt_random_sequence){.key = key};
}

static inline uint32_t dt_random_next(dt_random_sequence *sequence)
{
    if (sequence->left == 0) {
        sequence->block = dt_random_at(&sequence->key, sequence->next_index++);
        sequence->left = 4;
    }
    return sequence->block.word[4 - sequence->left--];
}

#endif
