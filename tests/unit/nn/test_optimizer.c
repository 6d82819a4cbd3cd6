#include "nn/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "base/suggest.h"
#include "draw.h"
#include "names.h"
#include "optimizer_numbers.h"
#include "optimizer_step.h"

CU_SuiteInfo dt_suite_optimizer(void);

static dt_optimizer *create(const dt_optimizer_spec *spec, size_t count)
{
    return create_of(spec, DT_TENSOR_WEIGHT, count);
}

static dt_optimizer *create_torch(int row)
{
    dt_optimizer_spec spec = torch[row].spec;
    spec.kind = dt_name_find(dt_optimizer_names, torch[row].kind);
    return create(&spec, COUNT);
}

static dt_optimizer_spec plain(int kind)
{
    return (dt_optimizer_spec){.kind = kind,
                               .momentum = 0.9,
                               .trust = 1,
                               .alpha = 0.99,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .epsilon = dt_optimizer_facts_of(kind)->epsilon};
}

static void test_torch(void)
{
    for (int i = 0; i < CASES; i++) {
        dt_optimizer *optimizer = create_torch(i);
        float w[COUNT];
        memcpy(w, start, sizeof w);
        for (int step = 0; step < STEPS; step++) {
            double norm = take_step(optimizer, COUNT, w, sums[step], NULL, SAMPLES, 0.1);
            int good = 1;
            for (int j = 0; j < COUNT; j++)
                good &= fabs((double)w[j] / torch[i].w[step][j] - 1) <= 1e-6;
            CU_ASSERT_TRUE(good);
            if (!good)
                printf("%s, step %d: %.9g %.9g %.9g\n", torch[i].call, step + 1, (double)w[0],
                       (double)w[1], (double)w[2]);
            double squares = 0;
            for (int j = 0; j < COUNT; j++)
                squares += (double)sums[step][j] * (double)sums[step][j];
            CU_ASSERT_DOUBLE_EQUAL(norm, sqrt(squares) / SAMPLES, 1e-12);
        }
        dt_optimizer_destroy(optimizer);
    }
}

static void test_defaults(void)
{
    for (int i = 0; dt_optimizer_names[i]; i++) {
        const dt_optimizer_facts *defaults = dt_optimizer_facts_of(i);
        const typeof(*references) *expected = ROW_OF(dt_optimizer_names[i], references);
        int cases = 0;
        CU_ASSERT_EQUAL(defaults->lr, expected->lr);
        CU_ASSERT_EQUAL(defaults->weight_decay, expected->weight_decay);
        if (!isnan(expected->epsilon))
            CU_ASSERT_EQUAL(defaults->epsilon, expected->epsilon);
        for (int j = 0; j < CASES; j++)
            cases += strcmp(torch[j].kind, expected->name) == 0;
        if (cases < 2)
            printf("\n    %s: expected numbers of others, plain and with decay, found %d\n",
                   expected->name, cases);
        CU_ASSERT(cases >= 2);
    }
}

static void test_first_step(void)
{
    static const float gradients[] = {0.01f, -0.5f, 4, -300};
    for (int i = 0; i < 4; i++)
        for (int kind = 0; dt_optimizer_names[kind]; kind++) {
            dt_optimizer_spec spec = plain(kind);
            const typeof(*references) *by_hand = ROW_OF(dt_optimizer_names[kind], references);
            double g = (double)gradients[i], lr = 0.01;
            double move = lr * (by_hand->linear * g + copysign(by_hand->sign, g));
            float w = 1;
            dt_optimizer *optimizer = create(&spec, 1);
            take_step(optimizer, 1, &w, gradients + i, NULL, 1, lr);
            CU_ASSERT_DOUBLE_EQUAL(1 - (double)w, move, 1e-7 + 2e-5 * fabs(move));
            dt_optimizer_destroy(optimizer);
        }
}

/* The sum of n samples is divided by n: the same bits as their mean as one sample, for n a power
 * of two. */
