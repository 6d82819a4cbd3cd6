#include "nn/factors.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/partition.h"
#include "cutter.h"
#include "nn/finite.h"
#include "nn/layer.h"
#include "nn/matmul.h"

enum { LINE = DT_ALIGNMENT / sizeof(dt_real) };

/* Samples and elements of a product that are worked on together: caches hold them. */
enum { TILE = 256, ROWS_MOST = 1024, PART = 1 << 17 };

struct dt_multiplier {
    dt_tile images;   /* a few columns of them */
    int32_t *columns; /* 0, 1, ... */
    dt_real *levels;  /* [levels - 1][part] */
    dt_real *sums[DT_SUMS_MAX];
};

int dt_factors_find(const dt_network_spec *spec, dt_factors *list)
{
    dt_layer layer;
    size_t offset = 0;
    int count = 0;
    for (int i = 0; dt_architecture_next(&spec->architecture, i, &layer); i++) {
        if (layer.kind->factors && list)
            list[count] = (dt_factors){.layer = i,
                                       .offset = offset + layer.tensors[0].offset,
                                       .rows = layer.inputs,
                                       .columns = layer.outputs,
                                       .of_images = i == 0,
                                       .scale = (dt_real)spec->normalization.scale,
                                       .shift = (dt_real)spec->normalization.shift};
        count += layer.kind->factors;
        offset += layer.parameter_count;
    }
    return count;
}

/* Whole cache lines; rows that are a multiple of 2 KB apart would share few places in a cache. */
static size_t line_up(size_t bytes)
{
    size_t whole = (bytes + DT_ALIGNMENT - 1) / DT_ALIGNMENT * DT_ALIGNMENT;
    return whole % 2048 == 0 ? whole + DT_ALIGNMENT : whole;
}

static size_t input_stride(const dt_factors *self)
{
    return line_up((size_t)self->rows * (self->of_images ? 1 : sizeof(dt_real)));
}

static size_t gradient_stride(const dt_factors *self)
{
    return line_up((size_t)self->columns * sizeof(dt_real));
}

uint64_t dt_factors_bytes(const dt_factors *self, int64_t samples)
{
    return (uint64_t)samples * (input_stride(self) + gradient_stride(self)) +
           DT_MATMUL_PAD * sizeof(dt_real);
}

void dt_factors_place(dt_factors *self, int64_t samples, void *memory)
{
    self->inputs = memory;
    self->gradients = (dt_real *)(void *)(self->inputs + (size_t)samples * input_stride(self));
}

static char *input_row(const dt_factors *self, int64_t row)
{
    return self->inputs + (size_t)row * input_stride(self);
}

static dt_real *gradient_row(const dt_factors *self, int64_t row)
{
    return self->gradients + (size_t)row * (gradient_stride(self) / sizeof(dt_real));
}

static double largest_of(int count, const dt_real *values)
{
    size_t size = (size_t)count;
    return dt_find_nonfinite(values, size) < size ? (double)INFINITY
                                                  : (double)dt_largest_finite(values, size);
}

/* Returns what no sum of elements of the samples' products exceeds. */
static double keep_rows(const dt_factors *self, int64_t row, const uint8_t *const *images,
                        const dt_tile *inputs, const dt_tile *gradients)
{
    double of_bytes =
        fmax(fabs((double)self->shift), fabs(255 * (double)self->scale + (double)self->shift));
    double bound = 0;
    for (int i = 0; i < inputs->samples; i++) {
        const dt_real *x = dt_tile_row(inputs, i), *dy = dt_tile_row(gradients, i);
        double largest = self->of_images ? of_bytes : largest_of(self->rows, x);
        memcpy(gradient_row(self, row + i), dy, (size_t)self->columns * sizeof *dy);
        if (self->of_images)
            memcpy(input_row(self, row + i), images[i], (size_t)self->rows);
        else
            memcpy(input_row(self, row + i), x, (size_t)self->rows * sizeof *x);
        bound += largest * largest_of(self->columns, dy);
    }
    return bound;
}

bool dt_factors_keep(dt_factoring *factoring, int layer, int64_t first,
                     const uint8_t *const *images, const dt_tile *inputs, const dt_tile *gradients)
{
    for (int i = 0; i < factoring->count; i++)
        if (factoring->list[i].layer == layer) {
            factoring->largest +=
                keep_rows(&factoring->list[i], factoring->row + first, images, inputs, gradients);
            return true;
        }
    return false;
}

/* Rows of a product that are worked on together. */
static int rows_at_once(const dt_factors *self)
{
    int rows = PART / self->columns;
    rows = rows < ROWS_MOST ? rows : ROWS_MOST;
    rows = rows < self->rows ? rows : self->rows;
    return rows > 0 ? rows : 1;
}

