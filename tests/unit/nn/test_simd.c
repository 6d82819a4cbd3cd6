#include "nn/simd.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <math.h>
#include <stdbool.h>

CU_SuiteInfo dt_suite_simd(void);

/* Every count of lanes: what is asked for is read and written, and nothing else is written. */
static void test_some_lanes(void)
{
    dt_real from[DT_LANES], to[DT_LANES];
    for (int i = 0; i < DT_LANES; i++)
        from[i] = (dt_real)(i + 1);
    for (int count = 1; count <= DT_LANES; count++) {
        dt_vector v = dt_vector_load_some(from, count);
        for (int i = 0; i < DT_LANES; i++) {
            CU_ASSERT_EQUAL(v[i], i < count ? from[i] : 0);
            to[i] = -1;
        }
        dt_vector_store_some(to, count, dt_vector_load(from));
        for (int i = 0; i < DT_LANES; i++)
            CU_ASSERT_EQUAL(to[i], i < count ? from[i] : -1);
    }
}

/* Whether a is b, or both are NaN; zeros by their signs too. */
static bool is(dt_real a, dt_real b)
{
    return a != a ? b != b : a == b && !signbit(a) == !signbit(b);
}

static void test_compare(void)
{
    const dt_real some[] = {-INFINITY, -1, -0.0F, 0, 1, INFINITY, (dt_real)NAN};
    const int count = sizeof some / sizeof *some;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            dt_real a = some[i], b = some[j];
            dt_vector x = {0}, y = {0}, ones = (dt_vector){0} + 1;
            for (int k = 0; k < DT_LANES; k++)
                x[k] = a, y[k] = b;
            dt_vector larger = dt_vector_larger(x, y);
            dt_lane_set not_less = dt_vector_not_less(x, y);
            dt_vector kept = dt_vector_keep(not_less, ones);
            dt_vector rest = dt_vector_keep(~not_less, ones);
            for (int k = 0; k < DT_LANES; k++) {
                CU_ASSERT(is(larger[k], a > b || a != a ? a : b));
                CU_ASSERT_EQUAL(kept[k], a < b ? 0 : 1);
                CU_ASSERT_EQUAL(rest[k], a < b ? 1 : 0);
            }
        }
}

CU_SuiteInfo dt_suite_simd(void)
{
    static CU_TestInfo tests[] = {
        {"some lanes of a vector", test_some_lanes},
        {"larger, not less, and the lanes that are", test_compare},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){"simd", NULL, NULL, NULL, NULL, tests};
}
