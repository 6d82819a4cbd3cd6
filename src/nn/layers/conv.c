#include "conv_plan.h"
#include "nn/matmul.h"

enum { FILTERS, KERNEL, STRIDE, PAD, BIAS };

static bool has_bias(const dt_layer *layer)
{
    return layer->arguments[BIAS] != 0;
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

/* The bias takes as many zeros as there are windows. */
static int tap_size(const plan *self)
{
    return larger(self->at.height * self->at.width * self->out, self->positions);
}

static void needs(const dt_layer *layer, size_t *indices, size_t *work)
{
    plan self = measure(layer);
    *work = image_size(&self) + 2 * kernel_size(&self) + (size_t)self.out;
    *work += conv_goes_by_window(&self) ? product(self.positions, larger(self.patch, self.out), 1)
                                        : errors_size(&self);
    *indices = 5 * (size_t)self.positions + 2 * (size_t)self.at.rows + (size_t)self.patch +
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
    self.seen_position = self.to_window + self.positions;
    self.seen_output = self.seen_position + self.positions;
    self.first = self.seen_output + self.positions;
    self.end = self.first + self.at.rows;
    self.value = self.end + self.at.rows;
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

/* Leaves out the windows that see zeros alone, as many do at the border of an image: what they add
 * to a sum of finite values changes no bit, but for the sign of a zero. */
static void leave_out(const plan *self, const dt_layer *layer, const dt_real *x,
                      dt_gathered *patches)
{
    window_find_seeing(&self->at, layer->input, x, self->from, self->first, self->end);
    patches->row = self->seen_position;
    patches->rows = 0;
    for (int row = 0; row < self->at.rows; row++) {
        int from = row * self->at.columns + self->first[row];
        int count = self->end[row] - self->first[row];
        size_t size = (size_t)count * sizeof *self->position;
        memcpy(self->seen_position + patches->rows, self->position + from, size);
        memcpy(self->seen_output + patches->rows, self->output + from, size);
        patches->rows += count;
    }
}

/* The output of windows that are left out. start: [columns][out]. */
static void set_rest(const plan *self, const dt_real *start, dt_real *y)
{
    size_t out = (size_t)self->out, columns = (size_t)self->at.columns;
    for (int row = 0; row < self->at.rows; row++, y += columns * out) {
        size_t first = (size_t)self->first[row], end = (size_t)self->end[row];
        memcpy(y, start, first * out * sizeof *y);
        memcpy(y + end * out, start, (columns - end) * out * sizeof *y);
    }
}

/* What a row of windows comes to that see zeros, in scratch. */
static const dt_real *empty_row(const plan *self, const dt_real *start)
{
    size_t size = (size_t)self->out * sizeof *start;
    for (int i = 0; i < self->at.columns; i++)
        if (start)
            memcpy(self->errors + i * self->out, start, size);
        else
            memset(self->errors + i * self->out, 0, size);
    return self->errors;
}

static void forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    plan self = plan_of(layer);
    const dt_matrix kernel = {pass->parameters, self.out};
    const dt_real *start = has_bias(layer) ? pass->parameters + kernel_size(&self) : NULL;
    const dt_real *rest = pass->number == 0 ? empty_row(&self, start) : NULL;
    for (int i = 0; i < pass->input->samples; i++) {
        const dt_real *x = dt_tile_row(pass->input, i);
        dt_real *y = dt_tile_row(pass->output, i);
        dt_gathered patches = patches_of(&self, x);
        if (rest) {
            leave_out(&self, layer, x, &patches);
            set_rest(&self, rest, y);
        }
        dt_matmul_gathered(patches, kernel, self.out, start, y,
                           rest ? self.seen_output : self.output);
    }
}

/* The gradients of the outputs of windows that are not left out. */
static dt_matrix seen_errors(const plan *self, const dt_real *dy)
{
    size_t out = (size_t)self->out, columns = (size_t)self->at.columns;
    dt_real *to = self->errors;
    for (int row = 0; row < self->at.rows; row++, dy += columns * out) {
        size_t size = (size_t)(self->end[row] - self->first[row]) * out;
        memcpy(to, dy + (size_t)self->first[row] * out, size * sizeof *dy);
        to += size;
    }
    return (dt_matrix){self->errors, self->out};
}

/* Adds the gradient of a sample's kernel and bias to `sum`, or sets it. The bias is the weight of
 * one more value of each window that is always 1. */
static void sum_sample(const plan *self, const dt_layer *layer, bool of_input, const dt_real *x,
                       const dt_real *dy, bool adds, dt_real *sum)
{
    static const int32_t zero = 0;
    static const dt_real one = 1;
    dt_gathered patches = patches_of(self, x);
    dt_matrix errors = {dy, self->out}, seen = errors;
    if (of_input) {
        leave_out(self, layer, x, &patches);
        seen = seen_errors(self, dy);
    }
    dt_matmul_gathered_transposed(patches, seen, self->out, adds, sum);
    if (!has_bias(layer))
        return;
    memset(self->tap, 0, (size_t)self->positions * sizeof *self->tap);
    dt_matmul_gathered_transposed((dt_gathered){&one, self->positions, 1, self->tap, &zero}, errors,
                                  self->out, adds, sum + kernel_size(self));
}

static void sum_gradients(const plan *self, const dt_layer *layer, const dt_layer_pass *pass)
{
    bool of_input = pass->number == 0;
    dt_running_sum it = dt_running_sum_begin(pass->summation, layer->parameter_count);
    while (dt_running_sum_next(&it)) {
        const dt_real *x = dt_tile_row(pass->input, it.sample),
                      *dy = dt_tile_row(pass->output_gradient, it.sample);
        if (!pass->squares) {
            sum_sample(self, layer, of_input, x, dy, !it.fresh, it.sum);
            continue;
        }
        sum_sample(self, layer, of_input, x, dy, false, self->gradient);
        pass->squares[it.sample] += dt_squares(layer->parameter_count, self->gradient);
        dt_running_sum_add(&it, self->gradient);
    }
}

static void backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    plan self = plan_of(layer);
    const dt_listener *listener = pass->summation->listener;
    sum_gradients(&self, layer, pass);
    if (listener)
        listener->final(listener->state, pass->summation->offset);
    if (pass->input_gradient)
        conv_input_gradient(&self, layer, pass);
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
