/* Vectors of the CPU: a register full of values, as many as it has. No result depends on how many:
 * every lane is worked on alone. */
#ifndef DT_NN_SIMD_H
#define DT_NN_SIMD_H

#include <stdint.h>

#include "nn/real.h"

#if defined __FMA__ || defined __AVX2__ || defined __AVX512F__
#include <immintrin.h>
#elif defined __ARM_NEON
#include <arm_neon.h>
#endif

#ifdef __AVX512F__
#define DT_VECTOR_BYTES 64
#elif defined __AVX__ || !defined __x86_64__
#define DT_VECTOR_BYTES 32
#else
#define DT_VECTOR_BYTES 16
#endif

#define DT_LANES ((int)(DT_VECTOR_BYTES / sizeof(dt_real)))

/* A vector in a register; and in memory, where it need not be aligned. */
typedef dt_real dt_vector __attribute__((vector_size(DT_VECTOR_BYTES)));
typedef dt_real dt_vector_in_memory
    __attribute__((vector_size(DT_VECTOR_BYTES), aligned(sizeof(dt_real))));

static inline __attribute__((always_inline)) dt_vector dt_vector_load(const dt_real *values)
{
    return *(const dt_vector_in_memory *)values;
}

static inline __attribute__((always_inline)) void dt_vector_store(dt_real *values, dt_vector v)
{
    *(dt_vector_in_memory *)values = v;
}

#if !defined DT_DOUBLE && defined __AVX2__ && !defined __AVX512F__
static inline __attribute__((always_inline)) __m256i dt_vector_mask(int count)
{
    static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const void *)(lanes + 8 - count));
}
#endif

/* An integer for each lane. */
#ifdef DT_DOUBLE
typedef int64_t dt_lane_integers __attribute__((vector_size(DT_VECTOR_BYTES)));
#else
typedef int32_t dt_lane_integers __attribute__((vector_size(DT_VECTOR_BYTES)));
#endif

/* Some of the lanes: a bit each, or all ones in a lane, else zero. */
#if !defined DT_DOUBLE && defined __AVX512F__
typedef __mmask16 dt_lane_set;
#else
typedef dt_lane_integers dt_lane_set;
#endif

/* The first `count` lanes, 0 < count <= DT_LANES; the others are zero, and not stored. */
static inline __attribute__((always_inline)) dt_vector dt_vector_load_some(const dt_real *values,
                                                                           int count)
{
#if !defined DT_DOUBLE && defined __AVX512F__
    return (dt_vector)_mm512_maskz_loadu_ps((__mmask16)((1U << count) - 1), values);
#elif !defined DT_DOUBLE && defined __AVX2__
    return (dt_vector)_mm256_maskload_ps(values, dt_vector_mask(count));
#else
    dt_vector v = {0};
    if (count == DT_LANES)
        return dt_vector_load(values);
    for (int i = 0; i < count; i++)
        v[i] = values[i];
    return v;
#endif
}

static inline __attribute__((always_inline)) void dt_vector_store_some(dt_real *values, int count,
                                                                       dt_vector v)
{
#if !defined DT_DOUBLE && defined __AVX512F__
    _mm512_mask_storeu_ps(values, (__mmask16)((1U << count) - 1), (__m512)v);
#elif !defined DT_DOUBLE && defined __AVX2__
    _mm256_maskstore_ps(values, dt_vector_mask(count), (__m256)v);
#else
    if (count == DT_LANES)
        dt_vector_store(values, v);
    else
        for (int i = 0; i < count; i++)
            values[i] = v[i];
#endif
}

/* sum + a * b in every lane, rounded once. Said outright, because what a compiler makes of a
 * product and a sum depends on its options and on what it believes of the CPU. */
static inline __attribute__((always_inline)) dt_vector dt_multiply_add(dt_real a, dt_vector b,
                                                                       dt_vector sum)
{
#if !defined DT_DOUBLE && defined __AVX512F__
    return (dt_vector)_mm512_fmadd_ps(_mm512_set1_ps(a), (__m512)b, (__m512)sum);
#elif !defined DT_DOUBLE && defined __FMA__
    return (dt_vector)_mm256_fmadd_ps(_mm256_set1_ps(a), (__m256)b, (__m256)sum);
#else
    for (int i = 0; i < DT_LANES; i++)
        sum[i] = dt_fma(a, b[i], sum[i]);
    return sum;
#endif
}

/* The lanes in which x is not less than y; true where one is NaN. */
static inline __attribute__((always_inline)) dt_lane_set dt_vector_not_less(dt_vector x,
                                                                            dt_vector y)
{
#if !defined DT_DOUBLE && defined __AVX512F__
    return _mm512_cmp_ps_mask((__m512)x, (__m512)y, _CMP_NLT_UQ);
#else
    return ~(x < y);
#endif
}

/* The lanes of v that are in the set; the others are zero. */
static inline __attribute__((always_inline)) dt_vector dt_vector_keep(dt_lane_set set, dt_vector v)
{
#if !defined DT_DOUBLE && defined __AVX512F__
    return (dt_vector)_mm512_maskz_mov_ps(set, (__m512)v);
#else
    return (dt_vector)((dt_lane_set)v & set);
#endif
}

/* The larger of each lane, y where they are equal. NaN is the largest. */
static inline __attribute__((always_inline)) dt_vector dt_vector_larger(dt_vector x, dt_vector y)
{
#if !defined DT_DOUBLE && defined __AVX512F__ /* its maximum is y where one is NaN */
    return (dt_vector)_mm512_mask_mov_ps(_mm512_max_ps((__m512)x, (__m512)y),
                                         _mm512_cmp_ps_mask((__m512)x, (__m512)x, _CMP_UNORD_Q),
                                         (__m512)x);
#else
    dt_lane_set takes = (x > y) | (x != x);
    return (dt_vector)(((dt_lane_set)x & takes) | ((dt_lane_set)y & ~takes));
#endif
}

#endif
