#include "ceiling.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/partition.h"
#include "nn/matmul.h"

/* Tiles that are tried; the columns of a step's tiles come from as many tiles of real samples. */
enum { TILE_MIN = 32, TILE_MAX = 256, TILES = DT_CEILING_IMAGES / TILE_MAX };

/* So small that no weight changes, so large that no product is subnormal. */
static const float tiny_lr = 1e-20f;

typedef struct product_layer {
    int inputs, outputs;
    float *weights, *gradient;
    float *values, *errors; /* of its outputs, [TILE_MAX][outputs] */
    int32_t *all;           /* 0, 1, ... inputs - 1 */
} product_layer;

struct dt_ceiling {
    int layer_count;
    product_layer *layers;
    float *input; /* [TILE_MAX][inputs] */
    uint8_t *images, *any;
    bool zero_stays_zero;
    int best_tile[2]; /* dense, sparse */
    /* of the last prepare */
    int64_t samples, tile_count, played; /* played: tiles so far */
    int active_counts[TILES];
    int32_t *active[TILES]; /* [inputs] each */
};

static float *new_matrix(size_t rows, size_t columns, float value, dt_error *error)
{
    size_t count = rows * columns + DT_MATMUL_PAD;
    float *matrix = dt_calloc(count, sizeof *matrix, error);
    for (size_t i = 0; matrix && i < count; i++)
        matrix[i] = value;
    return matrix;
}

static dt_status create_layer(int inputs, int outputs, product_layer *self, dt_error *error)
{
    size_t in = (size_t)inputs, out = (size_t)outputs;
    *self = (product_layer){.inputs = inputs, .outputs = outputs};
    if (!(self->weights = new_matrix(in, out, 1.0f / (float)inputs, error)) ||
        !(self->gradient = new_matrix(in, out, 0, error)) ||
        !(self->values = new_matrix(TILE_MAX, out, 0, error)) ||
        !(self->errors = new_matrix(TILE_MAX, out, 0.01f, error)) ||
        !(self->all = dt_calloc(in, sizeof *self->all, error)))
        return error->status;
    for (size_t i = 0; i < in; i++)
        self->all[i] = (int32_t)i;
    return DT_OK;
}

/* The fastest of a few short trials with each size of tile. */
static int find_best_tile(dt_ceiling *self, bool sparse)
{
    enum { TRIALS = 5 };
    int best = TILE_MIN;
    double least = (double)INFINITY;
    for (int tile = TILE_MIN; tile <= TILE_MAX; tile *= 2) {
        self->best_tile[sparse] = tile;
        dt_ceiling_prepare(self, TILE_MAX, sparse);
        for (int trial = 0; trial < TRIALS; trial++) {
            double begin = dt_clock();
            dt_ceiling_step(self);
            double seconds = dt_clock() - begin;
            if (trial > 0 && seconds < least) {
                least = seconds;
                best = tile;
            }
        }
    }
    return best;
}

/* One for each kernel of the network. */
static dt_status create_layers(dt_ceiling *self, const dt_network *network, dt_error *error)
{
    size_t count;
    const dt_tensor *tensors = dt_network_tensors(network, &count);
    self->layers = dt_calloc(count, sizeof *self->layers, error);
    if (!self->layers)
        return error->status;
    for (size_t i = 0; i < count; i++) {
        if (tensors[i].role != DT_TENSOR_WEIGHT)
            continue;
        dt_status status = create_layer((int)tensors[i].shape[0], (int)tensors[i].shape[1],
                                        &self->layers[self->layer_count++], error);
        if (status)
            return status;
    }
    return DT_OK;
}

static dt_status build(dt_ceiling *self, const dt_network *network, const uint8_t *const *images,
                       dt_error *error)
{
    const dt_network_spec *spec = dt_network_spec_of(network);
    size_t image_size = (size_t)dt_shape_size(spec->architecture.input);
    self->zero_stays_zero = spec->normalization.shift == 0;
    if (!(self->input = new_matrix(TILE_MAX, image_size, 0.5f, error)) ||
        !(self->images = dt_calloc(DT_CEILING_IMAGES, image_size, error)) ||
        !(self->any = dt_calloc(image_size, 1, error)))
        return error->status;
    for (int i = 0; i < TILES; i++)
        if (!(self->active[i] = dt_calloc(image_size, sizeof *self->active[i], error)))
            return error->status;
    for (int i = 0; i < DT_CEILING_IMAGES; i++)
        memcpy(self->images + (size_t)i * image_size, images[i], image_size);
    return create_layers(self, network, error);
}

dt_status dt_ceiling_create(const dt_network *network, const uint8_t *const *images,
                            dt_ceiling **out, dt_error *error)
{
    dt_ceiling *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    dt_status status = build(self, network, images, error);
    if (status) {
        dt_ceiling_destroy(self);
        return status;
    }
    for (int sparse = 0; sparse < 2; sparse++)
        self->best_tile[sparse] = find_best_tile(self, sparse);
    *out = self;
    return DT_OK;
}

