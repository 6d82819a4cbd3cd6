/* Networks of ONNX, brought in. What they can be made of is the table of onnx_nodes.c. */
#ifndef DT_MODEL_ONNX_IMPORT_H
#define DT_MODEL_ONNX_IMPORT_H

#include "model/weights_bundle.h"

/* Whether the bytes are likely to be a model of ONNX, which has no mark of its own. */
bool onnx_is(const void *bytes, size_t size);

/* Reads a model as dt_weights_import does: its graph says the network, and every node becomes a
 * part of it. Of a file of ours the metadata say what they do in others, and must say the same
 * network. *out is always set: dt_weights_destroy. Errors: DT_ERR_DATA, with the node, initializer,
 * input or output; DT_ERR_INTERNAL. */
dt_status onnx_import(const void *bytes, size_t size, dt_weights_file *out, dt_import_note *note,
                      dt_error *error);

#endif
