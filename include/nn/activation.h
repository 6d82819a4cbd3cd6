/* Element-wise activation functions and their derivatives. */
#ifndef DT_NN_ACTIVATION_H
#define DT_NN_ACTIVATION_H

#include <stddef.h>

#include "nn/real.h"

typedef enum dt_activation {
    DT_SIGMOID,    /* 1 / (1 + e^-z) */
    DT_TANH,       /* tanh z */
    DT_RELU,       /* max(z, 0); derivative 0 at 0 */
    DT_LEAKY_RELU, /* z, or DT_LEAKY_SLOPE z where z < 0 (PyTorch's slope) */
    DT_GELU,       /* z Phi(z), Phi the normal distribution function (PyTorch's exact form) */
    DT_IDENTITY    /* z */
} dt_activation;

#define DT_LEAKY_SLOPE 0.01

/* Names in the order of the enum, NULL at the end. */
extern const char *const dt_activation_names[];

/* a[i] = f(z[i]) for i < n. `a` may be `z`. */
void dt_activation_forward(dt_activation kind, size_t n, const dt_real *z, dt_real *a);

/* dz[i] = da[i] f'(z[i]), from z and a = f(z). `dz` may be `da`. */
void dt_activation_backward(dt_activation kind, size_t n, const dt_real *z, const dt_real *a,
                            const dt_real *da, dt_real *dz);

#endif
