/* Inside of the matrix products: vectors of the CPU, and panels of a matrix copied together. */
#ifndef DT_NN_PANEL_H
#define DT_NN_PANEL_H

#include <stddef.h>
#include <stdint.h>

#include "nn/matmul.h"

#if defined __FMA__ || defined __AVX512F__
#include <immintrin.h>
#elif defined __ARM_NEON
#include <arm_neon.h>
#endif

/* A block of C of up to BLOCK_ROWS x BLOCK_VECTORS vectors stays in registers while the summation
 * index runs: with 32 vector registers 28 accumulators, 3 or 4 vectors of B and an element of A;
 * with 16 registers 8, 2 and 1. */
#ifdef __AVX512F__
#define VECTOR_BYTES  64
#define BLOCK_ROWS    7
#define BLOCK_VECTORS 4
#elif defined __AVX__ || !defined __x86_64__
#define VECTOR_BYTES  32
#define BLOCK_ROWS    4
#define BLOCK_VECTORS 2
#else
#define VECTOR_BYTES  16
#define BLOCK_ROWS    4
#define BLOCK_VECTORS 2
#endif

#define LANES         ((int)(VECTOR_BYTES / sizeof(dt_real)))
#define BLOCK_COLUMNS (BLOCK_VECTORS * LANES)

_Static_assert(VECTOR_BYTES / sizeof(dt_real) <= DT_MATMUL_PAD, "B is read beyond its padding");

/* A vector in a register; and in memory, where it need not be aligned. */
typedef dt_real simd_vector __attribute__((vector_size(VECTOR_BYTES)));
typedef dt_real vector_in_memory
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(dt_real))));

static inline __attribute__((always_inline)) simd_vector vector_load(const dt_real *values)
{
    return *(const vector_in_memory *)values;
}

static inline __attribute__((always_inline)) void vector_store(dt_real *values, simd_vector v)
{
    *(vector_in_memory *)values = v;
}

/* The first `count` lanes, 0 < count < LANES; the others are zero, and not stored. */
static inline __attribute__((always_inline)) simd_vector vector_load_some(const dt_real *values,
                                                                          int count)
{
#if !defined DT_DOUBLE && defined __AVX512F__
    return (simd_vector)_mm512_maskz_loadu_ps((__mmask16)((1U << count) - 1), values);
#else
    simd_vector v = {0};
    for (int i = 0; i < count; i++)
        v[i] = values[i];
    return v;
#endif
}

static inline __attribute__((always_inline)) void vector_store_some(dt_real *values, int count,
                                                                    simd_vector v)
{
#if !defined DT_DOUBLE && defined __AVX512F__
    _mm512_mask_storeu_ps(values, (__mmask16)((1U << count) - 1), (__m512)v);
#else
    for (int i = 0; i < count; i++)
        values[i] = v[i];
#endif
}

/* sum + a * b in every lane, rounded once. Said outright, because what a compiler makes of a
 * product and a sum depends on its options and on what it believes of the CPU. */
static inline __attribute__((always_inline)) simd_vector multiply_add(dt_real a, simd_vector b,
                                                                      simd_vector sum)
{
#if !defined DT_DOUBLE && defined __AVX512F__
    return (simd_vector)_mm512_fmadd_ps(_mm512_set1_ps(a), (__m512)b, (__m512)sum);
#elif !defined DT_DOUBLE && defined __FMA__
    return (simd_vector)_mm256_fmadd_ps(_mm256_set1_ps(a), (__m256)b, (__m256)sum);
#else
    for (int i = 0; i < LANES; i++)
        sum[i] = dt_fma(a, b[i], sum[i]);
    return sum;
#endif
}

/* Rows of B that are far apart share few places in the L1 cache; a panel of them stays in cache
 * while all rows of A pass. */
enum { PANEL_DEPTH = 256 };
typedef dt_real packed_panel[PANEL_DEPTH][BLOCK_COLUMNS] __attribute__((aligned(VECTOR_BYTES)));

/* Rows index[0 .. depth - 1] of B, or without an index the first `depth`, depth <= PANEL_DEPTH:
 * their first `columns`, columns <= BLOCK_COLUMNS. What a panel has beyond them is not set. */
void panel_pack(packed_panel panel, int depth, const int32_t *index, int columns, const dt_real *b,
                ptrdiff_t ldb);

/* panel[k][j] = b[j * ldb + k] for k < depth, j < columns; what it has beyond may be set too. */
void panel_pack_transposed(packed_panel panel, int depth, int columns, const dt_real *b,
                           ptrdiff_t ldb);

#endif