static void test_samples(void)
{
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind);
        spec.weight_decay = 0.01;
        spec.clip_norm = 0.3;
        dt_optimizer *of_sum = create(&spec, COUNT), *of_mean = create(&spec, COUNT);
        float w[COUNT], v[COUNT], mean[COUNT];
        memcpy(w, start, sizeof w);
        memcpy(v, start, sizeof v);
        for (int step = 0; step < STEPS; step++) {
            for (int j = 0; j < COUNT; j++)
                mean[j] = sums[step][j] / 64;
            double norm = take_step(of_sum, COUNT, w, sums[step], NULL, 64, 0.1);
            CU_ASSERT_EQUAL(norm, take_step(of_mean, COUNT, v, mean, NULL, 1, 0.1));
            CU_ASSERT_EQUAL(memcmp(w, v, sizeof w), 0);
        }
        dt_optimizer_destroy(of_sum);
        dt_optimizer_destroy(of_mean);
    }
}

/* Clipping: a gradient above the limit is scaled to it, one below is left alone bit for bit; the
 * norm is of all parameters, at any number of them, and has the precision of double. */
static void test_clip(void)
{
    dt_random_sequence random = draw_begin(60);
    dt_optimizer_spec clipped = plain(dt_name_find(dt_optimizer_names, "sgd")),
                      free = plain(dt_name_find(dt_optimizer_names, "sgd"));
    for (int count = 1; count <= 100; count++) {
        float gradient[100], w[100] = {0}, v[100] = {0};
        double squares = 0, moved = 0;
        for (int j = 0; j < count; j++) {
            gradient[j] = (float)draw_real(&random, -1, 1);
            squares += (double)gradient[j] * (double)gradient[j];
        }
        double norm = sqrt(squares) / SAMPLES;
        for (int above = 0; above <= 1; above++) {
            clipped.clip_norm = above ? 0.25 * norm : 1.01 * norm;
            dt_optimizer *with = create(&clipped, (size_t)count);
            dt_optimizer *without = create(&free, (size_t)count);
            memset(w, 0, sizeof w);
            memset(v, 0, sizeof v);
            CU_ASSERT_DOUBLE_EQUAL(
                take_step(with, (size_t)count, w, gradient, NULL, SAMPLES, 1) / norm, 1, 1e-14);
            take_step(without, (size_t)count, v, gradient, NULL, SAMPLES, 1);
            CU_ASSERT_EQUAL(memcmp(w, v, sizeof w) == 0, !above);
            dt_optimizer_destroy(with);
            dt_optimizer_destroy(without);
        }
        clipped.clip_norm = 0.25 * norm;
        dt_optimizer *with = create(&clipped, (size_t)count);
        memset(w, 0, sizeof w);
        take_step(with, (size_t)count, w, gradient, NULL, SAMPLES, 1);
        for (int j = 0; j < count; j++)
            moved += (double)w[j] * (double)w[j];
        CU_ASSERT_DOUBLE_EQUAL(sqrt(moved) / (0.25 * norm), 1, 1e-4);
        dt_optimizer_destroy(with);
    }
}

/* Clipping by value: each element of the mean gradient by itself, before the decay; one below the
 * limit is left alone bit for bit. */
static void test_clip_value(void)
{
    enum { MANY = 3 * DT_SQUARES_BLOCK + 5 };
    static float w[MANY], v[MANY], sum[MANY], clipped[MANY];
    dt_random_sequence random = draw_begin(64);
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind), free = plain(kind);
        spec.weight_decay = free.weight_decay = 0.01;
        spec.clip_value = 0.25;
        dt_optimizer *with = create(&spec, MANY), *without = create(&free, MANY);
        for (int j = 0; j < MANY; j++)
            w[j] = v[j] = (float)draw_real(&random, -1, 1);
        for (int step = 0; step < STEPS; step++) {
            for (int j = 0; j < MANY; j++) {
                sum[j] = (float)draw_real(&random, -2, 2);
                clipped[j] = fminf(fmaxf(sum[j] / SAMPLES, -0.25f), 0.25f);
            }
            take_step(with, MANY, w, sum, NULL, SAMPLES, 0.1);
            take_step(without, MANY, v, clipped, NULL, 1, 0.1);
            CU_ASSERT_EQUAL(memcmp(w, v, sizeof w), 0);
        }
        dt_optimizer_destroy(with);
        dt_optimizer_destroy(without);
    }
}

/* Optimizers of parts of the parameters do what one of all of them does, clipping included: the
 * norm is that of all parts. */
