#include "base/elementary.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "draw.h"

CU_SuiteInfo dt_suite_elementary(void);

enum { DRAWS = 200000 };

/* Distance in units in the last place of `exact`, which is within half a unit itself. */
static double ulps(double found, double exact)
{
    int exponent;
    frexp(exact, &exponent);
    return fabs(found - exact) / ldexp(1, exponent - DBL_MANT_DIG);
}

static double worst(double (*function)(double), double (*exact)(double), double low, double high)
{
    dt_random_sequence random = draw_begin(90);
    double error = 0;
    for (int i = 0; i < DRAWS; i++) {
        double x = draw_real(&random, low, high);
        error = fmax(error, ulps(function(x), exact(x)));
    }
    return error;
}

/* The C library's are within 1 unit; that is the room that the bounds leave. */
static void test_exp_and_log(void)
{
    CU_ASSERT(worst(dt_exp_double, exp, -1, 1) < 1.6);
    CU_ASSERT(worst(dt_exp_double, exp, -700, 709) < 1.6);
    CU_ASSERT(worst(dt_log, log, 1e-10, 1) < 1.6);
    CU_ASSERT(worst(dt_log, log, 0.5, 2) < 1.6);
    CU_ASSERT(worst(dt_log, log, 1, 1e300) < 1.6);
    CU_ASSERT(worst(dt_log1p, log1p, 0, 1e-12) < 2.6);
    CU_ASSERT(worst(dt_log1p, log1p, 0, 1) < 2.6);
}

static void test_ends(void)
{
    CU_ASSERT_EQUAL(dt_exp_double(0), 1);
    CU_ASSERT_EQUAL(dt_exp_double(-HUGE_VAL), 0);
    CU_ASSERT_EQUAL(dt_exp_double(-746), 0);
    CU_ASSERT_EQUAL(dt_exp_double(710), HUGE_VAL);
    CU_ASSERT(isfinite(dt_exp_double(709.78)));
    CU_ASSERT_DOUBLE_EQUAL(dt_exp_double(-745) / exp(-745), 1, 1e-10);
    CU_ASSERT(isnan(dt_exp_double((double)NAN)));
    CU_ASSERT_EQUAL(dt_log(1), 0);
    CU_ASSERT_EQUAL(dt_log(HUGE_VAL), HUGE_VAL);
    CU_ASSERT(isnan(dt_log((double)NAN)) && isnan(dt_log(-1)) && isnan(dt_log(0)));
    CU_ASSERT_EQUAL(dt_log1p(0), 0);
    CU_ASSERT(isnan(dt_log1p((double)NAN)));
}

static void test_cos_and_sin(void)
{
    dt_random_sequence random = draw_begin(91);
    double error = 0, circle = 0;
    for (int i = 0; i < DRAWS; i++) {
        double x =
            i < 1000 ? (i - 500) * 0.78539816339744830962 / 4 : draw_real(&random, -100, 100);
        double c = dt_cos(x), s = dt_sin(x);
        error = fmax(error, fmax(fabs(c - cos(x)), fabs(s - sin(x))));
        circle = fmax(circle, fabs(c * c + s * s - 1));
    }
    CU_ASSERT(error < 2.3e-16);
    CU_ASSERT(circle < 5e-16);
    CU_ASSERT_EQUAL(dt_cos(0), 1);
    CU_ASSERT_EQUAL(dt_sin(0), 0);
}

static void test_power(void)
{
    static const double bases[] = {0.999, 0.9, 0.5, 0.1, 0.999999, 1};
    dt_random_sequence random = draw_begin(92);
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        for (int k = 0; k < 200; k++) {
            int n = draw_int(&random, 0, k < 100 ? 300 : 100000);
            double exact = pow(bases[i], n);
            CU_ASSERT(exact < 1e-280 ? dt_power(bases[i], n) < 1e-279
                                     : ulps(dt_power(bases[i], n), exact) <= 1);
        }
    CU_ASSERT_EQUAL(dt_power(0, 0), 1);
    CU_ASSERT_EQUAL(dt_power(0, 7), 0);
    CU_ASSERT_EQUAL(dt_power(0.3, 1), 0.3);
}

CU_SuiteInfo dt_suite_elementary(void)
{
    static CU_TestInfo tests[] = {
        {"exp, log, log1p: accuracy", test_exp_and_log},
        {"exp, log, log1p: zeros, infinities, NaN", test_ends},
        {"cos, sin: accuracy", test_cos_and_sin},
        {"power: accuracy", test_power},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "elementary", .pTests = tests};
}
