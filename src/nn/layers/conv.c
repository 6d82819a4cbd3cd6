#include <string.h>

#include "nn/layer.h"
#include "nn/matmul.h"
#include "nn/simd.h"
#include "window.h"

enum { FILTERS, KERNEL, STRIDE, PAD, BIAS };

/* What the passes know of a layer: its windows, and where its arrays are in work and indices. */
typedef struct plan {
    window at;
    int height, width, in, out;         /* of the input; channels of both */
    int patch, positions;               /* values of a window; windows */
    int taps_down, taps_across;         /* the most windows in which a value lies, less one */
    int errors_height, errors_width;    /* of the output's gradient with a border of zeros */
    dt_real *image, *turned;            /* bordered input; kernel, turned */
    dt_real *gradient;                  /* of a sample alone: [patch + 1][out] */
    dt_real *errors;                    /* bordered gradient of the output, or that of the windows:
                                           [positions][patch] */
    int32_t *position, *value, *output; /* [positions], [patch], [positions] */
    int32_t *to_window;                 /* [positions] */
    int32_t *from, *to, *tap;           /* of the input's gradient: [height * width], so too,
                                           [kernel's height * width * out], at least [positions] */
} plan;

static bool has_bias(const dt_layer *layer)
{
    return layer->arguments[BIAS] != 0;
}

static size_t product(int a, int b, int c)
{
    return (size_t)a * (size_t)b * (size_t)c;
}

static dt_status windows_of(const dt_layer *layer, window *at, dt_error *error)
{
    *at = (window){.height = dt_argument_height(layer->arguments[KERNEL]),
                   .width = dt_argument_width(layer->arguments[KERNEL])};
    return window_place(layer, layer->arguments[STRIDE], layer->arguments[PAD], at, error);
}

/* Of a layer that has been checked; its arrays are not placed. */
static plan measure(const dt_layer *layer)
{
    plan self = {.height = layer->input.height,
                 .width = layer->input.width,
                 .in = layer->input.channels,
                 .out = (int)layer->arguments[FILTERS]};
    window *at = &self.at;
    (void)windows_of(layer, at, NULL);
    self.patch = at->height * at->width * self.in;
    self.positions = at->rows * at->columns;
    self.taps_down = (at->height - 1) / at->down;
    self.taps_across = (at->width - 1) / at->across;
    self.errors_height =
        self.taps_down + larger(at->rows, (at->top + self.height - 1) / at->down + 1);
    self.errors_width =
        self.taps_across + larger(at->columns, (at->left + self.width - 1) / at->across + 1);
    return self;
}

static size_t image_size(const plan *self)
{
    return product(self->at.bordered_height, self->at.bordered_width, self->in);
}

static size_t errors_size(const plan *self)
{
    return product(self->errors_height, self->errors_width, self->out);
}

static size_t kernel_size(const plan *self)
{
    return (size_t)self->patch * (size_t)self->out;
}

/* The bias takes as many zeros as there are windows. */
static int tap_size(const plan *self)
{
    return larger(self->at.height * self->at.width * self->out, self->positions);
}

static int rounded(int count)
{
    enum { LANES = 16 };
    return (count + LANES - 1) / LANES * LANES;
}

/* Whether the gradient of the input is found window by window, and added up; otherwise value by
 * value, from all its windows. A window's values fill vectors where an image of few channels does
 * not; but those of all windows must stay in cache. The bits depend on it: it is a function of the
 * shape alone. */
static bool goes_by_window(const plan *self)
{
    const window *at = &self->at;
    if (product(self->positions, self->patch, 1) > (size_t)1 << 20)
        return false;
    double taps = (double)at->height * at->width / at->down / at->across;
    double by_value = (double)self->height * self->width * rounded(self->in) * taps * self->out;
    double adding = 3.0 * at->height * rounded(at->width * self->in);
    return self->positions * ((double)rounded(self->patch) * self->out + adding) < by_value;
}

static void needs(const dt_layer *layer, size_t *indices, size_t *work)
{
    plan self = measure(layer);
    *work = image_size(&self) + 2 * kernel_size(&self) + (size_t)self.out;
    *work += goes_by_window(&self) ? product(self.positions, self.patch, 1) : errors_size(&self);
    *indices = 3 * (size_t)self.positions + (size_t)self.patch +
               2 * (size_t)(self.height * self.width) + (size_t)tap_size(&self);
}

