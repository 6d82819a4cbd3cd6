#include "norm.h"

enum { EPSILON };

static norm norm_of(const dt_layer *layer)
{
    return (norm){1, layer->inputs, 1, layer->arguments[EPSILON]};
}

static dt_status shape(dt_layer *layer, dt_error *error)
{
    norm self = norm_of(layer);
    return norm_check(&self, layer, error);
}

/* As the input's: a row of values, or [height][width][channels]. */
static int tensors(dt_layer *layer)
{
    dt_shape input = layer->input;
    int64_t shape[] = {input.height, input.width, input.channels};
    return dt_shape_is_image(input) ? norm_tensors(layer, 3, shape)
                                    : norm_tensors(layer, 1, shape + 2);
}

static void forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    norm self = norm_of(layer);
    norm_forward(&self, layer, pass);
}

static void backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    norm self = norm_of(layer);
    norm_backward(&self, layer, pass);
}

static void needs(const dt_layer *layer, size_t *indices, size_t *work)
{
    norm self = norm_of(layer);
    (void)indices;
    *work = norm_work(&self);
}

extern const dt_layer_kind dt_layer_layernorm;
/* source: J. L. Ba, J. R. Kiros, G. E. Hinton, Layer Normalization, arXiv:1607.06450 */
const dt_layer_kind dt_layer_layernorm = {
    .name = "layernorm",
    .help = "y = gain (x - mean) / sqrt(variance + epsilon) + shift, of each sample",
    .argument_count = 1,
    .arguments = {[EPSILON] = DT_ARGUMENT("epsilon", DT_ARGUMENT_REAL, 1e-12, 1, "1e-05",
                                          "keeps y finite")},
    .shape = shape,
    .tensors = tensors,
    .forward = forward,
    .backward = backward,
    .needs = needs,
    .takes = DT_TAKES_EITHER,
    .keras = "layer_normalization",
    .torch = "nn.LayerNorm({shape}, eps={epsilon})",
    .onnx = {DT_ONNX_STEP("ReduceMean", "x", .sample = true), DT_ONNX_STEP("Sub", "xA"),
             DT_ONNX_STEP("Mul", "BB"), DT_ONNX_STEP("ReduceMean", "C", .sample = true),
             DT_ONNX_STEP("Add", "Da"), DT_ONNX_STEP("Sqrt", "E"), DT_ONNX_STEP("Div", "BF"),
             DT_ONNX_STEP("Mul", "G0"), DT_ONNX_STEP("Add", "H1")},
};
