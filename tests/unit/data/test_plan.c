#include "data/plan.h"

#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "draw.h"

CU_SuiteInfo dt_suite_plan(void);

enum { MOST = 400, ROUNDS = 1500 };

static dt_plan draw_plan(dt_random_sequence *random)
{
    dt_plan plan = {.shuffle = (dt_shuffle)draw_int(random, 0, DT_SHUFFLE_NONE),
                    .seed = dt_random_next(random)};
    int64_t samples = draw_int(random, 1, draw_int(random, 0, 1) ? 20 : MOST);
    CU_ASSERT_EQUAL_FATAL(dt_plan_create(&plan, samples, NULL), DT_OK);
    plan.batch_size = draw_int(random, 1, draw_int(random, 0, 1) ? 16 : 2 * MOST);
    plan.virtual_ranks = draw_int(random, 1, draw_int(random, 0, 1) ? 9 : 2 * MOST);
    return plan;
}

static void report(const dt_plan *plan)
{
    printf("shuffle %s, %d samples, batch %d, %d virtual ranks\n", dt_shuffle_names[plan->shuffle],
           (int)plan->samples, (int)plan->batch_size, plan->virtual_ranks);
}

/* The epoch's batches are full but for the last, and hold all samples. */
static int batches_are_full(const dt_plan *plan)
{
    int64_t steps = dt_plan_steps(plan), all = 0;
    for (int64_t step = 0; step < steps; step++) {
        int64_t batch = dt_plan_batch(plan, step);
        if (batch < 1 || batch > plan->batch_size ||
            (step + 1 < steps && batch != plan->batch_size))
            return 0;
        all += batch;
    }
    return all == plan->samples &&
           dt_plan_largest_batch(plan->samples, plan->batch_size) == dt_plan_batch(plan, 0);
}

/* Slices of all steps: every sample once, as many in a step as its batch has, no virtual rank with
 * more than its even share and two more, which is what train/feed makes room for. */
static int slices_hold_all(const dt_plan *plan)
{
    unsigned char seen[MOST] = {0};
    int64_t batch = plan->batch_size < plan->samples ? plan->batch_size : plan->samples;
    int64_t bound = batch / plan->virtual_ranks + 2, all = 0;
    for (int64_t step = 0; step < dt_plan_steps(plan); step++) {
        int64_t in_step = 0;
        for (int v = 0; v < plan->virtual_ranks; v++) {
            dt_range slice = dt_plan_slice(plan, step, v);
            if (slice.count < 0 || slice.count > bound || slice.first < 0 ||
                slice.first + slice.count > plan->samples)
                return 0;
            for (int64_t i = slice.first; i < slice.first + slice.count; i++) {
                int32_t sample = plan->order[i];
                if (sample < 0 || sample >= plan->samples || seen[sample]++)
                    return 0;
            }
            in_step += slice.count;
        }
        if (in_step != dt_plan_batch(plan, step))
            return 0;
        all += in_step;
    }
    return all == plan->samples;
}

/* shard: a virtual rank's slices are its part, from its beginning to its end, and their samples
 * are of its part too. */
static int shards_stay(const dt_plan *plan)
{
    for (int v = 0; v < plan->virtual_ranks; v++) {
        dt_range part = dt_partition(plan->samples, plan->virtual_ranks, v);
        int64_t next = part.first;
        for (int64_t step = 0; step < dt_plan_steps(plan); step++) {
            dt_range slice = dt_plan_slice(plan, step, v);
            if (slice.first != next)
                return 0;
            for (; next < slice.first + slice.count; next++)
                if (plan->order[next] < part.first || plan->order[next] >= part.first + part.count)
                    return 0;
        }
        if (next != part.first + part.count)
            return 0;
    }
    return 1;
}

/* global, none: step after step and in a step virtual rank after virtual rank, places follow one
 * another; in a step the slices' sizes differ by at most one. */
static int slices_are_contiguous(const dt_plan *plan)
{
    int64_t next = 0;
    for (int64_t step = 0; step < dt_plan_steps(plan); step++) {
        int64_t least = MOST, most = 0;
        for (int v = 0; v < plan->virtual_ranks; v++) {
            dt_range slice = dt_plan_slice(plan, step, v);
            if (slice.first != next)
                return 0;
            next += slice.count;
            least = slice.count < least ? slice.count : least;
            most = slice.count > most ? slice.count : most;
        }
        if (most - least > 1)
            return 0;
    }
    return next == plan->samples;
}

static int is_identity(const dt_plan *plan)
{
    for (int64_t i = 0; i < plan->samples; i++)
        if (plan->order[i] != i)
            return 0;
    return 1;
}

static void test_epochs(void)
{
    dt_random_sequence random = draw_begin(110);
    for (int round = 0; round < ROUNDS; round++) {
        dt_plan plan = draw_plan(&random);
        dt_plan_start_epoch(&plan, (uint32_t)draw_int(&random, 0, 5));
        int good = batches_are_full(&plan) && slices_hold_all(&plan);
        if (plan.shuffle == DT_SHUFFLE_SHARD)
            good = good && shards_stay(&plan);
        else
            good = good && slices_are_contiguous(&plan);
        if (plan.shuffle == DT_SHUFFLE_NONE)
            good = good && is_identity(&plan);
        CU_ASSERT_TRUE(good);
        if (!good)
            report(&plan);
        dt_plan_destroy(&plan);
    }
}

/* An order is of (seed, epoch, shuffle) and, for shards, V; batches and epochs before are nothing
 * to it. */
