#include "nn/loss.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "draw.h"
#include "names.h"
#include "nn/metrics.h"

CU_SuiteInfo dt_suite_loss(void);

enum { CLASSES_MAX = 40, SAMPLES = 30 };

/* The formulas of nn/loss.h in double, of one sample. */
static double exact(const dt_criterion *of, int classes, const float *o, int label,
                    double *gradient)
{
    double largest = (double)o[0], sum = 0, loss = 0, expected = 0;
    for (int j = 1; j < classes; j++)
        largest = fmax(largest, (double)o[j]);
    for (int j = 0; j < classes; j++)
        sum += exp((double)o[j] - largest);
    for (int j = 0; j < classes; j++) {
        double x = (double)o[j], y = (1 - of->smoothing) * (j == label) + of->smoothing / classes;
        switch (of->loss) {
        case DT_CROSS_ENTROPY:
            gradient[j] = exp(x - largest) / sum - y;
            expected += y * (x - largest);
            break;
        case DT_BCE:
            loss += (fmax(x, 0) - x * y + log1p(exp(-fabs(x)))) / classes;
            gradient[j] = (1 / (1 + exp(-x)) - y) / classes;
            break;
        case DT_MSE:
            loss += (x - y) * (x - y) / classes;
            gradient[j] = 2 * (x - y) / classes;
            break;
        }
    }
    return of->loss == DT_CROSS_ENTROPY ? log(sum) - expected : loss;
}

static dt_criterion criterion_of(int kind, double smoothing)
{
    return (dt_criterion){(dt_loss)kind, smoothing};
}

static double loss_of(const dt_criterion *of, int classes, const float *o, int label,
                      float *gradient)
{
    dt_loss_sum sum = {0};
    uint8_t as_byte = (uint8_t)label;
    dt_loss_tile(of, 1, classes, o, &as_byte, gradient, &sum);
    return sum.loss;
}

static void test_formulas(void)
{
    dt_random_sequence random = draw_begin(40);
    for (int kind = 0; dt_loss_names[kind]; kind++)
        for (int round = 0; round < 600; round++) {
            dt_criterion of = criterion_of(kind, round % 2 ? draw_real(&random, 0, 0.999999) : 0);
            int classes = draw_int(&random, 1, CLASSES_MAX);
            int label = draw_int(&random, 0, classes - 1), good = 1;
            double scale = pow(10, draw_real(&random, -3, 2.5));
            float o[CLASSES_MAX], gradient[CLASSES_MAX];
            double expected[CLASSES_MAX];
            for (int j = 0; j < classes; j++)
                o[j] = (float)(scale * draw_real(&random, -1, 1));
            double loss = exact(&of, classes, o, label, expected);
            double found = loss_of(&of, classes, o, label, gradient);
            /* A small loss keeps its digits, but for the cross-entropy's sum in float, and targets
             * that are no whole numbers. */
            double absolute = kind == DT_CROSS_ENTROPY ? 5e-7 : of.smoothing > 0 ? 2e-7 : 1e-30;
            CU_ASSERT_DOUBLE_EQUAL(found, loss, absolute + 5e-7 * loss);
            for (int j = 0; j < classes; j++)
                good &= fabs((double)gradient[j] - expected[j]) <= 5e-7 + 5e-7 * fabs(expected[j]);
            CU_ASSERT_TRUE(good);
            CU_ASSERT_EQUAL(loss_of(&of, classes, o, label, NULL), found);
        }
}

/* torch.nn.functional.cross_entropy, binary_cross_entropy_with_logits and mse_loss, in float64, of
 * [1.5, -0.5, 0.25] with label 2 (one-hot for the last two): as it is, and smoothed by 0.25. */
static void test_torch(void)
{
    static const float o[] = {1.5f, -0.5f, 0.25f};
    static const struct {
        const char *name;
        struct {
            double loss, gradient[3];
        } smoothed[2];
    } torch[] = {
        {"cross-entropy",
         {{1.6019518638, {0.703313976022, 0.0951831961492, -0.798497172171}},
          {1.56028519714, {0.619980642688, 0.0118498628158, -0.631830505504}}}},
        {"bce",
         {{0.917143227347, {0.272524825398, 0.125846889599, -0.145941166371}},
          {0.903254338458, {0.24474704762, 0.0980691118216, -0.0903856108158}}}},
        {"mse",
         {{1.02083333333, {1, -0.333333333333, -0.5}},
          {0.895833333333, {0.944444444444, -0.388888888889, -0.388888888889}}}},
    };
    for (int kind = 0; dt_loss_names[kind]; kind++) {
        const typeof(*torch) *row = ROW_OF(dt_loss_names[kind], torch);
        for (int i = 0; i < 2; i++) {
            dt_criterion of = criterion_of(kind, 0.25 * i);
            float gradient[3];
            CU_ASSERT_DOUBLE_EQUAL(loss_of(&of, 3, o, 2, gradient), row->smoothed[i].loss, 3e-7);
            for (int j = 0; j < 3; j++)
                CU_ASSERT_DOUBLE_EQUAL((double)gradient[j], row->smoothed[i].gradient[j], 2e-7);
        }
    }
}

