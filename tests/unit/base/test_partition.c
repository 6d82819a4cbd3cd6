#include "base/partition.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

CU_SuiteInfo dt_suite_partition(void);

static const int64_t large[][2] = {
    {60000, 8},
    {59999, 97},
    {70000, 70001},
    {2147483647, 1000003},
    {(int64_t)1 << 42, (int64_t)1 << 20},
    {((int64_t)1 << 42) - 1, (int64_t)1 << 20},
    {4611686018427, 1000000}, /* 2^62 / parts */
};

static int part_is_good(int64_t n, int64_t parts, int64_t k)
{
    dt_range part = dt_partition(n, parts, k);
    int good = part.first == dt_partition_first(n, parts, k);
    good &= part.first + part.count == dt_partition_first(n, parts, k + 1);
    good &= part.count == n / parts || (n % parts != 0 && part.count == n / parts + 1);
    if (part.count > 0) {
        good &= dt_partition_owner(n, parts, part.first) == k;
        good &= dt_partition_owner(n, parts, part.first + part.count - 1) == k;
    }
    return good;
}

/* Each part begins where the one before it ends, the first at 0, the last ends at n: disjoint and
 * covering. No items and more parts than items are among the cases. */
static void test_cut(void)
{
    for (int64_t n = 0; n <= 60; n++)
        for (int64_t parts = 1; parts <= 70; parts++) {
            int good = 1;
            CU_ASSERT_EQUAL(dt_partition_first(n, parts, 0), 0);
            CU_ASSERT_EQUAL(dt_partition_first(n, parts, parts), n);
            for (int64_t k = 0; k < parts; k++)
                good &= part_is_good(n, parts, k);
            CU_ASSERT_TRUE(good);
        }
}

static void test_owner(void)
{
    for (int64_t n = 1; n <= 60; n++)
        for (int64_t parts = 1; parts <= 70; parts++) {
            int good = 1;
            for (int64_t i = 0; i < n; i++) {
                int64_t owner = dt_partition_owner(n, parts, i);
                dt_range part = dt_partition(n, parts, owner);
                good &= owner >= 0 && owner < parts;
                good &= part.first <= i && i < part.first + part.count;
            }
            CU_ASSERT_TRUE(good);
        }
}

static void test_large(void)
{
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        int64_t n = large[i][0], parts = large[i][1];
        int good = part_is_good(n, parts, parts - 1);
        CU_ASSERT_EQUAL(dt_partition_first(n, parts, 0), 0);
        CU_ASSERT_EQUAL(dt_partition_first(n, parts, parts), n);
        for (int64_t k = 0; k < parts; k += 1 + parts / 997)
            good &= part_is_good(n, parts, k);
        CU_ASSERT_TRUE(good);
    }
}

/* What rank r of R holds are the items of its virtual ranks, whatever R is; the ranks' ranges are
 * a cut of the virtual ranks, and so of the items. */
static void test_parts_of_parts(void)
{
    for (int64_t n = 0; n <= 40; n += 3)
        for (int64_t virtual_ranks = 1; virtual_ranks <= 16; virtual_ranks++)
            for (int64_t ranks = 1; ranks <= 20; ranks++) {
                int64_t next = 0;
                for (int64_t r = 0; r < ranks; r++) {
                    dt_range mine = dt_partition(virtual_ranks, ranks, r);
                    dt_range items = dt_partition_parts(n, virtual_ranks, mine);
                    CU_ASSERT_EQUAL(items.first, next);
                    int64_t count = 0;
                    for (int64_t v = 0; v < mine.count; v++)
                        count += dt_partition(n, virtual_ranks, mine.first + v).count;
                    CU_ASSERT_EQUAL(items.count, count);
                    next += items.count;
                }
                CU_ASSERT_EQUAL(next, n);
            }
}

CU_SuiteInfo dt_suite_partition(void)
{
    static CU_TestInfo tests[] = {
        {"disjoint, covering, even", test_cut},
        {"the owner is the inverse", test_owner},
        {"large numbers", test_large},
        {"ranges of parts", test_parts_of_parts},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "partition", .pTests = tests};
}
