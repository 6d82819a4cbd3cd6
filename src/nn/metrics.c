#include "nn/metrics.h"

#include <math.h>

#include "base/elementary.h"

/* Outputs before `at`: larger, or as large and of a lower class. */
static int rank_of(int classes, const dt_real *outputs, int at)
{
    int rank = 0;
    for (int j = 0; j < classes; j++)
        rank += outputs[j] > outputs[at] || (j < at && outputs[j] == outputs[at]);
    return rank;
}

int dt_metrics_answer(int classes, const dt_real *outputs)
{
    int largest = 0;
    for (int j = 0; j < classes; j++) {
        if (isnan(outputs[j]))
            return classes;
        if (outputs[j] > outputs[largest])
            largest = j;
    }
    return largest;
}

void dt_metrics_count(int classes, int samples, const dt_real *outputs, const uint8_t *labels,
                      int64_t *counts)
{
    for (int i = 0; i < samples; i++, outputs += classes) {
        int answer = dt_metrics_answer(classes, outputs);
        counts[dt_metrics_at(classes, labels[i], answer)]++;
        if (answer < classes && rank_of(classes, outputs, labels[i]) < 2)
            counts[dt_metrics_top2(classes)]++;
    }
}

static double ratio(int64_t count, int64_t of)
{
    return of > 0 ? (double)count / (double)of : (double)NAN;
}

dt_class_metrics dt_metrics_of_class(int classes, const int64_t *counts, int class)
{
    dt_class_metrics out = {.correct = counts[dt_metrics_at(classes, class, class)]};
    for (int answer = 0; answer <= classes; answer++)
        out.samples += counts[dt_metrics_at(classes, class, answer)];
    for (int label = 0; label < classes; label++)
        out.answered += counts[dt_metrics_at(classes, label, class)];
    out.precision = ratio(out.correct, out.answered);
    out.recall = ratio(out.correct, out.samples);
    out.f1 = ratio(2 * out.correct, out.samples + out.answered);
    return out;
}

int64_t dt_metrics_correct(int classes, const int64_t *counts)
{
    int64_t correct = 0;
    for (int class = 0; class < classes; class ++)
        correct += counts[dt_metrics_at(classes, class, class)];
    return correct;
}

static void take_softmax(int classes, const dt_real *outputs, double *probabilities)
{
    double largest = (double)outputs[0], sum = 0;
    for (int j = 1; j < classes; j++)
        largest = (double)outputs[j] > largest ? (double)outputs[j] : largest;
    for (int j = 0; j < classes; j++)
        sum += probabilities[j] = dt_exp_double((double)outputs[j] - largest);
    for (int j = 0; j < classes; j++)
        probabilities[j] /= sum;
}

void dt_metrics_probabilities(dt_loss loss, bool softmax, int classes, const dt_real *outputs,
                              double *probabilities)
{
    if (!softmax && loss == DT_CROSS_ENTROPY) {
        take_softmax(classes, outputs, probabilities);
        return;
    }
    for (int j = 0; j < classes; j++) {
        double output = (double)outputs[j];
        if (!softmax)
            output = loss == DT_BCE ? 1 / (1 + dt_exp_double(-output)) : fmin(fmax(output, 0), 1);
        probabilities[j] = output;
    }
}
