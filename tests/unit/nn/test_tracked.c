#include <math.h>

#include "network_fixture.h"

CU_SuiteInfo dt_suite_tracked(void);

enum { LOSSES = DT_MSE + 1 };

static int way_count(void)
{
    int activations = 0;
    while (dt_activation_names[activations])
        activations++;
    return activations * LOSSES * 4 + 1;
}

/* Every activation with every loss, with and without biases, softmax, zero columns; two more: a
 * layer whose rows have gaps between them, and kinds of layers with other tensors and with noise.
 */
static fixture *begin_way(int way, bool *softmax)
{
    const char *activation = dt_activation_names[way < way_count() - 1 ? way / 4 / LOSSES : 0];
    const char *layers = "33, 17, 10";
    if (way == way_count() - 1)
        layers = "512, 17, 10";
    else if (way == way_count())
        layers = "dense 33 relu, layernorm, dropout 0.3, dense 16, groupnorm 4, 10";
    *softmax = way / 2 % 2 && way / 4 % LOSSES != DT_CROSS_ENTROPY;
    dt_network_spec spec =
        network_of(INPUTS, layers, activation, *softmax ? "softmax" : "identity", way % 2);
    spec.loss = (dt_loss)(way / 4 % LOSSES);
    spec.label_smoothing = way % 3 ? 0 : 0.1;
    spec.normalization.shift = way / 2 % 2 ? -0.5 : 0;
    return begin(&spec, 160 + (uint32_t)way);
}

/* What is learned of `count` samples from `first` on, cut into segments of `cut` samples and less.
 */
static void track(fixture *f, int first, int count, int cut, dt_tracked *tracked)
{
    dt_segment segments[SAMPLES];
    dt_loss_sum losses[SAMPLES];
    int segment_count = 0;
    for (int done = 0; done < count; done += cut)
        segments[segment_count++] =
            (dt_segment){.samples = done + cut < count ? cut : count - done, .merges = done > 0};
    dt_noise noise = noise_of(f, first);
    dt_batch batch = {.count = count,
                      .images = f->images + first,
                      .labels = f->labels + first,
                      .noise = &noise,
                      .tracked = tracked};
    float *sums[] = {f->gradient, f->expected};
    sum_gradients(f, &batch, segment_count, segments, sums, losses);
}

