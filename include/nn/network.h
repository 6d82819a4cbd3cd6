/* A feed-forward network: layers in a row, a loss at the end. A layer may take what an earlier one
 * gave as its second input.
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
#include "base/trace.h"
#include "nn/architecture.h"
#include "nn/init.h"
#include "nn/loss.h"
#include "nn/noise.h"
#include "nn/real.h"
#include "nn/summation.h"
#include "nn/support.h"
#include "nn/tensor.h"

/* Pixels are normalised as value = scale * byte + shift. */
typedef struct dt_normalization {
    double scale, shift;
} dt_normalization;

/* What a network is, but for its parameters. No pointers: it can be sent to other ranks as bytes.
 */
typedef struct dt_network_spec {
    dt_architecture architecture; /* written out, and checked */
    dt_normalization normalization;
    dt_loss loss;
    double label_smoothing; /* of the targets in training, as in nn/loss.h; evaluation has none */
    /* Memory alone depends on these. */
    int64_t at_once; /* samples that it is given at a time, as a rule; 0: not known */
    int64_t at_most; /* the most samples of a tile; 0: as many as are fast */
} dt_network_spec;

typedef struct dt_network dt_network;

/* What a network of that kind takes. */
typedef struct dt_network_size {
    uint64_t parameters;
    int tile_samples; /* that go through the network together; no result depends on it */
    uint64_t bytes;   /* of what dt_network_create allocates: above all, the tiles */
} dt_network_size;

/* Computes it without building anything. */
dt_network_size dt_network_measure(const dt_network_spec *spec);

/* Builds a network. The caller owns *out: dt_network_destroy. Errors: DT_ERR_INTERNAL. */
dt_status dt_network_create(const dt_network_spec *spec, dt_network **out, dt_error *error);
void dt_network_destroy(dt_network *network);

size_t dt_network_parameter_count(const dt_network *network);

/* A zeroed array for the network's parameters or gradients, with the padding that the matrix
 * products ask for. Owned by the caller: dt_free. NULL with *error set on failure. */
dt_real *dt_network_new_parameters(const dt_network *network, dt_error *error);

/* Views of all tensors in the parameter array, in the order of the model; *count of them. */
const dt_tensor *dt_network_tensors(const dt_network *network, size_t *count);

/* What it was made from. */
const dt_network_spec *dt_network_spec_of(const dt_network *network);

/* For layer 0, 1, ...: a few words ("dense 784 -> 128") and its number of parameters; false when
 * there is no such layer. */
bool dt_network_describe_layer(const dt_network *network, int layer, char *text, size_t size,
                               size_t *parameter_count);

/* Fills parameters with their initial values: a function of (kind, seed, shape) alone. */
void dt_network_initialise(const dt_network *network, dt_init kind, uint64_t seed,
                           dt_real *parameters);

/* Tells the network where its parameters are, before the first dt_network_gradient,
 * dt_network_outputs or dt_network_evaluate: these read them there, with the values that they have
 * then. The array, from dt_network_new_parameters, must outlive the network's use. */
void dt_network_set_parameters(dt_network *network, const dt_real *parameters);

/* What the passes of training know of a sample, besides its part of the sums.
 * source: I. Goodfellow, Efficient Per-Example Gradient Computations, arXiv:1510.01799 (the norm);
 * G. Pleiss et al., Identifying Mislabeled Data using the Area Under the Margin Ranking,
 * arXiv:2001.10528 (the margin). */
typedef struct dt_tracked {
    float gradient_norm; /* Euclidean, of the gradient of the sample's loss by all parameters */
    float margin;        /* the label's output less the largest of the others, before a softmax; 0
                            with one class */
} dt_tracked;

/* Gradients that are not added up (nn/factors.h). */
typedef struct dt_factoring dt_factoring;

/* Samples in memory that belong to somebody else, and what becomes of them. */
typedef struct dt_batch {
    int64_t count;
    const uint8_t *const *images; /* [count + upcoming] pointers to `inputs` bytes */
    /* What becomes of the images from `first` on in training: `count` pointers, valid until the
     * next call; NULL: nothing. */
    const uint8_t *const *(*draw)(void *drawing, int64_t first, int count);
    void *drawing;
    const uint8_t *labels; /* [count], each below the number of outputs */
    int64_t upcoming;      /* images behind these that will be asked for next: fetched from
                              memory meanwhile */
    const dt_noise *noise; /* [count] places, for dt_network_gradient; NULL: random layers do
                              as in evaluation, where nobody reads it */
    int segment_count;
    const dt_segment *segments; /* of the samples: nn/summation.h */
    dt_loss_sum *losses;        /* [segment_count]: the losses and correct answers of each segment,
                                   of the forward pass, sample after sample */
    dt_tracked *tracked;     /* [count]: dt_network_gradient sets them; NULL: nobody asks for them.
                                The bits do not depend on what else is in the batch. */
    dt_factoring *factoring; /* NULL, as it is if there is a listener: all gradients are added up */
} dt_batch;

/* Sets the losses of the batch, and adds up its gradients as its segments say: sums[i] is the i-th
 * array of the stack, of parameter count elements, the bottom first; at the end those left on it
 * hold their sums. What the arrays held before does not matter.
 * listener: unless it is NULL, told from where on the sums are final, while others are still worked
 * on: first the parameter count, when all losses are there; then less with every call; at last 0.
 * support: NULL: all elements of the sums are written. Else it becomes where they may be other than
 * zero, and elsewhere they need not be written; valid until the next call.
 * trace: laps of DT_PHASE_FORWARD and DT_PHASE_BACKWARD. */
void dt_network_gradient(dt_network *network, const dt_batch *batch, dt_real *const *sums,
                         const dt_listener *listener, dt_support *support, dt_trace *trace);

/* The outputs of the last layer for images[count]: outputs[count][classes]. */
void dt_network_outputs(dt_network *network, int64_t count, const uint8_t *const *images,
                        dt_real *outputs);

/* Adds to the losses of the batch; its segments' merges do not matter. outputs: unless it is NULL,
 * becomes those of the last layer, as dt_network_outputs gives them. */
void dt_network_evaluate(dt_network *network, const dt_batch *batch, dt_real *outputs);

/* What the outputs of one sample, [classes], say of the probabilities of the classes
 * (nn/metrics.h). */
void dt_network_probabilities(const dt_network *network, const dt_real *outputs,
                              double *probabilities);

#endif
