/* Gradients of kernels that are left as factors.
 *
 * The gradient of a dense kernel is the product of two matrices that have a row a sample: the
 * layer's inputs, and the gradients of its outputs. Ranks that share memory may keep the rows there
 * instead of adding up products; then each multiplies out the part that it has a use for, with the
 * rows of all. The bits are those of the sums: an element's chain is the same.
 * source: P. Xie et al., Lighter-Communication Distributed Machine Learning via Sufficient Factor
 * Broadcasting, arXiv:1409.5705. */
#ifndef DT_NN_FACTORS_H
#define DT_NN_FACTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/network.h"

/* Of one layer. */
typedef struct dt_factors {
    int layer;            /* its number in the network */
    size_t offset;        /* of the product in the parameter array */
    int rows, columns;    /* of the product: the layer's inputs and outputs */
    bool of_images;       /* the inputs are the images: their bytes are kept */
    dt_real scale, shift; /* from bytes to inputs */
    char *inputs;         /* where the rows are: dt_factors_place */
    dt_real *gradients;
} dt_factors;

/* The layers of a network whose gradients have factors, in their order; returns how many. list:
 * [layers], or NULL. Their rows have no place yet. */
int dt_factors_find(const dt_network_spec *spec, dt_factors *list);

/* Bytes of the rows of `samples` samples: whole cache lines. */
uint64_t dt_factors_bytes(const dt_factors *factors, int64_t samples);

/* The rows of up to `samples` samples are in `memory`, of so many bytes, at a cache line. */
void dt_factors_place(dt_factors *factors, int64_t samples, void *memory);

/* What dt_network_gradient is to leave as factors. It sets the rows of its samples, and no sums
 * where the products would be. */
struct dt_factoring {
    int count;
    const dt_factors *list; /* [count], in the order of the layers */
    int64_t row;            /* of the first sample */
    double largest;         /* becomes what no sum of elements of the samples' products exceeds in
                               magnitude; infinite or NaN where there is no such number */
};

/* Whether the layer is one of them: then sets the rows of a tile of its samples, of which the first
 * is number `first`: their images, or what came into the layer; and what came back. */
bool dt_factors_keep(dt_factoring *factoring, int layer, int64_t first,
                     const uint8_t *const *images, const dt_tile *inputs, const dt_tile *gradients);

typedef struct dt_multiplier dt_multiplier;

/* For any of list[count]. levels: the most sums on the stack. The caller owns *out:
 * dt_multiplier_destroy. */
dt_status dt_multiplier_create(int count, const dt_factors *list, int levels, dt_multiplier **out,
                               dt_error *error);

/* Bytes that dt_multiplier_create allocates, most of which it uses with large batches alone. */
uint64_t dt_multiplier_bytes(int count, const dt_factors *list, int levels);

/* NULL is allowed. */
void dt_multiplier_destroy(dt_multiplier *multiplier);

/* Sets elements first .. end - 1 of product[rows][columns], and what else is in their rows, to the
 * sum over all segments of samples, which stand in the rows one after the other; they merge to one
 * sum. Returns the end of the rows. */
size_t dt_multiplier_run(dt_multiplier *multiplier, const dt_factors *factors, int segment_count,
                         const dt_segment *segments, dt_interval part, dt_real *product);

#endif