static plan plan_of(const dt_layer *layer)
{
    plan self = measure(layer);
    self.image = layer->work;
    self.turned = self.image + image_size(&self);
    self.gradient = self.turned + kernel_size(&self);
    self.errors = self.gradient + kernel_size(&self) + self.out;
    self.position = layer->indices;
    self.output = self.position + self.positions;
    self.to_window = self.output + self.positions;
    self.value = self.to_window + self.positions;
    self.from = self.value + self.patch;
    self.to = self.from + self.height * self.width;
    self.tap = self.to + self.height * self.width;
    for (int y = 0, i = 0; y < self.at.rows; y++)
        for (int x = 0; x < self.at.columns; x++, i++) {
            self.position[i] =
                (y * self.at.down * self.at.bordered_width + x * self.at.across) * self.in;
            self.output[i] = i * self.out;
        }
    for (int y = 0, i = 0; y < self.at.height; y++)
        for (int j = 0; j < self.at.width * self.in; j++, i++)
            self.value[i] = y * self.at.bordered_width * self.in + j;
    return self;
}

/* Copies `rows` x `columns` places of `channels` values from an image `from_width` wide into one
 * `to_width` wide. */
static void copy_places(int rows, int columns, int channels, const dt_real *from, int from_width,
                        dt_real *to, int to_width)
{
    for (int y = 0; y < rows; y++)
        memcpy(to + product(y, to_width, channels), from + product(y, from_width, channels),
               product(columns, channels, 1) * sizeof *to);
}

/* Whether windows lie in the image as it is. */
static bool has_no_border(const plan *self)
{
    const window *at = &self->at;
    return at->top == 0 && at->left == 0 && at->bordered_width == self->width &&
           at->bordered_height <= self->height;
}

/* What of the image windows reach, and where it is in the bordered one. */
static int inner_rows(const plan *self)
{
    return larger(least(self->height, self->at.bordered_height - self->at.top), 0);
}

static int inner_columns(const plan *self)
{
    return larger(least(self->width, self->at.bordered_width - self->at.left), 0);
}

static int inner_offset(const plan *self)
{
    return (self->at.top * self->at.bordered_width + self->at.left) * self->in;
}

/* The windows of a sample, as a matrix [positions][patch]. */
static dt_gathered patches_of(const plan *self, const dt_real *x)
{
    dt_gathered patches = {x, self->positions, self->patch, self->position, self->value};
    if (has_no_border(self))
        return patches;
    memset(self->image, 0, image_size(self) * sizeof *self->image);
    copy_places(inner_rows(self), inner_columns(self), self->in, x, self->width,
                self->image + inner_offset(self), self->at.bordered_width);
    patches.values = self->image;
    return patches;
}

static dt_status shape(dt_layer *layer, dt_error *error)
{
    const size_t most = (size_t)1 << 30; /* of every array: int32_t says where values are */
    window at;
    dt_status status = windows_of(layer, &at, error);
    if (status)
        return status;
    plan self = measure(layer);
    if (product(at.rows, at.columns, self.out) > most || errors_size(&self) > most)
        return dt_fail(error, DT_ERR_CONFIG,
                       "%s %dx%d: expected at most %zu values with their padding, found an output "
                       "of %dx%dx%d",
                       layer->kind->name, at.height, at.width, most, at.rows, at.columns, self.out);
    layer->output = (dt_shape){at.rows, at.columns, self.out};
    return DT_OK;
}

static int tensors(dt_layer *layer)
{
    int out = layer->output.channels;
    layer->tensors[0] = (dt_tensor){.name = "kernel",
                                    .role = DT_TENSOR_WEIGHT,
                                    .rank = 4,
                                    .shape = {dt_argument_height(layer->arguments[KERNEL]),
                                              dt_argument_width(layer->arguments[KERNEL]),
                                              layer->input.channels, out}};
    layer->tensors[1] =
        (dt_tensor){.name = "bias", .role = DT_TENSOR_BIAS, .rank = 1, .shape = {out}};
    return has_bias(layer) ? 2 : 1;
}

static void forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    plan self = plan_of(layer);
    const dt_real *kernel = pass->parameters, *bias = kernel + kernel_size(&self);
    for (int i = 0; i < pass->input->samples; i++) {
        dt_matmul_gathered(patches_of(&self, dt_tile_row(pass->input, i)),
                           (dt_matrix){kernel, self.out}, self.out, has_bias(layer) ? bias : NULL,
                           dt_tile_row(pass->output, i), self.output);
    }
}

/* Adds the gradient of a sample's kernel and bias to `sum`, or sets it. The bias is the weight of
 * one more value of each window that is always 1. */
