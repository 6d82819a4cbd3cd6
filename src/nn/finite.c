#include "nn/finite.h"

#include <math.h>
#include <stdbool.h>

/* Without a way out, for the compiler to vectorise. */
static bool all_finite(const dt_real *values, size_t count)
{
    int found = 0;
    for (size_t i = 0; i < count; i++)
        found |= !isfinite(values[i]);
    return !found;
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
