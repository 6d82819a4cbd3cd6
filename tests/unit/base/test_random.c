#include "base/random.h"

#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

CU_SuiteInfo dt_suite_random(void);

static int same_block(dt_random_block a, dt_random_block b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* philox4x32, 10 rounds, of tests/kat_vectors in Random123. */
static void test_known_answers(void)
{
    static const struct {
        uint32_t counter[4];
        uint64_t seed;
        dt_random_block bits;
    } known[] = {
        {{0, 0, 0, 0}, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
        {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
         UINT64_MAX,
         {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         0x299f31d0a4093822,
         {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const uint32_t *counter = known[i].counter;
        dt_random_key key = {.seed = known[i].seed,
                             .stream = (dt_random_stream)counter[3],
                             .epoch = counter[2],
                             .sample = counter[1]};
        CU_ASSERT_TRUE(same_block(dt_random_at(&key, counter[0]), known[i].bits));
    }
}

/* Stored files depend on these numbers. */
static void test_stream_numbers(void)
{
    CU_ASSERT_EQUAL(DT_STREAM_INIT, 1);
    CU_ASSERT_EQUAL(DT_STREAM_ORDER, 2);
    CU_ASSERT_EQUAL(DT_STREAM_SPLIT, 3);
    CU_ASSERT_EQUAL(DT_STREAM_GLYPH, 4);
}

static int bits_that_differ(dt_random_block a, dt_random_block b)
{
    int count = 0;
    for (int i = 0; i < 4; i++)
        count += __builtin_popcount(a.word[i] ^ b.word[i]);
    return count;
}

/* One bit of any coordinate changes about half of the bits. */
static void test_every_coordinate_counts(void)
{
    dt_random_key key = {.seed = 7, .stream = DT_STREAM_TEST, .epoch = 3, .sample = 12};
    dt_random_block block = dt_random_at(&key, 5);
    CU_ASSERT_TRUE(same_block(block, dt_random_at(&key, 5)));
    for (int bit = 0; bit < 64; bit++) {
        dt_random_key other = key;
        other.seed ^= (uint64_t)1 << bit;
        int differ = bits_that_differ(block, dt_random_at(&other, 5));
        CU_ASSERT(differ > 32 && differ < 96);
    }
    for (int bit = 0; bit < 32; bit++) {
        dt_random_key epoch = key, sample = key;
        epoch.epoch ^= (uint32_t)1 << bit;
        sample.sample ^= (uint32_t)1 << bit;
        int of_epoch = bits_that_differ(block, dt_random_at(&epoch, 5));
        int of_sample = bits_that_differ(block, dt_random_at(&sample, 5));
        int of_index = bits_that_differ(block, dt_random_at(&key, 5u ^ (uint32_t)1 << bit));
        CU_ASSERT(of_epoch > 32 && of_epoch < 96);
        CU_ASSERT(of_sample > 32 && of_sample < 96);
        CU_ASSERT(of_index > 32 && of_index < 96);
    }
    dt_random_key stream = key;
    stream.stream = DT_STREAM_INIT;
    CU_ASSERT(bits_that_differ(block, dt_random_at(&stream, 5)) > 32);
}

static void test_sequence(void)
{
    dt_random_key key = {.seed = 1, .stream = DT_STREAM_TEST, .sample = 4};
    dt_random_sequence sequence = dt_random_sequence_of(key);
    for (uint32_t i = 0; i < 400; i++)
        CU_ASSERT_EQUAL(dt_random_next(&sequence), dt_random_at(&key, i / 4).word[i % 4]);
}

static void test_uniform(void)
{
    CU_ASSERT_EQUAL(dt_uniform(0), 0x1p-33);
    CU_ASSERT_EQUAL(dt_uniform(UINT32_MAX), 1 - 0x1p-33);

    enum { COUNT = 100000, CELLS = 64 };
    int cell[CELLS] = {0};
    double sum = 0, squares = 0;
    dt_random_sequence sequence = dt_random_sequence_of((dt_random_key){.stream = DT_STREAM_TEST});
    for (int i = 0; i < COUNT; i++) {
        double u = dt_uniform(dt_random_next(&sequence));
        sum += u;
        squares += u * u;
        cell[(int)(u * CELLS)]++;
    }
    CU_ASSERT_DOUBLE_EQUAL(sum / COUNT, 0.5, 0.004);
    CU_ASSERT_DOUBLE_EQUAL(squares / COUNT, 1 / 3.0, 0.004);
    double chi_square = 0, expected = (double)COUNT / CELLS;
    for (int i = 0; i < CELLS; i++)
        chi_square += (cell[i] - expected) * (cell[i] - expected) / expected;
    CU_ASSERT(chi_square < 103.4); /* 63 degrees of freedom, probability 0.001 */
}

static void test_normal(void)
{
    enum { PAIRS = 50000 };
    double moment[5] = {0}, product = 0, tail = 0;
    dt_random_key key = {.stream = DT_STREAM_TEST, .sample = 1};
    for (uint32_t i = 0; i < PAIRS; i++) {
        dt_random_block block = dt_random_at(&key, i);
        double normal[2];
        dt_normal_pair(block.word[0], block.word[1], normal);
        for (int j = 0; j < 2; j++) {
            tail += fabs(normal[j]) > 1.959963984540054;
            for (int k = 1; k <= 4; k++)
                moment[k] += pow(normal[j], k);
        }
        product += normal[0] * normal[1];
    }
    CU_ASSERT_DOUBLE_EQUAL(moment[1] / (2 * PAIRS), 0, 0.012);
    CU_ASSERT_DOUBLE_EQUAL(moment[2] / (2 * PAIRS), 1, 0.02);
    CU_ASSERT_DOUBLE_EQUAL(moment[3] / (2 * PAIRS), 0, 0.04);
    CU_ASSERT_DOUBLE_EQUAL(moment[4] / (2 * PAIRS), 3, 0.15);
    CU_ASSERT_DOUBLE_EQUAL(product / PAIRS, 0, 0.02);
    CU_ASSERT_DOUBLE_EQUAL(tail / (2 * PAIRS), 0.05, 0.003);

    static const uint32_t ends[] = {0, 1, UINT32_MAX / 2, UINT32_MAX - 1, UINT32_MAX};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++) {
            double normal[2];
            dt_normal_pair(ends[i], ends[j], normal);
            CU_ASSERT(isfinite(normal[0]) && isfinite(normal[1]));
        }
}

static void test_below(void)
{
    static const uint32_t bounds[] = {1, 2, 3, 7, 60000, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        CU_ASSERT_EQUAL(dt_below(0, 0, bounds[i]), 0);
        CU_ASSERT_EQUAL(dt_below(UINT32_MAX, UINT32_MAX, bounds[i]), bounds[i] - 1);
        /* the first word that reaches 1 of `bound` */
        uint64_t edge = UINT64_MAX / bounds[i] + 1;
        if (bounds[i] > 1) {
            CU_ASSERT_EQUAL(dt_below((uint32_t)(edge >> 32), (uint32_t)edge, bounds[i]), 1);
            edge--;
            CU_ASSERT_EQUAL(dt_below((uint32_t)(edge >> 32), (uint32_t)edge, bounds[i]), 0);
        }
    }
    enum { COUNT = 70000 };
    int found[7] = {0};
    dt_random_sequence sequence =
        dt_random_sequence_of((dt_random_key){.stream = DT_STREAM_TEST, .sample = 2});
    for (int i = 0; i < COUNT; i++) {
        uint32_t high = dt_random_next(&sequence);
        uint32_t value = dt_below(high, dt_random_next(&sequence), 7);
        CU_ASSERT_FATAL(value < 7);
        found[value]++;
    }
    double chi_square = 0;
    for (int i = 0; i < 7; i++)
        chi_square += (found[i] - 1e4) * (found[i] - 1e4) / 1e4;
    CU_ASSERT(chi_square < 22.5); /* 6 degrees of freedom, probability 0.001 */
}

CU_SuiteInfo dt_suite_random(void)
{
    static CU_TestInfo tests[] = {
        {"philox answers as Random123 says", test_known_answers},
        {"the numbers of the streams stay", test_stream_numbers},
        {"every bit of every coordinate counts", test_every_coordinate_counts},
        {"a sequence gives the words of its blocks in order", test_sequence},
        {"uniform: open interval, moments, cells", test_uniform},
        {"normal: moments, tails, no infinity", test_normal},
        {"below: range, edges, uniformity", test_below},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "random", .pTests = tests};
}
