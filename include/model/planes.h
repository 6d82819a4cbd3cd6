/* A network as PyTorch and ONNX have it: where a layer takes an image, it is planes,
 * [channel][height][width]; where a layer takes a row of values, something stands in front of it
 * that makes a row of an image. What the layers compute is the same. */
#ifndef DT_MODEL_PLANES_H
#define DT_MODEL_PLANES_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/architecture.h"

typedef enum dt_turn { DT_TURN_NONE, DT_TURN_TO_ROW, DT_TURN_TO_IMAGE } dt_turn;

/* What a layer gives, on a walk through a network. */
typedef struct dt_planes_output {
    bool image;
    dt_shape row; /* of a row, as dt_planes.row */
    int modules;  /* in an nn.Sequential, up to the layer */
} dt_planes_output;

/* A layer on a walk through a network, and what stands in front of it. */
typedef struct dt_planes {
    dt_layer layer;
    bool image; /* it takes an image, and gives one; before the walk: the input of the network is */
    dt_turn turn; /* what the values before it become */
    dt_shape of;  /* the image that they are, or become */
    dt_shape row; /* the image whose planes, one behind the other, are the row that comes in;
                     {1, 1, n}: it has our order */
    bool border;  /* a module in front pads more behind the image than before it */
    int module;   /* the number of its own module in an nn.Sequential, from 0 */
    int modules;  /* how many there are up to it, its own among them */
    dt_turn
        second_turn; /* what its second input becomes; the image, or row, is that of the layer */
    dt_planes_output outputs[DT_LAYERS_MAX]; /* of the layers up to it */
} dt_planes;

/* Walks as dt_architecture_next does. Behind the last layer *walk is that one, but for `turn`: what
 * makes a row of what it gives. */
bool dt_planes_next(const dt_architecture *architecture, int index, dt_planes *walk);

/* Whether one of the layers takes an image, and nothing else. */
bool dt_planes_needed(const dt_layer_list *list);

/* Whether one of the layers takes an image: such a one, or a normalisation of an image. It has been
 * checked. */
bool dt_planes_any(const dt_architecture *architecture);

/* Whether the row that comes in, or the outputs behind the last layer, have another order than ours
 * for good: no later layer turns the row back into its image. */
bool dt_planes_shuffled(const dt_planes *walk);

/* Whether weights alone take it into account that a row of an image's planes has another order than
 * ours: false if something else has to know, with *where it is found. */
bool dt_planes_ordered(const dt_architecture *architecture, const char **where);

/* A tensor of walk->layer is ours as [taps][in][out] and theirs as [out][in][taps]: taps are places
 * of a window, of an image, and of the image that a row was. Sets sizes to taps, in and out;
 * {1, 1, n}: it is the same. */
void dt_planes_sizes(const dt_planes *walk, const dt_tensor *tensor, size_t sizes[3]);

/* Writes the shape that the tensor has there. */
void dt_planes_shape(const dt_tensor *tensor, int64_t shape[DT_RANK_MAX]);

/* to[c][b][a] = from[a][b][c], where `sizes` are those of a, b and c. */
void dt_planes_reverse(const float *from, const size_t sizes[3], float *to);

#endif
