/* Pooling: what a window of each channel comes to. */
#include <math.h>
#include <string.h>

#include "nn/layer.h"
#include "nn/simd.h"
#include "window.h"

enum { KERNEL, STRIDE, PAD };

/* The window of all of the image. */
enum { ALL = -1 };

static dt_status windows_of(const dt_layer *layer, window *at, dt_error *error)
{
    double kernel = layer->arguments[KERNEL];
    bool all = kernel == ALL;
    *at = (window){.height = all ? layer->input.height : dt_argument_height(kernel),
                   .width = all ? layer->input.width : dt_argument_width(kernel)};
    dt_status status =
        window_place(layer, layer->arguments[STRIDE], layer->arguments[PAD], at, error);
    if (!status && (at->top > at->height / 2 || at->left > at->width / 2))
        return dt_fail(error, DT_ERR_CONFIG,
                       "%s %dx%d: expected a padding of at most half of the window, found %dx%d",
                       layer->kind->name, at->height, at->width, at->top, at->left);
    return status;
}

static dt_status shape(dt_layer *layer, dt_error *error)
{
    window at;
    dt_status status = windows_of(layer, &at, error);
    if (!status)
        layer->output = (dt_shape){at.rows, at.columns, layer->input.channels};
    return status;
}

/* A window's part that lies in the image. */
typedef struct part {
    int first_row, end_row, first_column, end_column;
} part;

static part part_of(const dt_layer *layer, const window *at, int row, int column)
{
    int y = row * at->down - at->top, x = column * at->across - at->left;
    return (part){larger(y, 0), least(y + at->height, layer->input.height), larger(x, 0),
                  least(x + at->width, layer->input.width)};
}

#define INLINE static inline __attribute__((always_inline))

/* Takes into y the values x of a window at one place, a channel in each lane. */
typedef dt_vector take(dt_vector x, dt_vector y);
/* What the values x of a window at one place get of dy. taken: zero at the window's first. */
typedef dt_vector give(dt_vector x, dt_vector y, dt_vector dy, dt_vector *taken);

static const dt_real *place(const dt_layer *layer, const dt_real *image, int row, int column)
{
    return image + (row * layer->input.width + column) * layer->input.channels;
}

INLINE void pool(const dt_layer *layer, const window *at, dt_real begin, take *function,
                 const dt_real *x, dt_real *y)
{
    int channels = layer->input.channels;
    for (int row = 0; row < at->rows; row++)
        for (int column = 0; column < at->columns; column++, y += channels) {
            part p = part_of(layer, at, row, column);
            for (int c = 0; c < channels; c += DT_LANES) {
                dt_vector value = (dt_vector){0} + begin;
                for (int i = p.first_row; i < p.end_row; i++)
                    for (int j = p.first_column; j < p.end_column; j++)
                        value = function(dt_vector_load(place(layer, x, i, j) + c), value);
                dt_vector_store_some(y + c, least(channels - c, DT_LANES), value);
            }
        }
}

/* Whether no value lies in two windows. */
static bool lie_apart(const window *at)
{
    return at->down >= at->height && at->across >= at->width;
}

INLINE void unpool(const dt_layer *layer, const window *at, give *function, const dt_real *x,
                   const dt_real *y, const dt_real *dy, dt_real *dx)
{
    int channels = layer->input.channels;
    bool apart = lie_apart(at);
    memset(dx, 0, (size_t)layer->inputs * sizeof *dx);
    for (int row = 0; row < at->rows; row++)
        for (int column = 0; column < at->columns; column++, y += channels, dy += channels) {
            part p = part_of(layer, at, row, column);
            for (int c = 0; c < channels; c += DT_LANES) {
                int count = least(channels - c, DT_LANES);
                const dt_vector zero = {0};
                dt_vector taken = zero, its = dt_vector_load(y + c), error = dt_vector_load(dy + c);
                for (int i = p.first_row; i < p.end_row; i++)
                    for (int j = p.first_column; j < p.end_column; j++) {
                        const dt_real *from = place(layer, x, i, j) + c;
                        dt_real *to = dx + (from - x);
                        dt_vector gets = function(dt_vector_load(from), its, error, &taken);
                        dt_vector_store_some(to, count, gets + (apart ? zero : dt_vector_load(to)));
                    }
            }
        }
}

/* NaN is the largest, and stays. */
INLINE dt_vector take_largest(dt_vector x, dt_vector y)
{
    return dt_vector_choose((x > y) | (x != x), x, y);
}

