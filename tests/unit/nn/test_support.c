#include "nn/support.h"

#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "network_fixture.h"
#include "nn/optimizer.h"
#include "optimizer_step.h"

CU_SuiteInfo dt_suite_support(void);

static int holds(const dt_support *support, size_t element)
{
    for (size_t i = 0; i < support->count; i++)
        if (support->intervals[i].first <= element && element < support->intervals[i].end)
            return 1;
    return 0;
}

/* Ascending intervals of at least one element, with gaps between them. */
static int is_well_formed(const dt_support *support, size_t count)
{
    int good = 1;
    for (size_t i = 0; i < support->count; i++) {
        const dt_interval *it = &support->intervals[i];
        good &= it->first < it->end && it->end <= count;
        good &= i == 0 || support->intervals[i - 1].end < it->first;
    }
    return good;
}

/* Whatever is added, the support holds that and nothing else. */
static void test_add(void)
{
    enum { COUNT = 60 };
    dt_random_sequence random = draw_begin(110);
    for (int round = 0; round < 500; round++) {
        dt_interval intervals[COUNT];
        dt_support support = {.intervals = intervals};
        int expected[COUNT] = {0};
        for (int first = 0; first < COUNT;) {
            int end = first + draw_int(&random, 0, COUNT - first);
            for (int i = first; i < end; i++)
                expected[i] = 1;
            dt_support_add(&support, (size_t)first, (size_t)end);
            first = end + draw_int(&random, 0, 3);
        }
        CU_ASSERT_TRUE(is_well_formed(&support, COUNT));
        for (int i = 0; i < COUNT; i++)
            CU_ASSERT_EQUAL(holds(&support, (size_t)i), expected[i]);
    }
}

/* Cuts `count` samples into segments that leave one sum at random places; returns how many. */
static int draw_segments(int count, dt_segment *segments, dt_random_sequence *random)
{
    int segment_count = 0, depth = 0;
    for (int left = count; segment_count == 0 || left > 0; segment_count++) {
        int samples = draw_int(random, 0, left), merges = draw_int(random, 0, depth);
        segments[segment_count] = (dt_segment){.samples = samples, .merges = merges};
        depth += 1 - merges;
        left -= samples;
        if (segment_count == 30)
            break;
    }
    segments[segment_count - 1].merges += depth - 1;
    return segment_count;
}

static dt_network_spec spec_of(int round)
{
    dt_network_spec spec = standard_with("sigmoid", "identity", round % 3 != 0);
    spec.normalization.shift = round % 5 == 0 ? -0.5 : 0;
    return spec;
}

/* With and without a support the sums are the same where it is; elsewhere they are zero, and in the
 * sparse one nothing has been written. */
static void check_network(fixture *f, const dt_batch *batch, const dt_segment *segments,
                          int segment_count, float *const *sums)
{
    dt_loss_sum losses[40], expected_losses[40];
    float *expected = f->expected;
    dt_trace trace = {0};
    dt_support support = {0};
    float *stack[40];
    memcpy(stack, sums, sizeof stack);
    stack[0] = expected;
    dt_batch cut = cut_batch(batch, segment_count, segments, expected_losses);
    dt_network_gradient(f->network, &cut, stack, NULL, NULL, &trace);
    fill_with(NAN, sums[0], f->count);
    cut.losses = losses;
    dt_network_gradient(f->network, &cut, sums, NULL, &support, &trace);
    int same = is_well_formed(&support, f->count);
    for (size_t i = 0; i < f->count; i++)
        same &= holds(&support, i) ? memcmp(&sums[0][i], &expected[i], sizeof(float)) == 0
                                   : isnan(sums[0][i]) && expected[i] == 0;
    dt_support_clear_rest(&support, sums[0], f->count);
    same &= same_values(sums[0], expected, f->count);
    for (int i = 0; i < segment_count; i++)
        same &= same_sum(losses[i], expected_losses[i]);
    CU_ASSERT_TRUE(same);
    if (batch->count > TILE)
        CU_ASSERT(support.count == 1 && support.intervals[0].end == f->count);
}

static void test_network(void)
{
    dt_random_sequence random = draw_begin(111);
    float *sums[40];
    for (int round = 0; round < 120; round++) {
        dt_network_spec spec = spec_of(round);
        fixture *f = begin(&spec, 112 + (uint32_t)round);
        dt_segment segments[40];
        int most = round % 4 == 0 ? SAMPLES : round % 4 == 1 ? 3 : TILE;
        int segment_count = draw_segments(draw_int(&random, 0, most), segments, &random);
        dt_batch batch = {.images = f->images, .labels = f->labels};
        for (int i = 0; i < segment_count; i++)
            batch.count += segments[i].samples;
        for (int i = 0; i < 40; i++)
            sums[i] = new_array(f);
        check_network(f, &batch, segments, segment_count, sums);
        for (int i = 0; i < 40; i++)
            dt_free(sums[i]);
        end(f);
    }
}

/* Of one tile, the support leaves out just the rows of the inputs that are zero in all of it. */
static void test_rows(void)
{
    for (int samples = 1; samples <= TILE; samples *= 2) {
        fixture *f = begin_standard(114);
        dt_batch batch = {.count = samples, .images = f->images, .labels = f->labels};
        dt_segment segment = {.samples = samples};
        dt_loss_sum loss;
        dt_trace trace = {0};
        dt_support support;
        batch = cut_batch(&batch, 1, &segment, &loss);
        dt_network_gradient(f->network, &batch, &f->gradient, NULL, &support, &trace);
        size_t outputs = (size_t)widths[0], kernel = INPUTS * outputs;
        for (size_t i = 0; i < f->count; i++) {
            int used = i >= kernel;
            for (int s = 0; s < samples && i < kernel; s++)
                used |= f->pixels[s][i / outputs] != 0;
            CU_ASSERT_EQUAL(holds(&support, i), used);
        }
        end(f);
    }
}

