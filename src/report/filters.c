#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "parts.h"

enum {
    FILTERS_MOST = 64,
    SHEET = 32,
    COLUMNS = 8,
    GAP = 2,
    WIDE_GAP = 9, /* weights of a small window are large: its edge must be no row of them */
    LEVELS = 31,
    SIDE_MOST = 64,
    ZOOMED = 28
};

/* Pictures of the weights of a layer: [height][width][channels][outputs]. */
typedef struct filters {
    const float *weights;
    int height, width, channels, outputs;
    bool of_windows; /* of a convolution */
} filters;

/* Of the first layer, if each of its outputs or filters looks at a picture. */
static bool find_filters(const report_run *run, filters *out)
{
    const dt_weights_file *file = &run->weights;
    const dt_tensor *kernel = file->tensors;
    if (!run->has_weights || !file->own || file->tensor_count == 0)
        return false;
    const int64_t *shape = kernel->rank == 4 ? kernel->shape : file->facts.input_shape;
    if ((kernel->rank != 4 && kernel->rank != 2) || shape[0] <= 1 || shape[1] <= 1 ||
        shape[0] > SIDE_MOST || shape[1] > SIDE_MOST ||
        (kernel->rank == 2 && shape[0] * shape[1] * shape[2] != kernel->shape[0]))
        return false;
    *out = (filters){file->parameters + kernel->offset, (int)shape[0], (int)shape[1], (int)shape[2],
                     (int)kernel->shape[kernel->rank - 1], kernel->rank == 4};
    return true;
}

/* Colour 0 to LEVELS - 1: negative weights, LEVELS to 2 LEVELS - 1: positive; alpha is the size, so
 * that zero shows the page. */
static void make_colours(uint8_t colours[256][4])
{
    memset(colours, 0, 256 * 4);
    for (int i = 0; i < LEVELS; i++) {
        const uint8_t alpha = (uint8_t)(255 * i / (LEVELS - 1));
        memcpy(colours[i], (uint8_t[]){0xe6, 0x70, 0x1e, alpha}, 4);
        memcpy(colours[LEVELS + i], (uint8_t[]){0x1e, 0x88, 0xd2, alpha}, 4);
    }
}

/* Weights of an output: the sum of the channels of each pixel. Each weight is `zoom` pixels wide
 * and high. */
static void draw(const filters *self, int output, int zoom, uint8_t *pixels, size_t stride)
{
    double largest = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < self->height * self->width; i++) {
            double weight = 0;
            for (int c = 0; c < self->channels; c++)
                weight += (double)self->weights[(i * self->channels + c) * self->outputs + output];
            largest = pass == 0 ? fmax(largest, fabs(weight)) : largest;
            if (pass == 0 || !(largest > 0))
                continue;
            int level = (int)lround((LEVELS - 1) * fabs(weight) / largest);
            uint8_t *corner = pixels + (size_t)(i / self->width * zoom) * stride +
                              (size_t)(i % self->width * zoom);
            for (int y = 0; y < zoom; y++)
                memset(corner + (size_t)y * stride, level + (weight > 0 ? LEVELS : 0),
                       (size_t)zoom);
        }
}

/* So that the weights of a small window can be told apart. */
static int zoom_of(const filters *self)
{
    int side = self->height > self->width ? self->height : self->width;
    return side > ZOOMED / 2 ? 1 : ZOOMED / side;
}

static void add_sheet(dt_markup *to, const filters *self, int first, int count)
{
    int columns = count < COLUMNS ? count : COLUMNS;
    int rows = (count + COLUMNS - 1) / COLUMNS;
    int zoom = zoom_of(self), gap = zoom > 1 ? WIDE_GAP : GAP;
    int down = zoom * self->height + gap, across = zoom * self->width + gap;
    int height = rows * down - gap, width = columns * across - gap;
    uint8_t colours[256][4];
    make_colours(colours);
    uint8_t *pixels = dt_calloc((size_t)height * (size_t)width, 1, &to->error);
    if (!pixels)
        return;
    for (int i = 0; i < count; i++)
        draw(self, first + i, zoom,
             pixels + (size_t)(i / COLUMNS * down) * (size_t)width + (size_t)(i % COLUMNS * across),
             (size_t)width);
    char text[80];
    snprintf(text, sizeof text, "weights of outputs %d to %d of the first layer, as pictures",
             first, first + count - 1);
    dt_raster raster = {height, width, 1, pixels, colours};
    report_image(to, &raster, "sheet", text);
    dt_free(pixels);
}

void report_filters(dt_markup *to, const report_run *run)
{
    filters all;
    if (!find_filters(run, &all))
        return;
    int count = all.outputs < FILTERS_MOST ? all.outputs : FILTERS_MOST;
    dt_markup_add(to, "<section>\n<h2>First layer</h2>\n<p>What ");
    if (count < all.outputs)
        dt_markup_add(to, "the first %d of ", count);
    dt_markup_add(to,
                  "its %d %s look for (%s): <span class=\"blue\">blue</span> pixels raise an "
                  "output, <span class=\"orange\">orange</span> ones lower it, each on its own "
                  "scale.</p>\n",
                  all.outputs, all.of_windows ? "filters" : "outputs", run->weights_name);
    dt_markup_add(to, "<div class=\"sides\">\n");
    for (int first = 0; first < count; first += SHEET)
        add_sheet(to, &all, first, count - first < SHEET ? count - first : SHEET);
    dt_markup_add(to, "</div>\n</section>\n");
}
