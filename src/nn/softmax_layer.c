#include <stdio.h>

#include "base/memory.h"
#include "nn/layer.h"
#include "nn/vector_math.h"

static void describe(const dt_layer *layer, char *text, size_t size)
{
    (void)layer;
    snprintf(text, size, "softmax");
}

static void forward(const dt_layer *layer, const dt_real *parameters, const dt_tile *input,
                    dt_tile *output)
{
    (void)parameters;
    int width = layer->outputs;
    for (int i = 0; i < input->samples; i++) {
        const dt_real *x = input->values + i * input->stride;
        dt_real *y = output->values + i * output->stride;
        dt_real largest = x[0], sum = 0;
        for (int j = 1; j < width; j++)
            largest = x[j] > largest ? x[j] : largest;
        for (int j = 0; j < width; j++)
            sum += y[j] = dt_exp(x[j] - largest);
        for (int j = 0; j < width; j++)
            y[j] /= sum;
    }
}

static void backward(const dt_layer *layer, const dt_real *parameters, const dt_tile *input,
                     const dt_tile *output, const dt_tile *output_gradient,
                     const dt_summation *summation, dt_tile *input_gradient)
{
    (void)parameters;
    (void)summation;
    int width = layer->outputs;
    if (!input_gradient)
        return;
    for (int i = 0; i < input->samples; i++) {
        ptrdiff_t row = i * input->stride;
        const dt_real *y = output->values + row, *dy = output_gradient->values + row;
        dt_real *dx = input_gradient->values + row, sum = 0;
        for (int j = 0; j < width; j++)
            sum = dt_fma(y[j], dy[j], sum);
        for (int j = 0; j < width; j++)
            dx[j] = y[j] * (dy[j] - sum);
    }
}

static void destroy(dt_layer *layer)
{
    dt_free(layer);
}

static const dt_layer_ops ops = {
    .describe = describe, .forward = forward, .backward = backward, .destroy = destroy};

dt_status dt_softmax_layer_create(int width, dt_layer **out, dt_error *error)
{
    dt_layer *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    *self = (dt_layer){.ops = &ops, .inputs = width, .outputs = width};
    *out = self;
    return DT_OK;
}
