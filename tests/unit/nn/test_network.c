#include "nn/network.h"

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "network_fixture.h"

CU_SuiteInfo dt_suite_network(void);

/* The settings that go another way through the code. */
static const struct {
    const char *activation;
    dt_loss loss;
    bool bias, softmax;
    double shift;
} ways[] = {
    {"sigmoid", DT_CROSS_ENTROPY, true, false, 0},
    {"relu", DT_CROSS_ENTROPY, true, false, 0},
    {"tanh", DT_MSE, false, true, 0},
    {"gelu", DT_BCE, true, true, -0.4242},
    {"identity", DT_CROSS_ENTROPY, false, false, 0},
    {"leaky-relu", DT_MSE, true, false, 0.25},
};

enum { WAYS = sizeof ways / sizeof *ways };

static fixture *begin_way(int way)
{
    dt_network_spec spec = standard_with(
        ways[way].activation, ways[way].softmax ? "softmax" : "identity", ways[way].bias);
    spec.loss = ways[way].loss;
    spec.normalization.shift = ways[way].shift;
    return begin(&spec, 70 + (uint32_t)way);
}

/* Samples that follow in another segment change nothing: not the sum, not the loss. With their
 * number the tiles are cut elsewhere, which does not matter then. */
static void test_cut(void)
{
    for (int way = 0; way < WAYS; way++) {
        fixture *f = begin_way(way);
        float *second = new_array(f), *first = new_array(f), *sums[] = {first, second};
        dt_batch batch = {.count = SAMPLES, .images = f->images, .labels = f->labels};
        for (int cut = 0; cut <= SAMPLES; cut += cut < 4 ? 1 : 7) {
            dt_segment segments[] = {{.samples = cut}, {.samples = SAMPLES - cut}};
            dt_loss_sum sum[2], left = gradient_of(f, 0, cut, f->gradient);
            dt_loss_sum right = gradient_of(f, cut, SAMPLES - cut, f->expected);
            fill_with(NAN, first, f->count);
            fill_with(NAN, second, f->count);
            sum_gradients(f, &batch, 2, segments, sums, sum);
            CU_ASSERT_TRUE(same_sum(sum[0], left) && same_sum(sum[1], right));
            CU_ASSERT_TRUE(same_values(first, f->gradient, f->count));
            CU_ASSERT_TRUE(same_values(second, f->expected, f->count));
            CU_ASSERT(isfinite(right.loss) && right.correct <= SAMPLES - cut);
            CU_ASSERT_EQUAL(right.loss > 0, cut < SAMPLES);
        }
        dt_free(first);
        dt_free(second);
        end(f);
    }
}

/* A sample's own gradient and loss do not depend on its neighbours. */
static void test_neighbours(void)
{
    for (int way = 0; way < WAYS; way++) {
        fixture *f = begin_way(way);
        const uint8_t *image = f->images[5];
        for (int place = 0; place < TILE; place += 9) {
            /* the loss of one: all others are the same as sample 0 */
            dt_loss_sum alone = {0}, first = {0}, together = {0}, expected = {0};
            for (int i = 0; i < TILE; i++)
                f->images[i] = f->pixels[0], f->labels[i] = 0;
            evaluate(f, 0, 1, &first);
            f->images[place] = image;
            evaluate(f, place, 1, &alone);
            evaluate(f, 0, TILE, &together);
            for (int i = 0; i < TILE; i++)
                expected.loss += i == place ? alone.loss : first.loss;
            CU_ASSERT_EQUAL(together.loss, expected.loss);
        }
        end(f);
    }
}

/* Evaluation is the loss of the gradient. It adds to what is there, sample after sample; the
 * gradient sets its sums and losses. */
