/* A trained network as an ONNX file, for onnxruntime and whoever else reads them.
 * source: https://github.com/onnx/onnx/blob/v1.12.0/docs/IR.md, operators of opset 13 (IR 7).
 *
 * Input   "image"          uint8 [batch][height][width] (several channels: [batch][height][width]
 *                          [channels]): bytes as they are in the data, 0 background, 255 ink. The
 *                          normalisation is part of the graph; the type keeps pixels that have been
 *                          normalised already from being taken for bytes.
 * Outputs "logits"         float32 [batch][classes]: of the last layer but a softmax
 *         "probabilities"  float32 [batch][classes]: as dt_metrics_probabilities says
 * The batch is of any size. Weights are named "dense/kernel", "dense/bias", "dense_1/kernel", ...;
 * kernels of convolutions are [out][in][height][width]. The facts of the weights file and the
 * parameter hash are in metadata_props, as "dist_train.NAME". */
#ifndef DT_MODEL_ONNX_H
#define DT_MODEL_ONNX_H

#include <stdbool.h>

#include "base/status.h"
#include "model/weights.h"
#include "nn/network.h"

/* Writes `path`, atomically. Equal networks and facts give equal bytes. upright: the data set has
 * rows and columns exchanged, and "image" says that it takes upright images. Not collective.
 * Errors: those of dt_atomic_write; DT_ERR_DATA for a network of more than 2 GB, which is as much
 * as a file of this kind holds; DT_ERR_INTERNAL. */
dt_status dt_onnx_write(const char *path, const dt_network_spec *network,
                        const dt_weights_file *file, bool upright, dt_error *error);

#endif