void dt_ceiling_destroy(dt_ceiling *self)
{
    if (!self)
        return;
    for (int i = 0; i < self->layer_count; i++) {
        const product_layer *layer = &self->layers[i];
        dt_free(layer->weights);
        dt_free(layer->gradient);
        dt_free(layer->values);
        dt_free(layer->errors);
        dt_free(layer->all);
    }
    for (int i = 0; i < TILES; i++)
        dt_free(self->active[i]);
    dt_free(self->layers);
    dt_free(self->input);
    dt_free(self->images);
    dt_free(self->any);
    dt_free(self);
}

static int tile_samples(const dt_ceiling *self, int64_t tile)
{
    return (int)dt_partition(self->samples, self->tile_count, tile).count;
}

/* The columns that are not zero throughout the `samples` images from `first` on. */
static int find_active(dt_ceiling *self, int first, int samples, bool sparse, int32_t *active)
{
    int inputs = self->layers[0].inputs, count = 0;
    memset(self->any, sparse && self->zero_stays_zero ? 0 : 1, (size_t)inputs);
    for (int i = first; i < first + samples; i++)
        for (int j = 0; j < inputs; j++)
            self->any[j] |= self->images[(size_t)i * (size_t)inputs + (size_t)j];
    for (int j = 0; j < inputs; j++)
        if (self->any[j])
            active[count++] = j;
    return count;
}

void dt_ceiling_prepare(dt_ceiling *self, int64_t samples, bool sparse)
{
    int tile = self->best_tile[sparse];
    self->samples = samples;
    self->played = 0;
    self->tile_count = (samples + tile - 1) / tile;
    for (int i = 0; i < TILES && samples > 0; i++) {
        int length = tile_samples(self, i % self->tile_count);
        self->active_counts[i] = find_active(self, i * TILE_MAX, length, sparse, self->active[i]);
    }
    /* The products add to what is there: from zero, so that no number of steps overflows. */
    for (int i = 0; i < self->layer_count; i++) {
        product_layer *layer = &self->layers[i];
        size_t outputs = (size_t)layer->outputs;
        memset(layer->values, 0, TILE_MAX * outputs * sizeof *layer->values);
        memset(layer->gradient, 0, (size_t)layer->inputs * outputs * sizeof *layer->gradient);
    }
}

static void forward(const dt_ceiling *self, int samples, int columns, const int32_t *active)
{
    const float *input = self->input;
    for (int i = 0; i < self->layer_count; i++) {
        const product_layer *layer = &self->layers[i];
        dt_matmul(samples, layer->outputs, i > 0 ? layer->inputs : columns,
                  i > 0 ? layer->all : active, input, layer->inputs, layer->weights, layer->outputs,
                  layer->values, layer->outputs);
        input = layer->values;
    }
}

static void backward(const dt_ceiling *self, int samples, bool fresh, int columns,
                     const int32_t *active)
{
    dt_piece piece = {.samples = samples, .fresh = fresh};
    for (int i = self->layer_count - 1; i >= 0; i--) {
        const product_layer *layer = &self->layers[i], *below = layer - 1;
        if (i > 0)
            dt_matmul_by_transposed(samples, layer->inputs, layer->outputs, layer->errors,
                                    layer->outputs, layer->weights, layer->outputs, below->errors,
                                    layer->inputs);
        float *sums[] = {layer->gradient};
        dt_summation summation = {.piece_count = 1,
                                  .pieces = &piece,
                                  .depth = !fresh,
                                  .sums = sums,
                                  .sparse = self->tile_count == 1};
        dt_matmul_transposed(layer->inputs, layer->outputs, i > 0 ? layer->inputs : columns,
                             i > 0 ? layer->all : active, i > 0 ? below->values : self->input,
                             layer->inputs, layer->errors, layer->outputs, &summation,
                             layer->outputs);
    }
}

static void update(size_t count, float *restrict weights, const float *restrict gradient)
{
    for (size_t i = 0; i < count; i++)
        weights[i] -= tiny_lr * gradient[i];
}

/* The rows that have got a gradient: of the first layer those of a single tile's columns. */
static void update_layer(const product_layer *layer, int rows, const int32_t *active)
{
    size_t outputs = (size_t)layer->outputs;
    if (rows == layer->inputs) {
        update((size_t)rows * outputs, layer->weights, layer->gradient);
        return;
    }
    for (int i = 0; i < rows; i++) {
        size_t row = (size_t)active[i] * outputs;
        update(outputs, layer->weights + row, layer->gradient + row);
    }
}

void dt_ceiling_step(dt_ceiling *self)
{
    int columns = 0;
    const int32_t *active = NULL;
    for (int64_t i = 0; i < self->tile_count; i++) {
        int64_t slot = self->played++ % TILES;
        int samples = tile_samples(self, i);
        columns = self->active_counts[slot];
        active = self->active[slot];
        forward(self, samples, columns, active);
        backward(self, samples, i == 0, columns, active);
    }
    for (int i = 0; i < self->layer_count; i++) {
        const product_layer *layer = &self->layers[i];
        bool all = i > 0 || self->tile_count != 1;
        update_layer(layer, all ? layer->inputs : columns, active);
    }
}
