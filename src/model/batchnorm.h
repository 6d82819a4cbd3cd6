/* Batch normalisations of networks from elsewhere: y = gain (x - mean) / sqrt(variance + epsilon) +
 * shift of each channel, with numbers that are fixed once the network is trained. So it is part of
 * the dense layer or convolution beside it. */
#ifndef DT_MODEL_BATCHNORM_H
#define DT_MODEL_BATCHNORM_H

#include "layer_order.h"

/* Into the layer whose outputs it takes, or, forward, into the one that takes what it gives: a
 * dense layer, or a convolution without padding. `layer` gets a bias if it has none. Errors:
 * DT_ERR_DATA: their sizes do not fit, a variance that is none; DT_ERR_INTERNAL. */
dt_status batchnorm_fold(const found_layer *norm, double epsilon, bool forward, dt_bundle *bundle,
                         found_layer *layer, dt_error *error);

/* Folds the batch normalisations among the layers into others, and takes them out, where nothing
 * but their names, and with `ordered` their order, says where they stand: in an nn.Sequential its
 * numbers do; else one stands behind the layer with its number, or the only one, beside it; else,
 * with `ordered`, behind the layer before it. *folded names them, and the epsilon that was assumed.
 * Errors: DT_ERR_DATA: one whose place is not known, or is behind an activation, or whose name and
 * order disagree, with its name; DT_ERR_INTERNAL. */
dt_status batchnorm_fold_all(dt_bundle *bundle, found_layer *layers, size_t *count, bool ordered,
                             dt_text *folded, dt_error *error);

#endif
