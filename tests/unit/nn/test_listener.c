/* What a listener is told of the sums of a gradient: dt_network_gradient. */
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "network_fixture.h"

CU_SuiteInfo dt_suite_listener(void);

enum { STACK = 5, SEGMENTS = 9, CALLS_MOST = 8000 };

/* Keeps what the sums and losses held when they were said to be final. */
typedef struct witness {
    float *sums[STACK], *seen[STACK]; /* [count] */
    int depth, segment_count;
    dt_loss_sum losses[SEGMENTS], seen_losses[SEGMENTS];
    size_t calls, firsts[CALLS_MOST];
} witness;

static void witness_final(void *state, size_t first)
{
    witness *w = state;
    CU_ASSERT_FATAL(w->calls < CALLS_MOST);
    if (w->calls == 0)
        memcpy(w->seen_losses, w->losses, sizeof w->losses);
    else
        for (int i = 0; i < w->depth && first < w->firsts[w->calls - 1]; i++)
            memcpy(w->seen[i] + first, w->sums[i] + first,
                   (w->firsts[w->calls - 1] - first) * sizeof(float));
    w->firsts[w->calls++] = first;
}

/* Segments that fill up to three tiles, and merges that leave w->depth sums. */
static int64_t draw_segments(witness *w, dt_segment *segments, dt_random_sequence *random)
{
    int64_t samples = 0;
    w->depth = 0;
    w->segment_count = draw_int(random, 1, SEGMENTS);
    for (int i = 0; i < w->segment_count; i++) {
        int merges = draw_int(random, 0, 1) ? draw_int(random, 0, w->depth) : 0;
        if (++w->depth == STACK && merges == 0)
            merges = 1;
        segments[i] =
            (dt_segment){.samples = draw_int(random, 0, SAMPLES / SEGMENTS), .merges = merges};
        w->depth -= merges;
        samples += segments[i].samples;
    }
    return samples;
}

/* Told from the count down to 0, without a step that is much larger than a part. */
static void check_calls(const witness *w, size_t count, size_t part)
{
    size_t row = 33; /* no row of a layer is wider: a part has whole rows, a bias comes with one */
    int down = 1, small = 1;
    CU_ASSERT_EQUAL_FATAL(w->firsts[0], count);
    for (size_t i = 1; i < w->calls; i++) {
        size_t step = w->firsts[i - 1] - w->firsts[i];
        down &= w->firsts[i] < w->firsts[i - 1];
        small &= step <= 2 * row || step - 2 * row <= part;
    }
    CU_ASSERT_TRUE(down);
    CU_ASSERT_TRUE(small);
    CU_ASSERT_EQUAL(w->firsts[w->calls - 1], 0);
}

/* Any segments and parts: what was final stays, and nothing is other than without a listener. */
static void test_final(void)
{
    static const size_t parts[] = {1, 10, 100, 2310, 2311, 100000, SIZE_MAX};
    dt_random_sequence random = draw_begin(200);
    for (int round = 0; round < 60; round++) {
        dt_network_spec spec = standard_with("sigmoid", "identity", round % 2);
        spec.normalization.shift = round % 3 ? 0 : -0.4242;
        fixture *f = begin(&spec, 201 + (uint32_t)round);
        witness w = {0};
        dt_segment segments[SEGMENTS];
        float *alone[STACK];
        dt_loss_sum losses[SEGMENTS];
        dt_trace trace = {0};
        for (int i = 0; i < STACK; i++) {
            w.sums[i] = new_array(f);
            w.seen[i] = new_array(f);
            alone[i] = new_array(f);
        }
        dt_listener listener = {
            .part = parts[draw_int(&random, 0, 6)], .final = witness_final, .state = &w};
        dt_batch batch = {.images = f->images, .labels = f->labels};
        batch.count = draw_segments(&w, segments, &random);
        batch = cut_batch(&batch, w.segment_count, segments, w.losses);
        dt_network_gradient(f->network, &batch, w.sums, &listener, NULL, &trace);
        sum_gradients(f, &batch, w.segment_count, segments, alone, losses);
        check_calls(&w, f->count, listener.part);
        for (int i = 0; i < w.depth; i++) {
            CU_ASSERT_TRUE(same_values(w.seen[i], w.sums[i], f->count));
            CU_ASSERT_TRUE(same_values(alone[i], w.sums[i], f->count));
        }
        for (int i = 0; i < w.segment_count; i++) {
            CU_ASSERT_TRUE(same_sum(w.seen_losses[i], w.losses[i]));
            CU_ASSERT_TRUE(same_sum(losses[i], w.losses[i]));
        }
        for (int i = 0; i < STACK; i++) {
            dt_free(w.sums[i]);
            dt_free(w.seen[i]);
            dt_free(alone[i]);
        }
        end(f);
    }
}

/* Layers without parameters say nothing; each layer with some is told of at least once. */
static void test_layers(void)
{
    fixture *f = begin_standard(202);
    witness w = {.depth = 1, .segment_count = 1};
    dt_segment segment = {.samples = SAMPLES};
    dt_trace trace = {0};
    dt_listener listener = {.part = SIZE_MAX, .final = witness_final, .state = &w};
    dt_batch batch = {.count = SAMPLES, .images = f->images, .labels = f->labels};
    w.sums[0] = new_array(f);
    w.seen[0] = new_array(f);
    batch = cut_batch(&batch, 1, &segment, w.losses);
    dt_network_gradient(f->network, &batch, w.sums, &listener, NULL, &trace);
    CU_ASSERT_EQUAL_FATAL(w.calls, 4);
    size_t tensors;
    const dt_tensor *tensor = dt_network_tensors(f->network, &tensors);
    for (size_t layer = 0; layer < 3; layer++)
        CU_ASSERT_EQUAL(w.firsts[3 - layer], tensor[2 * layer].offset);
    dt_free(w.sums[0]);
    dt_free(w.seen[0]);
    end(f);
}

CU_SuiteInfo dt_suite_listener(void)
{
    static CU_TestInfo tests[] = {
        {"what is said to be final is", test_final},
        {"a call a layer", test_layers},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "listener", .pTests = tests};
}
