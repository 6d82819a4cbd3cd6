/* Exponential and hyperbolic tangent that the compiler can vectorise: no branches, no calls.
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

#else

/* e^x within 2 units in the last place; 0 below -87.3, infinity above 88.7, NaN for NaN.
 * source: Cephes expf (x = n ln 2 + r, a polynomial in r, the exponent put together by bits). */
static inline float dt_exp(float x)
{
    float bounded = x > -87.33654f ? x : -87.33654f; /* NaN too: it has no integer */
    bounded = bounded > 88.72283f ? 88.72283f : bounded;
    float n = rintf(bounded * 1.44269504088896341f);
    float r = bounded - n * 0.693359375f;
    r -= n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
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
    p = p * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    float small = p * square * x + x;
    float size = fabsf(x);
    float large = copysignf(1.0f - 2.0f / (dt_exp(size + size) + 1.0f), x);
    float value = size < 0.625f ? small : large;
    return x != x ? x : value;
}

#endif

/* 1 / (1 + e^-x): no overflow matters, since 1 / infinity is 0. */
static inline dt_real dt_sigmoid(dt_real x)
{
    return (dt_real)1 / ((dt_real)1 + dt_exp(-x));
}

#endif
