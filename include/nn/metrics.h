/* How good a classifier's answers are: counts of samples, and the ratios that follow from them.
 *
 * The answer to a sample is the class of its first largest output; a sample with an output that is
 * not a number has none. Counts are integers: they add up to the same in any order. */
#ifndef DT_NN_METRICS_H
#define DT_NN_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/loss.h"
#include "nn/real.h"

/* Counts of samples, one array: [classes][classes + 1] by label and answer, the last column those
 * without an answer (the confusion matrix); then how many have fewer than two outputs before the
 * label's (larger, or as large and of a lower class): top-2. */
static inline size_t dt_metrics_size(int classes)
{
    return (size_t)classes * (size_t)(classes + 1) + 1;
}

/* Where the count of samples of `label` that were answered with `answer` is; answer `classes`:
 * none. */
static inline size_t dt_metrics_at(int classes, int label, int answer)
{
    return (size_t)label * (size_t)(classes + 1) + (size_t)answer;
}

/* Where the count of top-2 is. */
static inline size_t dt_metrics_top2(int classes)
{
    return dt_metrics_size(classes) - 1;
}

/* The answer to one sample, outputs: [classes]; `classes`: none. */
int dt_metrics_answer(int classes, const dt_real *outputs);

/* Adds samples to counts[dt_metrics_size]. outputs: [samples][classes], labels: [samples], each
 * below classes. */
void dt_metrics_count(int classes, int samples, const dt_real *outputs, const uint8_t *labels,
                      int64_t *counts);

/* Of one class. With tp the samples of the class that were answered with it:
 *   precision = tp / answered,  recall = tp / samples,
 *   f1 = 2 precision recall / (precision + recall) = 2 tp / (samples + answered);
 * NaN for 0 / 0. source: C. J. van Rijsbergen, Information Retrieval, 1979, ch. 7;
 * scikit-learn, precision_recall_fscore_support. */
typedef struct dt_class_metrics {
    int64_t samples;  /* with this label */
    int64_t answered; /* with this class, whatever their label */
    int64_t correct;
    double precision, recall, f1;
} dt_class_metrics;

dt_class_metrics dt_metrics_of_class(int classes, const int64_t *counts, int class);

/* Samples that were answered correctly, over all classes. */
int64_t dt_metrics_correct(int classes, const int64_t *counts);

/* What the outputs of a network say of the probabilities of the classes, for one sample; outputs
 * and probabilities: [classes]. softmax: the network ends with one. Outputs of a softmax are
 * probabilities; else, by the loss that it was trained with, cross-entropy: their softmax; bce:
 * their sigmoid, each class for itself; mse: they estimate them, and are cut to [0, 1]. */
void dt_metrics_probabilities(dt_loss loss, bool softmax, int classes, const dt_real *outputs,
                              double *probabilities);

#endif
