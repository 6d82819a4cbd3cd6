#include "nn/summation.h"

#include <string.h>

dt_running_sum dt_running_sum_begin(const dt_summation *summation, size_t count)
{
    return (dt_running_sum){.sample = -1,
                            .summation = summation,
                            .count = count,
                            .piece = -1,
                            .top = summation->depth - 1};
}

static dt_real *sum_at(const dt_running_sum *self, int level)
{
    return self->summation->sums[level] + self->summation->offset;
}

static void merge(dt_running_sum *self)
{
    dt_real *lower = sum_at(self, self->top - 1);
    const dt_real *upper = sum_at(self, self->top);
    for (size_t i = 0; i < self->count; i++)
        lower[i] += upper[i];
    self->top--;
}

/* Ends the piece at hand and begins the next one; false behind the last. */
static bool next_piece(dt_running_sum *self)
{
    const dt_piece *pieces = self->summation->pieces;
    for (int i = 0; self->piece >= 0 && i < pieces[self->piece].merges; i++)
        merge(self);
    if (++self->piece == self->summation->piece_count)
        return false;
    const dt_piece *piece = &pieces[self->piece];
    self->left = piece->samples;
    self->top += piece->fresh;
    if (piece->fresh && piece->samples == 0)
        memset(sum_at(self, self->top), 0, self->count * sizeof(dt_real));
    return true;
}

bool dt_running_sum_next(dt_running_sum *self)
{
    while (self->left == 0)
        if (!next_piece(self))
            return false;
    const dt_piece *piece = &self->summation->pieces[self->piece];
    self->fresh = piece->fresh && self->left == piece->samples;
    self->sum = sum_at(self, self->top);
    self->sample++;
    self->left--;
    return true;
}

void dt_running_sum_add(const dt_running_sum *self, const dt_real *gradient)
{
    if (self->fresh)
        memcpy(self->sum, gradient, self->count * sizeof *gradient);
    else
        for (size_t i = 0; i < self->count; i++)
            self->sum[i] += gradient[i];
}
