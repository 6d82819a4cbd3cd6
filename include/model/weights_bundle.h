/* A network's weights as a bundle of named arrays, for files of others, and back. */
#ifndef DT_MODEL_WEIGHTS_BUNDLE_H
#define DT_MODEL_WEIGHTS_BUNDLE_H

#include "file/bundle.h"
#include "model/weights.h"
#include "nn/architecture.h"

typedef enum dt_weight_names {
    DT_NAMES_KERAS, /* "dense/kernel" [in][out], "dense/bias" [out], "dense_1/kernel", ... */
    DT_NAMES_TORCH  /* the state_dict of torch.nn.Sequential, of the modules that a walk through
                       model/planes.h counts: "0.weight" [out][in] or [out][in][height][width],
                       "0.bias" [out], "2.weight", ... */
} dt_weight_names;

/* The weights of a network, which get these names whatever they are called, and their facts, each a
 * text "dist_train.NAME", those that are missing left out; "dist_train.parameter_hash" is the hash
 * of the parameters as weights_read has them, in Keras' order. *out is always set:
 * dt_bundle_destroy. Errors: DT_ERR_INTERNAL. */
dt_status dt_bundle_of_weights(const dt_architecture *architecture, const dt_weights_file *file,
                               dt_weight_names names, dt_bundle *out, dt_error *error);

/* Refuses a network with a layer for which a format has no word; `who`: "ONNX has".
 * Errors: DT_ERR_DATA, with the path and the layer. */
dt_status dt_check_words(const dt_architecture *architecture,
                         bool (*has_word)(const dt_layer_kind *kind), const char *who,
                         const char *path, dt_error *error);

/* Room for the names of layers. */
#define DT_LAYER_LIST 200

/* What a file was from which weights came. Lists are cut to their room. */
typedef struct dt_import_note {
    const char *format;             /* "a safetensors file" */
    char converted[72];             /* the type that became 32-bit floats; "": nothing did */
    char layers[DT_LAYER_LIST];     /* what they were called, in order; "": a weights file */
    char folded[2 * DT_LAYER_LIST]; /* batch normalisations that became a part of a layer */
    char epsilon[80]; /* of normalisations of Keras, where a list says it that may not mean to */
    char left_out[DT_LAYER_LIST]; /* what plays no part in the network: counters, optimizers */
} dt_import_note;

/* The reverse, also of a bundle from elsewhere. Its arrays are LAYER.weight or LAYER/weight, as
 * PyTorch has them, [out][in] or [out][in][height][width], or kernel in place of weight, as Keras
 * has them, [in][out] or [height][width][in][out]; and LAYER.bias or LAYER/bias. LAYER is any name,
 * or none at all. Names as people give them by hand are W1 and b1, fc_w and fc_b, or arr_0, arr_1,
 * ... in the order of the network: which way such kernels lie, their sizes must say. A bias may be
 * a row or a column. What is no array of floats, or one number, is no part of a network.
 *
 * The layers are taken in the only order in which each takes what the one before gives; if there
 * are several, in the order of their file, if that has one, or of their names, numbers by value
 * ("net.2" before "net.10"); or, unless `list` is NULL, in the order in which their sizes are those
 * of the list, those of equal sizes by name. Layers that could change places, and whose names
 * differ in more than numbers, are refused without a list. In *out they are called "dense",
 * "dense_1", ....
 *
 * A list with layers of images, which a bundle from elsewhere needs if it has convolutions, says
 * the network: of the layers, in the order of their names, each takes the first that fits, and the
 * size of the images becomes the input_shape of the facts (model/input_shape.h).
 *
 * Batch normalisations (running_mean and running_var, or moving_mean and moving_variance) become a
 * part of the layer beside them, which changes the bundle.
 *
 * A bundle with dist_train.parameter_hash is one of ours: the hash is checked, and all facts must
 * be there but those that may be missing. *out is always set: dt_weights_destroy. Errors:
 * DT_ERR_DATA, with what was expected and found; DT_ERR_INTERNAL. */
dt_status dt_weights_of_bundle(dt_bundle *bundle, const dt_layer_list *list, dt_weights_file *out,
                               dt_import_note *note, dt_error *error);

/* Reads weights from a file, whose layers get the names of this program: safetensors; npz; Keras'
 * weights as dt_weights_read takes them, as Keras 3 writes them (NAME.weights.h5), and whole models
 * (NAME.keras, NAME.h5) and graphs of ONNX, which say their network, so that the facts of *out do;
 * PyTorch's .pt. Its content says what it is. list: as in dt_weights_of_bundle; weights files have
 * an order of their own. *out is always set: dt_weights_destroy. Not collective. Errors, with the
 * path: those of dt_read_file; DT_ERR_DATA for a file that is none of these, or not as it must be;
 * DT_ERR_INTERNAL. */
dt_status dt_weights_import(const char *path, const dt_layer_list *list, dt_weights_file *out,
                            dt_import_note *note, dt_error *error);

#endif
