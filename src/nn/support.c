#include "nn/support.h"

/* In a fixed number of partial sums, so that the loop is vectorised and the order is not the
 * compiler's choice; to which of them an element belongs is a matter of its place. */
double dt_support_squares(const dt_support *support, const dt_real *values)
{
    enum { PARTS = 16 };
    double part[PARTS] = {0};
    for (size_t k = 0; k < support->count; k++) {
        size_t i = support->intervals[k].first, end = support->intervals[k].end;
        for (; i < end && i % PARTS != 0; i++)
            part[i % PARTS] += (double)values[i] * (double)values[i];
        for (; i + PARTS <= end; i += PARTS)
            for (size_t j = 0; j < PARTS; j++)
                part[j] += (double)values[i + j] * (double)values[i + j];
        for (size_t j = 0; i + j < end; j++)
            part[j] += (double)values[i + j] * (double)values[i + j];
    }
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            part[j] += part[j + half];
    return part[0];
}
