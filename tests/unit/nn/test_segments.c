#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/partition.h"
#include "dist/tree.h"
#include "network_fixture.h"

CU_SuiteInfo dt_suite_segments(void);

/* PADDING: elements behind an array's values, which stay as they are. */
enum { SEGMENTS = 320, MOST = 3000, STACK = 12, PADDING = 16, UNTOUCHED = 7 };

/* Segments of a batch, and what each of them gives alone. */
typedef struct work {
    fixture *f;
    int count; /* of segments */
    dt_segment segments[SEGMENTS];
    dt_batch batch;
    const uint8_t *images[MOST];
    uint8_t labels[MOST];
    float *alone[SEGMENTS];
    dt_loss_sum losses[SEGMENTS];
} work;

static float *new_sum(const work *w)
{
    float *sum = new_array(w->f);
    fill_with(NAN, sum, w->f->count);
    fill_with(UNTOUCHED, sum + w->f->count, PADDING);
    return sum;
}

static work *begin_work(const dt_network_spec *spec, uint32_t sample)
{
    work *w = dt_calloc(1, sizeof *w, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    w->f = begin(spec, sample);
    return w;
}

/* Draws the samples of the segments, which have their numbers. */
static void draw_batch(work *w, dt_random_sequence *random)
{
    w->batch = (dt_batch){.images = w->images, .labels = w->labels};
    for (int i = 0; i < w->count; i++)
        w->batch.count += w->segments[i].samples;
    CU_ASSERT_FATAL(w->batch.count <= MOST);
    for (int64_t i = 0; i < w->batch.count; i++) {
        int from = draw_int(random, 0, SAMPLES - 1);
        w->images[i] = w->f->images[from];
        w->labels[i] = w->f->labels[from];
    }
}

/* Every segment in a call of its own. */
static void run_alone(work *w)
{
    int64_t first = 0;
    for (int i = 0; i < w->count; i++) {
        dt_segment segment = {.samples = w->segments[i].samples};
        dt_batch batch = {
            .count = segment.samples, .images = w->images + first, .labels = w->labels + first};
        w->alone[i] = new_sum(w);
        sum_gradients(w->f, &batch, 1, &segment, &w->alone[i], &w->losses[i]);
        first += segment.samples;
    }
}

static void forget(work *w)
{
    for (int i = 0; i < w->count; i++)
        dt_free(w->alone[i]);
}

static void end_work(work *w)
{
    end(w->f);
    dt_free(w);
}

static void add(float *sum, const float *other, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += other[i];
}

/* The sums of the segments alone, merged as the segments say: the stack is left in `sums`. */
static int merge_alone(const work *w, float *const *sums)
{
    int top = -1;
    for (int i = 0; i < w->count; i++) {
        memcpy(sums[++top], w->alone[i], w->f->count * sizeof(float));
        for (int m = 0; m < w->segments[i].merges; m++, top--)
            add(sums[top - 1], sums[top], w->f->count);
    }
    return top + 1;
}

static int padding_is_untouched(const work *w, const float *sum)
{
    for (int i = 0; i < PADDING; i++)
        if (sum[w->f->count + (size_t)i] != UNTOUCHED)
            return 0;
    return 1;
}

/* All segments in one call and each alone: the same sums, the same losses, in evaluation too. */
static void check_against_alone(work *w)
{
    float *found[STACK], *expected[STACK];
    dt_loss_sum losses[SEGMENTS], evaluated[SEGMENTS] = {0};
    int same = 1;
    for (int i = 0; i < STACK; i++) {
        found[i] = new_sum(w);
        expected[i] = new_sum(w);
    }
    memset(losses, 0xff, sizeof losses);
    run_alone(w);
    sum_gradients(w->f, &w->batch, w->count, w->segments, found, losses);
    dt_batch batch = cut_batch(&w->batch, w->count, w->segments, evaluated);
    dt_network_evaluate(w->f->network, &batch, NULL);
    int depth = merge_alone(w, expected);
    for (int i = 0; i < depth; i++)
        same &= same_values(found[i], expected[i], w->f->count);
    CU_ASSERT_TRUE(same);
    for (int i = 0; i < w->count; i++)
        same &= same_sum(losses[i], w->losses[i]) && same_sum(evaluated[i], w->losses[i]);
    CU_ASSERT_TRUE(same);
    for (int i = 0; i < STACK; i++)
        same &= padding_is_untouched(w, found[i]);
    CU_ASSERT_TRUE(same);
    for (int i = 0; i < STACK; i++) {
        dt_free(found[i]);
        dt_free(expected[i]);
    }
    forget(w);
}

/* Segments of odd sizes and any merges that keep the stack at STACK at most. */
static void draw_segments(work *w, int count, dt_random_sequence *random)
{
    static const int sizes[] = {0, 0, 1, 1, 2, 5, 63, 64, 65, 127, 128, 129, 200};
    int depth = 0;
    w->count = count;
    for (int i = 0; i < count; i++) {
        depth++;
        w->segments[i].samples = sizes[draw_int(random, 0, sizeof sizes / sizeof *sizes - 1)];
        w->segments[i].merges = draw_int(random, 0, 1) ? draw_int(random, 0, depth - 1) : 0;
        if (depth == STACK && w->segments[i].merges == 0)
            w->segments[i].merges = 1;
        depth -= w->segments[i].merges;
    }
    draw_batch(w, random);
}

static void test_random_segments(void)
{
    static const char *const activations[] = {"sigmoid", "relu", "gelu"};
    dt_random_sequence random = draw_begin(80);
    for (int way = 0; way < 6; way++) {
        dt_network_spec spec = standard_with(activations[way % 3], "identity", way % 2);
        spec.normalization.shift = way < 4 ? 0 : -0.4242;
        work *w = begin_work(&spec, 81 + (uint32_t)way);
        for (int round = 0; round < 8; round++) {
            draw_segments(w, draw_int(&random, 1, 14), &random);
            check_against_alone(w);
        }
        end_work(w);
    }
}

/* Where weights come from memory, tiles are larger. */
static void test_large_network(void)
{
    /* 70 x 7500 > 512 Ki */
    dt_network_spec spec = network_of(INPUTS, "7500, 10", "sigmoid", "identity", true);
    work *w = begin_work(&spec, 87);
    dt_random_sequence random = draw_begin(88);
    static const dt_segment segments[] = {{63, 0}, {200, 1}, {0, 0}, {130, 1}, {1, 1}};
    w->count = sizeof segments / sizeof *segments;
    memcpy(w->segments, segments, sizeof segments);
    w->segments[2].merges = 0;
    draw_batch(w, &random);
    check_against_alone(w);
    end_work(w);
}

/* More segments than one tile has pieces, most of them empty or all: V far above the batch. */
static void test_many_segments(void)
{
    dt_network_spec spec = standard();
    work *w = begin_work(&spec, 89);
    dt_random_sequence random = draw_begin(90);
    for (int most = 0; most <= 3; most++) {
        dt_node nodes[SEGMENTS];
        int merges[SEGMENTS], depth;
        w->count = SEGMENTS - most;
        for (int i = 0; i < w->count; i++)
            nodes[i] = (dt_node){i, i + 1};
        CU_ASSERT_EQUAL(dt_tree_fold(w->count, w->count, nodes, merges, &depth), 1);
        CU_ASSERT_FATAL(depth <= STACK);
        for (int i = 0; i < w->count; i++)
            w->segments[i] =
                (dt_segment){.samples = draw_int(&random, 0, most), .merges = merges[i]};
        draw_batch(w, &random);
        check_against_alone(w);
    }
    end_work(w);
}

/* Segments without samples have sums of zero and no loss. */
static void test_empty(void)
{
    dt_network_spec spec = standard();
    work *w = begin_work(&spec, 91);
    float *sums[] = {new_sum(w), new_sum(w)};
    static const dt_segment segments[] = {{0, 0}, {0, 0}};
    dt_loss_sum losses[] = {{1, 1}, {1, 1}};
    fill_with(0, w->f->expected, w->f->count);
    sum_gradients(w->f, &w->batch, 2, segments, sums, losses);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(same_values(sums[i], w->f->expected, w->f->count));
        CU_ASSERT_TRUE(same_sum(losses[i], (dt_loss_sum){0, 0}));
        dt_free(sums[i]);
    }
    end_work(w);
}

