#include "nn/activation.h"

#include <math.h>
#include <string.h>

#include "nn/vector_math.h"

const char *const dt_activation_names[] = {"sigmoid", "tanh",     "relu", "leaky-relu",
                                           "gelu",    "identity", NULL};

static const dt_real leaky_slope = (dt_real)DT_LEAKY_SLOPE;

static dt_real normal_distribution(dt_real z)
{
    return (dt_real)0.5 * ((dt_real)1 + dt_erf(z * (dt_real)0.70710678118654752440));
}

static dt_real normal_density(dt_real z)
{
    return (dt_real)0.39894228040143267794 * dt_exp((dt_real)-0.5 * z * z);
}

/* The expression, in z, as a loop over the vector. */
#define MAP(out, expression)                                                                       \
    for (size_t i = 0; i < n; i++) {                                                               \
        dt_real x = z[i];                                                                          \
        out[i] = (expression);                                                                     \
    }

void dt_activation_forward(dt_activation kind, size_t n, const dt_real *z, dt_real *a)
{
    switch (kind) {
    case DT_SIGMOID:
        MAP(a, dt_sigmoid(x))
        break;
    case DT_TANH:
        MAP(a, dt_tanh(x))
        break;
    case DT_RELU:
        /* !(x <= 0): NaN stays NaN and is noticed. */
        MAP(a, x <= 0 ? (dt_real)0 : x)
        break;
    case DT_LEAKY_RELU:
        MAP(a, x < 0 ? leaky_slope * x : x)
        break;
    case DT_GELU:
        MAP(a, x * normal_distribution(x))
        break;
    case DT_IDENTITY:
        if (a != z)
            memcpy(a, z, n * sizeof *a);
        break;
    }
}

#define MAP_GRADIENT(derivative)                                                                   \
    for (size_t i = 0; i < n; i++)                                                                 \
        dz[i] = da[i] * (derivative);

void dt_activation_backward(dt_activation kind, size_t n, const dt_real *z, const dt_real *a,
                            const dt_real *da, dt_real *dz)
{
    switch (kind) {
    case DT_SIGMOID:
        MAP_GRADIENT(a[i] * ((dt_real)1 - a[i]))
        break;
    case DT_TANH:
        MAP_GRADIENT(dt_fma(-a[i], a[i], (dt_real)1))
        break;
    case DT_RELU:
        MAP_GRADIENT(z[i] <= 0 ? (dt_real)0 : (dt_real)1)
        break;
    case DT_LEAKY_RELU:
        MAP_GRADIENT(z[i] < 0 ? leaky_slope : (dt_real)1)
        break;
    case DT_GELU:
        MAP_GRADIENT(dt_fma(z[i], normal_density(z[i]), normal_distribution(z[i])))
        break;
    case DT_IDENTITY:
        if (dz != da)
            memcpy(dz, da, n * sizeof *dz);
        break;
    }
}
