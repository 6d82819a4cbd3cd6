/* Dropout: its mask is a pure function of the seed, the epoch, the layer, the sample's place and
 * the value's number. */
#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "network_fixture.h"
#include "nn/layer.h"

CU_SuiteInfo dt_suite_dropout(void);

enum { ROWS = 40, WIDTH = 250 };

/* What a layer makes of ones: its factors. */
typedef struct bench {
    dt_layer layer;
    dt_tile input, output;
    int32_t places[ROWS];
    dt_noise noise;
} bench;

static void begin_bench(bench *b, double p)
{
    dt_layer_spec spec = {.kind = dt_layer_kind_find("dropout"), .arguments = {p}};
    CU_ASSERT_EQUAL_FATAL(dt_layer_of(&spec, (dt_shape){1, 1, WIDTH}, &b->layer, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(ROWS, WIDTH, &b->input, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(ROWS, WIDTH, &b->output, NULL), DT_OK);
    for (int i = 0; i < ROWS; i++) {
        fill_with(1, dt_tile_row(&b->input, i), WIDTH);
        b->places[i] = 10 + i;
    }
    b->noise = (dt_noise){.seed = 1, .epoch = 4, .places = b->places};
}

static void end_bench(bench *b)
{
    dt_tile_destroy(&b->input);
    dt_tile_destroy(&b->output);
}

/* Of rows `first` to first + count - 1: factors[count][WIDTH]. */
static void find_factors(bench *b, int number, int first, int count, float *factors)
{
    dt_noise noise = b->noise;
    dt_layer_pass pass = {
        .number = number, .noise = &noise, .input = &b->input, .output = &b->output};
    noise.places += first;
    b->input.samples = b->output.samples = count;
    dt_layer_forward(&b->layer, &pass);
    for (int i = 0; i < count; i++)
        memcpy(factors + (ptrdiff_t)i * WIDTH, dt_tile_row(&b->output, i), WIDTH * sizeof *factors);
}

static int differences(const float *a, const float *b, int count)
{
    int different = 0;
    for (int i = 0; i < count; i++)
        different += a[i] != b[i];
    return different;
}

/* The share of zeros is P within five deviations; the others keep the mean. */
static void test_share(void)
{
    static const double shares[] = {0, 0.001, 0.2, 0.5, 0.9, 0.99};
    static float factors[ROWS * WIDTH];
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        bench b;
        double p = shares[i], expected = p * ROWS * WIDTH;
        int zeros = 0;
        begin_bench(&b, p);
        find_factors(&b, 1, 0, ROWS, factors);
        for (int j = 0; j < ROWS * WIDTH; j++) {
            zeros += factors[j] == 0;
            CU_ASSERT(factors[j] == 0 || factors[j] == (float)(1 / (1 - p)));
        }
        CU_ASSERT(fabs(zeros - expected) <= 5 * sqrt(expected * (1 - p)));
        end_bench(&b);
    }
}

/* A sample's factors are the same in any tile. */
static void test_tiles(void)
{
    static float all[ROWS * WIDTH], part[ROWS * WIDTH];
    bench b;
    begin_bench(&b, 0.3);
    find_factors(&b, 1, 0, ROWS, all);
    for (int first = 0; first < ROWS; first += 3)
        for (int count = 1; first + count <= ROWS; count += 4) {
            find_factors(&b, 1, first, count, part);
            CU_ASSERT_EQUAL(differences(all + (ptrdiff_t)first * WIDTH, part, count * WIDTH), 0);
        }
    end_bench(&b);
}

/* With half of the values zero, two draws differ in half of them, and so do parts of one. */
static void expect_others(const float *a, const float *b, int count)
{
    CU_ASSERT(fabs(differences(a, b, count) - 0.5 * count) <= 5 * sqrt(0.25 * count));
}

static void test_what_masks_depend_on(void)
{
    static float these[ROWS * WIDTH], others[ROWS * WIDTH];
    bench b;
    begin_bench(&b, 0.5);
    find_factors(&b, 1, 0, ROWS, these);
    find_factors(&b, 2, 0, ROWS, others);
    expect_others(these, others, ROWS * WIDTH);
    find_factors(&b, 1 + 127, 0, ROWS, others);
    expect_others(these, others, ROWS * WIDTH);
    b.noise.epoch++;
    find_factors(&b, 1, 0, ROWS, others);
    expect_others(these, others, ROWS * WIDTH);
    b.noise.epoch--;
    b.noise.seed++;
    find_factors(&b, 1, 0, ROWS, others);
    expect_others(these, others, ROWS * WIDTH);
    expect_others(these, these + WIDTH, (ROWS - 1) * WIDTH);
    for (int shift = 1; shift <= 64; shift *= 2)
        expect_others(these, these + shift, (ROWS - 1) * WIDTH);
    end_bench(&b);
}

/* Both passes have the same factors. */
static void test_backward(void)
{
    static float factors[ROWS * WIDTH];
    bench b;
    dt_tile gradient;
    begin_bench(&b, 0.4);
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(ROWS, WIDTH, &gradient, NULL), DT_OK);
    find_factors(&b, 7, 0, ROWS, factors);
    dt_layer_pass pass = {.number = 7,
                          .noise = &b.noise,
                          .input = &b.input,
                          .output = &b.output,
                          .output_gradient = &b.input,
                          .input_gradient = &gradient};
    dt_layer_backward(&b.layer, &pass);
    for (int i = 0; i < ROWS; i++)
        CU_ASSERT_EQUAL(
            differences(dt_tile_row(&gradient, i), factors + (ptrdiff_t)i * WIDTH, WIDTH), 0);
    dt_tile_destroy(&gradient);
    end_bench(&b);
}

