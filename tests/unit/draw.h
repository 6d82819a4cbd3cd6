/* Numbers drawn for unit tests, the same in every run. */
#ifndef DT_TESTS_DRAW_H
#define DT_TESTS_DRAW_H

#include <stdint.h>
#include <string.h>

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

/* Damages bytes[size]: a bit, a byte, a number, or a part that is put in another place. */
static inline void draw_damage(dt_random_sequence *random, uint8_t *bytes, size_t size)
{
    static const uint64_t numbers[] = {
        0, 1, 0x7f, 0x80, 0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX, (uint64_t)1 << 40};
    int at = draw_int(random, 0, (int)size - 1), room = (int)size - at, from;
    int length = 1 << draw_int(random, 0, 3);
    length = length < room ? length : room;
    switch (draw_int(random, 0, 4)) {
    case 0:
        bytes[at] ^= (uint8_t)(1 << draw_int(random, 0, 7));
        break;
    case 1:
        bytes[at] = (uint8_t)draw_int(random, 0, 255);
        break;
    case 2:
        memcpy(bytes + at, &numbers[draw_int(random, 0, 9)], (size_t)length);
        break;
    case 3:
        bytes[at] = (uint8_t)(bytes[at] + draw_int(random, -3, 3));
        break;
    default:
        from = draw_int(random, 0, (int)size - 1);
        length = draw_int(random, 1, 64);
        length = length < room ? length : room;
        length = length < (int)size - from ? length : (int)size - from;
        memmove(bytes + at, bytes + from, (size_t)length);
    }
}

#endif
