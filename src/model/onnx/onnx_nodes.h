/* Operations of ONNX, as onnx_walk.h has them. Each takes what the one before it gives. */
#ifndef DT_MODEL_ONNX_NODES_H
#define DT_MODEL_ONNX_NODES_H

#include "onnx_walk.h"

typedef dt_status onnx_operation(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error);

/* The shortest number that is the same float, as programs give them. */
double onnx_shortest(double value);

/* Convolutions and pooling: onnx_windows.c. */
onnx_operation onnx_conv, onnx_maxpool, onnx_avgpool, onnx_global, onnx_mean, onnx_pad;

/* Changes of shape and order: onnx_shapes.c. */
onnx_operation onnx_flatten, onnx_reshape, onnx_squeeze, onnx_unsqueeze, onnx_transpose;

/* Normalisations: onnx_norms.c. */
onnx_operation onnx_layernorm, onnx_groupnorm, onnx_batchnorm;

/* The normalisation that waits becomes a part of the dense layer or convolution that has been
 * added. */
dt_status onnx_take_waiting(onnx_walk *self, const Onnx__NodeProto *node, bool padded,
                            dt_error *error);

/* The constant that the node behind this one, and none but that, adds to what it gives, *node then:
 * a value for each of `outputs`, behind which there are `rank` - 1 axes. NULL: there is none. */
const onnx_constant *onnx_bias_behind(onnx_walk *self, const Onnx__NodeProto **node,
                                      int64_t outputs, int rank);

#endif
