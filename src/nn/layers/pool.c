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

/* A window's rows, or columns, that lie in the image. */
typedef struct part {
    int first, count;
} part;

static part part_of(int first, int size, int length)
{
    int begin = larger(first, 0);
    return (part){begin, least(first + size, length) - begin};
}

#define INLINE static inline __attribute__((always_inline))

/* Takes into y the values x of a window at one place, a channel in each lane. */
typedef dt_vector take(dt_vector x, dt_vector y);
/* What the values x of a window at one place get of dy. taken: the lanes in which one before has
 * it.
 */
typedef dt_vector give(dt_vector x, dt_vector y, dt_vector dy, dt_lane_set *taken);

/* Whether no value lies in two windows, and whether each lies in one. */
static bool lie_apart(const window *at)
{
    return at->down >= at->height && at->across >= at->width;
}

static bool cover(const dt_layer *layer, const window *at)
{
    return at->down <= at->height && at->across <= at->width &&
           at->bordered_height >= at->top + layer->input.height &&
           at->bordered_width >= at->left + layer->input.width;
}

/* A window: `rows` of `columns` places from x on, from row to row `down` values. */
INLINE void pool_window(int rows, int columns, int channels, ptrdiff_t down, dt_real begin,
                        take *function, const dt_real *x, dt_real *y)
{
    for (int c = 0; c < channels; c += DT_LANES) {
        dt_vector value = (dt_vector){0} + begin;
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
                value = function(dt_vector_load(x + i * down + j * channels + c), value);
        dt_vector_store_some(y + c, least(channels - c, DT_LANES), value);
    }
}

INLINE void pool(const dt_layer *layer, const window *at, dt_real begin, take *function,
                 const dt_real *x, dt_real *y)
{
    int channels = layer->input.channels;
    ptrdiff_t down = (ptrdiff_t)layer->input.width * channels;
    for (int row = 0; row < at->rows; row++) {
        part rows = part_of(row * at->down - at->top, at->height, layer->input.height);
        for (int column = 0; column < at->columns; column++, y += channels) {
            part columns = part_of(column * at->across - at->left, at->width, layer->input.width);
            const dt_real *from = x + rows.first * down + columns.first * channels;
            if (rows.count == 2 && columns.count == 2) /* the usual: unrolled */
                pool_window(2, 2, channels, down, begin, function, from, y);
            else
                pool_window(rows.count, columns.count, channels, down, begin, function, from, y);
        }
    }
}

INLINE void unpool_window(int rows, int columns, int channels, ptrdiff_t down, bool apart,
                          give *function, const dt_real *x, const dt_real *y, const dt_real *dy,
                          dt_real *dx)
{
    const dt_vector zero = {0};
    for (int c = 0; c < channels; c += DT_LANES) {
        int count = least(channels - c, DT_LANES);
        dt_vector its = dt_vector_load(y + c), error = dt_vector_load(dy + c);
        dt_lane_set taken = {0};
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) {
                ptrdiff_t at = i * down + j * channels + c;
                dt_vector gets = function(dt_vector_load(x + at), its, error, &taken);
                dt_vector_store_some(dx + at, count,
                                     gets + (apart ? zero : dt_vector_load(dx + at)));
            }
    }
}

INLINE void unpool(const dt_layer *layer, const window *at, give *function, const dt_real *x,
                   const dt_real *y, const dt_real *dy, dt_real *dx)
{
    int channels = layer->input.channels;
    ptrdiff_t down = (ptrdiff_t)layer->input.width * channels;
    bool apart = lie_apart(at);
    if (!apart || !cover(layer, at))
        memset(dx, 0, (size_t)layer->inputs * sizeof *dx);
    for (int row = 0; row < at->rows; row++) {
        part rows = part_of(row * at->down - at->top, at->height, layer->input.height);
        for (int column = 0; column < at->columns; column++, y += channels, dy += channels) {
            part columns = part_of(column * at->across - at->left, at->width, layer->input.width);
            ptrdiff_t to = rows.first * down + columns.first * channels;
            if (apart && rows.count == 2 && columns.count == 2)
                unpool_window(2, 2, channels, down, true, function, x + to, y, dy, dx + to);
            else
                unpool_window(rows.count, columns.count, channels, down, apart, function, x + to, y,
                              dy, dx + to);
        }
    }
}

/* To the first that is the largest. */
INLINE dt_vector give_largest(dt_vector x, dt_vector y, dt_vector dy, dt_lane_set *taken)
{
    dt_lane_set takes = dt_vector_not_less(x, y) & ~*taken;
    *taken |= takes;
    return dt_vector_keep(takes, dy);
}

INLINE dt_vector take_sum(dt_vector x, dt_vector y)
{
    return y + x;
}

INLINE dt_vector give_all(dt_vector x, dt_vector y, dt_vector dy, dt_lane_set *taken)
{
    (void)x, (void)y, (void)taken;
    return dy;
}

static void max_forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    window at;
    (void)windows_of(layer, &at, NULL);
    for (int i = 0; i < pass->input->samples; i++)
        pool(layer, &at, -(dt_real)INFINITY, dt_vector_larger, dt_tile_row(pass->input, i),
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
                                         "between windows; kernel: windows do not overlap",        \
                                         .word = "kernel", .means = WINDOW_STRIDE_OF_KERNEL),      \
                  [PAD] = DT_ARGUMENT("pad", DT_ARGUMENT_SIZE, 0, WINDOW_MOST / 2, "0", PADDING,   \
                                      .word = "same", .means = WINDOW_SAME)}

extern const dt_layer_kind dt_layer_maxpool, dt_layer_avgpool;
#define PADDING                                                                                    \
    "on each side; padding is never the maximum; same: an output of input / stride, rounded up"
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
