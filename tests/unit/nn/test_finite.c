#include "nn/finite.h"

#include <math.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

CU_SuiteInfo dt_suite_finite(void);

enum { MOST = 300 };

/* At every length and every place, and nothing behind the end counts. */
static void test_find(void)
{
    static const float strange[] = {NAN, INFINITY, -INFINITY};
    float values[MOST + 1];
    for (size_t count = 0; count < MOST; count += 1 + count / 16) {
        for (size_t i = 0; i <= count; i++)
            values[i] = i % 3 ? 3e38f : -1e-45f;
        values[count] = NAN;
        CU_ASSERT_EQUAL(dt_find_nonfinite(values, count), count);
        for (size_t at = 0; at < count; at++)
            for (size_t s = 0; s < 3; s++) {
                float before = values[at];
                values[at] = strange[s];
                CU_ASSERT_EQUAL(dt_find_nonfinite(values, count), at);
                values[count - 1] = at < count - 1 ? INFINITY : values[count - 1];
                CU_ASSERT_EQUAL(dt_find_nonfinite(values, count), at);
                values[count - 1] = 1;
                values[at] = before;
            }
    }
}

static void test_largest(void)
{
    const float values[] = {1, -7, NAN, 3, -INFINITY, INFINITY, 6};
    CU_ASSERT_EQUAL(dt_largest_finite(values, 7), 7);
    CU_ASSERT_EQUAL(dt_largest_finite(values + 2, 5), 6);
    CU_ASSERT_EQUAL(dt_largest_finite(values + 4, 2), 0);
    CU_ASSERT_EQUAL(dt_largest_finite(values, 0), 0);
}

CU_SuiteInfo dt_suite_finite(void)
{
    static CU_TestInfo tests[] = {
        {"the first that is not finite is found, wherever it is", test_find},
        {"the largest of the finite ones", test_largest},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "finite", .pTests = tests};
}
