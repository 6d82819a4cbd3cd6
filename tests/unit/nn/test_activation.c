#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "draw.h"
#include "nn/architecture.h"
#include "nn/vector_math.h"

CU_SuiteInfo dt_suite_activation(void);

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Distance in units in the last place of the float next to `exact`; 0 when both are NaN or the same
 * infinity. */
static double ulps(float found, double exact)
{
    if (isnan(exact) || isnan(found))
        return isnan(exact) && isnan(found) ? 0 : HUGE_VAL;
    if (isinf((float)exact) || isinf(found))
        return (float)exact == found ? 0 : HUGE_VAL;
    int exponent;
    frexp(fabs(exact) < (double)FLT_MIN ? (double)FLT_MIN : exact, &exponent);
    return fabs((double)found - exact) / ldexp(1, exponent - FLT_MANT_DIG);
}

/* Largest error over floats of both signs, a pseudo-random choice of one in `stride`, that are at
 * most `limit` in size. */
static double worst(float (*function)(float), double (*exact)(double), float limit)
{
    double error = 0;
    for (uint64_t bits = 0; bits < UINT32_MAX; bits += 3989) {
        float x = float_of((uint32_t)bits);
        if (!(fabsf(x) <= limit))
            continue;
        double want = exact((double)x);
        if (want != 0 && fabs(want) < (double)FLT_MIN && fabsf(x) > 1)
            continue; /* flushed to 0 or rounded as a denormal: test_ends */
        double found = ulps(function(x), want);
        error = found > error ? found : error;
    }
    return error;
}

static float exp_of(float x)
{
    return dt_exp(x);
}

static float tanh_of(float x)
{
    return dt_tanh(x);
}

static float sigmoid_of(float x)
{
    return dt_sigmoid(x);
}

static float erf_of(float x)
{
    return dt_erf(x);
}

static double sigmoid_exact(double x)
{
    return 1 / (1 + exp(-x));
}

/* Over every seventh float: exp 1.01, tanh 1.33, sigmoid 2.47, erf 1.0 units in the last place. */
static void test_accuracy(void)
{
    CU_ASSERT(worst(exp_of, exp, 110) < 1.2);
    CU_ASSERT(worst(tanh_of, tanh, FLT_MAX) < 1.7);
    CU_ASSERT(worst(sigmoid_of, sigmoid_exact, FLT_MAX) < 3);
    CU_ASSERT(worst(erf_of, erf, FLT_MAX) < 1.1);
}

static void test_ends(void)
{
    static const float denormals[] = {0x1p-149f, 0x1p-140f, FLT_MIN, -0x1p-149f, -FLT_MIN};
    static const float huge[] = {104, 1e4f, 1e30f, FLT_MAX, HUGE_VALF};
    CU_ASSERT_EQUAL(dt_exp(0), 1);
    CU_ASSERT_EQUAL(dt_exp(-0.0f), 1);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(dt_exp(denormals[i]), 1);
        CU_ASSERT_EQUAL(dt_tanh(denormals[i]), denormals[i]);
        CU_ASSERT_EQUAL(dt_sigmoid(denormals[i]), 0.5f);
        CU_ASSERT_EQUAL(dt_exp(huge[i]), HUGE_VALF);
        CU_ASSERT_EQUAL(dt_exp(-huge[i]), 0);
        CU_ASSERT_EQUAL(dt_tanh(huge[i]), 1);
        CU_ASSERT_EQUAL(dt_tanh(-huge[i]), -1);
        CU_ASSERT_EQUAL(dt_sigmoid(huge[i]), 1);
        CU_ASSERT_EQUAL(dt_sigmoid(-huge[i]), 0);
    }
    /* The last finite value is e^x for the largest float x with e^x <= FLT_MAX. */
    CU_ASSERT(isfinite(dt_exp(88.72283f)));
    CU_ASSERT_EQUAL(dt_exp(nextafterf(88.72283f, 100)), HUGE_VALF);
    CU_ASSERT(ulps(dt_exp(88), exp(88)) < 1.2);
    CU_ASSERT(ulps(dt_exp(-87.33654f), exp((double)-87.33654f)) < 1.2);
    CU_ASSERT_EQUAL(dt_exp(-88), 0);
    CU_ASSERT_EQUAL(dt_tanh(0.0f), 0);
    CU_ASSERT_EQUAL(dt_tanh(12), 1);
    CU_ASSERT_EQUAL(dt_erf(0.0f), 0);
    CU_ASSERT_EQUAL(dt_erf(4), 1);
    CU_ASSERT_EQUAL(dt_erf(-HUGE_VALF), -1);
    CU_ASSERT(isnan(dt_exp(NAN)) && isnan(dt_tanh(NAN)) && isnan(dt_sigmoid(NAN)));
    CU_ASSERT(isnan(dt_erf(NAN)));
}