static void copy_parameters(const fixture *from, fixture *to)
{
    CU_ASSERT_EQUAL_FATAL(from->count, to->count);
    memcpy(to->parameters, from->parameters, from->count * sizeof *from->parameters);
}

/* In evaluation, and in training without noise, the layer is the identity. */
static void test_identity(void)
{
    dt_network_spec with = network_of(INPUTS, "dropout 0.5, dense 33 relu, dropout 0.9, dense 10",
                                      "relu", "identity", true);
    dt_network_spec without = network_of(INPUTS, "dense 33 relu, dense 10", "", "", true);
    fixture *a = begin(&with, 400), *b = begin(&without, 400);
    float of_a[SAMPLES * CLASSES], of_b[SAMPLES * CLASSES];
    dt_segment segment = {.samples = SAMPLES};
    dt_loss_sum sum;
    copy_parameters(a, b);
    dt_network_outputs(a->network, SAMPLES, a->images, of_a);
    dt_network_outputs(b->network, SAMPLES, a->images, of_b);
    CU_ASSERT_TRUE(same_values(of_a, of_b, SAMPLES * CLASSES));
    dt_batch batch = {.count = SAMPLES, .images = a->images, .labels = a->labels};
    sum_gradients(a, &batch, 1, &segment, &a->gradient, &sum);
    sum_gradients(b, &batch, 1, &segment, &b->gradient, &sum);
    CU_ASSERT_TRUE(same_values(a->gradient, b->gradient, a->count));
    gradient_of(a, 0, SAMPLES, a->expected); /* with noise */
    CU_ASSERT_FALSE(same_values(a->gradient, a->expected, a->count));
    end(a);
    end(b);
}

/* The losses of the samples are those of the places that they have, whatever else is in a batch. */
static void test_batches(void)
{
    dt_network_spec spec = network_of(INPUTS, "dropout 0.2, dense 33 relu, dropout 0.5, dense 10",
                                      "relu", "identity", true);
    fixture *f = begin(&spec, 401);
    static dt_loss_sum losses[SAMPLES];
    static dt_segment segments[SAMPLES];
    for (int i = 0; i < SAMPLES; i++)
        segments[i] = (dt_segment){.samples = 1, .merges = i > 0};
    dt_noise noise = noise_of(f, 0);
    dt_batch batch = {.count = SAMPLES, .images = f->images, .labels = f->labels, .noise = &noise};
    float *sums[] = {f->gradient, f->expected};
    sum_gradients(f, &batch, SAMPLES, segments, sums, losses);
    for (int i = 0; i < SAMPLES; i++)
        CU_ASSERT_TRUE(same_sum(gradient_of(f, i, 1, f->expected), losses[i]));
    end(f);
}

CU_SuiteInfo dt_suite_dropout(void)
{
    static CU_TestInfo tests[] = {
        {"share of zeros", test_share},
        {"tiles do not matter", test_tiles},
        {"other layers, epochs, seeds, places and values: other masks", test_what_masks_depend_on},
        {"backward has the mask of forward", test_backward},
        {"identity in evaluation", test_identity},
        {"batches do not matter", test_batches},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "dropout", .pTests = tests};
}
