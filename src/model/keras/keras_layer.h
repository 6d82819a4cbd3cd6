/* Layers of Keras' as ours. */
#ifndef DT_MODEL_KERAS_LAYER_H
#define DT_MODEL_KERAS_LAYER_H

#include "file/json_reader.h"
#include "../network_plan.h"

/* One layer's text, as nn/architecture.h reads it. */
typedef struct keras_item {
    char text[112];
    char name[DT_BUNDLE_NAME]; /* of the layer, for messages */
    bool bare;                 /* it has no bias, unless a normalisation becomes a part of it */
    bool padless;              /* "avgpool" that must not pad */
    bool bordered;             /* there are zeros around its input: */
    int top, left, bottom, right;
    int label;   /* others take what it gives by this number; 0: none does */
    int changed; /* how many normalisations became a part of it */
} keras_item;

/* A network that is being put together, layer by layer. */
typedef struct keras_network {
    network_plan *plan;
    keras_item items[DT_LAYERS_MAX];
    int count;
    int weighted;  /* the item of the last dense layer or convolution, if nothing but what a
                      normalisation may pass stands behind it; -1: there is none */
    int waiting;   /* the planned normalisation that waits for the next of them; -1: none */
    bool row;      /* what comes next is a row of values, not an image */
    bool flat;     /* ... and is an image here, so far */
    int labels;    /* that there are */
    bool positive; /* what comes next has no value below 0 */
    bool begun;    /* pixels have met more than scales and changes of shape */
    char inside[DT_BUNDLE_NAME];  /* "MODEL/" for layers of a model inside the model */
    int top, left, bottom, right; /* zeros around what comes next */
} keras_network;

/* Begins a network, of whose plan all is zero. shape: of its input, the samples first; NULL: its
 * layers say it. */
void keras_network_begin(keras_network *self, network_plan *plan, const dt_json *shape);

/* Adds a layer to the network. class, config: as Keras has them. path: its place in Keras 3's
 * files. Errors: DT_ERR_DATA: it is none of ours, with its name and why. */
dt_status keras_layer_add(keras_network *to, const char *class, const dt_json *config,
                          const char *path, dt_error *error);

/* Adds the sum with what an item gave in front. Errors: DT_ERR_DATA. */
dt_status keras_layer_add_sum(keras_network *to, const char *name, int item, dt_error *error);

#endif
