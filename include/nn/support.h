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

/* The sum of the squares of `values`, in a fixed order: what the support leaves out might as well
 * be there as zeros, with the same bits. */
double dt_support_squares(const dt_support *support, const dt_real *values);

#endif
