#include <string.h>

#include "base/random.h"
#include "nn/layer.h"

enum { P };

/* Values whose factors are found together; a block of random numbers has WORDS. */
enum { ROOM = 64, WORDS = 4 };

/* What ROOM values from number `first` on are multiplied by: 0, or 1 / (1 - P). The words of one
 * block are for values that follow one another. */
static void find_factors(const dt_layer *layer, const dt_random_key *key, int first,
                         dt_real *factors)
{
    uint32_t drops = (uint32_t)(layer->arguments[P] * 0x1p32); /* words below it */
    dt_real kept = (dt_real)(1 / (1 - layer->arguments[P]));
    for (int i = 0; i < ROOM / WORDS; i++) {
        dt_random_block block = dt_random_at(key, (uint32_t)(first / WORDS + i));
        for (int k = 0; k < WORDS; k++)
            factors[WORDS * i + k] = block.word[k] < drops ? (dt_real)0 : kept;
    }
}

/* Both passes multiply each value by its factor, drawn anew. */
static void multiply(const dt_layer *layer, const dt_layer_pass *pass, const dt_tile *from,
                     dt_tile *to)
{
    const dt_noise *noise = pass->noise;
    for (int i = 0; i < pass->input->samples; i++) {
        const dt_real *x = dt_tile_row(from, i);
        dt_real *y = dt_tile_row(to, i);
        if (!noise) {
            memcpy(y, x, (size_t)layer->inputs * sizeof *y);
            continue;
        }
        const dt_random_key key = {.seed = noise->seed,
                                   .stream = DT_STREAM_DROPOUT,
                                   .part = (uint32_t)pass->number,
                                   .epoch = noise->epoch,
                                   .sample = (uint32_t)noise->places[i]};
        for (int first = 0; first < layer->inputs; first += ROOM) {
            dt_real factors[ROOM];
            int left = layer->inputs - first, count = left < ROOM ? left : ROOM;
            find_factors(layer, &key, first, factors);
            for (int j = 0; j < count; j++)
                y[first + j] = x[first + j] * factors[j];
        }
    }
}

static void forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    multiply(layer, pass, pass->input, pass->output);
}

static void backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    if (pass->input_gradient)
        multiply(layer, pass, pass->output_gradient, pass->input_gradient);
}

extern const dt_layer_kind dt_layer_dropout;
/* source: N. Srivastava et al., Dropout, JMLR 15 (2014); values are scaled in training, so that
 * evaluation is the identity. */
const dt_layer_kind dt_layer_dropout = {
    .name = "dropout",
    .help = "in training a value is 0 with probability P, else x / (1 - P); elsewhere it is x",
    .argument_count = 1,
    .arguments = {[P] = DT_ARGUMENT("p", DT_ARGUMENT_REAL, 0, 0.99, NULL, "probability of 0")},
    .forward = forward,
    .backward = backward,
    .takes = DT_TAKES_EITHER,
    .torch = "nn.Dropout({p})",
    .onnx = {DT_ONNX_STEP("Identity", "x")},
};
