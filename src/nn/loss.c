#include "nn/loss.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/elementary.h"
#include "nn/vector_math.h"

const char *const dt_loss_names[] = {"cross-entropy", "bce", "mse", NULL};

/* log(sum_j e^o_j) - o_label, with the largest output subtracted first: no exponential overflows.
 */
static double cross_entropy(int classes, const dt_real *outputs, int label, dt_real *gradient)
{
    dt_real largest = outputs[0];
    for (int j = 1; j < classes; j++)
        largest = outputs[j] > largest ? outputs[j] : largest;
    dt_real sum = 0;
    for (int j = 0; j < classes; j++) {
        dt_real power = dt_exp(outputs[j] - largest);
        sum += power;
        if (gradient)
            gradient[j] = power;
    }
    if (gradient) {
        for (int j = 0; j < classes; j++)
            gradient[j] /= sum;
        gradient[label] -= 1;
    }
    return dt_log((double)sum) + ((double)largest - (double)outputs[label]);
}

static double binary_cross_entropy(int classes, const dt_real *outputs, int label,
                                   dt_real *gradient)
{
    double sum = 0;
    for (int j = 0; j < classes; j++) {
        dt_real output = outputs[j], target = j == label;
        dt_real positive = output < 0 ? 0 : output;
        dt_real size = output < 0 ? -output : output;
        sum += (double)(positive - output * target) + dt_log1p((double)dt_exp(-size));
        if (gradient)
            gradient[j] = (dt_sigmoid(output) - target) / (dt_real)classes;
    }
    return sum / classes;
}

static double squared_error(int classes, const dt_real *outputs, int label, dt_real *gradient)
{
    double sum = 0;
    for (int j = 0; j < classes; j++) {
        dt_real difference = outputs[j] - (dt_real)(j == label);
        sum += (double)difference * (double)difference;
        if (gradient)
            gradient[j] = 2 * difference / (dt_real)classes;
    }
    return sum / classes;
}

static bool first_largest_is(int classes, const dt_real *outputs, int label)
{
    dt_real at_label = outputs[label];
    bool is = true;
    for (int j = 0; j < label; j++)
        is &= outputs[j] < at_label;
    for (int j = label; j < classes; j++)
        is &= outputs[j] <= at_label;
    return is;
}

void dt_loss_tile(dt_loss kind, int samples, int classes, const dt_real *outputs,
                  const uint8_t *labels, dt_real *gradient, dt_loss_sum *sum)
{
    for (int i = 0; i < samples; i++) {
        const dt_real *o = outputs + (ptrdiff_t)i * classes;
        dt_real *g = gradient ? gradient + (ptrdiff_t)i * classes : NULL;
        switch (kind) {
        case DT_CROSS_ENTROPY:
            sum->loss += cross_entropy(classes, o, labels[i], g);
            break;
        case DT_BCE:
            sum->loss += binary_cross_entropy(classes, o, labels[i], g);
            break;
        case DT_MSE:
            sum->loss += squared_error(classes, o, labels[i], g);
            break;
        }
        sum->correct += first_largest_is(classes, o, labels[i]);
    }
}
