#include "norm.h"

enum { GROUPS, EPSILON };

static norm norm_of(const dt_layer *layer)
{
    dt_shape input = layer->input;
    return (norm){input.height * input.width, input.channels, (int)layer->arguments[GROUPS],
                  layer->arguments[EPSILON]};
}

static dt_status shape(dt_layer *layer, dt_error *error)
{
    int groups = (int)layer->arguments[GROUPS], channels = layer->input.channels;
    norm self = norm_of(layer);
    if (channels % groups == 0)
        return norm_check(&self, layer, error);
    return dt_fail(error, DT_ERR_CONFIG,
                   "%s %d: expected as many channels in every group, found an input of %d "
                   "channels, which %d does not divide",
                   layer->kind->name, groups, channels, groups);
}

static int tensors(dt_layer *layer)
{
    return norm_tensors(layer, 1, (const int64_t[]){layer->input.channels});
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

extern const dt_layer_kind dt_layer_groupnorm;
/* source: Y. Wu, K. He, Group Normalization, arXiv:1803.08494 */
const dt_layer_kind dt_layer_groupnorm = {
    .name = "groupnorm",
    .help = "layernorm of each group of channels, with a gain and a shift for each channel",
    .argument_count = 2,
    .arguments = {[GROUPS] = DT_ARGUMENT("groups", DT_ARGUMENT_INTEGER, 1, 0x1p20, NULL,
                                         "they divide the channels of the input"),
                  [EPSILON] = DT_ARGUMENT("epsilon", DT_ARGUMENT_REAL, 1e-12, 1, "1e-05",
                                          "keeps y finite")},
    .shape = shape,
    .tensors = tensors,
    .forward = forward,
    .backward = backward,
    .needs = needs,
    .takes = DT_TAKES_EITHER,
    .keras = "group_normalization",
    .torch = "nn.GroupNorm({groups}, {channels}, eps={epsilon})",
    .onnx = {DT_ONNX_STEP("Reshape", "xg"),
             DT_ONNX_STEP("ReduceMean", "A", .attribute = "axes", .value = 2, .list = true),
             DT_ONNX_STEP("Sub", "AB"), DT_ONNX_STEP("Mul", "CC"),
             DT_ONNX_STEP("ReduceMean", "D", .attribute = "axes", .value = 2, .list = true),
             DT_ONNX_STEP("Add", "Eb"), DT_ONNX_STEP("Sqrt", "F"), DT_ONNX_STEP("Div", "CG"),
             DT_ONNX_STEP("Reshape", "Hs"), DT_ONNX_STEP("Mul", "I0"), DT_ONNX_STEP("Add", "J1")},
    .ordered = true,
};
