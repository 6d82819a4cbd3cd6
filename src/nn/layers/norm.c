/* Layer and group normalisation. A sample is [positions][channels], and its channels are cut into
 * groups of equal size. The values of a group, at all positions, get mean 0 and variance 1; then
 * every channel has a gain and a shift. */
#include <math.h>
#include <string.h>

#include "nn/layer.h"

extern const dt_layer_kind dt_layer_layernorm, dt_layer_groupnorm;

/* To layernorm a row of values, or an image, is one position. */
typedef struct norm {
    int positions, channels, groups;
    double epsilon;
} norm;

/* A sum is that of so many chains, by which it has the same bits with vectors of any width. */
enum { PARTS = 16 };

/* A row has at least so many values, if the sample has: vectors are full where channels are few. */
enum { ROW_LEAST = 64 };

/* What the passes know of a layer. They go through a sample in rows of so many values, those of one
 * position or of several; a column is what has the same place in all rows, and belongs to one
 * channel. */
typedef struct plan {
    int values, row, channels, groups, size; /* size: of a group, in channels */
    dt_real share;                           /* 1 / values of a group */
    dt_real *z;                              /* [values]: normalised */
    dt_real *gain, *shift;                   /* [row], as those below: of each column ... */
    dt_real *mean, *factor, *along;          /* ... so too ... */
    dt_real *sums, *more;                    /* ... and sums of columns */
    dt_real *totals;                         /* [groups] */
    dt_real *gradient;                       /* of a sample alone: [2][channels] */
} plan;

enum { ROWS_OF_WORK = 7 };

static norm norm_of(const dt_layer *layer)
{
    const double *arguments = layer->arguments;
    dt_shape input = layer->input;
    return layer->kind == &dt_layer_groupnorm
               ? (norm){input.height * input.width, input.channels, (int)arguments[0], arguments[1]}
               : (norm){1, layer->inputs, 1, arguments[0]};
}

static int row_of(const norm *self)
{
    int together = (ROW_LEAST + self->channels - 1) / self->channels;
    return self->channels * (together < self->positions ? together : self->positions);
}

static void needs(const dt_layer *layer, size_t *indices, size_t *work)
{
    norm self = norm_of(layer);
    size_t channels = (size_t)self.channels;
    (void)indices;
    *work = (size_t)self.positions * channels + ROWS_OF_WORK * (size_t)row_of(&self) +
            (size_t)self.groups + 2 * channels;
}

/* A value of each channel, to those of each column. */
static void repeat(const plan *self, const dt_real *of_channels, dt_real *of_columns)
{
    for (int at = 0; at < self->row; at += self->channels)
        memcpy(of_columns + at, of_channels, (size_t)self->channels * sizeof *of_columns);
}

