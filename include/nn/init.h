/* Initial weights. Biases start at zero, but for DT_INIT_PYTORCH. */
#ifndef DT_NN_INIT_H
#define DT_NN_INIT_H

#include <stddef.h>
#include <stdint.h>

#include "nn/real.h"
#include "nn/tensor.h"

typedef enum dt_init {
    DT_INIT_ARTICLE, /* N(0, 1) * sqrt(1 / fan_out): the article's NumPy program */
    DT_INIT_PYTORCH, /* U(-1/sqrt(fan_in), 1/sqrt(fan_in)), biases too: torch.nn.Linear */
    DT_INIT_GLOROT,  /* U(-l, l), l = sqrt(6 / (fan_in + fan_out)): Keras; Glorot, Bengio 2010 */
    DT_INIT_HE       /* N(0, 2 / fan_in): He et al. 2015 */
} dt_init;

extern const char *const dt_init_names[];

/* Fills the `count` tensors of one layer, each by its role and shape; a pure function of (seed,
 * layer, tensor, index). layer: its number among those with tensors. parameters: of the layer; the
 * tensors' offsets begin there. Of a tensor [...][in][out] the fans are in and out times the
 * product of the sizes before, as Keras has them; biases have those of the weights before them. */
void dt_init_tensors(dt_init kind, uint64_t seed, uint32_t layer, const dt_tensor *tensors,
                     int count, dt_real *parameters);

#endif
