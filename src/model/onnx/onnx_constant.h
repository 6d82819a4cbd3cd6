/* Constants of an ONNX model: its initializers, and what nodes of Constant give. */
#ifndef DT_MODEL_ONNX_CONSTANT_H
#define DT_MODEL_ONNX_CONSTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onnx.pb-c.h>

#include "base/shape.h"
#include "base/status.h"

typedef struct onnx_constant {
    const char *name;
    const Onnx__TensorProto *tensor;       /* NULL: what it is stands in ... */
    const Onnx__AttributeProto *attribute; /* ... an attribute of a Constant */
    bool turned;                           /* [a][b] of the tensor is [b][a] here */
    bool used;
} onnx_constant;

/* Its shape, of more than DT_RANK_MAX dimensions -1; the number of its values. Room for the shape:
 * DT_RANK_MAX. */
int onnx_constant_shape(const onnx_constant *self, int64_t *shape);
size_t onnx_constant_count(const onnx_constant *self);

/* Whether it is one number. */
bool onnx_constant_number(const onnx_constant *self, double *number);

/* Whether all of its values are that number. */
bool onnx_constant_is(const onnx_constant *self, double number);

/* Whether it is at most `room` integers: *count of them in list. */
bool onnx_constant_list(const onnx_constant *self, int64_t *list, size_t room, size_t *count);

/* Whether its floats are there, before there is room for them. Errors: as below. */
dt_status onnx_constant_check(const onnx_constant *self, dt_error *error);

/* Reads its floats, [onnx_constant_count], as they lie in the tensor: those of a turned one are not
 * turned. *converted: the name of their type if it is another (file/float_type.h). Errors:
 * DT_ERR_DATA: it holds others, or not as many as its shape says, or is in another file. */
dt_status onnx_constant_floats(const onnx_constant *self, float *to, const char **converted,
                               dt_error *error);

#endif
