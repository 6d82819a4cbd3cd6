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

static dt_matrix matrix_of(const dt_tile *tile)
{
    return (dt_matrix){tile->values, tile->stride};
}

static dt_matrix weights_of(const dt_layer *layer, const dt_layer_pass *pass)
{
    return (dt_matrix){pass->parameters, layer->outputs};
}

static void forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    const dt_tile *x = pass->input, *y = pass->output;
    size_t row_size = (size_t)layer->outputs * sizeof(dt_real);
    for (int i = 0; i < x->samples; i++)
        if (has_bias(layer))
            memcpy(dt_tile_row(y, i), pass->parameters + weight_count(layer), row_size);
        else
            memset(dt_tile_row(y, i), 0, row_size);
    dt_matmul((dt_columns){x->active_count, x->active}, matrix_of(x), weights_of(layer, pass),
              (dt_product){y->values, y->stride, x->samples, layer->outputs});
}

/* Rows first .. end - 1 of the kernel's gradient. */
static void sum_rows(const dt_layer *self, const dt_layer_pass *pass, int first, int end)
{
    const dt_tile *x = pass->input;
    int active = 0;
    for (int i = 0; i < x->active_count; i++)
        if (first <= x->active[i] && x->active[i] < end)
            self->indices[active++] = x->active[i] - first;
    dt_summation of_rows = *pass->summation;
    of_rows.offset += (size_t)first * (size_t)self->outputs;
    dt_matmul_transposed(end - first, self->outputs, (dt_columns){active, self->indices},
                         (dt_matrix){x->values + first, x->stride},
                         matrix_of(pass->output_gradient), &of_rows);
}

/* In parts, the last rows first; the listener is told of each. */
static void sum_in_parts(const dt_layer *self, const dt_layer_pass *pass)
{
    const dt_listener *listener = pass->summation->listener;
    int64_t inputs = self->inputs;
    int64_t parts = 1 + (int64_t)((weight_count(self) - 1) / listener->part);
    parts = parts < inputs ? parts : inputs;
    for (int64_t i = parts - 1; i >= 0; i--) {
        int first = (int)(inputs * i / parts), end = (int)(inputs * (i + 1) / parts);
        sum_rows(self, pass, first, end);
        listener->final(listener->state,
                        pass->summation->offset + (size_t)first * (size_t)self->outputs);
    }
}

/* The bias is the weight of one more input that is always 1. */
static void sum_bias(const dt_layer *self, const dt_layer_pass *pass)
{
    static const dt_real one = 1;
    static const int32_t first = 0;
    dt_summation of_bias = *pass->summation;
    of_bias.offset += weight_count(self);
    dt_matmul_transposed(1, self->outputs, (dt_columns){1, &first}, (dt_matrix){&one, 0},
                         matrix_of(pass->output_gradient), &of_bias);
}

static double squares_of(const dt_tile *tile, int sample)
{
    return dt_squares((size_t)tile->width, dt_tile_row(tile, sample));
}

static void add_squares(const dt_layer *layer, const dt_layer_pass *pass)
{
    double bias = has_bias(layer) ? 1 : 0;
    for (int i = 0; i < pass->input->samples; i++)
        pass->squares[i] = __builtin_fma(squares_of(pass->input, i) + bias,
                                         squares_of(pass->output_gradient, i), pass->squares[i]);
}

static void backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    const dt_tile *x = pass->input, *dx = pass->input_gradient;
    dt_matrix dy = matrix_of(pass->output_gradient);
    if (has_bias(layer))
        sum_bias(layer, pass);
    if (pass->summation->listener)
        sum_in_parts(layer, pass);
    else if (!pass->factored)
        dt_matmul_transposed(layer->inputs, layer->outputs,
                             (dt_columns){x->active_count, x->active}, matrix_of(x), dy,
                             pass->summation);
    if (pass->squares)
        add_squares(layer, pass);
    if (dx)
        dt_matmul_by_transposed(layer->outputs, dy, weights_of(layer, pass),
                                (dt_product){dx->values, dx->stride, x->samples, layer->inputs});
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

/* For the rows of a part that are active. */
static void needs(const dt_layer *layer, size_t *indices, size_t *work)
{
    (void)work;
    *indices = (size_t)layer->inputs;
}

static double flops(const dt_layer *layer)
{
    return (double)weight_count(layer);
}

extern const dt_layer_kind dt_layer_dense;
const dt_layer_kind dt_layer_dense = {
    .name = "dense",
    .help = "y = x W + b, every output from every input",
    .argument_count = 2,
    .arguments = {[UNITS] = DT_ARGUMENT("units", DT_ARGUMENT_INTEGER, 1, 0x1p20, NULL, "outputs"),
                  [BIAS] = DT_ARGUMENT("bias", DT_ARGUMENT_BOOL, 0, 1, "true", "add b")},
    .shape = shape,
    .tensors = tensors,
    .forward = forward,
    .backward = backward,
    .add_support = add_support,
    .needs = needs,
    .flops = flops,
    .factors = true,
    .keras = "dense",
    .torch = "nn.Linear({inputs}, {units}, bias={bias})",
    .onnx = {DT_ONNX_STEP("Gemm", "x01")},
};
