#include "nn/loss.h"

#include <float.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/elementary.h"
#include "nn/vector_math.h"

const char *const dt_loss_names[] = {"cross-entropy", "bce", "mse", NULL};

/* What the outputs are compared with. */
typedef struct targets {
    double smoothing;
    dt_real label, others;
} targets;

/* log(sum_j e^o_j) - sum_j y_j o_j, with the largest output subtracted first: no exponential
 * overflows.
 */
static double cross_entropy(int classes, const dt_real *outputs, int label, const targets *are,
                            dt_real *gradient)
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
            gradient[j] = gradient[j] / sum - are->others;
        gradient[label] -= are->label - are->others;
    }
    double expected = (double)outputs[label];
    if (are->smoothing > 0) {
        double all = 0;
        for (int j = 0; j < classes; j++)
            all += (double)outputs[j];
        expected += are->smoothing * (all / classes - expected);
    }
    return dt_log((double)sum) + ((double)largest - expected);
}

static double binary_cross_entropy(int classes, const dt_real *outputs, int label,
                                   const targets *are, dt_real *gradient)
{
    double sum = 0;
    for (int j = 0; j < classes; j++) {
        dt_real output = outputs[j], target = j == label ? are->label : are->others;
        dt_real positive = output < 0 ? 0 : output;
        dt_real size = output < 0 ? -output : output;
        sum += (double)(positive - output * target) + dt_log1p((double)dt_exp(-size));
        if (gradient)
            gradient[j] = (dt_sigmoid(output) - target) / (dt_real)classes;
    }
    return sum / classes;
}

static double squared_error(int classes, const dt_real *outputs, int label, const targets *are,
                            dt_real *gradient)
{
    double sum = 0;
    for (int j = 0; j < classes; j++) {
        dt_real difference = outputs[j] - (j == label ? are->label : are->others);
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

void dt_loss_tile(const dt_criterion *criterion, int samples, int classes, const dt_real *outputs,
                  const uint8_t *labels, dt_real *gradient, dt_loss_sum *sum)
{
    double smoothing = criterion->smoothing, others = smoothing / classes;
    const targets are = {smoothing, (dt_real)(1 - smoothing + others), (dt_real)others};
    for (int i = 0; i < samples; i++) {
        const dt_real *o = outputs + (ptrdiff_t)i * classes;
        dt_real *g = gradient ? gradient + (ptrdiff_t)i * classes : NULL;
        switch (criterion->loss) {
        case DT_CROSS_ENTROPY:
            sum->loss += cross_entropy(classes, o, labels[i], &are, g);
            break;
        case DT_BCE:
            sum->loss += binary_cross_entropy(classes, o, labels[i], &are, g);
            break;
        case DT_MSE:
            sum->loss += squared_error(classes, o, labels[i], &are, g);
            break;
        }
        sum->correct += first_largest_is(classes, o, labels[i]);
    }
}

static double log_of(double probability)
{
    return dt_log(probability < DBL_MIN ? DBL_MIN : probability);
}

double dt_loss_of_probabilities(dt_loss kind, int classes, const double *probabilities, int label)
{
    double sum = 0;
    if (kind == DT_CROSS_ENTROPY)
        return -log_of(probabilities[label]);
    for (int j = 0; j < classes; j++) {
        double p = probabilities[j], error = p - (j == label);
        sum += kind == DT_MSE ? error * error : -log_of(j == label ? p : 1 - p);
    }
    return sum / classes;
}
