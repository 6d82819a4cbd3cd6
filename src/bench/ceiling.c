#include "ceiling.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/partition.h"
#include "nn/matmul.h"

/* Rows of a tile that are tried; the columns of a step's tiles come from as many tiles of real
 * samples. */
enum { TILE_MIN = 32, TILE_MAX = 256, TILES = CEILING_IMAGES / TILE_MAX };

/* So small that no weight changes, so large that no product is subnormal. */
static const float tiny_lr = 1e-20f;

/* Input and output of a product, and their gradients. */
enum { X, Y, DX, DY, PRODUCT_TILES };

/* The products of a layer's kernel, as a matrix [inputs][outputs]. */
typedef struct product {
    double rows;     /* that go through it for a sample */
    bool of_images;  /* its input is a sample's pixels */
    bool has_before; /* there is a layer before it, which wants the gradient of the input */
    dt_tile tiles[PRODUCT_TILES];
    float *weights, *gradient;
} product;

struct step_ceiling {
    int product_count;
    product *products;
    bool zero_stays_zero; /* a pixel of 0 is a value of 0 */
    dt_tile loaded;       /* scratch, of images */
    uint8_t *pixels;
    const uint8_t *images[CEILING_IMAGES];
    int best_tile[2]; /* dense, sparse */
    /* of the last prepare */
    bool sparse;
    int tile_rows;
    int64_t samples, played; /* played: tiles of images so far */
    int active_counts[TILES];
    int32_t *active[TILES]; /* [pixels] each */
};

static float *new_matrix(size_t count, float value, dt_error *error)
{
    float *matrix = dt_calloc(count + DT_MATMUL_PAD, sizeof *matrix, error);
    for (size_t i = 0; matrix && i < count; i++)
        matrix[i] = value;
    return matrix;
}

static dt_status create_product(product *self, int inputs, int outputs, dt_error *error)
{
    static const float values[PRODUCT_TILES] = {[X] = 0.5f, [DY] = 0.01f};
    size_t count = (size_t)inputs * (size_t)outputs;
    if (!(self->weights = new_matrix(count, 1.0f / (float)inputs, error)) ||
        !(self->gradient = new_matrix(count, 0, error)))
        return error->status;
    for (int i = 0; i < PRODUCT_TILES; i++) {
        dt_tile *tile = &self->tiles[i];
        if (dt_tile_create(TILE_MAX, i == X || i == DX ? inputs : outputs, tile, error))
            return error->status;
        for (ptrdiff_t j = 0; j < TILE_MAX * tile->stride; j++)
            tile->values[j] = values[i];
    }
    return DT_OK;
}

/* The weights of a layer that flops multiply with. */
static size_t count_weights(const dt_layer *layer)
{
    size_t count = 0;
    for (int i = 0; layer->kind->flops && i < layer->tensor_count; i++)
        if (layer->tensors[i].role == DT_TENSOR_WEIGHT)
            count += dt_tensor_count(&layer->tensors[i]);
    return count;
}

/* One for each kernel of the layer, with as many rows as make its flops. */
static dt_status add_products(step_ceiling *self, int number, const dt_layer *layer,
                              dt_error *error)
{
    size_t weights = count_weights(layer);
    dt_status status = DT_OK;
    for (int i = 0; weights > 0 && !status && i < layer->tensor_count; i++) {
        const dt_tensor *kernel = &layer->tensors[i];
        if (kernel->role != DT_TENSOR_WEIGHT)
            continue;
        int outputs = (int)kernel->shape[kernel->rank - 1];
        int inputs = (int)(dt_tensor_count(kernel) / (size_t)outputs);
        product *it = &self->products[self->product_count++];
        it->rows = layer->kind->flops(layer) / (double)weights;
        it->of_images = number == 0 && inputs == layer->inputs;
        it->has_before = number > 0;
        status = create_product(it, inputs, outputs, error);
    }
    return status;
}

static dt_status build(step_ceiling *self, const dt_network *network, const uint8_t *const *images,
                       dt_error *error)
{
    const dt_network_spec *spec = dt_network_spec_of(network);
    const size_t size = (size_t)dt_shape_size(spec->architecture.input);
    size_t tensor_count;
    dt_network_tensors(network, &tensor_count);
    self->zero_stays_zero = spec->normalization.shift == 0;
    if (!(self->products = dt_calloc(tensor_count, sizeof *self->products, error)) ||
        !(self->pixels = dt_calloc(CEILING_IMAGES, size, error)))
        return error->status;
    for (int i = 0; i < TILES; i++)
        if (!(self->active[i] = dt_calloc(size, sizeof *self->active[i], error)))
            return error->status;
    for (int i = 0; i < CEILING_IMAGES; i++)
        self->images[i] = memcpy(self->pixels + (size_t)i * size, images[i], size);
    dt_status status = dt_tile_create(TILE_MAX, (int)size, &self->loaded, error);
    dt_layer layer;
    for (int i = 0; !status && dt_architecture_next(&spec->architecture, i, &layer); i++)
        status = add_products(self, i, &layer, error);
    return status;
}

