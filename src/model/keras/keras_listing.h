/* Keras' older layout: each layer lists the datasets that are its weights. */
#ifndef DT_MODEL_KERAS_LISTING_H
#define DT_MODEL_KERAS_LISTING_H

#include "file/hdf5_reader.h"

/* Where the list of layers is: "", or "/model_weights" in a whole model; NULL: nowhere. */
const char *keras_listing_root(const dt_hdf5_reader *reader);

typedef struct keras_weight {
    const char *layer, *name;
    const char *path;   /* of its dataset */
    const char *before; /* the layer in front of the layer, if that has no weights; else NULL */
} keras_weight;

typedef dt_status keras_take(void *self, const keras_weight *weight, dt_error *error);

/* Calls `take` for each weight that is listed, in its order; used[objects of the file] becomes true
 * for its dataset. Errors: those of `take`; DT_ERR_DATA: a dataset is listed twice, or a path is
 * too long. */
dt_status keras_list(const dt_hdf5_reader *reader, const char *root, keras_take *take, void *self,
                     bool *used, dt_error *error);

#endif