static void test_evaluate(void)
{
    for (int way = 0; way < WAYS; way++) {
        fixture *f = begin_way(way);
        dt_loss_sum with, without = {0}, begun = {1.25, 3}, again = begun;
        with = gradient_of(f, 0, SAMPLES, f->expected);
        evaluate(f, 0, SAMPLES, &without);
        CU_ASSERT_TRUE(same_sum(with, without));
        evaluate(f, 0, SAMPLES, &begun);
        CU_ASSERT(begun.loss > without.loss && begun.correct == without.correct + 3);
        for (int i = 0; i < SAMPLES; i += 3)
            evaluate(f, i, i + 3 < SAMPLES ? 3 : SAMPLES - i, &again);
        CU_ASSERT_TRUE(same_sum(begun, again));
        fill_with(1000, f->gradient, f->count);
        gradient_of(f, 0, SAMPLES, f->gradient);
        CU_ASSERT_TRUE(same_values(f->gradient, f->expected, f->count));
        dt_network_evaluate(f->network, &(dt_batch){.losses = &with}, NULL);
        CU_ASSERT_TRUE(same_sum(with, without));
        end(f);
    }
}

/* Inputs that are zero in all samples of a tile get no gradient, others do. */
static void test_zero_columns(void)
{
    fixture *f = begin_standard(71);
    gradient_of(f, 0, SAMPLES, f->gradient);
    for (int j = 0; j < INPUTS; j++) {
        int used = 0, moved = 0;
        for (int i = 0; i < SAMPLES; i++)
            used |= f->pixels[i][j] != 0;
        for (int k = 0; k < widths[0]; k++)
            moved |= f->gradient[j * widths[0] + k] != 0;
        CU_ASSERT_EQUAL(used, moved);
    }
    end(f);
}

/* A network of one layer by hand: loss and gradient of y = x W + b with MSE, C = 2. */
static void test_by_hand(void)
{
    dt_network_spec spec = network_of(3, "dense 2", "", "", true);
    spec.normalization = (dt_normalization){0.5, -1};
    spec.loss = DT_MSE;
    static const uint8_t pixels[] = {2, 6, 0}; /* x = 0, 2, -1 */
    const uint8_t *image = pixels, label = 1;
    dt_network *network = NULL;
    dt_error error;
    CU_ASSERT_EQUAL_FATAL(dt_network_create(&spec, &network, &error), DT_OK);
    float *w = dt_network_new_parameters(network, NULL),
          *g = dt_network_new_parameters(network, NULL);
    /* kernel [3][2], bias [2]: y = 2 (3, 4) - (5, 6) + (10, 20) = (11, 22), target (0, 1) */
    static const float values[] = {1, 2, 3, 4, 5, 6, 10, 20};
    static const float expected[] = {0, 0, 22, 42, -11, -21, 11, 21};
    memcpy(w, values, sizeof values);
    dt_loss_sum sum;
    dt_trace trace = {0};
    dt_batch batch = {.count = 1,
                      .images = &image,
                      .labels = &label,
                      .segment_count = 1,
                      .segments = &(dt_segment){.samples = 1},
                      .losses = &sum};
    dt_network_set_parameters(network, w);
    dt_network_gradient(network, &batch, &g, NULL, NULL, &trace);
    CU_ASSERT_EQUAL(sum.loss, (121 + 441) / 2.0);
    CU_ASSERT_EQUAL(sum.correct, 1);
    CU_ASSERT_TRUE(same_values(g, expected, 8));
    dt_network_destroy(network);
    dt_free(w);
    dt_free(g);
}

