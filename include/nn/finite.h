/* Infinities and NaNs. */
#ifndef DT_NN_FINITE_H
#define DT_NN_FINITE_H

#include <stddef.h>

#include "nn/real.h"

/* The index of the first of values[count] that is infinite or NaN; `count` when all are finite. */
size_t dt_find_nonfinite(const dt_real *values, size_t count);

/* The largest absolute value among the finite ones of values[count]; 0 when there is none. */
dt_real dt_largest_finite(const dt_real *values, size_t count);

#endif
