/* A network in the files of Keras 3.
 *
 * NAME.weights.h5 has the variables of each layer in /layers/CLASS/vars/0, 1, ..., where CLASS is
 * that of the layer in snake case, with "_1", "_2", ... from the second of a class on, and an empty
 * /vars. NAME.keras is a ZIP archive of such a file, model.weights.h5, of config.json, which says a
 * Sequential model, or a Functional one where there are residual connections, and of metadata.json.
 * Keras' load_model makes a model of it that takes pixels from 0 to 255,
 * [n][height][width][channels], and gives probabilities, where the loss knows any. Both have the
 * facts of a weights file as attributes of /, each a text "dist_train.NAME". source: Keras 3.4,
 * keras/src/saving/saving_lib.py and serialization_lib.py. */
#ifndef DT_MODEL_KERAS_H
#define DT_MODEL_KERAS_H

#include "base/status.h"
#include "model/weights.h"
#include "nn/network.h"

/* Write `path`, atomically. The same network and facts, the same bytes. Not collective. Errors:
 * those of dt_atomic_write; DT_ERR_DATA: a layer that Keras does not have, with its kind;
 * DT_ERR_INTERNAL. */
dt_status dt_keras_write_weights(const char *path, const dt_network_spec *network,
                                 const dt_weights_file *file, dt_error *error);
dt_status dt_keras_write_model(const char *path, const dt_network_spec *network,
                               const dt_weights_file *file, dt_error *error);

#endif
