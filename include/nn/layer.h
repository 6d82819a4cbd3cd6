/* A layer: a table of operations on tiles.
 *
 * A layer's parameters are a view into the network's parameter array (`parameters` below points to
 * its first value), and so are their gradients. A layer keeps no results between calls: the network
 * hands it the tiles. Not collective. */
#ifndef DT_NN_LAYER_H
#define DT_NN_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/activation.h"
#include "nn/init.h"
#include "nn/real.h"
#include "nn/summation.h"
#include "nn/support.h"
#include "nn/tensor.h"
#include "nn/tile.h"

typedef struct dt_layer dt_layer;

typedef struct dt_layer_ops {
    /* A few words for people: "dense 784 -> 128". */
    void (*describe)(const dt_layer *layer, char *text, size_t size);
    /* Initial parameters; index: the layer's place among those that have parameters. NULL: none. */
    void (*initialise)(const dt_layer *layer, dt_init kind, uint64_t seed, uint32_t index,
                       dt_real *parameters);
    /* output->values from input->values, for input->samples samples. */
    void (*forward)(const dt_layer *layer, const dt_real *parameters, const dt_tile *input,
                    dt_tile *output);
    /* Adds up the gradients of the parameters as `summation` says, its offset being that of the
     * layer's first, and unless input_gradient is NULL sets it. Tells the listener, if there is
     * one, when they are final: from the last parameter to the first. */
    void (*backward)(const dt_layer *layer, const dt_real *parameters, const dt_tile *input,
                     const dt_tile *output, const dt_tile *output_gradient,
                     const dt_summation *summation, dt_tile *input_gradient);
    /* Adds to *support where backward writes if summation->sparse is set: at most inputs / 2 + 1
     * intervals. offset: that of the layer's first parameter. NULL: it has none. */
    void (*add_support)(const dt_layer *layer, const dt_tile *input, size_t offset,
                        dt_support *support);
    /* squares[i] += the squared Euclidean norm of the gradient of the layer's parameters by sample
     * i alone, for input->samples samples. NULL: it has none. */
    void (*add_squares)(const dt_layer *layer, const dt_tile *input, const dt_tile *output_gradient,
                        double *squares);
    void (*destroy)(dt_layer *layer);
} dt_layer_ops;

struct dt_layer {
    const dt_layer_ops *ops;
    int inputs, outputs;    /* values a sample */
    size_t parameter_count; /* 0: a layer without parameters */
    int tensor_count;       /* views of the parameters, their offsets from the layer's first */
    dt_tensor tensors[2];
};

/* y = x W + b, W [inputs][outputs]; without `bias`, y = x W. `name`: the layer's Keras name.
 * backward: dW is the sum of x^T dy, db that of dy; dx = dy W^T.
 * Of one sample |dW|^2 = |x|^2 |dy|^2, and |db|^2 = |dy|^2. source: arXiv:1510.01799. */
dt_status dt_dense_create(const char *name, int inputs, int outputs, bool bias, dt_layer **out,
                          dt_error *error);

/* An element-wise activation of `width` values. */
dt_status dt_activation_layer_create(dt_activation kind, int width, dt_layer **out,
                                     dt_error *error);

/* y_j = e^(x_j) / sum_k e^(x_k), the largest x subtracted first.
 * backward: dx_j = y_j (dy_j - sum_k y_k dy_k). */
dt_status dt_softmax_layer_create(int width, dt_layer **out, dt_error *error);

/* Frees a layer; NULL is allowed. */
void dt_layer_destroy(dt_layer *layer);

#endif