/* To the first that is the largest. */
INLINE dt_vector give_largest(dt_vector x, dt_vector y, dt_vector dy, dt_vector *taken)
{
    dt_vector takes = dt_vector_choose(x < y, (dt_vector){0}, (dt_real)1 - *taken);
    *taken += takes;
    return takes * dy;
}

INLINE dt_vector take_sum(dt_vector x, dt_vector y)
{
    return y + x;
}

INLINE dt_vector give_all(dt_vector x, dt_vector y, dt_vector dy, dt_vector *taken)
{
    (void)x, (void)y, (void)taken;
    return dy;
}

static void max_forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    window at;
    (void)windows_of(layer, &at, NULL);
    for (int i = 0; i < pass->input->samples; i++)
        pool(layer, &at, -(dt_real)INFINITY, take_largest, dt_tile_row(pass->input, i),
             dt_tile_row(pass->output, i));
}

static void max_backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    window at;
    (void)windows_of(layer, &at, NULL);
    for (int i = 0; pass->input_gradient && i < pass->input->samples; i++)
        unpool(layer, &at, give_largest, dt_tile_row(pass->input, i), dt_tile_row(pass->output, i),
               dt_tile_row(pass->output_gradient, i), dt_tile_row(pass->input_gradient, i));
}

/* Padding counts, as zeros. */
static dt_real share(const window *at)
{
    return (dt_real)1 / (dt_real)(at->height * at->width);
}

static void scale(size_t count, dt_real factor, dt_real *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] *= factor;
}

static void mean_forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    window at;
    (void)windows_of(layer, &at, NULL);
    for (int i = 0; i < pass->input->samples; i++) {
        dt_real *y = dt_tile_row(pass->output, i);
        pool(layer, &at, 0, take_sum, dt_tile_row(pass->input, i), y);
        scale((size_t)layer->outputs, share(&at), y);
    }
}

static void mean_backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    window at;
    (void)windows_of(layer, &at, NULL);
    for (int i = 0; pass->input_gradient && i < pass->input->samples; i++) {
        dt_real *dx = dt_tile_row(pass->input_gradient, i);
        unpool(layer, &at, give_all, dt_tile_row(pass->input, i), dt_tile_row(pass->output, i),
               dt_tile_row(pass->output_gradient, i), dx);
        scale((size_t)layer->inputs, share(&at), dx);
    }
}

#define ARGUMENTS                                                                                  \
    .argument_count = 3,                                                                           \
    .arguments = {[KERNEL] = DT_ARGUMENT("kernel", DT_ARGUMENT_SIZE, 1, WINDOW_MOST, NULL,         \
                                         "the window; all: the whole image", .word = "all",        \
                                         .means = ALL),                                            \
                  [STRIDE] = DT_ARGUMENT("stride", DT_ARGUMENT_SIZE, 1, WINDOW_MOST, "kernel",     \
                                         "between windows; kernel: none lie on another",           \
                                         .word = "kernel", .means = WINDOW_STRIDE_OF_KERNEL),      \
                  [PAD] = DT_ARGUMENT("pad", DT_ARGUMENT_SIZE, 0, WINDOW_MOST / 2, "0", PADDING,   \
                                      .word = "same", .means = WINDOW_SAME)}

extern const dt_layer_kind dt_layer_maxpool, dt_layer_avgpool;
#define PADDING "on each side, never the largest; same: an output of input / stride, rounded up"
const dt_layer_kind dt_layer_maxpool = {
    .name = "maxpool",
    .help = "the largest value of each window, channel by channel",
    ARGUMENTS,
    .shape = shape,
    .forward = max_forward,
    .backward = max_backward,
    .windows = windows_of,
    .takes = DT_TAKES_IMAGE,
    .torch = "nn.MaxPool2d({window}, {step}, {padding})",
    .torch_border = "nn.ConstantPad2d({sides}, -torch.inf)",
    .onnx = {DT_ONNX_STEP("MaxPool", "x", .windows = true)},
};
#undef PADDING
#define PADDING "zeros on each side, which count; same: an output of input / stride, rounded up"
const dt_layer_kind dt_layer_avgpool = {
    .name = "avgpool",
    .help = "the mean of each window, channel by channel",
    ARGUMENTS,
    .shape = shape,
    .forward = mean_forward,
    .backward = mean_backward,
    .windows = windows_of,
    .takes = DT_TAKES_IMAGE,
    .torch = "nn.AvgPool2d({window}, {step}, {padding})",
    .torch_border = "nn.ZeroPad2d({sides})",
    .onnx = {DT_ONNX_STEP("AveragePool", "x", .windows = true, .attribute = "count_include_pad",
                          .value = 1, .whole = true)},
};
