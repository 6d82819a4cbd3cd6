#include <string.h>

#include "nn/layer.h"

static dt_status shape(dt_layer *layer, dt_error *error)
{
    (void)error;
    layer->output = (dt_shape){1, 1, layer->inputs};
    return DT_OK;
}

static void copy(int samples, const dt_tile *from, const dt_tile *to)
{
    for (int i = 0; i < samples; i++)
        memcpy(dt_tile_row(to, i), dt_tile_row(from, i), (size_t)from->width * sizeof(dt_real));
}

static void forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    (void)layer;
    copy(pass->input->samples, pass->input, pass->output);
}

static void backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    (void)layer;
    if (pass->input_gradient)
        copy(pass->input->samples, pass->output_gradient, pass->input_gradient);
}

extern const dt_layer_kind dt_layer_flatten;
const dt_layer_kind dt_layer_flatten = {
    .name = "flatten",
    .help = "the values of an image in a row; a dense layer does so by itself",
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .torch = "", /* what turns an image into a row stands in front of it */
    .onnx = {DT_ONNX_STEP("Identity", "x")},
};
