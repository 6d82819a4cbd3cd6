/* Which layers of a file are those of a network with images. */
#ifndef DT_MODEL_LAYER_MATCH_H
#define DT_MODEL_LAYER_MATCH_H

#include "layer_order.h"

/* Whether such a list says more than the order of dense layers. */
bool layer_match_needed(const dt_layer_list *list);

/* Puts the layers, which are in the order of their file or of their names, into that of the
 * network: each is the first of those left that fits. It has been checked.
 * Errors: DT_ERR_DATA, with what was found. */
dt_status layer_match(found_layer *layers, size_t count, const dt_architecture *architecture,
                      dt_error *error);

/* The same where the input is not known, in `architecture`: dt_find_input. */
dt_status layer_match_input(found_layer *layers, size_t count, dt_architecture *architecture,
                            dt_error *error);

/* Refuses convolutions of which no list says what is around them. */
dt_status layer_match_refuse(const found_layer *layers, size_t count, dt_error *error);

#endif
