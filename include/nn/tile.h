/* A tile: the values of a few samples at one place of the network, [samples][stride]. */
#ifndef DT_NN_TILE_H
#define DT_NN_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/real.h"

typedef struct dt_tile {
    int samples;      /* in use */
    int width;        /* values of a sample */
    ptrdiff_t stride; /* from one sample to the next, >= width */
    dt_real *values;  /* [capacity][stride], followed by DT_MATMUL_PAD elements */
    int active_count; /* columns that may hold something other than 0 ... */
    int32_t *active;  /* ... and which they are, ascending: [width] */
    uint8_t *any;     /* [width]: scratch of dt_tile_load */
} dt_tile;

/* The values of a sample. */
static inline dt_real *dt_tile_row(const dt_tile *tile, int sample)
{
    return tile->values + sample * tile->stride;
}

/* From one sample of a tile to the next. Rows that are a multiple of 2 KB apart share few places in
 * the L1 cache: a cache line more. At most 256 classes: the outputs of a network have no gaps, as
 * the losses expect. */
ptrdiff_t dt_tile_stride(int width);

/* A tile for up to `capacity` samples of `width` values, all columns active. On failure *tile is
 * empty and safe to destroy. */
dt_status dt_tile_create(int capacity, int width, dt_tile *tile, dt_error *error);
void dt_tile_destroy(dt_tile *tile);

/* Fills the tile from images of `width` bytes: value = scale * byte + shift. With shift 0, columns
 * whose bytes are 0 in all samples are left out of the active ones. 0 <= samples. */
void dt_tile_load(dt_tile *tile, int samples, const uint8_t *const *images, dt_real scale,
                  dt_real shift);

#endif
