#include <string.h>

#include "nn/layer.h"

static void forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    for (int i = 0; i < pass->input->samples; i++) {
        const dt_real *x = dt_tile_row(pass->input, i), *s = dt_tile_row(pass->second, i);
        dt_real *y = dt_tile_row(pass->output, i);
        for (int j = 0; j < layer->inputs; j++)
            y[j] = x[j] + s[j];
    }
}

static void backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    for (int i = 0; pass->input_gradient && i < pass->input->samples; i++)
        memcpy(dt_tile_row(pass->input_gradient, i), dt_tile_row(pass->output_gradient, i),
               (size_t)layer->inputs * sizeof(dt_real));
}

static void backward_second(const dt_layer *layer, const dt_layer_pass *pass)
{
    for (int i = 0; i < pass->input->samples; i++) {
        const dt_real *dy = dt_tile_row(pass->output_gradient, i);
        dt_real *ds = dt_tile_row(pass->second_gradient, i);
        for (int j = 0; j < layer->inputs; j++)
            ds[j] += dy[j];
    }
}

extern const dt_layer_kind dt_layer_add;
/* source: K. He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385 */
const dt_layer_kind dt_layer_add = {
    .name = "add",
    .help = "x + s, s what the item 'as LABEL' gives: a residual connection",
    .second = "of an item in front of it, which gives values of the same shape",
    .forward = forward,
    .backward = backward,
    .backward_second = backward_second,
    .takes = DT_TAKES_EITHER,
    .torch = "Add({second})",
    .torch_class =
        "class Add(nn.Module):\n"
        "    \"\"\"Adds what comes out of the first `second` modules, as `turn` makes it."
        "\"\"\"\n"
        "    def __init__(self, second, turn=None):\n"
        "        super().__init__()\n"
        "        self.second, self.turn = second, turn or nn.Identity()\n\n"
        "    def forward(self, x, second):\n"
        "        return x + self.turn(second)\n",
    .onnx = {DT_ONNX_STEP("Add", "xy")},
};
