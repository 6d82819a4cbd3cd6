#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "nn/layer.h"
#include "nn/matmul.h"

typedef struct dense {
    dt_layer base;
    bool bias;
    int32_t *active; /* [inputs], scratch: the active columns of a range, from its first */
} dense;

static size_t weight_count(const dt_layer *layer)
{
    return (size_t)layer->inputs * (size_t)layer->outputs;
}

static void describe(const dt_layer *layer, char *text, size_t size)
{
    snprintf(text, size, "dense %d -> %d%s", layer->inputs, layer->outputs,
             ((const dense *)layer)->bias ? "" : ", no bias");
}

static void initialise(const dt_layer *layer, dt_init kind, uint64_t seed, uint32_t index,
                       dt_real *parameters)
{
    size_t weights = weight_count(layer);
    dt_init_layer(kind, seed, index, layer->inputs, layer->outputs, parameters, weights,
                  parameters + weights, layer->parameter_count - weights);
}

static void forward(const dt_layer *layer, const dt_real *parameters, const dt_tile *input,
                    dt_tile *output)
{
    size_t outputs = (size_t)layer->outputs, row_size = outputs * sizeof(dt_real);
    for (int i = 0; i < input->samples; i++) {
        dt_real *row = output->values + i * output->stride;
        if (((const dense *)layer)->bias)
            memcpy(row, parameters + weight_count(layer), row_size);
        else
            memset(row, 0, row_size);
    }
    dt_matmul(input->samples, layer->outputs, input->active_count, input->active, input->values,
              input->stride, parameters, layer->outputs, output->values, output->stride);
}

/* Rows first .. end - 1 of the kernel's gradient. */
static void sum_rows(const dense *self, int first, int end, const dt_tile *input,
                     const dt_tile *output_gradient, const dt_summation *summation)
{
    int outputs = self->base.outputs, active = 0;
    for (int i = 0; i < input->active_count; i++)
        if (first <= input->active[i] && input->active[i] < end)
            self->active[active++] = input->active[i] - first;
    dt_summation of_rows = *summation;
    of_rows.offset += (size_t)first * (size_t)outputs;
    dt_matmul_transposed(end - first, outputs, active, self->active, input->values + first,
                         input->stride, output_gradient->values, output_gradient->stride, &of_rows,
                         outputs);
}

/* In parts, the last rows first; the listener is told of each. */
static void sum_in_parts(const dense *self, const dt_tile *input, const dt_tile *output_gradient,
                         const dt_summation *summation)
{
    const dt_listener *listener = summation->listener;
    int64_t inputs = self->base.inputs;
    int64_t parts = 1 + (int64_t)((weight_count(&self->base) - 1) / listener->part);
    parts = parts < inputs ? parts : inputs;
    for (int64_t i = parts - 1; i >= 0; i--) {
        int first = (int)(inputs * i / parts), end = (int)(inputs * (i + 1) / parts);
        sum_rows(self, first, end, input, output_gradient, summation);
        size_t final = summation->offset + (size_t)first * (size_t)self->base.outputs;
        listener->final(listener->state, final);
    }
}

static void sum_gradients(const dense *self, const dt_tile *input, const dt_tile *output_gradient,
                          const dt_summation *summation)
{
    int inputs = self->base.inputs, outputs = self->base.outputs;
    const dt_real *dy = output_gradient->values;
    ptrdiff_t stride = output_gradient->stride;
    if (self->bias) {
        /* The bias is the weight of one more input that is always 1. */
        static const dt_real one = 1;
        static const int32_t first = 0;
        dt_summation of_bias = *summation;
        of_bias.offset += weight_count(&self->base);
        dt_matmul_transposed(1, outputs, 1, &first, &one, 0, dy, stride, &of_bias, outputs);
    }
    if (summation->listener)
        sum_in_parts(self, input, output_gradient, summation);
    else
        dt_matmul_transposed(inputs, outputs, input->active_count, input->active, input->values,
                             input->stride, dy, stride, summation, outputs);
}

static void backward(const dt_layer *layer, const dt_real *parameters, const dt_tile *input,
                     const dt_tile *output, const dt_tile *output_gradient,
                     const dt_summation *summation, dt_tile *input_gradient)
{
    (void)output;
    const dense *self = (const dense *)layer;
    sum_gradients(self, input, output_gradient, summation);
    if (input_gradient)
        dt_matmul_by_transposed(input->samples, layer->inputs, layer->outputs,
                                output_gradient->values, output_gradient->stride, parameters,
                                layer->outputs, input_gradient->values, input_gradient->stride);
}

/* The rows of the kernel whose inputs are active, and the bias. */
static void add_support(const dt_layer *layer, const dt_tile *input, size_t offset,
                        dt_support *support)
{
    size_t outputs = (size_t)layer->outputs;
    for (int i = 0; i < input->active_count; i++) {
        size_t first = offset + (size_t)input->active[i] * outputs;
        dt_support_add(support, first, first + outputs);
    }
    dt_support_add(support, offset + weight_count(layer), offset + layer->parameter_count);
}

static double squares_of(const dt_tile *tile, int sample)
{
    const dt_support row = {1, &(dt_interval){0, (size_t)tile->width}};
    return dt_support_squares(&row, tile->values + sample * tile->stride);
}

static void add_squares(const dt_layer *layer, const dt_tile *input, const dt_tile *output_gradient,
                        double *squares)
{
    double bias = ((const dense *)layer)->bias ? 1 : 0;
    for (int i = 0; i < input->samples; i++)
        squares[i] =
            __builtin_fma(squares_of(input, i) + bias, squares_of(output_gradient, i), squares[i]);
}

static void destroy(dt_layer *layer)
{
    dt_free(((dense *)layer)->active);
    dt_free(layer);
}

static const dt_layer_ops ops = {describe,    initialise,  forward, backward,
                                 add_support, add_squares, destroy};

dt_status dt_dense_create(const char *name, int inputs, int outputs, bool bias, dt_layer **out,
                          dt_error *error)
{
    dense *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    dt_layer *base = &self->base;
    base->ops = &ops;
    base->inputs = inputs;
    base->outputs = outputs;
    self->bias = bias;
    size_t weights = weight_count(base);
    base->parameter_count = weights + (bias ? (size_t)outputs : 0);
    base->tensor_count = bias ? 2 : 1;
    base->tensors[0] =
        (dt_tensor){.name = "kernel", .rank = 2, .shape = {inputs, outputs}, .offset = 0};
    base->tensors[1] =
        (dt_tensor){.name = "bias", .rank = 1, .shape = {outputs}, .offset = weights};
    for (int i = 0; i < base->tensor_count; i++)
        snprintf(base->tensors[i].layer, sizeof base->tensors[i].layer, "%s", name);

    self->active = dt_calloc((size_t)inputs, sizeof *self->active, error);
    if (!self->active) {
        destroy(base);
        return error->status;
    }
    *out = base;
    return DT_OK;
}
