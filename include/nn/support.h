/* Where a vector may hold something other than zero.
 *
 * A sample of MNIST uses a fifth of the inputs; the weights of the others get no gradient. Whoever
 * knows that need not write zeros, read them, add them up or subtract them. */
#ifndef DT_NN_SUPPORT_H
#define DT_NN_SUPPORT_H

#include <stddef.h>
#include <string.h>

#include "nn/real.h"

/* Elements first .. end - 1. */
typedef struct dt_interval {
    size_t first, end;
} dt_interval;

/* The intervals, ascending, none touching the next. Elsewhere the vector counts as zero, whatever
 * stands there. */
typedef struct dt_support {
    size_t count;
    dt_interval *intervals;
} dt_support;

/* Adds elements first .. end - 1, first <= end, behind those that are there; a new interval only
 * where there is a gap before them. */
static inline void dt_support_add(dt_support *support, size_t first, size_t end)
{
    if (first == end)
        return;
    if (support->count > 0 && support->intervals[support->count - 1].end == first)
        support->intervals[support->count - 1].end = end;
    else
        support->intervals[support->count++] = (dt_interval){first, end};
}

/* Sets the elements of values[count] to zero that count as zero. */
static inline void dt_support_clear_rest(const dt_support *support, dt_real *values, size_t count)
{
    size_t next = 0;
    for (size_t i = 0; i < support->count; next = support->intervals[i++].end)
        memset(values + next, 0, (support->intervals[i].first - next) * sizeof *values);
    memset(values + next, 0, (count - next) * sizeof *values);
}

/* The sum of the squares of values[count], in a fixed order. */
double dt_squares(size_t count, const dt_real *values);

/* The squares of a long vector are added up in blocks of so many elements, and then the blocks'
 * sums, each in a fixed order: the bits are the same whoever adds up which blocks, and with what a
 * support leaves out as with zeros. */
enum { DT_SQUARES_BLOCK = 256 };

static inline size_t dt_squares_blocks(size_t count)
{
    return (count + DT_SQUARES_BLOCK - 1) / DT_SQUARES_BLOCK;
}

/* Sets blocks[] to the sums of the blocks of values[count], all on the support. */
void dt_support_squares(const dt_support *support, size_t count, const dt_real *values,
                        double *blocks);

/* The sum of all blocks. */
double dt_squares_sum(size_t count, const double *blocks);

#endif
