/* The layers of a file, and in which order dense ones follow one another. */
#ifndef DT_MODEL_LAYER_ORDER_H
#define DT_MODEL_LAYER_ORDER_H

#include "file/bundle.h"
#include "nn/architecture.h"

/* Most layers. */
#define LAYERS_MAX 256

typedef struct found_layer {
    char name[DT_BUNDLE_NAME];
    dt_array *kernel, *bias;   /* or gain and shift; bias: NULL for none */
    dt_array *mean, *variance; /* of a batch normalisation, which may have no kernel; else NULL */
    bool transposed;           /* the kernel is [out][in], of a convolution [out][in][h][w] */
    bool either;               /* ... or not: its name does not say */
    int64_t inputs, outputs;
} found_layer;

static inline bool layer_is_norm(const found_layer *layer)
{
    return layer->mean != NULL;
}

/* What layer number `layer` is called here: "dense", "dense_1", ... Returns `name`. */
#define LAYER_NAME sizeof((dt_tensor *)0)->layer
char *layer_name(size_t layer, char name[LAYER_NAME]);

/* A name without its digits, and without the "_" that Keras puts before the last of them. */
void layer_stem(const char *name, char stem[DT_BUNDLE_NAME]);

/* The array that is such a tensor of the layer; NULL: it has none. */
const dt_array *layer_array(const found_layer *layer, const dt_tensor *tensor);

/* Puts the layers into the order of their names, numbers by value. */
void layer_sort(found_layer *layers, size_t count);

/* Puts the layers into the order that dt_weights_of_bundle describes. ordered: they have one that
 * counts, that of their file.
 * Errors: DT_ERR_DATA: they do not fit to one another or to the list, or could stand elsewhere. */
dt_status layer_order(found_layer *layers, size_t count, bool ordered, const dt_layer_list *list,
                      dt_error *error);

#endif
