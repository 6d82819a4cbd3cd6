#include "nn/tile.h"

#include "base/memory.h"
#include "nn/matmul.h"

static void activate_all(dt_tile *tile)
{
    tile->active_count = tile->width;
    for (int j = 0; j < tile->width; j++)
        tile->active[j] = j;
}

dt_status dt_tile_create(int width, dt_tile *tile, dt_error *error)
{
    *tile = (dt_tile){.width = width};
    size_t count = (size_t)width * DT_TILE_SAMPLES + DT_MATMUL_PAD;
    tile->values = dt_calloc(count, sizeof *tile->values, error);
    tile->active = tile->values ? dt_calloc((size_t)width, sizeof *tile->active, error) : NULL;
    if (!tile->active) {
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
    *tile = (dt_tile){0};
}

/* The union of the samples' non-zero bytes, a few columns at a time so that it stays in registers.
 */
static void find_active(dt_tile *tile, int samples, const uint8_t *const *images)
{
    enum { STRIP = 64 };
    int count = 0;
    for (int first = 0; first < tile->width; first += STRIP) {
        int columns = tile->width - first < STRIP ? tile->width - first : STRIP;
        uint8_t any[STRIP] = {0};
        if (columns == STRIP)
            for (int i = 0; i < samples; i++)
                for (int j = 0; j < STRIP; j++)
                    any[j] |= images[i][first + j];
        else
            for (int i = 0; i < samples; i++)
                for (int j = 0; j < columns; j++)
                    any[j] |= images[i][first + j];
        for (int j = 0; j < columns; j++) {
            tile->active[count] = first + j;
            count += any[j] != 0;
        }
    }
    tile->active_count = count;
}

void dt_tile_load(dt_tile *tile, int samples, const uint8_t *const *images, dt_real scale,
                  dt_real shift)
{
    int width = tile->width;
    tile->samples = samples;
    if (shift == 0)
        find_active(tile, samples, images);
    for (int i = 0; i < samples; i++) {
        const uint8_t *image = images[i];
        dt_real *values = tile->values + (size_t)i * (size_t)width;
        for (int j = 0; j < width; j++)
            values[j] = scale * (dt_real)image[j] + shift;
    }
}