static plan plan_of(const norm *of, const dt_layer *layer, const dt_layer_pass *pass)
{
    plan self = {.values = of->positions * of->channels,
                 .row = row_of(of),
                 .channels = of->channels,
                 .groups = of->groups,
                 .size = of->channels / of->groups};
    self.share = (dt_real)1 / (dt_real)(of->positions * self.size);
    self.z = layer->work;
    self.gain = self.z + self.values;
    self.shift = self.gain + self.row;
    self.mean = self.shift + self.row;
    self.factor = self.mean + self.row;
    self.along = self.factor + self.row;
    self.sums = self.along + self.row;
    self.more = self.sums + self.row;
    self.totals = self.more + self.row;
    self.gradient = self.totals + self.groups;
    repeat(&self, pass->parameters, self.gain);
    repeat(&self, pass->parameters + of->channels, self.shift);
    return self;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void sum_columns(const plan *self, const dt_real *a, dt_real *sums)
{
    memset(sums, 0, (size_t)self->row * sizeof *sums);
    for (int at = 0; at < self->values; at += self->row)
        for (int j = 0; j < least(self->row, self->values - at); j++)
            sums[j] += a[at + j];
}

static void sum_products(const plan *self, const dt_real *a, const dt_real *b, dt_real *sums)
{
    memset(sums, 0, (size_t)self->row * sizeof *sums);
    for (int at = 0; at < self->values; at += self->row)
        for (int j = 0; j < least(self->row, self->values - at); j++)
            sums[j] = dt_fma(a[at + j], b[at + j], sums[j]);
}

/* Sums of columns become those of channels: the first of them. */
static void fold(const plan *self, dt_real *sums)
{
    for (int at = self->channels; at < self->row; at += self->channels)
        for (int c = 0; c < self->channels; c++)
            sums[c] += sums[at + c];
}

static dt_real sum_of(int count, const dt_real *a)
{
    dt_real part[PARTS] = {0};
    int j = 0;
    for (; j + PARTS <= count; j += PARTS)
        for (int k = 0; k < PARTS; k++)
            part[k] += a[j + k];
    for (int k = 0; j + k < count; k++)
        part[k] += a[j + k];
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            part[k] += part[half + k];
    return part[0];
}

/* The means of the groups, from the sums of columns, which are gone then. */
static void find_means(const plan *self, dt_real *sums)
{
    fold(self, sums);
    for (int g = 0; g < self->groups; g++)
        self->totals[g] = self->share * sum_of(self->size, sums + (ptrdiff_t)g * self->size);
}

/* A value of each group, to those of its columns. */
static void spread(const plan *self, dt_real *of_columns)
{
    for (int g = 0, c = 0; g < self->groups; g++)
        for (int j = 0; j < self->size; j++)
            of_columns[c++] = self->totals[g];
    for (int at = self->channels; at < self->row; at += self->channels)
        memcpy(of_columns + at, of_columns, (size_t)self->channels * sizeof *of_columns);
}

/* z = (x - mean) factor, with factor = 1 / sqrt(variance + epsilon). */
static void normalise(const plan *self, const norm *of, const dt_real *x, dt_real *z)
{
    sum_columns(self, x, self->sums);
    find_means(self, self->sums);
    spread(self, self->mean);
    for (int at = 0; at < self->values; at += self->row)
        for (int j = 0; j < least(self->row, self->values - at); j++)
            z[at + j] = x[at + j] - self->mean[j];
    sum_products(self, z, z, self->sums);
    find_means(self, self->sums);
    for (int g = 0; g < self->groups; g++)
        self->totals[g] =
            (dt_real)1 / (dt_real)sqrt((double)(self->totals[g] + (dt_real)of->epsilon));
    spread(self, self->factor);
    for (int at = 0; at < self->values; at += self->row)
        for (int j = 0; j < least(self->row, self->values - at); j++)
            z[at + j] *= self->factor[j];
}

static void forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    norm of = norm_of(layer);
    plan self = plan_of(&of, layer, pass);
    for (int i = 0; i < pass->input->samples; i++) {
        dt_real *y = dt_tile_row(pass->output, i);
        normalise(&self, &of, dt_tile_row(pass->input, i), y);
        for (int at = 0; at < self.values; at += self.row)
            for (int j = 0; j < least(self.row, self.values - at); j++)
                y[at + j] = dt_fma(y[at + j], self.gain[j], self.shift[j]);
    }
}

/* The gradient of a sample's gain and shift. */
static void find_gradient(const plan *self, const dt_real *dy)
{
    size_t size = (size_t)self->channels * sizeof *self->gradient;
    sum_products(self, dy, self->z, self->sums);
    sum_columns(self, dy, self->more);
    fold(self, self->sums);
    fold(self, self->more);
    memcpy(self->gradient, self->sums, size);
    memcpy(self->gradient + self->channels, self->more, size);
}

/* With e = gain dy: dx = factor (e - mean of e - z mean of z e). */
static void find_input(const plan *self, const dt_real *dy, dt_real *dx)
{
    const dt_real *z = self->z;
    for (int at = 0; at < self->values; at += self->row)
        for (int j = 0; j < least(self->row, self->values - at); j++)
            dx[at + j] = self->gain[j] * dy[at + j];
    sum_products(self, z, dx, self->sums);
    find_means(self, self->sums);
    spread(self, self->along);
    sum_columns(self, dx, self->sums);
    find_means(self, self->sums);
    spread(self, self->mean);
    for (int at = 0; at < self->values; at += self->row)
        for (int j = 0; j < least(self->row, self->values - at); j++)
            dx[at + j] =
                self->factor[j] * dt_fma(-self->along[j], z[at + j], dx[at + j] - self->mean[j]);
}

static void backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    const dt_listener *listener = pass->summation->listener;
    size_t count = layer->parameter_count;
    norm of = norm_of(layer);
    plan self = plan_of(&of, layer, pass);
    dt_running_sum it = dt_running_sum_begin(pass->summation, count);
    while (dt_running_sum_next(&it)) {
        const dt_real *dy = dt_tile_row(pass->output_gradient, it.sample);
        normalise(&self, &of, dt_tile_row(pass->input, it.sample), self.z);
        find_gradient(&self, dy);
        dt_running_sum_add(&it, self.gradient);
        if (pass->squares)
            pass->squares[it.sample] += dt_squares(count, self.gradient);
        if (pass->input_gradient)
            find_input(&self, dy, dt_tile_row(pass->input_gradient, it.sample));
    }
    if (listener)
        listener->final(listener->state, pass->summation->offset);
}

