#include "nn/tile.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "nn/matmul.h"

static void activate_all(dt_tile *tile)
{
    tile->active_count = tile->width;
    for (int j = 0; j < tile->width; j++)
        tile->active[j] = j;
}

ptrdiff_t dt_tile_stride(int width)
{
    return width % 512 == 0 ? width + 16 : width;
}

dt_status dt_tile_create(int capacity, int width, dt_tile *tile, dt_error *error)
{
    *tile = (dt_tile){.width = width, .stride = dt_tile_stride(width)};
    size_t count = (size_t)tile->stride * (size_t)capacity + DT_MATMUL_PAD;
    tile->values = dt_calloc(count, sizeof *tile->values, error);
    tile->active = tile->values ? dt_calloc((size_t)width, sizeof *tile->active, error) : NULL;
    tile->any = tile->active ? dt_calloc((size_t)width, 1, error) : NULL;
    if (!tile->any) {
        dt_tile_destroy(tile);
        return error->status;
    }
    activate_all(tile);
    return DT_OK;
}

void dt_tile_destroy(dt_tile *tile)
{
    if (!tile)
        return;
    dt_free(tile->values);
    dt_free(tile->active);
    dt_free(tile->any);
    *tile = (dt_tile){0};
}

static void widen(int width, const uint8_t *image, dt_real scale, dt_real shift, dt_real *values)
{
    for (int j = 0; j < width; j++)
        values[j] = dt_fma(scale, (dt_real)image[j], shift);
}

/* any[j] becomes non-zero where some sample has a non-zero byte. */
static void find_any(int width, const uint8_t *restrict image, uint8_t *restrict any)
{
    for (int j = 0; j < width; j++)
        any[j] |= image[j];
}

static void activate_any(dt_tile *tile)
{
    int count = 0;
    for (int j = 0; j < tile->width; j++) {
        tile->active[count] = j;
        count += tile->any[j] != 0;
    }
    tile->active_count = count;
}

void dt_tile_load(dt_tile *tile, int samples, const uint8_t *const *images, dt_real scale,
                  dt_real shift)
{
    int width = tile->width;
    bool zero_stays_zero = shift == 0;
    tile->samples = samples;
    memset(tile->any, 0, (size_t)width);
    for (int i = 0; i < samples; i++) {
        widen(width, images[i], scale, shift, dt_tile_row(tile, i));
        if (zero_stays_zero)
            find_any(width, images[i], tile->any);
    }
    if (zero_stays_zero)
        activate_any(tile);
}
