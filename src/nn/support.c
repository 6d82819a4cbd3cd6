#include "nn/support.h"

/* In a fixed number of partial sums, so that the loop is vectorised and the order is not the
 * compiler's choice; to which of them an element belongs is a matter of its place. */
enum { PARTS = 16 };

static void add_squares(const dt_real *values, size_t first, size_t end, double part[PARTS])
{
    size_t i = first;
    for (; i < end && i % PARTS != 0; i++)
        part[i % PARTS] += (double)values[i] * (double)values[i];
    for (; i + PARTS <= end; i += PARTS)
        for (size_t j = 0; j < PARTS; j++)
            part[j] += (double)values[i + j] * (double)values[i + j];
    for (size_t j = 0; i + j < end; j++)
        part[j] += (double)values[i + j] * (double)values[i + j];
}

static double sum_parts(double part[PARTS])
{
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            part[j] += part[j + half];
    return part[0];
}

double dt_squares(size_t count, const dt_real *values)
{
    double part[PARTS] = {0};
    add_squares(values, 0, count, part);
    return sum_parts(part);
}

void dt_support_squares(const dt_support *support, size_t count, const dt_real *values,
                        double *blocks)
{
    size_t next = 0;
    for (size_t b = 0; b < dt_squares_blocks(count); b++) {
        size_t first = b * DT_SQUARES_BLOCK, end = first + DT_SQUARES_BLOCK;
        double part[PARTS] = {0};
        end = end < count ? end : count;
        while (next < support->count && support->intervals[next].end <= first)
            next++;
        for (size_t i = next; i < support->count && support->intervals[i].first < end; i++) {
            const dt_interval *it = &support->intervals[i];
            add_squares(values, it->first > first ? it->first : first,
                        it->end < end ? it->end : end, part);
        }
        blocks[b] = sum_parts(part);
    }
}

double dt_squares_sum(size_t count, const double *blocks)
{
    double part[PARTS] = {0};
    for (size_t b = 0; b < dt_squares_blocks(count); b++)
        part[b % PARTS] += blocks[b];
    return sum_parts(part);
}
