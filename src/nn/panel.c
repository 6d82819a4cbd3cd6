#include "panel.h"

#include <string.h>

void panel_pack(packed_panel panel, int depth, const int32_t *index, int columns, const dt_real *b,
                ptrdiff_t ldb)
{
    for (int k = 0; k < depth; k++)
        memcpy(panel[k], b + (index ? index[k] : k) * ldb, (size_t)columns * sizeof(dt_real));
}

/* DT_LANES for the preprocessor. */
#ifdef DT_DOUBLE
#define LANE_COUNT (DT_VECTOR_BYTES / 8)
#else
#define LANE_COUNT (DT_VECTOR_BYTES / 4)
#endif

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
/* Numbers of the lanes of two vectors, one behind the other. */
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (dt_lane_integers){__VA_ARGS__})
#endif

/* The lanes of an exchange of two vectors' parts of `half` lanes. */
#define UPPER(i, half)      (int)((i) & (half) ? DT_LANES + (i) - (half) : (i))
#define LOWER(i, half)      (int)((i) & (half) ? DT_LANES + (i) : (i) + (half))
#define LANES_4(f, i, half) f((i), half), f((i) + 1, half), f((i) + 2, half), f((i) + 3, half)
#define LANES_8(f, i, half) LANES_4(f, i, half), LANES_4(f, (i) + 4, half)
#if LANE_COUNT == 2
#define ALL_LANES(f, half) f(0, half), f(1, half)
#elif LANE_COUNT == 4
#define ALL_LANES(f, half) LANES_4(f, 0, half)
#elif LANE_COUNT == 8
#define ALL_LANES(f, half) LANES_8(f, 0, half)
#else
#define ALL_LANES(f, half) LANES_8(f, 0, half), LANES_8(f, 8, half)
#endif

/* Of squares of 2 * half rows and columns, the upper right and the lower left quarter change
 * places. */
#define EXCHANGE(rows, half)                                                                       \
    _Pragma("GCC unroll 16") for (int i = 0; i < DT_LANES; i++) if (!(i & (half)))                 \
    {                                                                                              \
        dt_vector above = rows[i], below = rows[i + (half)];                                       \
        rows[i] = SHUFFLE(above, below, ALL_LANES(UPPER, half));                                   \
        rows[i + (half)] = SHUFFLE(above, below, ALL_LANES(LOWER, half));                          \
    }

/* Of DT_LANES rows of DT_LANES columns, in squares of 2, 4, 8, ... */
static inline __attribute__((always_inline)) void transpose(dt_vector rows[DT_LANES])
{
    EXCHANGE(rows, 1)
#if LANE_COUNT >= 4
    EXCHANGE(rows, 2)
#endif
#if LANE_COUNT >= 8
    EXCHANGE(rows, 4)
#endif
#if LANE_COUNT == 16
    EXCHANGE(rows, 8)
#endif
}

void panel_pack_transposed(packed_panel panel, int depth, int columns, const dt_real *b,
                           ptrdiff_t ldb)
{
    for (int j = 0; j < columns; j += DT_LANES)
        for (int k = 0; k < depth; k += DT_LANES) {
            dt_vector rows[DT_LANES];
            for (int i = 0; i < DT_LANES; i++) {
                int row = j + i < columns ? j + i : columns - 1; /* there are no more */
                rows[i] = dt_vector_load(b + row * ldb + k);
            }
            transpose(rows);
            for (int i = 0; i < DT_LANES; i++)
                dt_vector_store(&panel[k + i][j], rows[i]);
        }
}
