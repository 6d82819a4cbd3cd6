#include "base/elementary.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double ln2_high = 6.93147180369123816490e-01; /* 21 zero bits: n * it is exact */
static const double ln2_low = 1.90821492927058770002e-10;

static int64_t bits_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double double_of(int64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n, for normal results. */
static double power_of_two(int64_t n)
{
    return double_of((n + 1023) << 52);
}

/* source: fdlibm's e_exp.c: x = n ln 2 + r, and e^r by a rational function of r that is even but
 * for one term. */
double dt_exp_double(double x)
{
    static const double p[] = {1.66666666666666019037e-01, -2.77777777770155933842e-03,
                               6.61375632143793436117e-05, -1.65339022054652515390e-06,
                               4.13813679705723846039e-08};
    if (x != x)
        return x;
    if (x > 709.782712893383973096)
        return HUGE_VAL;
    if (x < -745.13321910194110842)
        return 0;
    double n = rint(x * 1.44269504088896338700);
    double high = x - n * ln2_high, low = n * ln2_low, r = high - low, t = r * r;
    double c = r - t * (p[0] + t * (p[1] + t * (p[2] + t * (p[3] + t * p[4]))));
    double power = 1 - ((low - r * c / (2 - c)) - high);
    int64_t whole = (int64_t)n, half = whole / 2; /* 2^n may be beyond the normal numbers */
    return power * power_of_two(half) * power_of_two(whole - half);
}

/* source: fdlibm's e_log.c: x = 2^n (1 + f), sqrt(1/2) < 1 + f < sqrt(2), and
 * log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)), s = f / (2 + f). */
double dt_log(double x)
{
    static const double l[] = {6.666666666666735130e-01, 3.999999999940941908e-01,
                               2.857142874366239149e-01, 2.222219843214978396e-01,
                               1.818357216161805012e-01, 1.531383769920937332e-01,
                               1.479819860511658591e-01};
    if (!(x >= DBL_MIN && x <= DBL_MAX))
        return x > DBL_MAX ? x : (double)NAN;
    int64_t bits = bits_of(x), n = (bits - 0x3fe6a09e667f3bcd) >> 52; /* of sqrt(1/2) on */
    double f = double_of(bits - n * ((int64_t)1 << 52)) - 1, whole = (double)n;
    double s = f / (2 + f), z = s * s, w = z * z;
    double odd = w * (l[1] + w * (l[3] + w * l[5]));
    double even = z * (l[0] + w * (l[2] + w * (l[4] + w * l[6])));
    double half_square = 0.5 * f * f;
    return whole * ln2_high -
           ((half_square - (s * (half_square + odd + even) + whole * ln2_low)) - f);
}

/* source: W. Kahan; what 1 + x loses is put back to first order. */
double dt_log1p(double x)
{
    double sum = 1 + x;
    return dt_log(sum) + (x - (sum - 1)) / sum;
}

/* |x| <= pi/4. source: fdlibm's k_sin.c and k_cos.c; `low` is what x lacks. */
static double sine_near_zero(double x, double low)
{
    static const double s[] = {-1.66666666666666324348e-01, 8.33333333332248946124e-03,
                               -1.98412698298579493134e-04, 2.75573137070700676789e-06,
                               -2.50507602534068634195e-08, 1.58969099521155010221e-10};
    double z = x * x, v = z * x;
    double r = s[1] + z * (s[2] + z * (s[3] + z * (s[4] + z * s[5])));
    return x - ((z * (0.5 * low - v * r) - low) - v * s[0]);
}

static double cosine_near_zero(double x, double low)
{
    static const double c[] = {4.16666666666666019037e-02, -1.38888888888741095749e-03,
                               2.48015872894767294178e-05, -2.75573143513906633035e-07,
                               2.08757232129817482790e-09, -1.13596475577881948265e-11};
    double z = x * x;
    double r = z * (c[0] + z * (c[1] + z * (c[2] + z * (c[3] + z * (c[4] + z * c[5])))));
    double half = 0.5 * z, w = 1 - half;
    return w + (((1 - w) - half) + (z * r - x * low));
}

/* Of the angle x + quarters * pi/2, `quarters` quarters of a turn ahead. */
static double cosine_ahead(double x, int64_t quarters)
{
    double n = rint(x * 6.36619772367581382433e-01);
    /* pi/2 in two parts; n * the first is exact, and so is the difference. */
    double part = x - n * 1.57079632673412561417e+00, rest = n * 6.07710050650619224932e-11;
    double near = part - rest, low = (part - near) - rest;
    quarters += (int64_t)n;
    double value = quarters & 1 ? sine_near_zero(near, low) : cosine_near_zero(near, low);
    return (quarters + 1) & 2 ? -value : value;
}

double dt_cos(double x)
{
    return cosine_ahead(x, 0);
}

double dt_sin(double x)
{
    return cosine_ahead(x, -1);
}

/* high + low, not rounded to one double: some 100 bits. */
typedef struct pair {
    double high, low;
} pair;

/* source: T. Dekker, "A floating-point technique for extending the available precision", 1971. */
static pair multiply(pair a, pair b)
{
    double product = a.high * b.high, error = __builtin_fma(a.high, b.high, -product);
    error += a.high * b.low + a.low * b.high;
    double high = product + error;
    return (pair){high, error - (high - product)};
}

double dt_power(double base, int64_t exponent)
{
    pair result = {1, 0}, square = {base, 0};
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            result = multiply(result, square);
        square = multiply(square, square);
    }
    return result.high;
}
