#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "parts.h"

enum { FILTERS_MOST = 64, SHEET = 32, COLUMNS = 8, GAP = 2, LEVELS = 31, SIDE_MOST = 64 };

/* The kernel of the first layer, if it has an output for each of which the weights are a picture;
 * else NULL. */
static const dt_tensor *find_kernel(const report_run *run)
{
    const dt_weights_file *file = &run->weights;
    const int64_t *shape = file->facts.input_shape;
    if (!run->has_weights || !file->own || file->tensor_count == 0)
        return NULL;
    const dt_tensor *kernel = &file->tensors[0];
    bool fits = kernel->rank == 2 && shape[0] > 1 && shape[1] > 1 && shape[0] <= SIDE_MOST &&
                shape[1] <= SIDE_MOST && shape[0] * shape[1] * shape[2] == kernel->shape[0];
    return fits ? kernel : NULL;
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

/* Weights of an output: the sum of the channels of each pixel. */
static void draw(const report_run *run, const dt_tensor *kernel, int64_t output, uint8_t *pixels,
                 size_t stride)
{
    const int64_t *shape = run->weights.facts.input_shape;
    const float *weights = run->weights.parameters + kernel->offset;
    double largest = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < shape[0] * shape[1]; i++) {
            double weight = 0;
            for (int64_t c = 0; c < shape[2]; c++)
                weight += (double)weights[(i * shape[2] + c) * kernel->shape[1] + output];
            largest = pass == 0 ? fmax(largest, fabs(weight)) : largest;
            if (pass == 0 || !(largest > 0))
                continue;
            int level = (int)lround((LEVELS - 1) * fabs(weight) / largest);
            pixels[(size_t)(i / shape[1]) * stride + (size_t)(i % shape[1])] =
                (uint8_t)(level + (weight > 0 ? LEVELS : 0));
        }
}

static void add_sheet(dt_markup *to, const report_run *run, const dt_tensor *kernel, int first,
                      int count)
{
    const int64_t *shape = run->weights.facts.input_shape;
    int columns = count < COLUMNS ? count : COLUMNS;
    int rows = (count + COLUMNS - 1) / COLUMNS;
    int height = rows * ((int)shape[0] + GAP) - GAP;
    int width = columns * ((int)shape[1] + GAP) - GAP;
    uint8_t colours[256][4];
    make_colours(colours);
    uint8_t *pixels = dt_calloc((size_t)height * (size_t)width, 1, &to->error);
    if (!pixels)
        return;
    for (int i = 0; i < count; i++)
        draw(run, kernel, first + i,
             pixels + (size_t)(i / COLUMNS * (shape[0] + GAP)) * (size_t)width +
                 (size_t)(i % COLUMNS * (shape[1] + GAP)),
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
    const dt_tensor *kernel = find_kernel(run);
    if (!kernel)
        return;
    int64_t outputs = kernel->shape[1];
    int count = outputs < FILTERS_MOST ? (int)outputs : FILTERS_MOST;
    dt_markup_add(
        to,
        "<section>\n<h2>First layer</h2>\n<p>What %s%d of its %lld outputs look for (%s): "
        "<span class=\"blue\">blue</span> pixels raise an output, <span "
        "class=\"orange\">orange</span> ones lower it, each output on its own "
        "scale.</p>\n",
        count < outputs ? "the first " : "", count, (long long)outputs, run->weights_name);
    dt_markup_add(to, "<div class=\"sides\">\n");
    for (int first = 0; first < count; first += SHEET)
        add_sheet(to, run, kernel, first, count - first < SHEET ? count - first : SHEET);
    dt_markup_add(to, "</div>\n</section>\n");
}
