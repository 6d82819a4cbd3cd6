/* Names and places of the tensors inside the parameter array. */
#ifndef DT_NN_TENSOR_H
#define DT_NN_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/shape.h"

/* What a tensor is for; its initial values follow (nn/init.h). */
typedef enum dt_tensor_role {
    DT_TENSOR_WEIGHT,
    DT_TENSOR_BIAS,
    DT_TENSOR_GAIN, /* of a normalisation: 1 to begin with ... */
    DT_TENSOR_SHIFT /* ... and this is 0, whatever biases are */
} dt_tensor_role;

/* A view: the tensor's values are parameters[offset .. offset + product of shape), C order.
 * A dense kernel is [in][out], a bias [out], as in Keras. */
typedef struct dt_tensor {
    char layer[32]; /* "dense", "dense_1", ...: Keras' names, in the order of the model */
    char name[16];  /* "kernel", "bias", "gamma", "beta" */
    dt_tensor_role role;
    int rank;
    int64_t shape[DT_RANK_MAX];
    size_t offset;
} dt_tensor;

/* The role of a tensor that a file calls so. */
dt_tensor_role dt_tensor_role_of(const char *name);

static inline size_t dt_tensor_count(const dt_tensor *tensor)
{
    return dt_value_count(tensor->rank, tensor->shape);
}

#endif
