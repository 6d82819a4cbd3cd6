/* Losses of a classifier: from the network's outputs and the labels to a sum and a gradient.
 *
 * Sums over samples, never means: the one division by the number of samples of the global batch is
 * the optimizer's. The means over the outputs that PyTorch's BCE and MSE take are part of the loss.
 */
#ifndef DT_NN_LOSS_H
#define DT_NN_LOSS_H

#include <stdint.h>

#include "nn/real.h"

typedef enum dt_loss {
    DT_CROSS_ENTROPY, /* softmax and cross-entropy: log(sum_j e^o_j) - o_label.
                         source: torch.nn.CrossEntropyLoss; gradient softmax(o) - onehot */
    DT_BCE,           /* binary cross-entropy with logits, mean over the outputs:
                         (1/C) * sum_j max(o_j, 0) - o_j y_j + log(1 + e^-|o_j|).
                         source: torch.nn.BCEWithLogitsLoss; gradient (sigmoid(o) - onehot) / C */
    DT_MSE            /* mean squared error, mean over the outputs: (1/C) sum_j (o_j - y_j)^2.
                         source: torch.nn.MSELoss; gradient 2 (o - onehot) / C */
} dt_loss;

extern const char *const dt_loss_names[];

/* Totals over samples. */
typedef struct dt_loss_sum {
    double loss;     /* sum of the samples' losses */
    int64_t correct; /* samples whose first largest output is at the label; NaN is never correct */
} dt_loss_sum;

/* Adds a tile's samples to *sum, one after the other: the result does not depend on the tiles.
 * outputs: [samples][classes], labels: [samples], each < classes.
 * gradient: [samples][classes], d(loss of the sample) / d(output), or NULL for evaluation. */
void dt_loss_tile(dt_loss kind, int samples, int classes, const dt_real *outputs,
                  const uint8_t *labels, dt_real *gradient, dt_loss_sum *sum);

#endif
