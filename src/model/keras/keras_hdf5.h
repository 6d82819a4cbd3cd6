/* The weights in HDF5 files of Keras, as a bundle. */
#ifndef DT_MODEL_KERAS_HDF5_H
#define DT_MODEL_KERAS_HDF5_H

#include "base/text.h"
#include "file/hdf5_reader.h"
#include "../network_plan.h"

/* The part of a path that is beside the network, as "optimizer"; NULL: it is of the network. */
const char *keras_beside(const char *path);

/* Whether it is a file of Keras 3, of which each layer has a group "vars". */
bool keras_is_3(const dt_hdf5_reader *reader);

/* Reads all weights of a file of Keras 3, or of Keras' older layout. plan: what is known of the
 * network; NULL: nothing. Every dataset of the file is in the bundle or, if it plays no part in the
 * network (optimizers, random numbers), named in left_out. *out is always set: dt_bundle_destroy.
 * Errors: DT_ERR_DATA, with the dataset or the layer; DT_ERR_INTERNAL. */
dt_status keras3_read(const dt_hdf5_reader *reader, const network_plan *plan, dt_bundle *out,
                      dt_text *left_out, dt_error *error);
dt_status keras2_read(const dt_hdf5_reader *reader, const network_plan *plan, dt_bundle *out,
                      dt_text *left_out, dt_error *error);

#endif
