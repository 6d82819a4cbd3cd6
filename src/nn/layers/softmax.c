#include "nn/layer.h"
#include "nn/vector_math.h"

/* The largest x is subtracted first. */
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

/* dx_j = y_j (dy_j - sum_k y_k dy_k) */
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
        const dt_real *y = output->values + i * output->stride;
        const dt_real *dy = output_gradient->values + i * output_gradient->stride;
        dt_real *dx = input_gradient->values + i * input_gradient->stride, sum = 0;
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
