#include <math.h>

#include "nn/layer.h"
#include "nn/vector_math.h"

enum { EPSILON };

/* 1 / sqrt(mean of x^2 + epsilon); the sum is one chain in the order of the values. */
static dt_real inverse_rms(const dt_layer *layer, const dt_real *x)
{
    dt_real sum = 0;
    for (int j = 0; j < layer->inputs; j++)
        sum = dt_fma(x[j], x[j], sum);
    return (dt_real)1 / (dt_real)sqrt((double)(sum / (dt_real)layer->inputs +
                                               (dt_real)layer->arguments[EPSILON]));
}

static void forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    for (int i = 0; i < pass->input->samples; i++) {
        const dt_real *x = dt_tile_row(pass->input, i);
        dt_real *y = dt_tile_row(pass->output, i), factor = inverse_rms(layer, x);
        for (int j = 0; j < layer->inputs; j++)
            y[j] = factor * x[j];
    }
}

/* dx_j = (dy_j - y_j mean of y dy) / rms */
static void backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    for (int i = 0; pass->input_gradient && i < pass->input->samples; i++) {
        const dt_real *y = dt_tile_row(pass->output, i),
                      *dy = dt_tile_row(pass->output_gradient, i);
        dt_real *dx = dt_tile_row(pass->input_gradient, i), mean = 0;
        dt_real factor = inverse_rms(layer, dt_tile_row(pass->input, i));
        for (int j = 0; j < layer->inputs; j++)
            mean = dt_fma(y[j], dy[j], mean);
        mean /= (dt_real)layer->inputs;
        for (int j = 0; j < layer->inputs; j++)
            dx[j] = factor * dt_fma(-mean, y[j], dy[j]);
    }
}

extern const dt_layer_kind dt_layer_rms;
/* source: B. Zhang, R. Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467 */
const dt_layer_kind dt_layer_rms = {
    .name = "rms",
    .help = "y = x / sqrt(mean of x^2 + epsilon), of each sample; no gain",
    .argument_count = 1,
    .arguments = {[EPSILON] = DT_ARGUMENT("epsilon", DT_ARGUMENT_REAL, 1e-12, 1, "1e-06",
                                          "keeps y finite")},
    .forward = forward,
    .backward = backward,
    .torch = "RMS({epsilon})",
    .torch_class = "class RMS(nn.Module):\n"
                   "    def __init__(self, epsilon):\n"
                   "        super().__init__()\n"
                   "        self.epsilon = epsilon\n\n"
                   "    def forward(self, x):\n"
                   "        return x * torch.rsqrt(x.square().mean(1, True) + self.epsilon)\n",
    .onnx = {DT_ONNX_STEP("Mul", "xx"), DT_ONNX_STEP("ReduceMean", "p", .sample = true),
             DT_ONNX_STEP("Add", "pa"), DT_ONNX_STEP("Sqrt", "p"), DT_ONNX_STEP("Div", "xp")},
};