/* The fastest of a few short trials with each size of tile. */
static int find_best_tile(step_ceiling *self, bool sparse)
{
    enum { TRIALS = 5 };
    int best = TILE_MIN;
    double least = (double)INFINITY;
    for (int tile = TILE_MIN; tile <= TILE_MAX; tile *= 2) {
        self->best_tile[sparse] = tile;
        ceiling_prepare(self, TILE_MAX, sparse);
        for (int trial = 0; trial < TRIALS; trial++) {
            double begin = dt_clock();
            ceiling_step(self);
            double seconds = dt_clock() - begin;
            if (trial > 0 && seconds < least) {
                least = seconds;
                best = tile;
            }
        }
    }
    return best;
}

dt_status ceiling_create(const dt_network *network, const uint8_t *const *images,
                         step_ceiling **out, dt_error *error)
{
    step_ceiling *self = *out = dt_calloc(1, sizeof *self, error);
    dt_status status = self ? build(self, network, images, error) : error->status;
    for (int sparse = 0; !status && sparse < 2; sparse++)
        self->best_tile[sparse] = find_best_tile(self, sparse);
    return status;
}

void ceiling_destroy(step_ceiling *self)
{
    if (!self)
        return;
    for (int i = 0; i < self->product_count; i++) {
        product *it = &self->products[i];
        for (int j = 0; j < PRODUCT_TILES; j++)
            dt_tile_destroy(&it->tiles[j]);
        dt_free(it->weights);
        dt_free(it->gradient);
    }
    for (int i = 0; i < TILES; i++)
        dt_free(self->active[i]);
    dt_tile_destroy(&self->loaded);
    dt_free(self->products);
    dt_free(self->pixels);
    dt_free(self);
}

static int64_t count_tiles(const step_ceiling *self, int64_t rows)
{
    return (rows + self->tile_rows - 1) / self->tile_rows;
}

void ceiling_prepare(step_ceiling *self, int64_t samples, bool sparse)
{
    dt_tile *tile = &self->loaded;
    self->sparse = sparse && self->zero_stays_zero;
    self->tile_rows = self->best_tile[sparse];
    self->samples = samples;
    self->played = 0;
    int64_t count = count_tiles(self, samples);
    for (int i = 0; self->sparse && i < TILES && samples > 0; i++) {
        int length = (int)dt_partition(samples, count, i % count).count;
        dt_tile_load(tile, length, self->images + i * TILE_MAX, 1, 0);
        self->active_counts[i] = tile->active_count;
        memcpy(self->active[i], tile->active, (size_t)tile->width * sizeof *tile->active);
    }
}

static dt_matrix matrix(const dt_tile *tile)
{
    return (dt_matrix){tile->values, tile->stride};
}

/* Forward, and backward to the weights and to the input, of a tile with these columns. */
static void multiply(const product *it, dt_columns columns, const dt_piece *piece, bool alone)
{
    const dt_tile *x = &it->tiles[X], *y = &it->tiles[Y];
    const dt_tile *dx = &it->tiles[DX], *dy = &it->tiles[DY];
    const dt_matrix weights = {it->weights, y->width};
    float *sums[] = {it->gradient};
    const dt_summation summation = {
        .piece_count = 1, .pieces = piece, .depth = !piece->fresh, .sums = sums, .sparse = alone};
    dt_matmul(columns, matrix(x), weights,
              (dt_product){y->values, y->stride, piece->samples, y->width});
    dt_matmul_transposed(x->width, y->width, columns, matrix(x), matrix(dy), &summation);
    if (it->has_before)
        dt_matmul_by_transposed(y->width, matrix(dy), weights,
                                (dt_product){dx->values, dx->stride, piece->samples, x->width});
}

static void update(size_t count, float *restrict weights, const float *restrict gradient)
{
    for (size_t i = 0; i < count; i++)
        weights[i] -= tiny_lr * gradient[i];
}

/* The products of a step, and the update: of a single tile, of the rows that have a gradient. */
static void play(step_ceiling *self, const product *it)
{
    int64_t rows = (int64_t)ceil((double)self->samples * it->rows), count = count_tiles(self, rows);
    size_t inputs = (size_t)it->tiles[X].width, outputs = (size_t)it->tiles[Y].width;
    dt_columns columns = {(int)inputs, it->tiles[X].active};
    for (int64_t i = 0; i < count; i++) {
        const dt_piece piece = {.samples = (int)dt_partition(rows, count, i).count,
                                .fresh = i == 0};
        if (it->of_images && self->sparse) {
            int64_t slot = self->played++ % TILES;
            columns = (dt_columns){self->active_counts[slot], self->active[slot]};
        }
        multiply(it, columns, &piece, count == 1);
    }
    if (count != 1 || columns.count == (int)inputs)
        update(inputs * outputs, it->weights, it->gradient);
    else
        for (int i = 0; i < columns.count; i++) {
            size_t row = (size_t)columns.index[i] * outputs;
            update(outputs, it->weights + row, it->gradient + row);
        }
}

void ceiling_step(step_ceiling *self)
{
    for (int i = 0; i < self->product_count; i++)
        play(self, &self->products[i]);
}