/* One tensor behind the other from 0 to the count, named as Keras names them. */
static void test_layout(void)
{
    for (int bias = 0; bias <= 1; bias++) {
        static const char *const layers[] = {"dense", "dense_1", "dense_2"};
        dt_network_spec spec = standard_with("sigmoid", "softmax", bias);
        spec.loss = DT_MSE;
        fixture *f = begin(&spec, 72);
        size_t count, next = 0;
        const dt_tensor *tensors = dt_network_tensors(f->network, &count);
        CU_ASSERT_EQUAL_FATAL(count, bias ? 6 : 3);
        for (size_t i = 0; i < count; i++) {
            size_t layer = bias ? i / 2 : i;
            int is_bias = bias && i % 2;
            CU_ASSERT_STRING_EQUAL(tensors[i].layer, layers[layer]);
            CU_ASSERT_STRING_EQUAL(tensors[i].name, is_bias ? "bias" : "kernel");
            CU_ASSERT_EQUAL_FATAL(tensors[i].rank, is_bias ? 1 : 2);
            CU_ASSERT_EQUAL(tensors[i].shape[tensors[i].rank - 1], widths[layer]);
            if (!is_bias)
                CU_ASSERT_EQUAL(tensors[i].shape[0], layer ? widths[layer - 1] : INPUTS);
            CU_ASSERT_EQUAL(tensors[i].offset, next);
            next += dt_tensor_count(tensors + i);
        }
        CU_ASSERT_EQUAL(next, f->count);
        end(f);
    }
}

static void test_description(void)
{
    static const char *const texts[] = {"dense 70 -> 33", "sigmoid", "dense 33 -> 17", "sigmoid",
                                        "dense 17 -> 10"};
    static const size_t counts[] = {70 * 33 + 33, 0, 33 * 17 + 17, 0, 17 * 10 + 10};
    fixture *f = begin_standard(73);
    char text[64];
    size_t count;
    const dt_architecture *architecture = &dt_network_spec_of(f->network)->architecture;
    CU_ASSERT_STRING_EQUAL(dt_architecture_text(architecture, text, sizeof text), "70-33-17-10");
    CU_ASSERT_STRING_EQUAL(dt_architecture_text(architecture, text, 7), "70-33-");
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_TRUE(dt_network_describe_layer(f->network, i, text, sizeof text, &count));
        CU_ASSERT_STRING_EQUAL(text, texts[i]);
        CU_ASSERT_EQUAL(count, counts[i]);
    }
    CU_ASSERT_FALSE(dt_network_describe_layer(f->network, 5, text, sizeof text, &count));
    CU_ASSERT_FALSE(dt_network_describe_layer(f->network, -1, text, sizeof text, &count));
    end(f);
}

/* A function of kind, seed and shape; each tensor is what dt_init_tensors says for its layer. */
static void test_initialise(void)
{
    for (int kind = DT_INIT_ARTICLE; kind <= DT_INIT_HE; kind++) {
        fixture *f = begin_standard(74);
        memset(f->gradient, 0xff, f->count * sizeof(float));
        dt_network_initialise(f->network, (dt_init)kind, 9, f->gradient);
        size_t count;
        const dt_tensor *tensors = dt_network_tensors(f->network, &count);
        for (uint32_t layer = 0; layer < 3; layer++)
            dt_init_tensors((dt_init)kind, 9, layer, tensors + 2 * layer, 2, f->expected);
        CU_ASSERT_EQUAL(memcmp(f->gradient, f->expected, f->count * sizeof(float)), 0);
        dt_network_initialise(f->network, (dt_init)kind, 10, f->expected);
        CU_ASSERT_NOT_EQUAL(memcmp(f->gradient, f->expected, f->count * sizeof(float)), 0);
        end(f);
    }
}

/* Nothing is left of the parameters before, changed in place or elsewhere: a network that had
 * others gives the bits of one that never had. */
static void test_set_parameters(void)
{
    fixture *f = begin_standard(75), *other = begin_standard(75);
    gradient_of(f, 0, SAMPLES, f->gradient);
    for (size_t i = 0; i < f->count; i++)
        f->parameters[i] = other->parameters[i] = -0.7f * f->parameters[i];
    dt_network_destroy(other->network);
    dt_error error;
    dt_network_spec spec = standard();
    CU_ASSERT_EQUAL_FATAL(dt_network_create(&spec, &other->network, &error), DT_OK);
    dt_network_set_parameters(other->network, other->parameters);
    dt_loss_sum a = gradient_of(f, 0, SAMPLES, f->gradient);
    dt_loss_sum b = gradient_of(other, 0, SAMPLES, other->gradient);
    CU_ASSERT_TRUE(same_sum(a, b));
    CU_ASSERT_TRUE(same_values(f->gradient, other->gradient, f->count));
    for (size_t i = 0; i < f->count; i++)
        other->parameters[i] *= 0.5f;
    dt_network_set_parameters(f->network, other->parameters);
    a = gradient_of(f, 0, SAMPLES, f->gradient);
    b = gradient_of(other, 0, SAMPLES, other->gradient);
    CU_ASSERT_TRUE(same_sum(a, b));
    CU_ASSERT_TRUE(same_values(f->gradient, other->gradient, f->count));
    end(f);
    end(other);
}

