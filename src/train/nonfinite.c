#include "nonfinite.h"

#include <math.h>

#include "base/text.h"
#include "nn/finite.h"

/* The tensor with the largest finite number. */
static const dt_tensor *find_largest(const dt_session *run, const float *values, float *largest)
{
    size_t count;
    const dt_tensor *tensors = dt_network_tensors(run->network, &count), *found = tensors;
    *largest = 0;
    for (size_t i = 0; i < count; i++) {
        float here = dt_largest_finite(values + tensors[i].offset, dt_tensor_count(&tensors[i]));
        if (here > *largest) {
            *largest = here;
            found = &tensors[i];
        }
    }
    return found;
}

/* The sign of a NaN says nothing. */
static double shown(double value)
{
    return isnan(value) ? fabs(value) : value;
}

static void add_first_nonfinite(dt_text *text, const dt_session *run, const float *gradient)
{
    size_t count, first = dt_find_nonfinite(gradient, run->parameter_count);
    const dt_tensor *tensors = dt_network_tensors(run->network, &count);
    for (size_t i = 0; i < count; i++) {
        size_t inside = first - tensors[i].offset;
        if (first >= tensors[i].offset && inside < dt_tensor_count(&tensors[i]))
            dt_text_add(text, ", gradient %g in %s/%s", shown((double)gradient[first]),
                        tensors[i].layer, tensors[i].name);
    }
}

dt_status fail_nonfinite(const dt_session *run, const float *gradient, double loss, int64_t step,
                         dt_error *error)
{
    char buffer[300] = "";
    dt_text text = {.text = buffer, .size = sizeof buffer};
    float gradient_size, parameter_size;
    const dt_tensor *of_gradient = find_largest(run, gradient, &gradient_size);
    const dt_tensor *of_parameters = find_largest(run, run->parameters, &parameter_size);
    add_first_nonfinite(&text, run, gradient);
    dt_text_add(&text,
                "; the largest finite gradient is %.3g in %s/%s, the largest parameter "
                "%.3g in %s/%s",
                (double)gradient_size, of_gradient->layer, of_gradient->name,
                (double)parameter_size, of_parameters->layer, of_parameters->name);
    return dt_fail(error, DT_ERR_DATA,
                   "step %lld is not finite: loss %g%s; training has diverged: a smaller --lr or "
                   "--clip-norm 1 may help, --on-nonfinite skip leaves such steps out",
                   (long long)step, shown(loss), buffer);
}
