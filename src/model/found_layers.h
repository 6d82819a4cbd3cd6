/* Which layers the arrays of a bundle are. */
#ifndef DT_MODEL_FOUND_LAYERS_H
#define DT_MODEL_FOUND_LAYERS_H

#include "layer_order.h"

/* Sorts the arrays of a bundle into layers, in the order of their first arrays if that of the
 * bundle counts, else in that of their names. Every array becomes part of one, or is named in
 * left_out. Arrays may be added to the bundle later, one a layer, and none of them moves. Errors:
 * DT_ERR_DATA, with the array; DT_ERR_INTERNAL. */
dt_status found_layers_of(dt_bundle *bundle, found_layer layers[LAYERS_MAX], size_t *count,
                          dt_text *left_out, dt_error *error);

#endif