static void sum_sample(const plan *self, const dt_layer *layer, const dt_real *x, const dt_real *dy,
                       bool adds, dt_real *sum)
{
    static const int32_t zero = 0;
    static const dt_real one = 1;
    dt_gathered patches = patches_of(self, x);
    dt_matrix errors = {dy, self->out};
    dt_matmul_gathered_transposed(patches, errors, self->out, adds, sum);
    if (!has_bias(layer))
        return;
    memset(self->tap, 0, (size_t)self->positions * sizeof *self->tap);
    dt_matmul_gathered_transposed((dt_gathered){&one, self->positions, 1, self->tap, &zero}, errors,
                                  self->out, adds, sum + kernel_size(self));
}

static void sum_gradients(const plan *self, const dt_layer *layer, const dt_layer_pass *pass)
{
    dt_running_sum it = dt_running_sum_begin(pass->summation, layer->parameter_count);
    while (dt_running_sum_next(&it)) {
        const dt_real *x = dt_tile_row(pass->input, it.sample),
                      *dy = dt_tile_row(pass->output_gradient, it.sample);
        if (!pass->squares) {
            sum_sample(self, layer, x, dy, !it.fresh, it.sum);
            continue;
        }
        sum_sample(self, layer, x, dy, false, self->gradient);
        pass->squares[it.sample] += dt_squares(layer->parameter_count, self->gradient);
        dt_running_sum_add(&it, self->gradient);
    }
}

/* Of the values of the input that lie in the same rows and columns of their windows, as
 * (y + top) % down = row and (x + left) % across = column say: where their errors and they are, and
 * the part of the kernel that they meet, [taps * out][in]. Returns the number of values. */
static int find_phase(const plan *self, int row, int column, const dt_real *kernel, int *depth)
{
    const window *at = &self->at;
    int count = 0, width = self->errors_width, k = 0;
    for (int y = 0; y < self->height; y++)
        for (int x = 0; x < self->width; x++)
            if ((y + at->top) % at->down == row && (x + at->left) % at->across == column) {
                int above = (y + at->top) / at->down + self->taps_down;
                int beside = (x + at->left) / at->across + self->taps_across;
                self->from[count] = (above * width + beside) * self->out;
                self->to[count++] = (y * self->width + x) * self->in;
            }
    for (int y = row; y < at->height; y += at->down)
        for (int x = column; x < at->width; x += at->across) {
            const dt_real *weights = kernel + product(y * at->width + x, self->in, self->out);
            for (int o = 0; o < self->out; o++, k++) {
                self->tap[k] = o - (y / at->down * width + x / at->across) * self->out;
                for (int c = 0; c < self->in; c++)
                    self->turned[product(k, self->in, 1) + (size_t)c] =
                        weights[product(c, self->out, 1) + (size_t)o];
            }
        }
    *depth = k;
    return count;
}

/* The gradient of the input is a convolution of that of the output with the kernel turned round;
 * with strides, one for each place that a value can have in its window. */
static void go_by_value(const plan *self, const dt_layer_pass *pass)
{
    const window *at = &self->at;
    const dt_tile *dx = pass->input_gradient;
    int border = self->taps_down * self->errors_width + self->taps_across;
    memset(self->errors, 0, errors_size(self) * sizeof *self->errors);
    for (int row = 0; row < least(at->down, at->height); row++)
        for (int column = 0; column < least(at->across, at->width); column++) {
            int depth, count = find_phase(self, row, column, pass->parameters, &depth);
            for (int i = 0; i < pass->input->samples; i++) {
                copy_places(at->rows, at->columns, self->out, dt_tile_row(pass->output_gradient, i),
                            at->columns, self->errors + border * self->out, self->errors_width);
                dt_matmul_gathered((dt_gathered){self->errors, count, depth, self->from, self->tap},
                                   (dt_matrix){self->turned, self->in}, self->in, NULL,
                                   dt_tile_row(dx, i), self->to);
            }
        }
}

/* turned: the kernel as [out][patch]. */
static void turn_kernel(const plan *self, const dt_real *kernel)
{
    for (int k = 0; k < self->patch; k++)
        for (int o = 0; o < self->out; o++)
            self->turned[product(o, self->patch, 1) + (size_t)k] =
                kernel[product(k, self->out, 1) + (size_t)o];
}

/* The first window that reaches a value `at` the padded side of an image, and how many do. */
static int first_window(int at, int size, int step)
{
    return at < size ? 0 : (at - size) / step + 1;
}

static int count_windows(int at, int size, int step, int windows)
{
    return larger(least(at / step + 1, windows) - first_window(at, size, step), 0);
}

