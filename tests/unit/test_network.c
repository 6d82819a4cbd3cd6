#include "nn/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "draw.h"
#include "nn/tile.h"

CU_SuiteInfo dt_suite_network(void);

enum { INPUTS = 70, CLASSES = 10, SAMPLES = 2 * DT_TILE_SAMPLES + 9 };

static const int widths[] = {33, 17, CLASSES};

static const dt_network_spec standard = {.inputs = INPUTS,
                                         .input_scale = 1.0 / 255,
                                         .dense_count = 3,
                                         .widths = widths,
                                         .bias = true,
                                         .activation = DT_SIGMOID,
                                         .loss = DT_CROSS_ENTROPY};

typedef struct fixture {
    dt_network *network;
    size_t count;
    float *parameters, *gradient, *expected; /* [count] */
    uint8_t pixels[SAMPLES][INPUTS], labels[SAMPLES];
    const uint8_t *images[SAMPLES];
} fixture;

static float *new_array(const fixture *f)
{
    float *array = dt_network_new_parameters(f->network, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(array);
    return array;
}

/* Images like MNIST's: many columns are zero in all, others in most of the samples. */
static fixture *begin(const dt_network_spec *spec, uint32_t sample)
{
    fixture *f = dt_calloc(1, sizeof *f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    dt_error error = {.status = DT_OK};
    CU_ASSERT_EQUAL_FATAL(dt_network_create(spec, &f->network, &error), DT_OK);
    f->count = dt_network_parameter_count(f->network);
    f->parameters = new_array(f);
    f->gradient = new_array(f);
    f->expected = new_array(f);
    dt_random_sequence random = draw_begin(sample);
    for (size_t i = 0; i < f->count; i++)
        f->parameters[i] = (float)draw_real(&random, -0.5, 0.5);
    dt_network_set_parameters(f->network, f->parameters);
    for (int i = 0; i < SAMPLES; i++) {
        f->images[i] = f->pixels[i];
        f->labels[i] = (uint8_t)draw_int(&random, 0, CLASSES - 1);
        for (int j = 0; j < INPUTS; j++)
            if (j % 3 != 0 && draw_int(&random, 0, j % 7) == 0)
                f->pixels[i][j] = (uint8_t)draw_int(&random, 0, 255);
    }
    return f;
}

static void end(fixture *f)
{
    dt_network_destroy(f->network);
    dt_free(f->parameters);
    dt_free(f->gradient);
    dt_free(f->expected);
    dt_free(f);
}

static dt_loss_sum gradient_of(fixture *f, int first, int count, float *gradient, dt_loss_sum sum)
{
    dt_network_gradient(f->network, count, f->images + first, f->labels + first, gradient, &sum);
    return sum;
}

static int same_values(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

static int same_sum(dt_loss_sum a, dt_loss_sum b)
{
    return a.loss == b.loss && a.correct == b.correct;
}

static void clear(const fixture *f, float *array)
{
    memset(array, 0, f->count * sizeof *array);
}

/* The settings that go another way through the code. */
static const struct {
    dt_activation activation;
    dt_loss loss;
    bool bias, softmax;
    double shift;
} ways[] = {
    {DT_SIGMOID, DT_CROSS_ENTROPY, true, false, 0},
    {DT_RELU, DT_CROSS_ENTROPY, true, false, 0},
    {DT_TANH, DT_MSE, false, true, 0},
    {DT_GELU, DT_BCE, true, true, -0.4242},
    {DT_IDENTITY, DT_CROSS_ENTROPY, false, false, 0},
    {DT_LEAKY_RELU, DT_MSE, true, false, 0.25},
};

enum { WAYS = sizeof ways / sizeof *ways };

static fixture *begin_way(int way)
{
    dt_network_spec spec = standard;
    spec.activation = ways[way].activation;
    spec.loss = ways[way].loss;
    spec.bias = ways[way].bias;
    spec.output_softmax = ways[way].softmax;
    spec.input_shift = ways[way].shift;
    return begin(&spec, 70 + (uint32_t)way);
}

/* The samples' gradients in one call or in two, cut anywhere: the same. Tiles do not matter. */
static void test_cut(void)
{
    for (int way = 0; way < WAYS; way++) {
        fixture *f = begin_way(way);
        dt_loss_sum whole = gradient_of(f, 0, SAMPLES, f->expected, (dt_loss_sum){0});
        CU_ASSERT(isfinite(whole.loss) && whole.loss > 0 && whole.correct < SAMPLES);
        for (int cut = 0; cut <= SAMPLES; cut += cut < 4 ? 1 : 7) {
            clear(f, f->gradient);
            dt_loss_sum sum = gradient_of(f, 0, cut, f->gradient, (dt_loss_sum){0});
            sum = gradient_of(f, cut, SAMPLES - cut, f->gradient, sum);
            CU_ASSERT_TRUE(same_sum(sum, whole));
            CU_ASSERT_TRUE(same_values(f->gradient, f->expected, f->count));
        }
        clear(f, f->gradient);
        dt_loss_sum sum = {0};
        for (int i = 0; i < SAMPLES; i++)
            sum = gradient_of(f, i, 1, f->gradient, sum);
        CU_ASSERT_TRUE(same_sum(sum, whole));
        CU_ASSERT_TRUE(same_values(f->gradient, f->expected, f->count));
        end(f);
    }
}

/* A sample's own gradient and loss do not depend on its neighbours. */
static void test_neighbours(void)
{
    for (int way = 0; way < WAYS; way++) {
        fixture *f = begin_way(way);
        const uint8_t *image = f->images[5];
        for (int place = 0; place < DT_TILE_SAMPLES; place += 9) {
            /* the loss of one: all others are the same as sample 0 */
            dt_loss_sum alone = {0}, first = {0}, together = {0}, expected = {0};
            for (int i = 0; i < DT_TILE_SAMPLES; i++)
                f->images[i] = f->pixels[0], f->labels[i] = 0;
            dt_network_evaluate(f->network, 1, f->images, f->labels, &first);
            f->images[place] = image;
            dt_network_evaluate(f->network, 1, f->images + place, f->labels, &alone);
            dt_network_evaluate(f->network, DT_TILE_SAMPLES, f->images, f->labels, &together);
            for (int i = 0; i < DT_TILE_SAMPLES; i++)
                expected.loss += i == place ? alone.loss : first.loss;
            CU_ASSERT_EQUAL(together.loss, expected.loss);
        }
        end(f);
    }
}

/* Evaluation is the loss of the gradient; both add to what is there. */
static void test_evaluate(void)
{
    for (int way = 0; way < WAYS; way++) {
        fixture *f = begin_way(way);
        dt_loss_sum begun = {1.25, 3}, with = begun, without = begun;
        with = gradient_of(f, 0, SAMPLES, f->expected, with);
        dt_network_evaluate(f->network, SAMPLES, f->images, f->labels, &without);
        CU_ASSERT_TRUE(same_sum(with, without));
        CU_ASSERT(with.loss > begun.loss && with.correct >= begun.correct);
        for (size_t i = 0; i < f->count; i++)
            f->gradient[i] = 1000;
        gradient_of(f, 0, SAMPLES, f->gradient, begun);
        for (size_t i = 0; i < f->count; i++)
            CU_ASSERT_DOUBLE_EQUAL((double)f->gradient[i], 1000 + (double)f->expected[i],
                                   2e-2 + 1e-4 * fabs((double)f->expected[i]));
        dt_network_evaluate(f->network, 0, NULL, NULL, &with);
        CU_ASSERT_TRUE(same_sum(with, without));
        end(f);
    }
}

/* Inputs that are zero in all samples of a tile get no gradient, others do. */
static void test_zero_columns(void)
{
    fixture *f = begin(&standard, 71);
    gradient_of(f, 0, SAMPLES, f->gradient, (dt_loss_sum){0});
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
    static const int two[] = {2};
    static const dt_network_spec spec = {.inputs = 3,
                                         .input_scale = 0.5,
                                         .input_shift = -1,
                                         .dense_count = 1,
                                         .widths = two,
                                         .bias = true,
                                         .loss = DT_MSE};
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
    dt_loss_sum sum = {0};
    dt_network_set_parameters(network, w);
    dt_network_gradient(network, 1, &image, &label, g, &sum);
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
        dt_network_spec spec = standard;
        spec.bias = bias;
        spec.output_softmax = true;
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
    fixture *f = begin(&standard, 73);
    char text[64];
    size_t count;
    dt_network_shape_text(f->network, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "70-33-17-10");
    dt_network_shape_text(f->network, text, 7);
    CU_ASSERT_STRING_EQUAL(text, "70-33-");
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_TRUE(dt_network_describe_layer(f->network, i, text, sizeof text, &count));
        CU_ASSERT_STRING_EQUAL(text, texts[i]);
        CU_ASSERT_EQUAL(count, counts[i]);
    }
    CU_ASSERT_FALSE(dt_network_describe_layer(f->network, 5, text, sizeof text, &count));
    CU_ASSERT_FALSE(dt_network_describe_layer(f->network, -1, text, sizeof text, &count));
    end(f);
}

/* A function of kind, seed and shape; each tensor is what dt_init_layer says for its layer. */
static void test_initialise(void)
{
    for (int kind = DT_INIT_ARTICLE; kind <= DT_INIT_HE; kind++) {
        fixture *f = begin(&standard, 74);
        memset(f->gradient, 0xff, f->count * sizeof(float));
        dt_network_initialise(f->network, (dt_init)kind, 9, f->gradient);
        uint32_t layer = 0;
        int inputs = INPUTS;
        for (float *next = f->expected; layer < 3; inputs = widths[layer++]) {
            size_t weights = (size_t)inputs * (size_t)widths[layer], biases = (size_t)widths[layer];
            dt_init_layer((dt_init)kind, 9, layer, inputs, widths[layer], next, weights,
                          next + weights, biases);
            next += weights + biases;
        }
        CU_ASSERT_EQUAL(memcmp(f->gradient, f->expected, f->count * sizeof(float)), 0);
        dt_network_initialise(f->network, (dt_init)kind, 10, f->expected);
        CU_ASSERT_NOT_EQUAL(memcmp(f->gradient, f->expected, f->count * sizeof(float)), 0);
        end(f);
    }
}

/* After set_parameters nothing is left of the parameters before: a network that had others gives
 * the bits of one that never had. */
static void test_set_parameters(void)
{
    fixture *f = begin(&standard, 75), *other = begin(&standard, 75);
    gradient_of(f, 0, SAMPLES, f->gradient, (dt_loss_sum){0});
    clear(f, f->gradient);
    for (size_t i = 0; i < f->count; i++)
        f->parameters[i] = other->parameters[i] = -0.7f * f->parameters[i];
    dt_network_set_parameters(f->network, f->parameters);
    dt_network_destroy(other->network);
    dt_error error;
    CU_ASSERT_EQUAL_FATAL(dt_network_create(&standard, &other->network, &error), DT_OK);
    dt_network_set_parameters(other->network, other->parameters);
    dt_loss_sum a = gradient_of(f, 0, SAMPLES, f->gradient, (dt_loss_sum){0});
    dt_loss_sum b = gradient_of(other, 0, SAMPLES, other->gradient, (dt_loss_sum){0});
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
        dt_network_set_parameters(f->network, f->parameters);
        dt_loss_sum sum = {0};
        dt_network_evaluate(f->network, SAMPLES, f->images, f->labels, &sum);
        CU_ASSERT_TRUE(isnan(sum.loss));
        CU_ASSERT_EQUAL(sum.correct, 0);
        end(f);
    }
}

static void test_no_memory(void)
{
    dt_network_spec spec = standard;
    spec.output_softmax = true;
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
    CU_ASSERT(failures > 30); /* six layers with two tiles each, of two allocations */
    dt_network_destroy(network);
    dt_network_destroy(NULL);
}

CU_SuiteInfo dt_suite_network(void)
{
    static CU_TestInfo tests[] = {
        {"samples in one call or in several", test_cut},
        {"a sample's neighbours do not matter", test_neighbours},
        {"evaluation is the loss of the gradient", test_evaluate},
        {"inputs that are zero get no gradient", test_zero_columns},
        {"a small network by hand", test_by_hand},
        {"tensors: places, shapes, names", test_layout},
        {"descriptions", test_description},
        {"initial parameters", test_initialise},
        {"new parameters replace the old ones", test_set_parameters},
        {"NaN is noticed", test_nan},
        {"every allocation may fail", test_no_memory},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "network", .pTests = tests};
}
