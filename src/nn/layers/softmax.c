#include "nn/layer.h"
#include "nn/vector_math.h"

/* The largest x is subtracted first. */
static void forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    int width = layer->outputs;
    for (int i = 0; i < pass->input->samples; i++) {
        const dt_real *x = dt_tile_row(pass->input, i);
        dt_real *y = dt_tile_row(pass->output, i);
        dt_real largest = x[0], sum = 0;
        for (int j = 1; j < width; j++)
            largest = x[j] > largest ? x[j] : largest;
        for (int j = 0; j < width; j++)
            sum += y[j] = dt_exp(x[j] - largest);
        for (int j = 0; j < width; j++)
            y[j] /= sum;
    }
}

/* dx_j = y_j (dy_j - sum_k y_k dy_k) */
static void backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    int width = layer->outputs;
    for (int i = 0; pass->input_gradient && i < pass->input->samples; i++) {
        const dt_real *y = dt_tile_row(pass->output, i),
                      *dy = dt_tile_row(pass->output_gradient, i);
        dt_real *dx = dt_tile_row(pass->input_gradient, i), sum = 0;
        for (int j = 0; j < width; j++)
            sum = dt_fma(y[j], dy[j], sum);
        for (int j = 0; j < width; j++)
            dx[j] = y[j] * (dy[j] - sum);
    }
}

extern const dt_layer_kind dt_layer_softmax;
const dt_layer_kind dt_layer_softmax = {
    .name = "softmax",
    .help = "y_j = e^(x_j) / sum over k of e^(x_k)",
    .follows = true,
    .forward = forward,
    .backward = backward,
    .torch = "nn.Softmax(1)",
    .onnx = {DT_ONNX_STEP("Softmax", "x", .attribute = "axis", .value = 1, .whole = true)},
};
