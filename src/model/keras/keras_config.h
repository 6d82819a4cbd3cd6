/* What Keras' config.json says of a network of ours. */
#ifndef DT_MODEL_KERAS_CONFIG_H
#define DT_MODEL_KERAS_CONFIG_H

#include "base/text.h"
#include "nn/network.h"

/* Adds the config of a Sequential model, as JSON. path: for messages. Errors: DT_ERR_DATA: a layer
 * that Keras does not have; DT_ERR_INTERNAL. */
dt_status keras_config_of(const char *path, const dt_network_spec *network, dt_text *to,
                          dt_error *error);

#endif
