/* A trained network, from a weights file: what it is, and its parameters. */
#ifndef DT_TRAIN_MODEL_H
#define DT_TRAIN_MODEL_H

#include <stdint.h>

#include "base/status.h"
#include "config/config.h"
#include "data/source.h"
#include "model/weights.h"
#include "nn/network.h"

dt_normalization dt_normalization_of(dt_normalize normalize);

/* The network that resolved settings mean for images of this shape in so many classes. Errors:
 * DT_ERR_CONFIG: its layers do not fit to the images, or to the classes. */
dt_status dt_model_specify(const dt_config *config, dt_shape shape, int classes,
                           dt_network_spec *out, dt_error *error);

typedef struct dt_model {
    dt_network_spec spec;
    dt_weights_file file; /* its tensors and parameters are those of the network; its facts are
                             there for a file from elsewhere too, from `spec` */
    dt_config config; /* the settings of the file's run, replaced by what was asked for; those of
                         [model], classes and normalize are always the file's */
} dt_model;

/* Reads a weights file. asked: settings of the user (dt_config.given counts).
 *
 * A file of ours says all there is to say of the network: a setting that says otherwise is refused.
 * Of a file from elsewhere the tensors say the sizes: dense kernels, each with its bias or all
 * without. The user must have set normalize, loss, output_activation, and with hidden layers
 * activation; images are taken to be square, with one channel.
 *
 * Not collective: for rank 0. *out is always set: dt_model_destroy. Errors: those of
 * dt_weights_read; DT_ERR_DATA: tensors that are no such network, or facts that contradict them;
 * DT_ERR_CONFIG: a setting that is missing or contradicts the file; with the path. */
dt_status dt_model_read(const char *path, const dt_config *asked, dt_model *out, dt_error *error);

/* The same of a file that has been read; takes over what *file owns. `path` is for messages. */
dt_status dt_model_of(const char *path, const dt_weights_file *file, const dt_config *asked,
                      dt_model *out, dt_error *error);

/* Writes the weights file `path`; that of a run of this program comes back byte for byte. Not
 * collective. Errors: those of dt_weights_write. */
dt_status dt_model_write(const dt_model *model, const char *path, dt_error *error);

/* NULL, {0} and a second call are allowed. */
void dt_model_destroy(dt_model *model);

#endif
