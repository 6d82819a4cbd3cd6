#include "data/sampler.h"

#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/partition.h"
#include "draw.h"

CU_SuiteInfo dt_suite_sampler(void);

#define MOST 5000

/* items[0 .. count) are first .. first + count - 1, each once. */
static int is_permutation(const int32_t *items, int64_t first, int64_t count)
{
    static unsigned char seen[MOST];
    memset(seen, 0, sizeof seen);
    for (int64_t i = 0; i < count; i++) {
        int64_t item = items[i] - first;
        if (item < 0 || item >= count || seen[item]++)
            return 0;
    }
    return 1;
}

static void test_permutation(void)
{
    dt_random_sequence random = draw_begin(10);
    int32_t order[MOST + 1], again[MOST + 1], other[MOST + 1];
    for (int round = 0; round < 200; round++) {
        int n = round < 50 ? round : draw_int(&random, 50, MOST);
        uint64_t seed = (uint64_t)dt_random_next(&random) << 32 | dt_random_next(&random);
        uint32_t epoch = dt_random_next(&random);
        order[n] = -7;
        dt_sampler_order(seed, epoch, n, order);
        CU_ASSERT_TRUE(is_permutation(order, 0, n));
        CU_ASSERT_EQUAL(order[n], -7);
        dt_sampler_order(seed, epoch, n, again);
        CU_ASSERT_EQUAL(memcmp(order, again, (size_t)n * sizeof *order), 0);
        if (n < 20)
            continue;
        dt_sampler_order(seed, epoch + 1, n, other);
        CU_ASSERT_NOT_EQUAL(memcmp(order, other, (size_t)n * sizeof *order), 0);
        dt_sampler_order(seed + 1, epoch, n, other);
        CU_ASSERT_NOT_EQUAL(memcmp(order, other, (size_t)n * sizeof *order), 0);
        dt_sampler_order(seed ^ (uint64_t)1 << 63, epoch, n, other);
        CU_ASSERT_NOT_EQUAL(memcmp(order, other, (size_t)n * sizeof *order), 0);
    }
}

static void test_tiny(void)
{
    int32_t order[2] = {-7, -7};
    dt_sampler_order(1, 1, 0, order);
    CU_ASSERT_EQUAL(order[0], -7);
    dt_sampler_order(1, 1, 1, order);
    CU_ASSERT_EQUAL(order[0], 0);
    CU_ASSERT_EQUAL(order[1], -7);
    int swapped = 0;
    for (uint32_t epoch = 0; epoch < 1000; epoch++) {
        dt_sampler_order(1, epoch, 2, order);
        CU_ASSERT_TRUE(is_permutation(order, 0, 2));
        swapped += order[0] == 1;
    }
    CU_ASSERT(swapped > 450 && swapped < 550);
}

