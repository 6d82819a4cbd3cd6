/* A network as PyTorch and ONNX have it: where a layer takes an image, it is planes,
 * [channel][height][width]; where a layer takes a row of values, something stands in front of it
 * that makes a row of an image. What the layers compute is the same. */
#ifndef DT_MODEL_PLANES_H
#define DT_MODEL_PLANES_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/architecture.h"

typedef enum dt_turn { DT_TURN_NONE, DT_TURN_TO_ROW, DT_TURN_TO_IMAGE } dt_turn;

/* A layer on a walk through a network. */
typedef struct dt_planes {
    dt_layer layer;
    bool image; /* what it takes and gives is an image; set before the walk: what the first takes */
    dt_turn turn; /* what stands in front of it */
    dt_shape of;  /* what turn begins with, or makes: the image */
    dt_shape row; /* the image whose planes, one behind the other, are the row that comes in;
                     {1, 1, n}: it has our order */
    bool border;  /* a module in front pads more behind the image than before it */
    int module;   /* the number of its own module in an nn.Sequential, from 0 */
    int modules;  /* up to it */
} dt_planes;

/* Walks as dt_architecture_next does. Behind the last layer *walk is that one, but for `turn`: what
 * makes a row of what it gives. */
bool dt_planes_next(const dt_architecture *architecture, int index, dt_planes *walk);

/* Whether a layer takes an image, and nothing else. */
bool dt_planes_any(const dt_layer_list *list);

/* Whether a row has another order than ours, or an image could not be made of it. */
bool dt_planes_shuffled(const dt_planes *walk);

/* A tensor of walk->layer is ours as [taps][in][out] and theirs as [out][in][taps]: taps are places
 * of a window, and of the image that a row was. Sets sizes to taps, in and out; {1, 1, n}: it is
 * the same. */
void dt_planes_sizes(const dt_planes *walk, const dt_tensor *tensor, size_t sizes[3]);

/* Writes the shape that the tensor has there. */
void dt_planes_shape(const dt_tensor *tensor, int64_t shape[DT_RANK_MAX]);

/* to[c][b][a] = from[a][b][c], where `sizes` are those of a, b and c. */
void dt_planes_reverse(const float *from, const size_t sizes[3], float *to);

#endif
