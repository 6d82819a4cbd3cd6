/* A batch, cut into tiles, whatever its segments are. */
#ifndef DT_NN_CUTTER_H
#define DT_NN_CUTTER_H

#include "nn/network.h"

/* Pieces of a tile: what does not fit begins the next one. */
enum { PIECES_MAX = 128 };

/* Where the next tile begins; zeros but for the batch at first. */
typedef struct cutter {
    const dt_batch *batch;
    int segment;  /* the one being cut */
    int64_t done; /* samples of it in earlier tiles */
} cutter;

/* Cuts a tile of up to `capacity` samples into pieces[PIECES_MAX] of the segments; returns how many
 * samples it has. */
int cut_tile(cutter *self, int capacity, dt_piece *pieces, int *piece_count);

#endif