/* Images that will come next change nothing, and their labels are not there. */
static void test_upcoming(void)
{
    dt_network_spec spec = standard();
    work *w = begin_work(&spec, 92);
    dt_random_sequence random = draw_begin(93);
    float *with = new_sum(w), *without = new_sum(w);
    for (int round = 0; round < 40; round++) {
        int count = draw_int(&random, 0, SAMPLES), upcoming = draw_int(&random, 0, SAMPLES);
        size_t all = (size_t)(count + upcoming);
        dt_segment segment = {.samples = count};
        dt_loss_sum sum, sum_without, evaluated = {0}, evaluated_without = {0};
        /* of their own, so that a sanitizer sees a look beyond them */
        const uint8_t **images = dt_calloc(all, sizeof *images, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(images);
        for (size_t i = 0; i < all; i++)
            images[i] = w->f->images[draw_int(&random, 0, SAMPLES - 1)];
        dt_batch batch = {.count = count, .images = images, .labels = w->f->labels};
        sum_gradients(w->f, &batch, 1, &segment, &without, &sum_without);
        batch = cut_batch(&batch, 1, &segment, &evaluated_without);
        dt_network_evaluate(w->f->network, &batch, NULL);
        batch.upcoming = upcoming;
        sum_gradients(w->f, &batch, 1, &segment, &with, &sum);
        batch.losses = &evaluated;
        dt_network_evaluate(w->f->network, &batch, NULL);
        CU_ASSERT_TRUE(same_values(with, without, w->f->count));
        CU_ASSERT_TRUE(same_sum(sum, sum_without) && same_sum(evaluated, evaluated_without));
        dt_free(images);
    }
    dt_free(with);
    dt_free(without);
    end_work(w);
}

/* The definition of dist/tree.h. */
static void sum_node(const work *w, int lo, int hi, float *sum)
{
    if (hi - lo == 1) {
        memcpy(sum, w->alone[lo], w->f->count * sizeof *sum);
        return;
    }
    int mid = lo + (hi - lo) / 2;
    float *upper = new_sum(w);
    sum_node(w, lo, mid, sum);
    sum_node(w, mid, hi, upper);
    add(sum, upper, w->f->count);
    dt_free(upper);
}

/* One rank's part of a step: the nodes of virtual ranks own, with their vectors. */
static int play_rank(work *w, dt_range own, int64_t first_sample, dt_node *nodes, float **vectors)
{
    int merges[SEGMENTS], depth;
    float *sums[STACK];
    dt_segment segments[SEGMENTS];
    dt_loss_sum losses[SEGMENTS];
    dt_batch batch = {.images = w->images + first_sample, .labels = w->labels + first_sample};
    for (int i = 0; i < own.count; i++)
        nodes[i] = (dt_node){(int)own.first + i, (int)own.first + i + 1};
    int count = dt_tree_fold(w->count, (int)own.count, nodes, merges, &depth);
    CU_ASSERT_FATAL(depth <= STACK && count <= depth);
    for (int i = 0; i < own.count; i++) {
        segments[i] = (dt_segment){w->segments[own.first + i].samples, merges[i]};
        batch.count += segments[i].samples;
    }
    for (int i = 0; i < depth; i++)
        sums[i] = new_sum(w);
    sum_gradients(w->f, &batch, (int)own.count, segments, sums, losses);
    for (int i = 0; i < own.count; i++)
        CU_ASSERT_TRUE(same_sum(losses[i], w->losses[own.first + i]));
    for (int i = count; i < depth; i++)
        dt_free(sums[i]);
    memcpy(vectors, sums, (size_t)count * sizeof *vectors);
    return count;
}

/* The gradient of a step on `ranks` ranks, in f->gradient. */
static void play_ranks(work *w, int ranks)
{
    dt_node nodes[SEGMENTS];
    float *vectors[SEGMENTS];
    int merges[SEGMENTS], depth, count = 0;
    int64_t first = 0;
    for (int r = 0; r < ranks; r++) {
        dt_range own = dt_partition(w->count, ranks, r);
        count += play_rank(w, own, first, nodes + count, vectors + count);
        for (int64_t i = own.first; i < own.first + own.count; i++)
            first += w->segments[i].samples;
    }
    CU_ASSERT_EQUAL_FATAL(dt_tree_fold(w->count, count, nodes, merges, &depth), 1);
    dt_tree_add(count, (const float *const *)vectors, merges, w->f->count, w->f->gradient);
    for (int i = 0; i < count; i++)
        dt_free(vectors[i]);
}

/* The promise of the whole: V virtual ranks' gradient on any number of ranks, fewer than V and
 * more, the same bits. */
static void test_any_number_of_ranks(void)
{
    dt_network_spec spec = standard();
    work *w = begin_work(&spec, 94);
    dt_random_sequence random = draw_begin(95);
    for (int round = 0; round < 6; round++) {
        int batch = draw_int(&random, 1, 300);
        w->count = draw_int(&random, 1, 40);
        for (int v = 0; v < w->count; v++)
            w->segments[v] = (dt_segment){.samples = dt_partition(batch, w->count, v).count};
        draw_batch(w, &random);
        run_alone(w);
        sum_node(w, 0, w->count, w->f->expected);
        for (int ranks = 1; ranks <= 2 * w->count + 1; ranks++) {
            fill_with(NAN, w->f->gradient, w->f->count);
            play_ranks(w, ranks);
            CU_ASSERT_TRUE(same_values(w->f->gradient, w->f->expected, w->f->count));
        }
        forget(w);
    }
    end_work(w);
}

CU_SuiteInfo dt_suite_segments(void)
{
    static CU_TestInfo tests[] = {
        {"segments together and alone: the same bits", test_random_segments},
        {"the same in a large network", test_large_network},
        {"hundreds of segments, a few samples or none", test_many_segments},
        {"nothing but empty segments", test_empty},
        {"upcoming images change nothing", test_upcoming},
        {"virtual ranks on any number of ranks", test_any_number_of_ranks},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "segments", .pTests = tests};
}
