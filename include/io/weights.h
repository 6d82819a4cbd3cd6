/* The weights file: the model alone, as Keras' load_weights takes it.
 *
 * Root attributes `layer_names` (layers that own weights, model order), `backend`, `keras_version`;
 * a group a layer with attribute `weight_names`, which are dataset names relative to the group:
 * layer "dense" has "dense/kernel:0" and "dense/bias:0", so /dense/dense/kernel:0. Keras pairs
 * layers by order among those that own weights on either side; layers without any are not listed.
 * source: Keras, legacy_h5_format.py, load_weights_from_hdf5_group (for names that end in ".h5" but
 * not in ".weights.h5"). */
#ifndef DT_IO_WEIGHTS_H
#define DT_IO_WEIGHTS_H

#include <stddef.h>

#include "base/status.h"
#include "io/hdf5_file.h"
#include "nn/tensor.h"

/* Put in front of the names of our own root attributes. */
#define DT_WEIGHTS_PREFIX "dist_train."

typedef struct dt_weights {
    const dt_tensor *tensors; /* model order, each beginning where the one before ends, from 0 on;
                                 the tensors of a layer together */
    size_t tensor_count;
    const float *parameters;        /* [sum of the tensors' counts] */
    const dt_attribute *attributes; /* further facts, named without DT_WEIGHTS_PREFIX */
    size_t attribute_count;
} dt_weights;

/* Writes the weights file `path`, atomically (dt_atomic_write). Adds to the attributes
 * "dist_train.parameter_hash", the dt_hash of all parameters' bytes, as 16 hexadecimal digits.
 * Equal weights and attributes give equal bytes. Not collective.
 * Errors: those of dt_atomic_write; DT_ERR_INTERNAL for tensors that are not as described. */
dt_status dt_weights_write(const char *path, const dt_weights *weights, dt_error *error);

#endif