/* The largest of a list: rows, and elements. */
static int most_rows(int count, const dt_factors *list, size_t *part)
{
    int most = 1;
    *part = 0;
    for (int i = 0; i < count; i++) {
        int rows = rows_at_once(&list[i]);
        size_t size = (size_t)rows * (size_t)list[i].columns;
        most = rows > most ? rows : most;
        *part = size > *part ? size : *part;
    }
    return most;
}

uint64_t dt_multiplier_bytes(int count, const dt_factors *list, int levels)
{
    size_t part;
    uint64_t rows = (uint64_t)most_rows(count, list, &part);
    return ((uint64_t)(levels - 1) * part + rows * (TILE + 2)) * sizeof(dt_real);
}

dt_status dt_multiplier_create(int count, const dt_factors *list, int levels, dt_multiplier **out,
                               dt_error *error)
{
    size_t part;
    int rows = most_rows(count, list, &part);
    dt_multiplier *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    if (dt_tile_create(TILE, rows, &self->images, error) ||
        !(self->columns = dt_calloc((size_t)rows, sizeof *self->columns, error)) ||
        !(self->levels = dt_calloc((size_t)(levels - 1) * part, sizeof *self->levels, error))) {
        dt_multiplier_destroy(self);
        return error->status;
    }
    for (int i = 0; i < rows; i++)
        self->columns[i] = i;
    for (int i = 1; i < levels; i++)
        self->sums[i] = self->levels + (size_t)(i - 1) * part;
    *out = self;
    return DT_OK;
}

void dt_multiplier_destroy(dt_multiplier *self)
{
    if (!self)
        return;
    dt_tile_destroy(&self->images);
    dt_free(self->columns);
    dt_free(self->levels);
    dt_free(self);
}

/* Columns first .. first + count - 1 of the inputs of some samples, from `row` on; *active becomes
 * which of them may be other than 0. */
static dt_matrix load_inputs(dt_multiplier *self, const dt_factors *of, dt_range columns,
                             dt_range samples, dt_columns *active)
{
    const uint8_t *images[TILE];
    int count = (int)columns.count;
    const char *first = input_row(of, samples.first);
    *active = (dt_columns){count, self->columns};
    if (!of->of_images)
        return (dt_matrix){(const dt_real *)(const void *)first + columns.first,
                           (ptrdiff_t)(input_stride(of) / sizeof(dt_real))};
    for (int64_t i = 0; i < samples.count; i++)
        images[i] = (const uint8_t *)input_row(of, samples.first + i) + columns.first;
    self->images.width = self->images.active_count = count;
    dt_tile_load(&self->images, (int)samples.count, images, of->scale, of->shift);
    if (of->shift == 0)
        *active = (dt_columns){self->images.active_count, self->images.active};
    return (dt_matrix){self->images.values, self->images.stride};
}

/* Rows first .. first + count - 1 of the product. */
static void multiply_rows(dt_multiplier *self, const dt_factors *of, const dt_batch *samples,
                          dt_range rows)
{
    dt_piece pieces[PIECES_MAX];
    dt_summation summation = {.pieces = pieces, .sums = self->sums};
    cutter cut = {.batch = samples};
    for (int64_t row = 0; cut.segment < samples->segment_count;) {
        int count = cut_tile(&cut, TILE, pieces, &summation.piece_count);
        dt_columns active;
        dt_matrix inputs =
            load_inputs(self, of, rows, (dt_range){.first = row, .count = count}, &active);
        dt_matrix gradients = {gradient_row(of, row),
                               (ptrdiff_t)(gradient_stride(of) / sizeof(dt_real))};
        dt_matmul_transposed((int)rows.count, of->columns, active, inputs, gradients, &summation);
        for (int i = 0; i < summation.piece_count; i++)
            summation.depth += pieces[i].fresh - pieces[i].merges;
        row += count;
    }
}

size_t dt_multiplier_run(dt_multiplier *self, const dt_factors *of, int segment_count,
                         const dt_segment *segments, dt_interval part, dt_real *product)
{
    const dt_batch samples = {.segment_count = segment_count, .segments = segments};
    size_t columns = (size_t)of->columns;
    int64_t row = (int64_t)(part.first / columns);
    int64_t end = (int64_t)((part.end + columns - 1) / columns), most = rows_at_once(of);
    for (int64_t count; row < end; row += count) {
        count = end - row < most ? end - row : most;
        self->sums[0] = product + (size_t)row * columns;
        multiply_rows(self, of, &samples, (dt_range){row, count});
    }
    return (size_t)end * columns;
}
