#include "nn/init.h"

#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "names.h"

CU_SuiteInfo dt_suite_init(void);

enum { IN = 160, OUT = 90, COUNT = IN * OUT };

static void fill(int kind, uint64_t seed, uint32_t layer, float *weights, float *biases)
{
    static float both[COUNT + OUT];
    static const dt_tensor tensors[] = {
        {.name = "kernel", .role = DT_TENSOR_WEIGHT, .rank = 2, .shape = {IN, OUT}},
        {.name = "bias", .role = DT_TENSOR_BIAS, .rank = 1, .shape = {OUT}, .offset = COUNT}};
    for (int i = 0; i < COUNT + OUT; i++)
        both[i] = i < COUNT ? weights[i] : biases[i - COUNT];
    dt_init_tensors((dt_init)kind, seed, layer, tensors, 2, both);
    memcpy(weights, both, COUNT * sizeof *both);
    memcpy(biases, both + COUNT, OUT * sizeof *both);
}

/* Largest distance of the values' moments from those of a distribution of mean 0, and of their
 * distribution function from it (Kolmogorov, Smirnov), in units of what chance gives. */
static double kolmogorov(const float *values, int count, double (*distribution)(double),
                         double scale)
{
    enum { CELLS = 400 };
    int below[CELLS + 1] = {0};
    double distance = 0;
    for (int i = 0; i < count; i++) {
        double p = distribution((double)values[i] / scale);
        below[(int)ceil(p * CELLS)]++;
    }
    for (int i = 0, sum = 0; i <= CELLS; i++) {
        sum += below[i];
        distance = fmax(distance, fabs((double)sum / count - (double)i / CELLS));
    }
    return distance * sqrt((double)count);
}

static double normal(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

static double uniform(double x)
{
    return x < -1 ? 0 : x > 1 ? 1 : 0.5 * (1 + x);
}

static double deviation(const float *values, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum / count);
}

static double mean(const float *values, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)values[i];
    return sum / count;
}

static double largest(const float *values, int count)
{
    double size = 0;
    for (int i = 0; i < count; i++)
        size = fmax(size, fabs((double)values[i]));
    return size;
}

typedef struct reference {
    const char *name;
    int is_normal;
    double square;      /* of the deviation (normal) or the bound (uniform) of weights */
    double bias_square; /* of the bound of biases; 0: they are 0 */
} reference;

static const reference references[] = {
    {"article", 1, 1.0 / OUT, 0},
    {"pytorch", 0, 1.0 / IN, 1.0 / IN},
    {"glorot", 0, 6.0 / (IN + OUT), 0},
    {"he", 1, 2.0 / IN, 0},
};

/* The deviation, the form and, where uniform, the bound of each kind. */
static void test_distributions(void)
{
    static float weights[COUNT], biases[OUT];
    for (int kind = 0; dt_init_names[kind]; kind++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            const reference *it = ROW_OF(dt_init_names[kind], references);
            double scale = sqrt(it->square);
            double expected = it->is_normal ? scale : scale / sqrt(3);
            fill(kind, seed, 0, weights, biases);
            CU_ASSERT_DOUBLE_EQUAL(deviation(weights, COUNT) / expected, 1, 0.02);
            CU_ASSERT_DOUBLE_EQUAL(mean(weights, COUNT) / expected, 0, 0.03);
            /* 1.95: probability 0.001 */
            CU_ASSERT(kolmogorov(weights, COUNT, it->is_normal ? normal : uniform, scale) < 1.95);
            double size = largest(weights, COUNT) / scale;
            CU_ASSERT(it->is_normal ? size > 3.2 && size < 5.5 : size > 0.999 && size <= 1 + 1e-7);
        }
}