/* All 24 orders of four are equally frequent, and so are the values of each place of eleven. */
static void test_uniform(void)
{
    enum { EPOCHS = 24000 };
    int found[256] = {0}, kinds = 0;
    double chi_square = 0;
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        int32_t order[4];
        dt_sampler_order(5, epoch, 4, order);
        found[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    for (int i = 0; i < 256; i++)
        if (found[i] > 0) {
            kinds++;
            chi_square += (found[i] - 1e3) * (found[i] - 1e3) / 1e3;
        }
    CU_ASSERT_EQUAL(kinds, 24);
    CU_ASSERT(chi_square < 49.7); /* 23 degrees of freedom, probability 0.001 */

    int at[11][11] = {{0}};
    for (uint32_t epoch = 0; epoch < 11000; epoch++) {
        int32_t order[11];
        dt_sampler_order(6, epoch, 11, order);
        for (int i = 0; i < 11; i++)
            at[i][order[i]]++;
    }
    for (int i = 0; i < 11; i++) {
        chi_square = 0;
        for (int j = 0; j < 11; j++)
            chi_square += (at[i][j] - 1e3) * (at[i][j] - 1e3) / 1e3;
        CU_ASSERT(chi_square < 31.5); /* 10 degrees of freedom, probability 0.0005 */
    }
}

static void test_in_parts(void)
{
    dt_random_sequence random = draw_begin(11);
    int32_t order[MOST], whole[MOST];
    for (int round = 0; round < 100; round++) {
        int n = draw_int(&random, 0, 700), parts = draw_int(&random, 1, 40);
        uint64_t seed = dt_random_next(&random);
        dt_sampler_order_in_parts(seed, 3, n, parts, order);
        for (int k = 0; k < parts; k++) {
            dt_range part = dt_partition(n, parts, k);
            CU_ASSERT_TRUE(is_permutation(order + part.first, part.first, part.count));
        }
        dt_sampler_order_in_parts(seed, 3, n, 1, order);
        dt_sampler_order(seed, 3, n, whole);
        CU_ASSERT_EQUAL(memcmp(order, whole, (size_t)n * sizeof *order), 0);
    }
    /* Parts of the same size have different orders, other ones in other epochs. */
    dt_sampler_order_in_parts(9, 1, 60, 3, order);
    int same[2] = {0};
    for (int i = 0; i < 20; i++) {
        same[0] += order[i] == order[20 + i] - 20;
        same[1] += order[20 + i] - 20 == order[40 + i] - 40;
    }
    CU_ASSERT(same[0] < 10 && same[1] < 10);
    dt_sampler_order_in_parts(9, 2, 60, 3, whole);
    CU_ASSERT_NOT_EQUAL(memcmp(order, whole, 60 * sizeof *order), 0);
}

static void check_split(uint64_t seed, int n, int held_out)
{
    int32_t kept[MOST + 1], out[MOST + 1], all[MOST];
    kept[n - held_out] = out[held_out] = -7;
    dt_sampler_split(seed, n, held_out, kept, out);
    CU_ASSERT_EQUAL(kept[n - held_out], -7);
    CU_ASSERT_EQUAL(out[held_out], -7);
    for (int i = 1; i < n - held_out; i++)
        CU_ASSERT(kept[i - 1] < kept[i]);
    for (int i = 1; i < held_out; i++)
        CU_ASSERT(out[i - 1] < out[i]);
    memcpy(all, kept, (size_t)(n - held_out) * sizeof *all);
    memcpy(all + n - held_out, out, (size_t)held_out * sizeof *all);
    CU_ASSERT_TRUE(is_permutation(all, 0, n));
}

static void test_split(void)
{
    dt_random_sequence random = draw_begin(12);
    for (int n = 0; n <= 12; n++)
        for (int held_out = 0; held_out <= n; held_out++)
            check_split(dt_random_next(&random), n, held_out);
    for (int round = 0; round < 50; round++) {
        int n = draw_int(&random, 13, MOST);
        check_split(dt_random_next(&random), n, draw_int(&random, 0, n));
    }
    int32_t kept[70], out[30], kept_again[70], out_again[30];
    dt_sampler_split(4, 100, 30, kept, out);
    dt_sampler_split(4, 100, 30, kept_again, out_again);
    CU_ASSERT_EQUAL(memcmp(out, out_again, sizeof out), 0);
    CU_ASSERT_EQUAL(memcmp(kept, kept_again, sizeof kept), 0);
    dt_sampler_split(5, 100, 30, kept, out);
    CU_ASSERT_NOT_EQUAL(memcmp(out, out_again, sizeof out), 0);
}

/* All 10 pairs of five are equally frequent. */
static void test_split_uniform(void)
{
    int found[25] = {0}, kinds = 0;
    double chi_square = 0;
    for (uint64_t seed = 0; seed < 10000; seed++) {
        int32_t kept[3], out[2];
        dt_sampler_split(seed, 5, 2, kept, out);
        found[5 * out[0] + out[1]]++;
    }
    for (int i = 0; i < 25; i++)
        if (found[i] > 0) {
            kinds++;
            chi_square += (found[i] - 1e3) * (found[i] - 1e3) / 1e3;
        }
    CU_ASSERT_EQUAL(kinds, 10);
    CU_ASSERT(chi_square < 27.9); /* 9 degrees of freedom, probability 0.001 */
}

CU_SuiteInfo dt_suite_sampler(void)
{
    static CU_TestInfo tests[] = {
        {"an order is a permutation, a function of seed and epoch", test_permutation},
        {"none, one and two samples", test_tiny},
        {"every order is equally likely", test_uniform},
        {"in parts: a sample stays in its part", test_in_parts},
        {"a split is disjoint, covering, ascending", test_split},
        {"every split is equally likely", test_split_uniform},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "sampler", .pTests = tests};
}
