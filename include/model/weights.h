/* The weights file: the model alone, as Keras' load_weights takes it.
 *
 * Root attributes `layer_names` (layers that own weights, model order), `backend`, `keras_version`;
 * a group a layer with attribute `weight_names`, which are dataset names relative to the group:
 * layer "dense" has "dense/kernel:0" and "dense/bias:0", so /dense/dense/kernel:0. Keras pairs
 * layers by order among those that own weights on either side; layers without any are not listed.
 * source: Keras, legacy_h5_format.py, load_weights_from_hdf5_group (for names that end in ".h5" but
 * not in ".weights.h5"). */
#ifndef DT_MODEL_WEIGHTS_H
#define DT_MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "file/hdf5_file.h"
#include "file/image_fit.h"
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

/* A file larger than this many bytes is not read. */
#define DT_WEIGHTS_SIZE_MAX ((size_t)1 << 36)

/* What our own files say of the model, and of where it comes from. No text is NULL. */
typedef struct dt_weights_facts {
    const char *architecture;        /* "784-128-64-10" */
    int64_t input_shape[3];          /* height, width, channels: each >= 1 */
    double input_scale, input_shift; /* finite; value = scale * byte + shift */
    int64_t classes;
    const char *layers; /* as nn/architecture.h writes them, written out; "": not known */
    const char *loss;   /* its name */
    /* These may be missing: "", -1, NaN. */
    const char *version, *data_source;
    const char *class_names; /* base/class_names.h */
    const char *config;      /* INI */
    int64_t epoch, step, samples;
    double val_accuracy, test_accuracy;
    /* The form of the training images (dt_image_form): -1 for a background that is neither light
     * nor dark; "mass" or "box"; an extent of NaN: not known, MNIST's. */
    int64_t ink_background;
    double ink_extent, ink_middle_y, ink_middle_x;
    const char *ink_centre;
    /* Only in files written before 0.2, which have no layers: names, "" in others. */
    const char *activation, *output_activation;
} dt_weights_facts;

/* How many facts there are. */
#define DT_WEIGHTS_FACTS 23

/* The facts as attributes for dt_weights_write, in the order of a run's own files, those that are
 * missing as "", -1 and NaN; returns how many. They point into *facts. */
size_t dt_weights_attributes(const dt_weights_facts *facts,
                             dt_attribute attributes[DT_WEIGHTS_FACTS]);

/* The form of the training images, from the facts and to them (its text is a constant). */
dt_image_form dt_weights_form(const dt_weights_facts *facts);
void dt_weights_set_form(dt_weights_facts *facts, const dt_image_form *form);

/* Facts of which nothing is known: "", -1, NaN, 0. *out is always set: dt_weights_facts_destroy.
 * Errors: DT_ERR_INTERNAL. */
dt_status dt_weights_facts_unknown(dt_weights_facts *out, dt_error *error);

/* Frees the texts. {0} and a second call are allowed. */
void dt_weights_facts_destroy(dt_weights_facts *facts);

/* What is in a weights file; owns all that it points to. */
typedef struct dt_weights_file {
    dt_tensor *tensors; /* [tensor_count] as in dt_weights */
    size_t tensor_count;
    size_t parameter_count;
    float *parameters; /* [parameter_count], all finite */
    uint64_t parameter_hash;
    bool own; /* a file of this program: the facts are filled and the hash has been verified */
    dt_weights_facts facts; /* else zeros, but for what an import found: input_shape; and where the
                               file says its network, layers, loss and, if it scales its pixels
                               itself, input_scale and input_shift */
} dt_weights_file;

/* Reads the weights file `path`: one of our own (it has dist_train.parameter_hash, and all facts
 * must be there but those that may be missing), or one of Keras' legacy layout from elsewhere,
 * whose layers may be below /model_weights too (a whole model). Layers without weights are left
 * out; a tensor is named by the last part of its weight's name, without ":0".
 * *out is always set: dt_weights_destroy. Not collective. Errors, with the path: those of
 * dt_read_file; DT_ERR_DATA for a file that is not as described, with what was expected and found;
 * DT_ERR_INTERNAL. */
dt_status dt_weights_read(const char *path, dt_weights_file *out, dt_error *error);

/* The same of a file's bytes. */
dt_status dt_weights_decode(const void *bytes, size_t size, dt_weights_file *out, dt_error *error);

/* Frees what a file that was read owns. NULL, {0} and a second call are allowed. */
void dt_weights_destroy(dt_weights_file *file);

#endif
