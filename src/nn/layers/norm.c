#include "norm.h"

#include <math.h>
#include <string.h>

/* A sum is that of so many chains, by which it has the same bits with vectors of any width. */
enum { PARTS = 16 };

static dt_real sum_parts(dt_real *part)
{
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            part[k] += part[half + k];
    return part[0];
}

static void add_values(int count, const dt_real *a, dt_real *part)
{
    int j = 0;
    for (; j + PARTS <= count; j += PARTS)
        for (int k = 0; k < PARTS; k++)
            part[k] += a[j + k];
    for (int k = 0; j + k < count; k++)
        part[k] += a[j + k];
}

static void add_products(int count, const dt_real *a, const dt_real *b, dt_real *part)
{
    int j = 0;
    for (; j + PARTS <= count; j += PARTS)
        for (int k = 0; k < PARTS; k++)
            part[k] = dt_fma(a[j + k], b[j + k], part[k]);
    for (int k = 0; j + k < count; k++)
        part[k] = dt_fma(a[j + k], b[j + k], part[k]);
}

static int group_size(const norm *self)
{
    return self->channels / self->groups;
}

/* The mean of a group's values of a sample, which begin at `a`. */
static dt_real mean_of(const norm *self, const dt_real *a)
{
    dt_real part[PARTS] = {0};
    int size = group_size(self);
    for (int p = 0; p < self->positions; p++)
        add_values(size, a + (ptrdiff_t)p * self->channels, part);
    return sum_parts(part) / (dt_real)(self->positions * size);
}

static dt_real mean_product_of(const norm *self, const dt_real *a, const dt_real *b)
{
    dt_real part[PARTS] = {0};
    int size = group_size(self);
    for (int p = 0; p < self->positions; p++) {
        ptrdiff_t at = (ptrdiff_t)p * self->channels;
        add_products(size, a + at, b + at, part);
    }
    return sum_parts(part) / (dt_real)(self->positions * size);
}

/* z = (x - mean) / sqrt(variance + epsilon) of a group; returns the factor by which it is scaled.
 */
static dt_real normalise_group(const norm *self, const dt_real *x, dt_real *z)
{
    dt_real mean = mean_of(self, x);
    int size = group_size(self);
    for (int p = 0; p < self->positions; p++)
        for (int j = 0; j < size; j++)
            z[(ptrdiff_t)p * self->channels + j] = x[(ptrdiff_t)p * self->channels + j] - mean;
    dt_real variance = mean_product_of(self, z, z);
    dt_real factor = (dt_real)1 / (dt_real)sqrt((double)(variance + (dt_real)self->epsilon));
    for (int p = 0; p < self->positions; p++)
        for (int j = 0; j < size; j++)
            z[(ptrdiff_t)p * self->channels + j] *= factor;
    return factor;
}

void norm_forward(const norm *self, const dt_layer_pass *pass)
{
    const dt_real *gain = pass->parameters, *shift = gain + self->channels;
    int size = group_size(self);
    for (int i = 0; i < pass->input->samples; i++) {
        const dt_real *x = dt_tile_row(pass->input, i);
        dt_real *y = dt_tile_row(pass->output, i);
        for (int g = 0; g < self->groups; g++)
            normalise_group(self, x + g * size, y + g * size);
        for (int p = 0; p < self->positions; p++, y += self->channels)
            for (int c = 0; c < self->channels; c++)
                y[c] = dt_fma(y[c], gain[c], shift[c]);
    }
}

/* The gradient of a sample's gain and shift: [2][channels]. */
static void find_gradient(const norm *self, const dt_real *z, const dt_real *dy, dt_real *gradient)
{
    dt_real *shift = gradient + self->channels;
    memset(gradient, 0, 2 * (size_t)self->channels * sizeof *gradient);
    for (int p = 0; p < self->positions; p++, z += self->channels, dy += self->channels)
        for (int c = 0; c < self->channels; c++) {
            gradient[c] = dt_fma(dy[c], z[c], gradient[c]);
            shift[c] += dy[c];
        }
}

/* With e = gain dy: dx = factor (e - mean of e - z mean of z e), in place of e. */
static void find_group_input(const norm *self, dt_real factor, const dt_real *z, dt_real *e)
{
    dt_real mean = mean_of(self, e), along = mean_product_of(self, z, e);
    int size = group_size(self);
    for (int p = 0; p < self->positions; p++, z += self->channels, e += self->channels)
        for (int j = 0; j < size; j++)
            e[j] = factor * dt_fma(-along, z[j], e[j] - mean);
}

static void find_input(const norm *self, const dt_real *gain, const dt_real *factors,
                       const dt_real *z, const dt_real *dy, dt_real *dx)
{
    int size = group_size(self);
    for (int p = 0; p < self->positions; p++)
        for (int c = 0; c < self->channels; c++)
            dx[(ptrdiff_t)p * self->channels + c] = gain[c] * dy[(ptrdiff_t)p * self->channels + c];
    for (int g = 0; g < self->groups; g++)
        find_group_input(self, factors[g], z + g * size, dx + g * size);
}

void norm_backward(const norm *self, const dt_layer *layer, const dt_layer_pass *pass)
{
    const dt_listener *listener = pass->summation->listener;
    size_t count = layer->parameter_count;
    int size = group_size(self);
    dt_real *z = layer->work, *gradient = z + layer->inputs, *factors = gradient + count;
    dt_running_sum it = dt_running_sum_begin(pass->summation, count);
    while (dt_running_sum_next(&it)) {
        const dt_real *x = dt_tile_row(pass->input, it.sample),
                      *dy = dt_tile_row(pass->output_gradient, it.sample);
        for (int g = 0; g < self->groups; g++)
            factors[g] = normalise_group(self, x + g * size, z + g * size);
        find_gradient(self, z, dy, gradient);
        for (size_t j = 0; j < count; j++)
            it.sum[j] = it.fresh ? gradient[j] : it.sum[j] + gradient[j];
        if (pass->squares)
            pass->squares[it.sample] += dt_squares(count, gradient);
        if (pass->input_gradient)
            find_input(self, pass->parameters, factors, z, dy,
                       dt_tile_row(pass->input_gradient, it.sample));
    }
    if (listener)
        listener->final(listener->state, pass->summation->offset);
}

int norm_tensors(dt_layer *layer, int rank, const int64_t *shape)
{
    layer->tensors[0] = (dt_tensor){.name = "gamma", .role = DT_TENSOR_GAIN, .rank = rank};
    layer->tensors[1] = (dt_tensor){.name = "beta", .role = DT_TENSOR_SHIFT, .rank = rank};
    for (int i = 0; i < 2; i++)
        memcpy(layer->tensors[i].shape, shape, (size_t)rank * sizeof *shape);
    return 2;
}

size_t norm_work(const norm *self)
{
    return (size_t)self->positions * (size_t)self->channels + 2 * (size_t)self->channels +
           (size_t)self->groups;
}