/* Sets the gradient of the value at (y, x): the sum of what the windows have there, window after
 * window. */
static void add_windows(const plan *self, int y, int x, dt_real *gradient)
{
    const window *at = &self->at;
    int down = y + at->top, across = x + at->left;
    int row = first_window(down, at->height, at->down);
    int column = first_window(across, at->width, at->across);
    int rows = count_windows(down, at->height, at->down, at->rows);
    int columns = count_windows(across, at->width, at->across, at->columns);
    const dt_real *first =
        self->errors + product(row * at->columns + column, self->patch, 1) +
        ((down - row * at->down) * at->width + across - column * at->across) * self->in;
    ptrdiff_t to_row = (ptrdiff_t)at->columns * self->patch - at->down * at->width * self->in;
    ptrdiff_t to_column = self->patch - at->across * self->in;
    for (int c = 0; c < self->in; c += DT_LANES) {
        dt_vector sum = {0};
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
                sum += dt_vector_load(first + c + i * to_row + j * to_column);
        dt_vector_store_some(gradient + c, least(self->in - c, DT_LANES), sum);
    }
}

static void go_by_window(const plan *self, const dt_layer_pass *pass)
{
    turn_kernel(self, pass->parameters);
    for (int o = 0; o < self->out; o++)
        self->tap[o] = o;
    for (int p = 0; p < self->positions; p++)
        self->to_window[p] = p * self->patch;
    for (int i = 0; i < pass->input->samples; i++) {
        dt_real *dx = dt_tile_row(pass->input_gradient, i);
        dt_matmul_gathered((dt_gathered){dt_tile_row(pass->output_gradient, i), self->positions,
                                         self->out, self->output, self->tap},
                           (dt_matrix){self->turned, self->patch}, self->patch, NULL, self->errors,
                           self->to_window);
        for (int y = 0; y < self->height; y++)
            for (int x = 0; x < self->width; x++, dx += self->in)
                add_windows(self, y, x, dx);
    }
}

static void find_input_gradient(const plan *self, const dt_layer *layer, const dt_layer_pass *pass)
{
    if (goes_by_window(self)) {
        go_by_window(self, pass);
        return;
    }
    for (int i = 0; i < pass->input->samples; i++)
        memset(dt_tile_row(pass->input_gradient, i), 0, (size_t)layer->inputs * sizeof(dt_real));
    go_by_value(self, pass);
}

static void backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    plan self = plan_of(layer);
    const dt_listener *listener = pass->summation->listener;
    sum_gradients(&self, layer, pass);
    if (listener)
        listener->final(listener->state, pass->summation->offset);
    if (pass->input_gradient)
        find_input_gradient(&self, layer, pass);
}

static double flops(const dt_layer *layer)
{
    plan self = measure(layer);
    return (double)kernel_size(&self) * self.positions;
}

extern const dt_layer_kind dt_layer_conv;
const dt_layer_kind dt_layer_conv = {
    .name = "conv",
    .help = "convolution: every filter is a dense layer on each window of the image",
    .argument_count = 5,
    .arguments =
        {[FILTERS] =
             DT_ARGUMENT("filters", DT_ARGUMENT_INTEGER, 1, 4096, NULL, "channels of the output"),
         [KERNEL] = DT_ARGUMENT("kernel", DT_ARGUMENT_SIZE, 1, WINDOW_MOST, NULL, "the window"),
         [STRIDE] = DT_ARGUMENT("stride", DT_ARGUMENT_SIZE, 1, WINDOW_MOST, "1", "between windows"),
         [PAD] = DT_ARGUMENT("pad", DT_ARGUMENT_SIZE, 0, WINDOW_MOST, "0",
                             "zeros on each side; same: an output of input / stride, rounded up",
                             .word = "same", .means = WINDOW_SAME),
         [BIAS] = DT_ARGUMENT("bias", DT_ARGUMENT_BOOL, 0, 1, "true", "add one to each filter")},
    .shape = shape,
    .tensors = tensors,
    .forward = forward,
    .backward = backward,
    .needs = needs,
    .flops = flops,
    .windows = windows_of,
    .takes = DT_TAKES_IMAGE,
    .keras = "conv2d",
    .torch = "nn.Conv2d({channels}, {filters}, {window}, stride={step}, padding={padding}, "
             "bias={bias})",
    .torch_border = "nn.ZeroPad2d({sides})",
    .onnx = {DT_ONNX_STEP("Conv", "x01", .windows = true)},
};