static void test_parts(void)
{
    enum { MANY = 5 * DT_SQUARES_BLOCK + 77, PARTS = 3 };
    static const size_t bounds[] = {0, DT_SQUARES_BLOCK, 4 * DT_SQUARES_BLOCK, MANY};
    static const dt_tensor tensors[] = {
        {"", "kernel", DT_TENSOR_WEIGHT, 1, {DT_SQUARES_BLOCK + 50}, 0},
        {"", "bias", DT_TENSOR_BIAS, 1, {50}, DT_SQUARES_BLOCK + 50},
        {"", "kernel", DT_TENSOR_WEIGHT, 2, {7, 9}, DT_SQUARES_BLOCK + 100},
        {"", "gamma", DT_TENSOR_GAIN, 1, {8}, DT_SQUARES_BLOCK + 163},
        {"", "beta", DT_TENSOR_SHIFT, 1, {8}, DT_SQUARES_BLOCK + 171},
        {"",
         "kernel",
         DT_TENSOR_WEIGHT,
         1,
         {MANY - DT_SQUARES_BLOCK - 179},
         DT_SQUARES_BLOCK + 179},
    };
    enum { TENSORS = sizeof tensors / sizeof *tensors };
    static float w[MANY], v[MANY], gradient[MANY];
    dt_random_sequence random = draw_begin(62);
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind);
        spec.clip_norm = 0.3;
        spec.weight_decay = 0.02;
        spec.clip_value = kind % 2 ? 0.7 : 0;
        dt_optimizer *all = create_part(&spec, &(dt_optimizer_part){tensors, TENSORS, 0, MANY});
        dt_optimizer *part[PARTS];
        for (int p = 0; p < PARTS; p++)
            part[p] = create_part(&spec, &(dt_optimizer_part){tensors, TENSORS, bounds[p],
                                                              bounds[p + 1] - bounds[p]});
        for (int j = 0; j < MANY; j++)
            w[j] = v[j] = (float)draw_real(&random, -2, 2);
        for (int step = 0; step < STEPS; step++) {
            double blocks[MANY / DT_SQUARES_BLOCK + 1];
            for (int j = 0; j < MANY; j++)
                gradient[j] = (float)draw_real(&random, -3, 3);
            double norm = take_step(all, MANY, w, gradient, NULL, 3, 0.05);
            for (int p = 0; p < PARTS; p++) {
                size_t first = bounds[p], count = bounds[p + 1] - first;
                const dt_support whole = {1, &(dt_interval){0, count}};
                dt_support_squares(&whole, count, gradient + first,
                                   blocks + first / DT_SQUARES_BLOCK);
            }
            CU_ASSERT_EQUAL(norm, sqrt(dt_squares_sum(MANY, blocks)) / 3);
            double notes[80];
            for (int p = 0; p < PARTS; p++) {
                dt_optimizer_begin(part[p], dt_optimizer_scale(part[p], 3, norm),
                                   &(dt_rates){0.05, (double)NAN});
                if (dt_optimizer_notes(part[p]) > 0)
                    dt_optimizer_note(part[p], v + bounds[p], gradient + bounds[p], notes);
            }
            for (int p = 0; p < PARTS; p++) { /* in two intervals */
                size_t count = bounds[p + 1] - bounds[p], half = count / 2;
                if (dt_optimizer_notes(part[p]) > 0)
                    dt_optimizer_find_ratios(part[p], notes);
                dt_optimizer_update(part[p], &(dt_interval){half, count}, v + bounds[p],
                                    gradient + bounds[p]);
                dt_optimizer_update(part[p], &(dt_interval){0, half}, v + bounds[p],
                                    gradient + bounds[p]);
            }
            CU_ASSERT_EQUAL(memcmp(w, v, sizeof w), 0);
        }
        dt_optimizer_destroy(all);
        for (int p = 0; p < PARTS; p++)
            dt_optimizer_destroy(part[p]);
    }
}

/* lr = 0 moves nothing, and a zero gradient moves nothing before there is a history. */
static void test_rest(void)
{
    static const float zero[COUNT] = {0};
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind);
        dt_optimizer *optimizer = create(&spec, COUNT);
        float w[COUNT];
        memcpy(w, start, sizeof w);
        for (int step = 0; step < 3; step++)
            take_step(optimizer, COUNT, w, zero, NULL, SAMPLES, 0.1);
        CU_ASSERT_EQUAL(memcmp(w, start, sizeof w), 0);
        for (int step = 0; step < STEPS; step++)
            take_step(optimizer, COUNT, w, sums[step], NULL, SAMPLES, 0);
        CU_ASSERT_EQUAL(memcmp(w, start, sizeof w), 0);
        dt_optimizer_destroy(optimizer);
    }
}

