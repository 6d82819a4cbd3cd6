/* Initial weights. Biases start at zero, but for DT_INIT_PYTORCH. */
#ifndef DT_NN_INIT_H
#define DT_NN_INIT_H

#include <stddef.h>
#include <stdint.h>

#include "nn/real.h"

typedef enum dt_init {
    DT_INIT_ARTICLE, /* N(0, 1) * sqrt(1 / fan_out): the article's NumPy program */
    DT_INIT_PYTORCH, /* U(-1/sqrt(fan_in), 1/sqrt(fan_in)), biases too: torch.nn.Linear */
    DT_INIT_GLOROT,  /* U(-l, l), l = sqrt(6 / (fan_in + fan_out)): Keras; Glorot, Bengio 2010 */
    DT_INIT_HE       /* N(0, 2 / fan_in): He et al. 2015 */
} dt_init;

extern const char *const dt_init_names[];

/* Fills the weights and biases of layer `layer`; a pure function of (seed, layer, index).
 * biases may be NULL (with bias_count 0). */
void dt_init_layer(dt_init kind, uint64_t seed, uint32_t layer, int64_t fan_in, int64_t fan_out,
                   dt_real *weights, size_t weight_count, dt_real *biases, size_t bias_count);

#endif
