/* A tile: the values of a few samples at one place of the network, [samples][width]. */
#ifndef DT_NN_TILE_H
#define DT_NN_TILE_H

#include <stdint.h>

#include "base/status.h"
#include "nn/real.h"

/* Samples that go through the network together. A matter of speed alone: no result depends on it
 * (nn/matmul.h). 64 samples of 784 floats and a 784 x 128 layer stay in a 1 MB L2 cache. */
#define DT_TILE_SAMPLES 64

typedef struct dt_tile {
    int samples;      /* in use, at most DT_TILE_SAMPLES */
    int width;        /* values of a sample */
    dt_real *values;  /* [DT_TILE_SAMPLES][width], followed by DT_MATMUL_PAD elements */
    int active_count; /* columns that may hold something other than 0 ... */
    int32_t *active;  /* ... and which they are, ascending: [width] */
    uint8_t *any;     /* [width]: scratch of dt_tile_load */
} dt_tile;

/* A tile of `width` values a sample, all columns active. On failure *tile is empty and safe to
 * destroy. */
dt_status dt_tile_create(int width, dt_tile *tile, dt_error *error);
void dt_tile_destroy(dt_tile *tile);

/* Fills the tile from images of `width` bytes: value = scale * byte + shift. With shift 0, columns
 * whose bytes are 0 in all samples are left out of the active ones. 1 <= samples. */
void dt_tile_load(dt_tile *tile, int samples, const uint8_t *const *images, dt_real scale,
                  dt_real shift);

#endif
