/* Losses of a classifier: from the network's outputs and the labels to a sum and a gradient.
 *
 * Sums over samples, never means: the one division by the number of samples of the global batch is
 * the optimizer's. The means over the outputs that PyTorch's BCE and MSE take are part of the loss.
 *
 * Targets y are one-hot, or smoothed: y = (1 - s) onehot + s / C with C outputs, for which the
 * cross-entropy is log(sum_j e^o_j) - sum_j y_j o_j.
 * source: C. Szegedy et al., arXiv:1512.00567; torch.nn.CrossEntropyLoss, label_smoothing. */
#ifndef DT_NN_LOSS_H
#define DT_NN_LOSS_H

#include <stdint.h>

#include "nn/real.h"

typedef enum dt_loss {
    DT_CROSS_ENTROPY, /* softmax and cross-entropy: log(sum_j e^o_j) - o_label.
                         source: torch.nn.CrossEntropyLoss; gradient softmax(o) - y */
    DT_BCE,           /* binary cross-entropy with logits, mean over the outputs:
                         (1/C) * sum_j max(o_j, 0) - o_j y_j + log(1 + e^-|o_j|).
                         source: torch.nn.BCEWithLogitsLoss; gradient (sigmoid(o) - y) / C */
    DT_MSE            /* mean squared error, mean over the outputs: (1/C) sum_j (o_j - y_j)^2.
                         source: torch.nn.MSELoss; gradient 2 (o - y) / C */
} dt_loss;

extern const char *const dt_loss_names[];

/* Totals over samples. */
typedef struct dt_loss_sum {
    double loss;     /* sum of the samples' losses */
    int64_t correct; /* samples whose first largest output is at the label; NaN is never correct */
} dt_loss_sum;

/* A loss and its targets. */
typedef struct dt_criterion {
    dt_loss loss;
    double smoothing; /* s, 0 to below 1; 0: one-hot */
} dt_criterion;

/* Adds a tile's samples to *sum, one after the other: the result does not depend on the tiles.
 * outputs: [samples][classes], labels: [samples], each < classes.
 * gradient: [samples][classes], d(loss of the sample) / d(output), or NULL for evaluation. */
void dt_loss_tile(const dt_criterion *criterion, int samples, int classes, const dt_real *outputs,
                  const uint8_t *labels, dt_real *gradient, dt_loss_sum *sum);

/* The loss of one sample by the probabilities of its classes, where they are not made of one
 * network's outputs: cross-entropy: -log p_label; bce: -(1/C) sum_j log(j == label ? p_j : 1 -
 * p_j); mse: (1/C) sum_j (p_j - y_j)^2. A logarithm of 0 counts as that of the least normal number.
 */
double dt_loss_of_probabilities(dt_loss kind, int classes, const double *probabilities, int label);

#endif
