/* Which samples are trained on, and in which order: pure functions of seeds and counts. */
#ifndef DT_DATA_SAMPLER_H
#define DT_DATA_SAMPLER_H

#include <stdint.h>

/* Writes the permutation of 0 .. n - 1 that belongs to (seed, epoch) into order[n] (Fisher-Yates;
 * source: Knuth, TAOCP 2, 3.4.2 P). n < 2^31. */
void dt_sampler_order(uint64_t seed, uint32_t epoch, int64_t n, int32_t *order);

/* The same within each of `parts` contiguous parts of 0 .. n - 1 (base/partition.h): a sample stays
 * in its part. Part k of order[] is a permutation of part k. */
void dt_sampler_order_in_parts(uint64_t seed, uint32_t epoch, int64_t n, int64_t parts,
                               int32_t *order);

/* Chooses `held_out` of n samples at random (0 <= held_out <= n): writes the others, ascending, to
 * kept[n - held_out] and them, ascending, to out[held_out]. A function of (seed, n, held_out). */
void dt_sampler_split(uint64_t seed, int64_t n, int64_t held_out, int32_t *kept, int32_t *out);

#endif
