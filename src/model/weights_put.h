/* Layers that have been found, and put into their order, become tensors of ours. */
#ifndef DT_MODEL_WEIGHTS_PUT_H
#define DT_MODEL_WEIGHTS_PUT_H

#include "layer_order.h"
#include "model/weights_bundle.h"

/* Begins: *out becomes nothing, and *layers what found_layers_of finds in the bundle, with what is
 * left out added to the note. The caller owns *layers: dt_free. Errors: those of found_layers_of.
 */
dt_status weights_find_layers(dt_bundle *bundle, dt_weights_file *out, dt_import_note *note,
                              found_layer **layers, size_t *count, dt_error *error);

/* Room in *out for all of a bundle's arrays. Errors: DT_ERR_INTERNAL. */
dt_status weights_make_room(const dt_bundle *bundle, dt_weights_file *out, dt_error *error);

/* Adds dense layer number `number`. Errors: DT_ERR_DATA: numbers that are not finite. */
dt_status weights_put_dense(const found_layer *layer, size_t number, dt_weights_file *out,
                            dt_error *error);

/* Adds the layers of a network, which they fit, its input and the hash. Errors: DT_ERR_DATA: as
 * above, or the order of a row's values matters and is not known; DT_ERR_INTERNAL. */
dt_status weights_put_network(const found_layer *layers, const dt_architecture *architecture,
                              dt_weights_file *out, dt_error *error);

void weights_list_names(const found_layer *layers, size_t count, char list[DT_LAYER_LIST]);

#endif
