#include "nn/finite.h"

#include <math.h>

/* x - x is 0, or NaN for what is not finite; NaN stays NaN in a sum. In parts, for the compiler to
 * vectorise. */
static int all_finite(const dt_real *values, size_t count)
{
    enum { PARTS = 64 };
    dt_real part[PARTS] = {0};
    size_t whole = count / PARTS * PARTS;
    for (size_t i = 0; i < whole; i += PARTS)
        for (size_t j = 0; j < PARTS; j++)
            part[j] += values[i + j] - values[i + j];
    dt_real sum = 0;
    for (size_t j = 0; j < PARTS; j++)
        sum += part[j];
    for (size_t i = whole; i < count; i++)
        sum += values[i] - values[i];
    return sum == 0;
}

size_t dt_find_nonfinite(const dt_real *values, size_t count)
{
    if (all_finite(values, count))
        return count;
    size_t i = 0;
    while (i < count && isfinite(values[i]))
        i++;
    return i;
}

dt_real dt_largest_finite(const dt_real *values, size_t count)
{
    dt_real largest = 0;
    for (size_t i = 0; i < count; i++) {
        dt_real size = values[i] < 0 ? -values[i] : values[i];
        if (isfinite(size) && size > largest)
            largest = size;
    }
    return largest;
}