static double relu_exact(double z)
{
    return z > 0 ? z : 0;
}

static double leaky_exact(double z)
{
    return z < 0 ? 0.01 * z : z;
}

static double gelu_exact(double z)
{
    return z * 0.5 * erfc(-z / sqrt(2));
}

static double silu_exact(double z)
{
    return z * sigmoid_exact(z);
}

static double itself(double z)
{
    return z;
}

/* Every activation in double, and between which its values and its slopes lie. */
static const struct {
    const char *name;
    double (*f)(double);
    float least, most, least_slope, most_slope;
} references[] = {
    {"sigmoid", sigmoid_exact, 0, 1, 0, 1},
    {"tanh", tanh, -1, 1, 0, 1},
    {"relu", relu_exact, 0, FLT_MAX, 0, 1},
    {"leaky-relu", leaky_exact, -FLT_MAX, FLT_MAX, 0, 1},
    {"gelu", gelu_exact, -0.17f, FLT_MAX, -0.13f, 1.13f},
    {"silu", silu_exact, -0.28f, FLT_MAX, -0.1f, 1.1f},
    {"identity", itself, -FLT_MAX, FLT_MAX, 1, 1},
};

static const dt_layer_kind *kind_of(int activation)
{
    return dt_layer_kind_at(dt_layer_kind_find(dt_activation_names[activation]));
}

/* An activation without a reference is an error. */
static int reference_of(int activation)
{
    int i = 0, count = sizeof references / sizeof *references;
    while (i < count && strcmp(references[i].name, dt_activation_names[activation]) != 0)
        i++;
    CU_ASSERT_FATAL(i < count);
    return i;
}

static void test_values(void)
{
    for (int kind = 0; dt_activation_names[kind]; kind++) {
        double (*f)(double) = references[reference_of(kind)].f;
        for (double at = -9.03; at < 9; at += 0.37) {
            float z = (float)at, a, da = -3, dz;
            double exact = f((double)z), h = 1e-5;
            double slope = (f((double)z + h) - f((double)z - h)) / (2 * h);
            kind_of(kind)->map(1, &z, &a);
            CU_ASSERT_DOUBLE_EQUAL((double)a, exact, 1e-7 + 4e-7 * fabs(exact));
            kind_of(kind)->map_gradient(1, &z, &a, &da, &dz);
            /* 1 - a^2 keeps few digits where a is close to 1 */
            CU_ASSERT_DOUBLE_EQUAL((double)dz, -3 * slope, 2e-6);
        }
    }
}

#define MOST 100

/* Numbers of all sizes with the special ones among them. */
static void draw_mixed(dt_random_sequence *random, int count, float *values)
{
    static const float special[] = {0,       -0.0f,     HUGE_VALF, -HUGE_VALF, NAN,
                                    FLT_MIN, 0x1p-149f, 88.9f,     -88.9f,     104,
                                    -104,    FLT_MAX,   -FLT_MAX,  0.625f};
    for (int i = 0; i < count; i++)
        switch (draw_int(random, 0, 3)) {
        case 0:
            values[i] = special[draw_int(random, 0, sizeof special / sizeof *special - 1)];
            break;
        case 1:
            values[i] = float_of(dt_random_next(random));
            break;
        default:
            values[i] = (float)draw_real(random, -10, 10);
        }
}