/* Each tensor of a vector is updated as if it were alone; weights decay, and others by decay_all.
 */
static void test_tensors(void)
{
    enum { TENSORS = 5, MOST = 700 };
    static float w[TENSORS * MOST], v[TENSORS * MOST], gradient[TENSORS * MOST];
    dt_random_sequence random = draw_begin(63);
    for (int kind = 0; dt_optimizer_names[kind]; kind++)
        for (int way = 0; way < 4; way++) {
            dt_optimizer_spec spec = plain(kind);
            dt_tensor tensors[TENSORS];
            dt_optimizer *each[TENSORS];
            size_t count = 0;
            spec.weight_decay = way & 1 ? 0.3 : 0;
            spec.decay_all = way & 2;
            for (int t = 0; t < TENSORS; t++) {
                dt_tensor_role role = (dt_tensor_role)draw_int(&random, 0, DT_TENSOR_SHIFT);
                int size = draw_int(&random, 1, draw_int(&random, 0, 1) ? 9 : MOST);
                tensors[t] = (dt_tensor){.role = role, .rank = 1, .shape = {size}, .offset = count};
                dt_optimizer_spec own = spec;
                own.weight_decay = role == DT_TENSOR_WEIGHT || spec.decay_all ? 0.3 : 0;
                own.weight_decay = spec.weight_decay > 0 ? own.weight_decay : 0;
                each[t] =
                    create_of(&own, role == DT_TENSOR_WEIGHT ? role : DT_TENSOR_BIAS, (size_t)size);
                count += (size_t)size;
            }
            dt_optimizer *all =
                create_part(&spec, &(dt_optimizer_part){tensors, TENSORS, 0, count});
            for (size_t j = 0; j < count; j++)
                w[j] = v[j] = (float)draw_real(&random, -2, 2);
            for (int step = 0; step < STEPS; step++) {
                for (size_t j = 0; j < count; j++)
                    gradient[j] = (float)draw_real(&random, -3, 3);
                take_step(all, count, w, gradient, NULL, 3, 0.05);
                for (int t = 0; t < TENSORS; t++)
                    take_step(each[t], dt_tensor_count(&tensors[t]), v + tensors[t].offset,
                              gradient + tensors[t].offset, NULL, 3, 0.05);
                bool exact = dt_optimizer_notes(all) == 0; /* else blocks begin elsewhere */
                CU_ASSERT(!exact || memcmp(w, v, count * sizeof *w) == 0);
                for (size_t j = 0; !exact && j < count; j++)
                    CU_ASSERT_DOUBLE_EQUAL((double)w[j], (double)v[j], 3e-6);
            }
            dt_optimizer_destroy(all);
            for (int t = 0; t < TENSORS; t++)
                dt_optimizer_destroy(each[t]);
        }
}

/* A parameter's new value depends on its own gradients alone: the same as with another number of
 * parameters around it, but for rounding. Nothing behind the last one is touched. */
static void test_each_alone(void)
{
    enum { MANY = 77 };
    dt_random_sequence random = draw_begin(61);
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind);
        spec.weight_decay = 0.02;
        float w[MANY + 1], single[MANY], gradient[MANY];
        spec.decay_all = true;
        dt_optimizer *all = create_of(&spec, DT_TENSOR_BIAS, MANY), *each[MANY];
        for (int j = 0; j < MANY; j++) {
            each[j] = create_of(&spec, DT_TENSOR_BIAS, 1);
            w[j] = single[j] = (float)draw_real(&random, -2, 2);
        }
        w[MANY] = 77;
        for (int step = 0; step < STEPS; step++) {
            for (int j = 0; j < MANY; j++)
                gradient[j] = (float)draw_real(&random, -3, 3);
            take_step(all, MANY, w, gradient, NULL, 3, 0.05);
            for (int j = 0; j < MANY; j++) {
                take_step(each[j], 1, single + j, gradient + j, NULL, 3, 0.05);
                CU_ASSERT_DOUBLE_EQUAL((double)w[j], (double)single[j], 2e-6);
            }
        }
        CU_ASSERT_EQUAL(w[MANY], 77);
        dt_optimizer_destroy(all);
        for (int j = 0; j < MANY; j++)
            dt_optimizer_destroy(each[j]);
    }
}