static void test_biases(void)
{
    static float weights[COUNT], biases[OUT];
    for (int kind = 0; dt_init_names[kind]; kind++) {
        memset(biases, 0xab, sizeof biases);
        fill(kind, 1, 0, weights, biases);
        const reference *it = ROW_OF(dt_init_names[kind], references);
        double bound = sqrt(it->bias_square);
        if (bound > 0) {
            CU_ASSERT(largest(biases, OUT) <= bound * (1 + 1e-7));
            CU_ASSERT(largest(biases, OUT) > 0.9 * bound);
            CU_ASSERT_DOUBLE_EQUAL(mean(biases, OUT) / bound, 0, 0.2);
            /* not the weights' own numbers again */
            CU_ASSERT_NOT_EQUAL(memcmp(biases, weights, sizeof biases), 0);
        } else {
            for (int i = 0; i < OUT; i++)
                CU_ASSERT_EQUAL(biases[i], 0);
        }
    }
}

/* A value is a function of (kind, seed, layer, index): whatever was in the array, with or without
 * biases; and another one for another seed or layer. */
static void test_pure(void)
{
    static float first[COUNT], again[COUNT], other[COUNT + 1], biases[OUT];
    for (int kind = 0; dt_init_names[kind]; kind++) {
        fill(kind, 5, 1, first, biases);
        memset(again, 0xff, sizeof again);
        fill(kind, 5, 1, again, biases);
        CU_ASSERT_EQUAL(memcmp(first, again, sizeof first), 0);
        const dt_tensor alone = {
            .name = "kernel", .role = DT_TENSOR_WEIGHT, .rank = 2, .shape = {IN, OUT}};
        other[COUNT] = 77;
        dt_init_tensors((dt_init)kind, 5, 1, &alone, 1, other);
        CU_ASSERT_EQUAL(memcmp(first, other, sizeof first), 0);
        CU_ASSERT_EQUAL(other[COUNT], 77);
        int same[3] = {0};
        fill(kind, 6, 1, again, biases);
        fill(kind, 5, 2, other, biases);
        for (int i = 0; i < COUNT; i++) {
            same[0] += first[i] == again[i];
            same[1] += first[i] == other[i];
            same[2] += i >= 4 && first[i] == first[i - 4];
        }
        CU_ASSERT(same[0] < 20 && same[1] < 20 && same[2] < 20);
        fill(kind, 5 + ((uint64_t)1 << 32), 1, again, biases);
        CU_ASSERT_NOT_EQUAL(memcmp(first, again, sizeof first), 0);
    }
}

/* Gains are 1 and shifts 0, of every kind, by their names too; what stands beside them stays. */
static void test_normalisations(void)
{
    enum { SIZE = 5 };
    const dt_tensor tensors[] = {
        {.role = dt_tensor_role_of("gamma"), .rank = 1, .shape = {SIZE}},
        {.role = dt_tensor_role_of("beta"), .rank = 3, .shape = {1, SIZE, 1}, .offset = SIZE}};
    CU_ASSERT_EQUAL(tensors[0].role, DT_TENSOR_GAIN);
    CU_ASSERT_EQUAL(tensors[1].role, DT_TENSOR_SHIFT);
    for (int kind = 0; dt_init_names[kind]; kind++) {
        float values[2 * SIZE + 1];
        memset(values, 0xab, sizeof values);
        values[2 * SIZE] = 77;
        dt_init_tensors((dt_init)kind, 1, 2, tensors, 2, values);
        for (int i = 0; i < 2 * SIZE; i++)
            CU_ASSERT_EQUAL(values[i], i < SIZE ? 1 : 0);
        CU_ASSERT_EQUAL(values[2 * SIZE], 77);
    }
}

CU_SuiteInfo dt_suite_init(void)
{
    static CU_TestInfo tests[] = {
        {"weights: deviation, form, bound", test_distributions},
        {"biases are 0, or PyTorch's", test_biases},
        {"gains are 1, shifts 0", test_normalisations},
        {"a function of kind, seed, layer and index", test_pure},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "init", .pTests = tests};
}
