/* Elementary functions whose results are the same bits everywhere.
 *
 * C libraries differ in the last place of exp, log, cos and pow, and one last place makes another
 * run. These functions are made of +, -, *, /, sqrt and fused multiply-adds alone, which IEEE 754
 * defines to the last bit. Within 1 unit in the last place of
 * the exact result, unless said otherwise. */
#ifndef DT_BASE_ELEMENTARY_H
#define DT_BASE_ELEMENTARY_H

#include <stdint.h>

/* e^x; 0 below -745.2, infinity above 709.8, NaN for NaN. */
double dt_exp_double(double x);

/* Natural logarithm of a normal x > 0; infinity for infinity, else NaN. */
double dt_log(double x);

/* log(1 + x), 0 <= x <= 1; within 2 units in the last place. */
double dt_log1p(double x);

/* Cosine and sine of x radians, |x| <= 100; absolute error below 2e-16. */
double dt_cos(double x);
double dt_sin(double x);

/* base^exponent, 0 <= base <= 1, exponent >= 0; 0^0 = 1. */
double dt_power(double base, int64_t exponent);

#endif