static void test_orders(void)
{
    dt_random_sequence random = draw_begin(111);
    for (int round = 0; round < 60; round++) {
        dt_plan plan = draw_plan(&random), again;
        dt_plan_destroy(&plan);
        CU_ASSERT_EQUAL_FATAL(dt_plan_create(&plan, 300, NULL), DT_OK);
        size_t size = (size_t)plan.samples * sizeof *plan.order;
        plan.virtual_ranks = draw_int(&random, 1, 20);
        again = plan;
        again.order = NULL;
        CU_ASSERT_EQUAL_FATAL(dt_plan_create(&again, plan.samples, NULL), DT_OK);
        again.batch_size = plan.batch_size + 1;
        uint32_t epoch = (uint32_t)draw_int(&random, 0, 9);
        dt_plan_start_epoch(&plan, epoch);
        dt_plan_start_epoch(&again, epoch + 1);
        CU_ASSERT_EQUAL(memcmp(plan.order, again.order, size) == 0,
                        plan.shuffle == DT_SHUFFLE_NONE);
        dt_plan_start_epoch(&again, epoch);
        CU_ASSERT_EQUAL(memcmp(plan.order, again.order, size), 0);
        again.seed++;
        dt_plan_start_epoch(&again, epoch);
        CU_ASSERT_EQUAL(memcmp(plan.order, again.order, size) == 0,
                        plan.shuffle == DT_SHUFFLE_NONE);
        again.seed--;
        again.virtual_ranks += 21;
        dt_plan_start_epoch(&again, epoch);
        CU_ASSERT_EQUAL(memcmp(plan.order, again.order, size) == 0,
                        plan.shuffle != DT_SHUFFLE_SHARD);
        dt_plan_destroy(&plan);
        dt_plan_destroy(&again);
    }
}

/* Sets and batches of sizes where 32 bits do not do. Slices need no order. */
static void test_large(void)
{
    static const int64_t sizes[] = {INT32_MAX, INT32_MAX - 1, 1300000000};
    dt_random_sequence random = draw_begin(112);
    for (int round = 0; round < 60; round++) {
        dt_plan plan = {.shuffle = (dt_shuffle)(round % 3),
                        .samples = sizes[draw_int(&random, 0, 2)],
                        .batch_size = draw_int(&random, 1, INT32_MAX),
                        .virtual_ranks = draw_int(&random, 1, 3000)};
        int64_t step = draw_int(&random, 0, (int)dt_plan_steps(&plan) - 1), all = 0;
        int64_t bound = plan.batch_size / plan.virtual_ranks + 2;
        int good = dt_plan_batch(&plan, dt_plan_steps(&plan) - 1) ==
                   plan.samples - (dt_plan_steps(&plan) - 1) * plan.batch_size;
        for (int v = 0; v < plan.virtual_ranks; v++) {
            dt_range slice = dt_plan_slice(&plan, step, v);
            good &= slice.count >= 0 && slice.count <= bound && slice.first >= 0;
            good &= slice.first + slice.count <= plan.samples;
            all += slice.count;
        }
        good &= all == dt_plan_batch(&plan, step);
        CU_ASSERT_TRUE(good);
        if (!good)
            report(&plan);
    }
}

/* Five samples, three shards of 1, 2, 2; batches of two: dealt to 0 1 | 2 1 | 2. */
static void test_shards_by_hand(void)
{
    static const dt_range expected[3][3] = {
        {{0, 1}, {1, 1}, {3, 0}}, {{1, 0}, {2, 1}, {3, 1}}, {{1, 0}, {3, 0}, {4, 1}}};
    dt_plan plan = {.shuffle = DT_SHUFFLE_SHARD, .samples = 5, .batch_size = 2, .virtual_ranks = 3};
    CU_ASSERT_EQUAL(dt_plan_steps(&plan), 3);
    for (int step = 0; step < 3; step++)
        for (int v = 0; v < 3; v++) {
            dt_range slice = dt_plan_slice(&plan, step, v);
            CU_ASSERT_EQUAL(slice.first, expected[step][v].first);
            CU_ASSERT_EQUAL(slice.count, expected[step][v].count);
        }
}

static void test_names_and_memory(void)
{
    static const char *const names[] = {"global", "shard", "none"};
    for (int i = 0; i < 3; i++)
        CU_ASSERT_STRING_EQUAL(dt_shuffle_names[i], names[i]);
    CU_ASSERT_PTR_NULL(dt_shuffle_names[3]);
    dt_plan plan = {.seed = 5, .batch_size = 3};
    dt_error error = {.status = DT_OK};
    dt_memory_fail_at(1);
    CU_ASSERT_EQUAL(dt_plan_create(&plan, 10, &error), DT_ERR_INTERNAL);
    dt_memory_fail_at(0);
    CU_ASSERT_EQUAL(error.status, DT_ERR_INTERNAL);
    dt_plan_destroy(&plan);
    CU_ASSERT_EQUAL(dt_plan_create(&plan, 10, NULL), DT_OK);
    CU_ASSERT(plan.samples == 10 && plan.seed == 5 && plan.batch_size == 3);
    dt_plan_destroy(&plan);
    dt_plan_destroy(&plan);
    dt_plan_destroy(NULL);
}

CU_SuiteInfo dt_suite_plan(void)
{
    static CU_TestInfo tests[] = {
        {"every sample in one slice of an epoch", test_epochs},
        {"orders: functions of seed, epoch and shards", test_orders},
        {"large sets and batches", test_large},
        {"shards by hand", test_shards_by_hand},
        {"names; no memory", test_names_and_memory},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "plan", .pTests = tests};
}
