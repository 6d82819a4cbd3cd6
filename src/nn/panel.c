#include "panel.h"

#include <string.h>

void dt_panel_pack(dt_panel panel, int depth, const int32_t *index, int columns, const dt_real *b,
                   ptrdiff_t ldb)
{
    for (int k = 0; k < depth; k++)
        memcpy(panel[k], b + (index ? index[k] : k) * ldb, (size_t)columns * sizeof(dt_real));
}

/* Of LANES rows of LANES columns, in squares of 2, 4, 8, ...: in each, the upper right and the
 * lower left quarter change places. */
static inline __attribute__((always_inline)) void transpose(dt_vector rows[LANES])
{
    typedef __typeof__((dt_vector){0} == (dt_vector){0}) lanes;
#pragma GCC unroll 8
    for (int half = 1; half < LANES; half *= 2) {
        lanes upper, lower;
        for (int i = 0; i < LANES; i++) {
            upper[i] = i & half ? LANES + i - half : i;
            lower[i] = i & half ? LANES + i : i + half;
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++)
            if (!(i & half)) {
                dt_vector above = rows[i], below = rows[i + half];
                rows[i] = __builtin_shuffle(above, below, upper);
                rows[i + half] = __builtin_shuffle(above, below, lower);
            }
    }
}

void dt_panel_pack_transposed(dt_panel panel, int depth, int columns, const dt_real *b,
                              ptrdiff_t ldb)
{
    for (int j = 0; j < columns; j += LANES)
        for (int k = 0; k < depth; k += LANES) {
            dt_vector rows[LANES];
            for (int i = 0; i < LANES; i++) {
                int row = j + i < columns ? j + i : columns - 1; /* there are no more */
                rows[i] = *(const dt_vector *)(b + row * ldb + k);
            }
            transpose(rows);
            for (int i = 0; i < LANES; i++)
                *(dt_vector *)&panel[k + i][j] = rows[i];
        }
}
