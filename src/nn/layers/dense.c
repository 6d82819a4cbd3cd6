#include <string.h>

#include "nn/layer.h"
#include "nn/matmul.h"

enum { UNITS, BIAS };

static size_t weight_count(const dt_layer *layer)
{
    return (size_t)layer->inputs * (size_t)layer->outputs;
}

static bool has_bias(const dt_layer *layer)
{
    return layer->arguments[BIAS] != 0;
}

static dt_status shape(dt_layer *layer, dt_error *error)
{
    (void)error;
    layer->output = (dt_shape){1, 1, (int)layer->arguments[UNITS]};
    return DT_OK;
}

static int tensors(dt_layer *layer)
{
    layer->tensors[0] = (dt_tensor){.name = "kernel",
                                    .role = DT_TENSOR_WEIGHT,
                                    .rank = 2,
                                    .shape = {layer->inputs, layer->outputs}};
    layer->tensors[1] =
        (dt_tensor){.name = "bias", .role = DT_TENSOR_BIAS, .rank = 1, .shape = {layer->outputs}};
    return has_bias(layer) ? 2 : 1;
}

static void forward(const dt_layer *layer, const dt_real *parameters, const dt_tile *input,
                    dt_tile *output)
{
    size_t outputs = (size_t)layer->outputs, row_size = outputs * sizeof(dt_real);
    for (int i = 0; i < input->samples; i++) {
        dt_real *row = output->values + i * output->stride;
        if (has_bias(layer))
            memcpy(row, parameters + weight_count(layer), row_size);
        else
            memset(row, 0, row_size);
    }
    dt_matmul(input->samples, layer->outputs, input->active_count, input->active, input->values,
              input->stride, parameters, layer->outputs, output->values, output->stride);
}

/* Rows first .. end - 1 of the kernel's gradient. */
static void sum_rows(const dt_layer *self, int first, int end, const dt_tile *input,
                     const dt_tile *output_gradient, const dt_summation *summation)
{
    int outputs = self->outputs, active = 0;
    for (int i = 0; i < input->active_count; i++)
        if (first <= input->active[i] && input->active[i] < end)
            self->scratch[active++] = input->active[i] - first;
    dt_summation of_rows = *summation;
    of_rows.offset += (size_t)first * (size_t)outputs;
    dt_matmul_transposed(end - first, outputs, active, self->scratch, input->values + first,
                         input->stride, output_gradient->values, output_gradient->stride, &of_rows,
                         outputs);
}

/* In parts, the last rows first; the listener is told of each. */
static void sum_in_parts(const dt_layer *self, const dt_tile *input, const dt_tile *output_gradient,
                         const dt_summation *summation)
{
    const dt_listener *listener = summation->listener;
    int64_t inputs = self->inputs;
    int64_t parts = 1 + (int64_t)((weight_count(self) - 1) / listener->part);
    parts = parts < inputs ? parts : inputs;
    for (int64_t i = parts - 1; i >= 0; i--) {
        int first = (int)(inputs * i / parts), end = (int)(inputs * (i + 1) / parts);
        sum_rows(self, first, end, input, output_gradient, summation);
        size_t final = summation->offset + (size_t)first * (size_t)self->outputs;
        listener->final(listener->state, final);
    }
}

static void sum_gradients(const dt_layer *self, const dt_tile *input,
                          const dt_tile *output_gradient, const dt_summation *summation)
{
    int inputs = self->inputs, outputs = self->outputs;
    const dt_real *dy = output_gradient->values;
    ptrdiff_t stride = output_gradient->stride;
    if (has_bias(self)) {
        /* The bias is the weight of one more input that is always 1. */
        static const dt_real one = 1;
        static const int32_t first = 0;
        dt_summation of_bias = *summation;
        of_bias.offset += weight_count(self);
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
    sum_gradients(layer, input, output_gradient, summation);
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
    double bias = has_bias(layer) ? 1 : 0;
    for (int i = 0; i < input->samples; i++)
        squares[i] =
            __builtin_fma(squares_of(input, i) + bias, squares_of(output_gradient, i), squares[i]);
}

extern const dt_layer_kind dt_layer_dense;
const dt_layer_kind dt_layer_dense = {
    .name = "dense",
    .help = "y = x W + b, every output from every input",
    .argument_count = 2,
    .arguments = {[UNITS] = {"units", DT_ARGUMENT_INTEGER, 1, 0x1p20, NULL, "outputs"},
                  [BIAS] = {"bias", DT_ARGUMENT_BOOL, 0, 1, "true", "add b"}},
    .shape = shape,
    .tensors = tensors,
    .forward = forward,
    .backward = backward,
    .add_support = add_support,
    .add_squares = add_squares,
    .keras = "dense",
    .torch = "nn.Linear({inputs}, {units}, bias={bias})",
    .onnx = {DT_ONNX_STEP("Gemm", "x01")},
};