/* Refuses groups of a single value: it would always be the shift. */
static dt_status shape(dt_layer *layer, dt_error *error)
{
    norm self = norm_of(layer);
    dt_shape input = layer->input;
    if (self.channels % self.groups != 0)
        return dt_fail(error, DT_ERR_CONFIG,
                       "%s %d: expected as many channels in every group, found an input of %d "
                       "channels, which %d does not divide",
                       layer->kind->name, self.groups, self.channels, self.groups);
    if (self.positions * (self.channels / self.groups) == 1)
        return dt_fail(error, DT_ERR_CONFIG,
                       "%s: expected more than one value to take the mean of, found one alone in "
                       "an input of %dx%dx%d",
                       layer->kind->name, input.height, input.width, input.channels);
    return DT_OK;
}

static int set_tensors(dt_layer *layer, int rank, const int64_t *shape)
{
    layer->tensors[0] = (dt_tensor){.name = "gamma", .role = DT_TENSOR_GAIN, .rank = rank};
    layer->tensors[1] = (dt_tensor){.name = "beta", .role = DT_TENSOR_SHIFT, .rank = rank};
    for (int i = 0; i < 2; i++)
        memcpy(layer->tensors[i].shape, shape, (size_t)rank * sizeof *shape);
    return 2;
}

/* As the input's: a row of values, or [height][width][channels]. */
static int layer_tensors(dt_layer *layer)
{
    dt_shape input = layer->input;
    int64_t shape[] = {input.height, input.width, input.channels};
    return dt_shape_is_image(input) ? set_tensors(layer, 3, shape)
                                    : set_tensors(layer, 1, shape + 2);
}

static int group_tensors(dt_layer *layer)
{
    return set_tensors(layer, 1, (const int64_t[]){layer->input.channels});
}

#define EPSILON DT_ARGUMENT("epsilon", DT_ARGUMENT_REAL, 1e-12, 1, "1e-05", "keeps y finite")

/* source: J. L. Ba, J. R. Kiros, G. E. Hinton, Layer Normalization, arXiv:1607.06450 */
const dt_layer_kind dt_layer_layernorm = {
    .name = "layernorm",
    .help = "y = gain (x - mean) / sqrt(variance + epsilon) + shift, of each sample",
    .argument_count = 1,
    .arguments = {EPSILON},
    .shape = shape,
    .tensors = layer_tensors,
    .forward = forward,
    .backward = backward,
    .needs = needs,
    .takes = DT_TAKES_EITHER,
    .keras = "layer_normalization",
    .torch = "nn.LayerNorm({shape}, eps={epsilon})",
    .onnx = {DT_ONNX_STEP("ReduceMean", "x", .sample = true), DT_ONNX_STEP("Sub", "xA"),
             DT_ONNX_STEP("Mul", "BB"), DT_ONNX_STEP("ReduceMean", "C", .sample = true),
             DT_ONNX_STEP("Add", "Da"), DT_ONNX_STEP("Sqrt", "E"), DT_ONNX_STEP("Div", "BF"),
             DT_ONNX_STEP("Mul", "G0"), DT_ONNX_STEP("Add", "H1")},
};

/* source: Y. Wu, K. He, Group Normalization, arXiv:1803.08494 */
const dt_layer_kind dt_layer_groupnorm = {
    .name = "groupnorm",
    .help = "layernorm of each group of channels, with a gain and a shift for each channel",
    .argument_count = 2,
    .arguments = {DT_ARGUMENT("groups", DT_ARGUMENT_INTEGER, 1, 0x1p20, NULL,
                              "they divide the channels of the input"),
                  EPSILON},
    .shape = shape,
    .tensors = group_tensors,
    .forward = forward,
    .backward = backward,
    .needs = needs,
    .takes = DT_TAKES_EITHER,
    .keras = "group_normalization",
    .torch = "nn.GroupNorm({groups}, {channels}, eps={epsilon})",
    .onnx = {DT_ONNX_STEP("Reshape", "xg"),
             DT_ONNX_STEP("ReduceMean", "A", .attribute = "axes", .value = 2, .list = true),
             DT_ONNX_STEP("Sub", "AB"), DT_ONNX_STEP("Mul", "CC"),
             DT_ONNX_STEP("ReduceMean", "D", .attribute = "axes", .value = 2, .list = true),
             DT_ONNX_STEP("Add", "Eb"), DT_ONNX_STEP("Sqrt", "F"), DT_ONNX_STEP("Div", "CG"),
             DT_ONNX_STEP("Reshape", "Hs"), DT_ONNX_STEP("Mul", "I0"), DT_ONNX_STEP("Add", "J1")},
    .ordered = true,
};
