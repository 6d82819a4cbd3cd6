/* Exponential, hyperbolic tangent and error function that the compiler can vectorise: no branches,
 * no calls. Their bits are the same on every machine: sums of products are fused where they say so
 * and nowhere else, and no library has a say.
 *
 * In the double build of the tests they are libm's. */
#ifndef DT_NN_VECTOR_MATH_H
#define DT_NN_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "nn/real.h"

#ifdef DT_DOUBLE

static inline double dt_exp(double x)
{
    return exp(x);
}

static inline double dt_tanh(double x)
{
    return tanh(x);
}

static inline double dt_erf(double x)
{
    return erf(x);
}

#else

/* e^x within 2 units in the last place; 0 below -87.3, infinity above 88.7, NaN for NaN.
 * source: Cephes expf (x = n ln 2 + r, a polynomial in r, the exponent put together by bits). */
static inline float dt_exp(float x)
{
    float bounded = x > -87.33654f ? x : -87.33654f; /* NaN too: it has no integer */
    bounded = bounded > 88.72283f ? 88.72283f : bounded;
    float n = rintf(bounded * 1.44269504088896341f);
    float r = dt_fma(-n, 0.693359375f, bounded);
    r = dt_fma(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = dt_fma(p, r, 1.3981999507e-3f);
    p = dt_fma(p, r, 8.3334519073e-3f);
    p = dt_fma(p, r, 4.1665795894e-2f);
    p = dt_fma(p, r, 1.6666665459e-1f);
    p = dt_fma(p, r, 5.0000001201e-1f);
    p = dt_fma(p, r * r, r) + 1.0f;
    /* 2^n in two factors: n = 128 is beyond the largest exponent. */
    int32_t whole = (int32_t)n, half = whole / 2;
    int32_t bits1 = (half + 127) << 23, bits2 = (whole - half + 127) << 23;
    float scale1, scale2;
    memcpy(&scale1, &bits1, sizeof scale1);
    memcpy(&scale2, &bits2, sizeof scale2);
    float value = p * scale1 * scale2;
    value = x < -87.33654f ? 0.0f : value;
    value = x > 88.72283f ? HUGE_VALF : value;
    return x != x ? x : value;
}

/* tanh x within 3 units in the last place. source: Cephes tanhf. */
static inline float dt_tanh(float x)
{
    float square = x * x;
    float p = -5.70498872745e-3f;
    p = dt_fma(p, square, 2.06390887954e-2f);
    p = dt_fma(p, square, -5.37397155531e-2f);
    p = dt_fma(p, square, 1.33314422036e-1f);
    p = dt_fma(p, square, -3.33332819422e-1f);
    float small = dt_fma(p * square, x, x);
    float size = fabsf(x);
    float large = copysignf(1.0f - 2.0f / (dt_exp(size + size) + 1.0f), x);
    float value = size < 0.625f ? small : large;
    return x != x ? x : value;
}

/* erf x within 1.1 units in the last place: x + x P(x^2) for small x, else 1 - e^(-x + x Q(x));
 * the polynomials P and Q are our own, fitted for the least largest error. */
static inline float dt_erf(float x)
{
    float square = x * x, size = fabsf(x);
    float p = 8.267504017567262e-05f;
    p = dt_fma(p, square, -8.11808742582798e-04f);
    p = dt_fma(p, square, 5.198831204324961e-03f);
    p = dt_fma(p, square, -2.685849741101265e-02f);
    p = dt_fma(p, square, 1.128367930650711e-01f);
    p = dt_fma(p, square, -3.7612631916999817e-01f);
    p = dt_fma(p, square, 1.2837916612625122e-01f);
    float small = dt_fma(p, x, x);
    float t = size > 4.0f ? 4.0f : size; /* erf 4 is 1 to all digits */
    float q = 2.129153290297836e-04f;
    q = dt_fma(q, t, -3.2061815727502108e-03f);
    q = dt_fma(q, t, 2.286197990179062e-02f);
    q = dt_fma(q, t, -1.0521844774484634e-01f);
    q = dt_fma(q, t, -6.357510685920715e-01f);
    q = dt_fma(q, t, -1.2850473821163177e-01f);
    float large = copysignf(1.0f - dt_exp(dt_fma(q, t, -t)), x);
    float value = size < 0.9375f ? small : large;
    return x != x ? x : value;
}

#endif

/* 1 / (1 + e^-x): no overflow matters, since 1 / infinity is 0. */
static inline dt_real dt_sigmoid(dt_real x)
{
    return (dt_real)1 / ((dt_real)1 + dt_exp(-x));
}

#endif
