#include "nn/simd.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

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

static void test_choose(void)
{
    dt_vector a = {1, 2}, b = {2, 1}, larger = dt_vector_choose(a > b, a, b);
    for (int i = 0; i < DT_LANES; i++)
        CU_ASSERT_EQUAL(larger[i], i < 2 ? 2 : 0);
}

CU_SuiteInfo dt_suite_simd(void)
{
    static CU_TestInfo tests[] = {
        {"some lanes of a vector", test_some_lanes},
        {"choose by comparison", test_choose},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){"simd", NULL, NULL, NULL, NULL, tests};
}