/* A NaN among the parameters is seen in the loss. */
static void test_nan(void)
{
    for (int way = 0; way < WAYS; way++) {
        fixture *f = begin_way(way);
        f->parameters[f->count - 1] = NAN;
        dt_loss_sum sum = {0};
        evaluate(f, 0, SAMPLES, &sum);
        CU_ASSERT_TRUE(isnan(sum.loss));
        CU_ASSERT_EQUAL(sum.correct, 0);
        end(f);
    }
}

static void test_no_memory(void)
{
    dt_network_spec spec = standard_with("sigmoid", "softmax", true);
    spec.loss = DT_MSE;
    dt_network *network = NULL;
    dt_status status = DT_ERR_INTERNAL;
    int failures = -1;
    while (status == DT_ERR_INTERNAL && failures < 1000) {
        dt_error error = {.status = DT_OK};
        dt_memory_fail_at(++failures + 1);
        status = dt_network_create(&spec, &network, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(error.status, status);
        CU_ASSERT_EQUAL(network == NULL, status != DT_OK);
    }
    CU_ASSERT_EQUAL(status, DT_OK);
    CU_ASSERT(failures > 30); /* six layers with a tile or two each, of two allocations */
    dt_network_destroy(network);
    dt_network_destroy(NULL);
}

/* What is computed is what is taken, within the edges of blocks; and tiles have their limit. */
static void test_measure(void)
{
    static const char *const layers[] = {"128, 64, 10", "2048, 300, 10",
                                         "1, 1000000, 1, 1000000, 1, 10", "1, 20000, 1, 10", "512"};
    static const int tiles[] = {64, 256, 11, 16, 64};
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++)
        for (int way = 0; way < WAYS; way++) {
            dt_network_spec spec =
                network_of(784, layers[i], ways[way].activation,
                           ways[way].softmax ? "softmax" : "identity", ways[way].bias);
            dt_network *network = NULL;
            dt_network_size size = dt_network_measure(&spec);
            struct mallinfo2 before = mallinfo2();
            CU_ASSERT_EQUAL_FATAL(dt_network_create(&spec, &network, NULL), DT_OK);
            struct mallinfo2 after = mallinfo2();
            double taken =
                (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd);
            CU_ASSERT_EQUAL(size.parameters, dt_network_parameter_count(network));
            bool counted = after.uordblks > 0; /* a sanitizer's malloc counts nothing */
            CU_ASSERT(!counted || fabs(taken - (double)size.bytes) < 0.02 * taken + 65536);
            bool most = strcmp(ways[way].activation, "identity") != 0;
            CU_ASSERT(!most || size.tile_samples == tiles[i]);
            dt_network_destroy(network);
        }
}

CU_SuiteInfo dt_suite_network(void)
{
    static CU_TestInfo tests[] = {
        {"a segment alone or before another, tiles cut anywhere", test_cut},
        {"a sample's neighbours do not matter", test_neighbours},
        {"evaluation is the loss of the gradient", test_evaluate},
        {"inputs that are zero get no gradient", test_zero_columns},
        {"a small network by hand", test_by_hand},
        {"tensors: places, shapes, names", test_layout},
        {"descriptions", test_description},
        {"initial parameters", test_initialise},
        {"new parameters replace the old ones", test_set_parameters},
        {"NaN is noticed", test_nan},
        {"memory that is computed, and taken", test_measure},
        {"every allocation may fail", test_no_memory},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "network", .pTests = tests};
}