static void test_no_memory(void)
{
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind);
        dt_optimizer *optimizer = NULL;
        dt_tensor tensor = {.rank = 1, .shape = {9}};
        dt_optimizer_part part = {&tensor, 1, 0, 9};
        dt_status status = DT_ERR_INTERNAL;
        int failures = -1;
        while (status == DT_ERR_INTERNAL && failures < 10) {
            dt_error error = {.status = DT_OK};
            dt_memory_fail_at(++failures + 1);
            status = dt_optimizer_create(&spec, &part, &optimizer, &error);
            dt_memory_fail_at(0);
            CU_ASSERT_EQUAL(error.status, status);
        }
        CU_ASSERT_EQUAL(status, DT_OK);
        CU_ASSERT_EQUAL(failures, 2 + dt_optimizer_arrays(kind));
        dt_optimizer_destroy(optimizer);
    }
    dt_optimizer_destroy(NULL);
}

/* Of a schedule that cycles. */
static dt_rates cycled(int step)
{
    return (dt_rates){0.1, 0.9 - 0.15 * step};
}

/* State and parameters moved to a new optimizer after k steps: it goes on as the old one does. */
static void test_state(void)
{
    for (int i = 0; i < CASES; i++)
        for (int k = 0; k <= STEPS; k++) {
            dt_optimizer *old = create_torch(i), *new = create_torch(i);
            float whole[COUNT], resumed[COUNT];
            memcpy(whole, start, sizeof start);
            for (int step = 0; step < k; step++) {
                dt_rates rates = cycled(step);
                take_step_at(&rates, old, COUNT, whole, sums[step], NULL, SAMPLES);
            }
            dt_optimizer_state from = dt_optimizer_get_state(old);
            dt_optimizer_state to = dt_optimizer_get_state(new);
            memcpy(resumed, whole, sizeof whole);
            *to.steps = *from.steps;
            *to.product = *from.product;
            CU_ASSERT_EQUAL(*from.steps, k);
            for (int a = 0; a < DT_STATE_ARRAYS; a++) {
                CU_ASSERT_EQUAL(!to.arrays[a], !from.arrays[a]);
                if (from.arrays[a])
                    memcpy(to.arrays[a], from.arrays[a], sizeof whole);
            }
            for (int step = k; step < STEPS; step++) {
                dt_rates rates = cycled(step);
                take_step_at(&rates, old, COUNT, whole, sums[step], NULL, SAMPLES);
                take_step_at(&rates, new, COUNT, resumed, sums[step], NULL, SAMPLES);
            }
            CU_ASSERT_EQUAL(memcmp(whole, resumed, sizeof whole), 0);
            dt_optimizer_destroy(old);
            dt_optimizer_destroy(new);
        }
}

/* A file of before nadam's product was kept has the steps alone: with a constant beta1 they say
 * what it was. */
static void test_no_product(void)
{
    for (int i = 0; i < CASES; i++) {
        dt_optimizer *kept = create_torch(i), *found = create_torch(i);
        float of_kept[COUNT], of_found[COUNT];
        memcpy(of_kept, start, sizeof start);
        memcpy(of_found, start, sizeof start);
        for (int step = 0; step < STEPS; step++) {
            take_step(kept, COUNT, of_kept, sums[step], NULL, SAMPLES, 0.1);
            *dt_optimizer_get_state(found).product = (double)NAN;
            take_step(found, COUNT, of_found, sums[step], NULL, SAMPLES, 0.1);
            for (int j = 0; j < COUNT; j++)
                CU_ASSERT_DOUBLE_EQUAL(of_found[j], of_kept[j], 1e-6);
        }
        dt_optimizer_destroy(kept);
        dt_optimizer_destroy(found);
    }
}

CU_SuiteInfo dt_suite_optimizer(void)
{
    static CU_TestInfo tests[] = {
        {"numbers of PyTorch or the paper, four steps of each", test_torch},
        {"PyTorch's defaults, numbers of each", test_defaults},
        {"the first step by hand", test_first_step},
        {"the sum is divided by the samples", test_samples},
        {"clipping", test_clip},
        {"clipping by value", test_clip_value},
        {"optimizers of parts", test_parts},
        {"each tensor as if it were alone", test_tensors},
        {"no gradient or no rate, no move", test_rest},
        {"each parameter alone", test_each_alone},
        {"the state is all that a new one needs to go on", test_state},
        {"a state without nadam's product", test_no_product},
        {"every allocation may fail", test_no_memory},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "optimizer", .pTests = tests};
}