enum { PARAMETERS = 705 };

/* clip: by norm; below 0: by value. */
static dt_optimizer *create(int kind, double decay, double clip, double epsilon)
{
    dt_optimizer_spec spec = {.kind = kind,
                              .momentum = 0.9,
                              .trust = 0.1,
                              .alpha = 0.99,
                              .beta1 = 0.9,
                              .beta2 = 0.999,
                              .epsilon = epsilon,
                              .weight_decay = decay,
                              .clip_norm = fmax(clip, 0),
                              .clip_value = fmax(-clip, 0)};
    return create_of(&spec, DT_TENSOR_WEIGHT, PARAMETERS);
}

/* Intervals with gradients, NaN between them; the same with zeros there. */
static void draw_gradient(dt_support *support, float *sparse, float *dense,
                          dt_random_sequence *random)
{
    support->count = 0;
    fill_with(NAN, sparse, PARAMETERS);
    fill_with(0, dense, PARAMETERS);
    for (int first = draw_int(random, 0, 40); first < PARAMETERS;) {
        int end = first + draw_int(random, 1, 40);
        end = end < PARAMETERS ? end : PARAMETERS;
        dt_support_add(support, (size_t)first, (size_t)end);
        for (int i = first; i < end; i++)
            dense[i] = sparse[i] = draw_int(random, 0, 9) ? (float)draw_real(random, -9, 9) : 0;
        first = end + draw_int(random, 1, 40);
    }
}

/* An optimizer that skips zeros has the same bits with the support as with zeros, -0 too. */
static void check_skipping(double decay, double clip, double epsilon, int kind,
                           dt_random_sequence *random)
{
    dt_optimizer *a = create(kind, decay, clip, epsilon), *b = create(kind, decay, clip, epsilon);
    float w[PARAMETERS], v[PARAMETERS], sparse[PARAMETERS], dense[PARAMETERS];
    dt_interval intervals[PARAMETERS];
    dt_support support = {.intervals = intervals};
    for (int i = 0; i < PARAMETERS; i++)
        v[i] = w[i] = i % 7 == 0 ? -0.0f : i % 11 == 0 ? 0.0f : (float)draw_real(random, -1, 1);
    for (int step = 0; step < 20; step++) {
        draw_gradient(&support, sparse, dense, random);
        double norm = take_step(a, PARAMETERS, w, sparse, &support, 3, 0.01 * step);
        CU_ASSERT_EQUAL(norm, take_step(b, PARAMETERS, v, dense, NULL, 3, 0.01 * step));
        CU_ASSERT_EQUAL(memcmp(w, v, sizeof w), 0);
    }
    dt_optimizer_state of_a = dt_optimizer_get_state(a), of_b = dt_optimizer_get_state(b);
    CU_ASSERT_EQUAL(*of_a.steps, *of_b.steps);
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        CU_ASSERT(!of_a.arrays[i] || memcmp(of_a.arrays[i], of_b.arrays[i], sizeof w) == 0);
    dt_optimizer_destroy(a);
    dt_optimizer_destroy(b);
}

/* One that does not skip zeros moves a parameter or its state by one. */
static void check_not_skipping(double decay, double clip, double epsilon, int kind)
{
    dt_optimizer *optimizer = create(kind, decay, clip, epsilon);
    dt_optimizer_state state = dt_optimizer_get_state(optimizer);
    float w[PARAMETERS], gradient[PARAMETERS], start[PARAMETERS],
        before[DT_STATE_ARRAYS][PARAMETERS] = {{0}};
    fill_with(0.5f, w, PARAMETERS);
    fill_with(0, gradient, PARAMETERS);
    for (int i = 1; i < PARAMETERS; i++)
        gradient[i] = 1;
    take_step(optimizer, PARAMETERS, w, gradient, NULL, 1, 0.1);
    fill_with(0, gradient, PARAMETERS);
    memcpy(start, w, sizeof w);
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        if (state.arrays[i])
            memcpy(before[i], state.arrays[i], sizeof w);
    take_step(optimizer, PARAMETERS, w, gradient, NULL, 1, 0.1);
    int moved = memcmp(start, w, sizeof w) != 0;
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        moved |= state.arrays[i] && memcmp(before[i], state.arrays[i], sizeof w) != 0;
    CU_ASSERT_TRUE(moved);
    dt_optimizer_destroy(optimizer);
}

static void test_optimizer(void)
{
    dt_random_sequence random = draw_begin(115);
    int skipping = 0;
    for (int kind = 0; dt_optimizer_names[kind]; kind++)
        for (int way = 0; way < 16; way++) {
            double decay = way & 1 ? 0.05 : 0, clip = way & 2 ? way & 8 ? -0.7 : 0.7 : 0;
            double epsilon = way & 4 ? 1e-10 : 0;
            dt_optimizer *optimizer = create(kind, decay, clip, epsilon);
            int skips = dt_optimizer_skips_zeros(optimizer);
            dt_optimizer_destroy(optimizer);
            skipping += skips;
            if (skips)
                check_skipping(decay, clip, epsilon, kind, &random);
            else
                check_not_skipping(decay, clip, epsilon, kind);
        }
    CU_ASSERT(skipping >= 6); /* sgd, with and without clipping, at any epsilon; adagrad */
}

CU_SuiteInfo dt_suite_support(void)
{
    static CU_TestInfo tests[] = {
        {"it holds what was added", test_add},
        {"gradients: the same bits there, zero elsewhere", test_network},
        {"it leaves out the rows of inputs that are zero", test_rows},
        {"optimizers: the same bits as with zeros", test_optimizer},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "support", .pTests = tests};
}
