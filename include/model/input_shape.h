/* The images of a network that does not say which it takes. */
#ifndef DT_MODEL_INPUT_SHAPE_H
#define DT_MODEL_INPUT_SHAPE_H

#include <stdbool.h>

#include "nn/architecture.h"

/* Refuses tensors of convolutions from elsewhere: around these no file says what there is.
 * Returns DT_ERR_DATA. */
dt_status dt_fail_without_layers(const dt_tensor *tensors, size_t count, dt_error *error);

/* Sets architecture->input to the first square image that its list takes and that `fits`: of one
 * channel, then, if a layer takes images, of three; 28 x 28, then sides up to 256 by how often they
 * can be halved (32, 64, ...; 16, 48, ...), since a network may take several, and is made for one
 * that can be. False: there is none. */
bool dt_find_input(dt_architecture *architecture,
                   bool (*fits)(const dt_architecture *architecture, const void *what),
                   const void *what);

#endif