/* Outputs of any finite size up to 1e30: finite losses, the right ones, and finite gradients. */
static void test_large_outputs(void)
{
    static const float sizes[] = {89, 1e4f, 1e30f};
    for (int i = 0; i < 3; i++)
        for (int signs = 0; signs < 8; signs++)
            for (int label = 0; label < 3; label++)
                for (int kind = 0; dt_loss_names[kind]; kind++) {
                    float o[3], gradient[3];
                    double expected[3] = {0};
                    for (int j = 0; j < 3; j++)
                        o[j] = signs >> j & 1 ? -sizes[i] : sizes[i];
                    dt_criterion of = criterion_of(kind, signs % 2 ? 0.1 : 0);
                    double loss = exact(&of, 3, o, label, expected);
                    double found = loss_of(&of, 3, o, label, gradient);
                    CU_ASSERT_TRUE(isfinite(loss));
                    CU_ASSERT_DOUBLE_EQUAL(found, loss, 5e-7 + 5e-7 * loss);
                    for (int j = 0; j < 3; j++)
                        CU_ASSERT_DOUBLE_EQUAL((double)gradient[j], expected[j],
                                               5e-7 + 5e-7 * fabs(expected[j]));
                }
}

/* Cross-entropy: gradients add up to 0, and adding a constant to all outputs changes nothing. */
static void test_cross_entropy_laws(void)
{
    dt_random_sequence random = draw_begin(41);
    for (int round = 0; round < 200; round++) {
        int classes = draw_int(&random, 1, CLASSES_MAX), label = draw_int(&random, 0, classes - 1);
        float o[CLASSES_MAX], shifted[CLASSES_MAX], gradient[CLASSES_MAX], same[CLASSES_MAX];
        double sum = 0;
        for (int j = 0; j < classes; j++) {
            o[j] = (float)draw_int(&random, -4000, 4000) / 256;
            shifted[j] = o[j] + 1024;
        }
        dt_criterion of = criterion_of(DT_CROSS_ENTROPY, 0);
        double loss = loss_of(&of, classes, o, label, gradient);
        CU_ASSERT_EQUAL(loss, loss_of(&of, classes, shifted, label, same));
        CU_ASSERT_EQUAL(memcmp(gradient, same, (size_t)classes * sizeof *same), 0);
        for (int j = 0; j < classes; j++)
            sum += (double)gradient[j];
        CU_ASSERT_DOUBLE_EQUAL(sum, 0, 1e-6);
        CU_ASSERT(loss >= 0);
    }
}

static int64_t correct(int classes, const float *o, int label)
{
    int64_t answer = -1;
    for (int kind = 0; dt_loss_names[kind]; kind++) {
        dt_loss_sum sum = {0};
        uint8_t as_byte = (uint8_t)label;
        dt_criterion of = criterion_of(kind, 0);
        dt_loss_tile(&of, 1, classes, o, &as_byte, NULL, &sum);
        CU_ASSERT(kind == 0 || sum.correct == answer); /* whatever the loss */
        answer = sum.correct;
    }
    return answer;
}

