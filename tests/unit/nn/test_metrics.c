#include "nn/metrics.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"

CU_SuiteInfo dt_suite_metrics(void);

enum { CLASSES = 5, SAMPLES = 400 };

/* Outputs with many ties and some that are not numbers. */
static void draw_outputs(dt_random_sequence *random, float *outputs, uint8_t *labels)
{
    for (int i = 0; i < SAMPLES; i++) {
        labels[i] = (uint8_t)draw_int(random, 0, CLASSES - 1);
        for (int j = 0; j < CLASSES; j++)
            outputs[i * CLASSES + j] = (float)draw_int(random, -2, 2);
        if (i % 40 == 0)
            outputs[i * CLASSES + draw_int(random, 0, CLASSES - 1)] = i % 80 ? INFINITY : NAN;
    }
}

/* By the definition: the labels in the order of their outputs, ties in that of the classes. */
static int place_of_label(const float *outputs, int label)
{
    int place = 0;
    for (int j = 0; j < CLASSES; j++)
        if (outputs[j] > outputs[label] || (outputs[j] == outputs[label] && j < label))
            place++;
    return place;
}

static void counts_agree_with_the_loss_and_do_not_depend_on_tiles(void)
{
    static float outputs[SAMPLES * CLASSES];
    static uint8_t labels[SAMPLES];
    for (uint32_t round = 0; round < 50; round++) {
        dt_random_sequence random = draw_begin(round);
        draw_outputs(&random, outputs, labels);
        int64_t whole[CLASSES * (CLASSES + 1) + 1] = {0}, tiled[CLASSES * (CLASSES + 1) + 1] = {0};
        CU_ASSERT_EQUAL(dt_metrics_size(CLASSES), sizeof whole / sizeof *whole);
        dt_metrics_count(CLASSES, SAMPLES, outputs, labels, whole);
        for (int first = 0; first < SAMPLES;) {
            int count = draw_int(&random, 0, 30);
            count = count < SAMPLES - first ? count : SAMPLES - first;
            dt_metrics_count(CLASSES, count, outputs + first * CLASSES, labels + first, tiled);
            first += count;
        }
        CU_ASSERT_EQUAL(memcmp(whole, tiled, sizeof whole), 0);

        dt_loss_sum sum = {0};
        dt_loss_tile(&(dt_criterion){.loss = DT_CROSS_ENTROPY}, SAMPLES, CLASSES, outputs, labels,
                     NULL, &sum);
        CU_ASSERT_EQUAL(dt_metrics_correct(CLASSES, whole), sum.correct);
        int64_t top2 = 0, all = 0, none = 0;
        for (int i = 0; i < SAMPLES; i++) {
            const float *o = outputs + i * CLASSES;
            bool valid = true;
            for (int j = 0; j < CLASSES; j++)
                valid = valid && !isnan(o[j]);
            none += !valid;
            top2 += valid && place_of_label(o, labels[i]) < 2;
            int answer = dt_metrics_answer(CLASSES, o);
            CU_ASSERT_EQUAL(answer == CLASSES, !valid);
            CU_ASSERT_TRUE(answer == CLASSES || place_of_label(o, answer) == 0);
        }
        CU_ASSERT_EQUAL(whole[dt_metrics_top2(CLASSES)], top2);
        int64_t without = 0;
        for (int label = 0; label < CLASSES; label++) {
            dt_class_metrics of = dt_metrics_of_class(CLASSES, whole, label);
            all += of.samples;
            without += whole[dt_metrics_at(CLASSES, label, CLASSES)];
        }
        CU_ASSERT_TRUE(all == SAMPLES && without == none && none > 0);
    }
}

static void ratios_are_those_of_the_formulas(void)
{
    /* Three classes: labels in rows, the last column without an answer. */
    const int64_t counts[] = {6, 2, 0, 0, /**/ 1, 3, 0, 4, /**/ 0, 0, 0, 0, /**/ 11};
    dt_class_metrics of = dt_metrics_of_class(3, counts, 0);
    CU_ASSERT_TRUE(of.samples == 8 && of.answered == 7 && of.correct == 6);
    CU_ASSERT_TRUE(of.precision == 6.0 / 7 && of.recall == 6.0 / 8);
    CU_ASSERT_DOUBLE_EQUAL(of.f1, 2 * of.precision * of.recall / (of.precision + of.recall), 1e-15);
    of = dt_metrics_of_class(3, counts, 1);
    CU_ASSERT_TRUE(of.samples == 8 && of.answered == 5 && of.correct == 3);
    of = dt_metrics_of_class(3, counts, 2);
    CU_ASSERT_TRUE(of.samples == 0 && of.answered == 0);
    CU_ASSERT_TRUE(isnan(of.precision) && isnan(of.recall) && isnan(of.f1));
    CU_ASSERT_EQUAL(dt_metrics_correct(3, counts), 9);
    CU_ASSERT_EQUAL(counts[dt_metrics_top2(3)], 11);
}

static void probabilities_follow_from_the_loss(void)
{
    const float outputs[] = {-1, 2, 0.5F, 1000};
    double p[4], sum = 0;
    dt_metrics_probabilities(DT_CROSS_ENTROPY, false, 3, outputs, p);
    for (int j = 0; j < 3; j++) {
        CU_ASSERT_DOUBLE_EQUAL(p[j], exp((double)outputs[j]) / (exp(-1) + exp(2) + exp(0.5)),
                               1e-12);
        sum += p[j];
    }
    CU_ASSERT_DOUBLE_EQUAL(sum, 1, 1e-12);
    dt_metrics_probabilities(DT_CROSS_ENTROPY, false, 4, outputs, p);
    CU_ASSERT_TRUE(p[3] == 1 && p[0] == 0);
    dt_metrics_probabilities(DT_BCE, false, 4, outputs, p);
    CU_ASSERT_DOUBLE_EQUAL(p[1], 1 / (1 + exp(-2)), 1e-12);
    CU_ASSERT_EQUAL(p[3], 1);
    dt_metrics_probabilities(DT_MSE, false, 4, outputs, p);
    CU_ASSERT_TRUE(p[0] == 0 && p[1] == 1 && p[2] == 0.5 && p[3] == 1);
    static const dt_loss losses[] = {DT_CROSS_ENTROPY, DT_BCE, DT_MSE};
    for (int i = 0; i < 3; i++) {
        dt_metrics_probabilities(losses[i], true, 3, outputs, p);
        CU_ASSERT_TRUE(p[0] == -1 && p[1] == 2 && p[2] == 0.5);
    }
}

static CU_TestInfo tests[] = {
    {"counts agree with the loss, whatever the tiles",
     counts_agree_with_the_loss_and_do_not_depend_on_tiles},
    {"ratios are those of the formulas", ratios_are_those_of_the_formulas},
    {"probabilities follow from the loss", probabilities_follow_from_the_loss},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_metrics(void)
{
    return (CU_SuiteInfo){.pName = "metrics", .pTests = tests};
}
