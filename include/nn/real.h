/* The number type of the network.
 *
 * The product computes in float. The gradient checks of the tests compile the same sources with
 * -DDT_DOUBLE, so that central differences have room to be small. */
#ifndef DT_NN_REAL_H
#define DT_NN_REAL_H

/* dt_fma(a, b, c): a b + c, rounded once. */
#ifdef DT_DOUBLE
typedef double dt_real;
#define dt_fma  __builtin_fma
#define dt_sqrt __builtin_sqrt
#else
typedef float dt_real;
#define dt_fma  __builtin_fmaf
#define dt_sqrt __builtin_sqrtf
#endif

#endif