static int same_bits(float a, float b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* A value is the same bits alone, at any place of an array of any length, and in place. */
static void test_place_does_not_matter(void)
{
    dt_random_sequence random = draw_begin(30);
    for (int kind = 0; dt_activation_names[kind]; kind++)
        for (size_t n = 0; n < MOST; n++) {
            float z[MOST + 1], a[MOST + 1], da[MOST + 1], dz[MOST + 1];
            int same = 1;
            draw_mixed(&random, MOST + 1, z);
            draw_mixed(&random, MOST + 1, da);
            float a_guard = a[n] = 7, dz_guard = dz[n] = 7;
            kind_of(kind)->map(n, z, a);
            kind_of(kind)->map_gradient(n, z, a, da, dz);
            for (size_t i = 0; i < n; i++) {
                float one_a, one_dz;
                kind_of(kind)->map(1, z + i, &one_a);
                kind_of(kind)->map_gradient(1, z + i, a + i, da + i, &one_dz);
                same &= same_bits(a[i], one_a) && same_bits(dz[i], one_dz);
            }
            CU_ASSERT_TRUE(same);
            CU_ASSERT(a[n] == a_guard && dz[n] == dz_guard);
            kind_of(kind)->map_gradient(n, z, a, da, da);
            kind_of(kind)->map(n, z, z);
            for (size_t i = 0; i < n; i++)
                same &= same_bits(a[i], z[i]) && same_bits(dz[i], da[i]);
            CU_ASSERT_TRUE(same);
        }
}

/* NaN is never hidden by an activation, so that it is noticed in the loss. */
static void test_nan_stays(void)
{
    for (int kind = 0; dt_activation_names[kind]; kind++) {
        float z = NAN, a = 0;
        kind_of(kind)->map(1, &z, &a);
        CU_ASSERT(isnan(a));
    }
}

/* Slopes and values are within their bounds over all finite floats. */
static void test_bounds(void)
{
    for (int kind = 0; dt_activation_names[kind]; kind++) {
        int good = 1, reference = reference_of(kind);
        for (uint64_t bits = 0; bits < UINT32_MAX; bits += 99991) {
            float z = float_of((uint32_t)bits), a, one = 1, dz;
            if (!isfinite(z))
                continue;
            kind_of(kind)->map(1, &z, &a);
            kind_of(kind)->map_gradient(1, &z, &a, &one, &dz);
            good &=
                dz >= references[reference].least_slope && dz <= references[reference].most_slope;
            good &= a >= references[reference].least && a <= references[reference].most;
        }
        CU_ASSERT_TRUE(good);
        if (!good)
            printf("%s leaves its bounds\n", dt_activation_names[kind]);
    }
}

/* Softmax of values of any size: adds up to 1, keeps the order, is what double says. */
static void test_softmax(void)
{
    static const float scales[] = {0.01f, 1, 30, 1e4f, 1e30f};
    enum { WIDTH = 11, ROWS = 5 };
    dt_layer layer;
    dt_layer_spec spec = {.kind = dt_layer_kind_find("softmax")};
    dt_tile in, out;
    CU_ASSERT_EQUAL_FATAL(dt_layer_of(&spec, (dt_shape){1, 1, WIDTH}, &layer, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(ROWS, WIDTH, &in, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(ROWS, WIDTH, &out, NULL), DT_OK);
    dt_random_sequence random = draw_begin(31);
    in.samples = out.samples = ROWS;
    for (int i = 0; i < ROWS * WIDTH; i++)
        in.values[i] = scales[i / WIDTH] * (float)draw_real(&random, -1, 1);
    dt_layer_forward(&layer, &(dt_layer_pass){.input = &in, .output = &out});
    for (int i = 0; i < ROWS; i++) {
        const float *x = in.values + (ptrdiff_t)i * WIDTH, *y = out.values + (ptrdiff_t)i * WIDTH;
        double largest = -HUGE_VAL, sum = 0, total = 0;
        for (int j = 0; j < WIDTH; j++)
            largest = fmax(largest, (double)x[j]);
        for (int j = 0; j < WIDTH; j++) {
            sum += exp((double)x[j] - largest);
            total += (double)y[j];
        }
        CU_ASSERT_DOUBLE_EQUAL(total, 1, 1e-6);
        for (int j = 0; j < WIDTH; j++)
            CU_ASSERT_DOUBLE_EQUAL((double)y[j], exp((double)x[j] - largest) / sum, 3e-7);
    }
    dt_tile_destroy(&in);
    dt_tile_destroy(&out);
}

CU_SuiteInfo dt_suite_activation(void)
{
    static CU_TestInfo tests[] = {
        {"exp, tanh, sigmoid: accuracy over all floats", test_accuracy},
        {"exp, tanh, sigmoid: zeros, denormals, infinities, NaN", test_ends},
        {"known values and slopes", test_values},
        {"a value's place does not matter", test_place_does_not_matter},
        {"NaN stays NaN", test_nan_stays},
        {"softmax of small and large values", test_softmax},
        {"bounds of values and slopes", test_bounds},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "activation", .pTests = tests};
}