/* Exactly one label of each row is correct: that of the first largest output; none with NaN. */
static void test_correct(void)
{
    static const struct {
        float o[4];
        int first_largest; /* -1: none */
    } rows[] = {
        {{1, 2, 3, 4}, 3},
        {{4, 3, 2, 1}, 0},
        {{1, 5, 5, 2}, 1},
        {{2, 2, 2, 2}, 0},
        {{-3, -2, -2, -3}, 1},
        {{-0.0f, 0, 0, -0.0f}, 0},
        {{1, HUGE_VALF, 3, HUGE_VALF}, 1},
        {{-HUGE_VALF, -HUGE_VALF, -1, -2}, 2},
        {{NAN, 1, 2, 3}, -1},
        {{1, 2, 3, NAN}, -1},
        {{1, NAN, 3, 2}, -1},
        {{NAN, NAN, NAN, NAN}, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int label = 0; label < 4; label++)
            CU_ASSERT_EQUAL(correct(4, rows[i].o, label), label == rows[i].first_largest);
    float alone = -5;
    CU_ASSERT_EQUAL(correct(1, &alone, 0), 1);
}

/* A NaN or an infinite output is never a finite loss, wherever it stands: training must notice. */
static void test_not_finite(void)
{
    for (int kind = 0; dt_loss_names[kind]; kind++)
        for (int place = 0; place < 5; place++)
            for (int label = 0; label < 5; label++) {
                float o[5] = {1, 2, 3, 4, 5};
                o[place] = NAN;
                dt_criterion of = criterion_of(kind, 0.1 * (place % 2));
                CU_ASSERT_FALSE(isfinite(loss_of(&of, 5, o, label, NULL)));
            }
}

/* Sums go on from what they hold, sample after sample: cut into tiles anywhere, the same bits, and
 * the gradients are the samples' own. */
static void test_order_of_the_sum(void)
{
    dt_random_sequence random = draw_begin(42);
    for (int kind = 0; dt_loss_names[kind]; kind++)
        for (int cut = 0; cut <= SAMPLES; cut++) {
            float o[SAMPLES][7], whole[SAMPLES][7], parts[SAMPLES][7];
            uint8_t labels[SAMPLES];
            for (int i = 0; i < SAMPLES; i++) {
                labels[i] = (uint8_t)draw_int(&random, 0, 6);
                for (int j = 0; j < 7; j++)
                    o[i][j] = (float)draw_real(&random, -9, 9);
            }
            dt_loss_sum once = {0.1, 5}, twice = {0.1, 5}, single = {0.1, 5};
            dt_criterion of = criterion_of(kind, 0.1 * (cut % 2));
            dt_loss_tile(&of, SAMPLES, 7, o[0], labels, whole[0], &once);
            dt_loss_tile(&of, cut, 7, o[0], labels, parts[0], &twice);
            dt_loss_tile(&of, SAMPLES - cut, 7, o[cut], labels + cut, parts[cut], &twice);
            for (int i = 0; i < SAMPLES; i++) {
                dt_loss_sum alone = {0};
                dt_loss_tile(&of, 1, 7, o[i], labels + i, NULL, &alone);
                single.loss += alone.loss;
                single.correct += alone.correct;
            }
            CU_ASSERT_EQUAL(once.loss, twice.loss);
            CU_ASSERT_EQUAL(once.loss, single.loss);
            CU_ASSERT(once.correct == twice.correct && once.correct == single.correct);
            CU_ASSERT_EQUAL(memcmp(whole, parts, sizeof whole), 0);
        }
}

/* By the probabilities that outputs mean, the loss is that of the outputs; it is finite at 0. */
static void test_of_probabilities(void)
{
    dt_random_sequence random = draw_begin(47);
    for (int kind = 0; dt_loss_names[kind]; kind++) {
        dt_loss loss = (dt_loss)kind;
        dt_criterion of = criterion_of(kind, 0);
        for (int round = 0; round < 200; round++) {
            int classes = draw_int(&random, 1, CLASSES_MAX);
            int label = draw_int(&random, 0, classes - 1);
            float o[CLASSES_MAX];
            double p[CLASSES_MAX], gradient[CLASSES_MAX];
            for (int j = 0; j < classes; j++)
                o[j] = (float)draw_real(&random, loss == DT_MSE ? 0 : -5, loss == DT_MSE ? 1 : 5);
            dt_metrics_probabilities(loss, false, classes, o, p);
            CU_ASSERT_DOUBLE_EQUAL(dt_loss_of_probabilities(loss, classes, p, label),
                                   exact(&of, classes, o, label, gradient), 1e-12);
        }
        CU_ASSERT_TRUE(isfinite(dt_loss_of_probabilities(loss, 2, (double[]){0, 1}, 0)));
        CU_ASSERT_EQUAL(dt_loss_of_probabilities(loss, 2, (double[]){0, 1}, 1), 0);
    }
}

CU_SuiteInfo dt_suite_loss(void)
{
    static CU_TestInfo tests[] = {
        {"the formulas in double", test_formulas},
        {"PyTorch's numbers", test_torch},
        {"large outputs", test_large_outputs},
        {"cross-entropy: shifts, gradients add up to 0", test_cross_entropy_laws},
        {"correct: the first largest, never NaN", test_correct},
        {"NaN is noticed", test_not_finite},
        {"of probabilities", test_of_probabilities},
        {"a sum cut in two has the same bits", test_order_of_the_sum},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "loss", .pTests = tests};
}
