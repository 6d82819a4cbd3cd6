/* A feed-forward network: layers in a row, a loss at the end.
 *
 * The network owns no parameters: they are one contiguous array that the caller holds, and so are
 * the gradients; the layers' parts follow one another in it. Not collective: a network belongs to a
 * rank, and no result depends on how many ranks there are. */
#ifndef DT_NN_NETWORK_H
#define DT_NN_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/activation.h"
#include "nn/init.h"
#include "nn/loss.h"
#include "nn/real.h"
#include "nn/tensor.h"

typedef struct dt_network_spec {
    int inputs;                      /* bytes of an image */
    double input_scale, input_shift; /* value = scale * byte + shift */
    int dense_count;                 /* dense layers, >= 1 */
    const int *widths;               /* [dense_count], outputs of each; the last = classes */
    bool bias;                       /* of every dense layer */
    dt_activation activation;        /* after each dense layer but the last */
    bool output_softmax;             /* a softmax after the last one */
    dt_loss loss;
} dt_network_spec;

typedef struct dt_network dt_network;

/* Builds a network. The caller owns *out: dt_network_destroy. Errors: DT_ERR_INTERNAL. */
dt_status dt_network_create(const dt_network_spec *spec, dt_network **out, dt_error *error);
void dt_network_destroy(dt_network *network);

size_t dt_network_parameter_count(const dt_network *network);

/* A zeroed array for the network's parameters or gradients, with the padding that the matrix
 * products ask for. Owned by the caller: dt_free. NULL with *error set on failure. */
dt_real *dt_network_new_parameters(const dt_network *network, dt_error *error);

/* Views of all tensors in the parameter array, in the order of the model; *count of them. */
const dt_tensor *dt_network_tensors(const dt_network *network, size_t *count);

/* Writes "784-128-64-10" into `text`. */
void dt_network_shape_text(const dt_network *network, char *text, size_t size);

/* For layer 0, 1, ...: a few words ("dense 784 -> 128") and its number of parameters; false when
 * there is no such layer. */
bool dt_network_describe_layer(const dt_network *network, int layer, char *text, size_t size,
                               size_t *parameter_count);

/* Fills parameters with their initial values: a function of (kind, seed, shape) alone. */
void dt_network_initialise(const dt_network *network, dt_init kind, uint64_t seed,
                           dt_real *parameters);

/* Tells the network that these are the parameters from now on. To be called after every change
 * and before dt_network_gradient or dt_network_evaluate. The array must outlive them. */
void dt_network_set_parameters(dt_network *network, const dt_real *parameters);

/* Adds the sum of the samples' gradients to gradient[parameter count] and their losses and correct
 * answers to *sum, one sample after the other. Loss and answers are those of the forward pass.
 * images: [samples] pointers to `inputs` bytes, labels: [samples], each below the last width. */
void dt_network_gradient(dt_network *network, int64_t samples, const uint8_t *const *images,
                         const uint8_t *labels, dt_real *gradient, dt_loss_sum *sum);

/* The same without gradients. */
void dt_network_evaluate(dt_network *network, int64_t samples, const uint8_t *const *images,
                         const uint8_t *labels, dt_loss_sum *sum);

#endif