/* Of a vector that is there. */
static double norm_of(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

/* The norm is that of the gradient that the sample has alone. */
static void test_norms(void)
{
    for (int way = 0; way <= way_count(); way++) {
        bool softmax;
        fixture *f = begin_way(way, &softmax);
        dt_tracked tracked[SAMPLES];
        double worst = 0;
        track(f, 0, SAMPLES, 50, tracked);
        for (int i = 0; i < SAMPLES; i++) {
            gradient_of(f, i, 1, f->gradient);
            double expected = norm_of(f->gradient, f->count);
            double error = fabs((double)tracked[i].gradient_norm - expected);
            worst = fmax(worst, error / (expected + 1e-12));
        }
        CU_ASSERT(worst < 1e-6);
        if (!(worst < 1e-6))
            printf("way %d: norms differ by %.1e of their size\n", way, worst);
        end(f);
    }
}

/* The margin is the label's output less the largest of the others; a softmax behind the last layer
 * does not count. The last way is left out, as dropout has other outputs in training. */
static void test_margins(void)
{
    for (int way = 0; way < way_count(); way++) {
        bool softmax;
        fixture *f = begin_way(way, &softmax);
        dt_tracked tracked[SAMPLES];
        float outputs[SAMPLES * CLASSES];
        track(f, 0, SAMPLES, SAMPLES, tracked);
        dt_network_outputs(f->network, SAMPLES, f->images, outputs);
        for (int i = 0; i < SAMPLES; i++) {
            const float *o = outputs + (ptrdiff_t)i * CLASSES;
            double largest = -(double)INFINITY, label = (double)o[f->labels[i]];
            for (int j = 0; j < CLASSES; j++)
                if (j != f->labels[i])
                    largest = fmax(largest, (double)o[j]);
            if (softmax) /* of which the logarithm is the output before it, but for a constant */
                CU_ASSERT_DOUBLE_EQUAL(tracked[i].margin, log(label) - log(largest), 2e-5);
            if (!softmax)
                CU_ASSERT_EQUAL((double)tracked[i].margin, (double)(float)(label - largest));
        }
        end(f);
    }
}

/* A layer without tensors at the end is no softmax for that: the outputs are what it gives. */
static void test_margins_of_activations(void)
{
    dt_network_spec spec = network_of(INPUTS, "20, dense 10 tanh", "relu", "identity", true);
    spec.loss = DT_MSE;
    fixture *f = begin(&spec, 163);
    dt_tracked tracked[SAMPLES];
    float outputs[SAMPLES * CLASSES];
    track(f, 0, SAMPLES, SAMPLES, tracked);
    dt_network_outputs(f->network, SAMPLES, f->images, outputs);
    for (int i = 0; i < SAMPLES; i++) {
        const float *o = outputs + (ptrdiff_t)i * CLASSES;
        float largest = -2;
        for (int j = 0; j < CLASSES; j++)
            largest = j != f->labels[i] && o[j] > largest ? o[j] : largest;
        CU_ASSERT_EQUAL(tracked[i].margin, o[f->labels[i]] - largest);
    }
    end(f);
}

/* The same bits whatever else is in the batch, and in which segments; and the sums are those of a
 * batch that nobody tracks. */
static void test_neighbours(void)
{
    for (int way = way_count(); way >= 0; way -= 5) {
        bool softmax;
        fixture *f = begin_way(way, &softmax);
        dt_tracked all[SAMPLES], part[SAMPLES];
        track(f, 0, SAMPLES, 7, all);
        float *untracked = new_array(f);
        gradient_of(f, 0, SAMPLES, untracked);
        track(f, 0, SAMPLES, SAMPLES, part);
        CU_ASSERT_EQUAL(memcmp(all, part, sizeof all), 0);
        CU_ASSERT_TRUE(same_values(untracked, f->gradient, f->count));
        for (int first = 0; first < SAMPLES; first += 11)
            for (int count = 1; first + count <= SAMPLES; count += 30) {
                track(f, first, count, 1 + count / 2, part);
                CU_ASSERT_EQUAL(memcmp(all + first, part, (size_t)count * sizeof *part), 0);
            }
        dt_free(untracked);
        end(f);
    }
}

/* With one class there are no others. */
static void test_one_class(void)
{
    dt_network_spec spec = network_of(INPUTS, "1", "sigmoid", "identity", true);
    spec.loss = DT_BCE;
    fixture *f = begin(&spec, 161);
    memset(f->labels, 0, sizeof f->labels);
    dt_tracked tracked[SAMPLES];
    track(f, 0, SAMPLES, SAMPLES, tracked);
    for (int i = 0; i < SAMPLES; i++)
        CU_ASSERT(tracked[i].margin == 0 && tracked[i].gradient_norm > 0);
    end(f);
}

/* Errors whose squares a float does not hold have their norm. */
static void test_range(void)
{
    for (int way = 0; way < 2; way++) {
        dt_network_spec spec = standard_with("identity", "identity", true);
        spec.loss = way == 0 ? DT_MSE : DT_CROSS_ENTROPY;
        fixture *f = begin(&spec, 162);
        float *bias = f->parameters + f->count - CLASSES;
        if (way == 0)
            fill_with(1e25f, bias, CLASSES);
        else
            bias[f->labels[1]] = 80; /* the other answers have a probability of e^-80 */
        dt_tracked tracked;
        track(f, 1, 1, 1, &tracked);
        gradient_of(f, 1, 1, f->gradient);
        double expected = norm_of(f->gradient, f->count);
        CU_ASSERT(way == 0 ? isfinite(expected) && expected > 1e24
                           : expected > 0 && expected < 1e-24);
        CU_ASSERT_DOUBLE_EQUAL((double)tracked.gradient_norm / expected, 1, 1e-6);
        end(f);
    }
}

CU_SuiteInfo dt_suite_tracked(void)
{
    static CU_TestInfo tests[] = {
        {"norms of the gradients of single samples", test_norms},
        {"margins", test_margins},
        {"margins behind another activation", test_margins_of_activations},
        {"a sample's neighbours do not matter", test_neighbours},
        {"a single class", test_one_class},
        {"very large and very small", test_range},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "tracked", .pTests = tests};
}
