/* What every kind of layer promises, in a network, whatever its arguments are. */
#include <math.h>
#include <string.h>

#include "draw_layer.h"
#include "network_fixture.h"

CU_SuiteInfo dt_suite_kinds(void);

enum { ROUNDS = 6, SEGMENTS = 6 };

/* The kind alone, or behind a convolution, on an image or on a row of values; then a dense layer.
 */
static fixture *begin_kind(int kind, int round, dt_random_sequence *random)
{
    dt_network_spec spec = network_of(INPUTS, "dense 10", "", "", true);
    dt_architecture *architecture = &spec.architecture;
    dt_layer_spec dense = architecture->list.layers[0];
    dt_layer_list *list = &architecture->list;
    dt_layer layer = {0};
    if (round % 3)
        architecture->input = (dt_shape){7, 10, 1};
    layer.output = architecture->input;
    list->count = 0;
    if (round % 3 == 2)
        append_layer(list, dt_layer_kind_find("conv"), random, &layer);
    append_layer(list, kind, random, &layer);
    list->layers[list->count++] = dense;
    spec.normalization.shift = round % 2 ? -0.4 : 0;
    return begin(&spec, 300 + (uint32_t)(kind * ROUNDS + round));
}

/* Calls the law for networks of every kind. */
static void for_every_kind(void (*law)(fixture *f, dt_random_sequence *random))
{
    dt_random_sequence random = draw_begin(299);
    for (int kind = 0; dt_layer_kind_at(kind); kind++)
        for (int round = 0; round < ROUNDS; round++) {
            unsigned failures = CU_get_number_of_failures();
            fixture *f = begin_kind(kind, round, &random);
            law(f, &random);
            if (CU_get_number_of_failures() > failures) {
                char text[DT_LAYERS_TEXT];
                const dt_layer_list *list = &dt_network_spec_of(f->network)->architecture.list;
                printf("\n%s\n", dt_layers_text(list, text));
            }
            end(f);
        }
}

/* Segments that are merged into one sum, of all samples; returns how many. */
static int draw_segments(dt_segment *segments, dt_random_sequence *random)
{
    int count = 0, left = SAMPLES, depth = 0;
    while (count < SEGMENTS - 1) {
        int samples = draw_int(random, 0, left);
        int merges = draw_int(random, 0, depth);
        segments[count++] = (dt_segment){.samples = samples, .merges = merges};
        depth += 1 - merges;
        left -= samples;
    }
    segments[count++] = (dt_segment){.samples = left, .merges = depth};
    return count;
}

/* The sum of the segments' gradients, each in a call of its own, as the segments are merged. */
static void sum_alone(fixture *f, const dt_segment *segments, int count, float *const *sums)
{
    int top = -1;
    for (int i = 0, first = 0; i < count; first += (int)segments[i++].samples) {
        gradient_of(f, first, (int)segments[i].samples, sums[++top]);
        for (int m = 0; m < segments[i].merges; m++, top--)
            for (size_t j = 0; j < f->count; j++)
                sums[top - 1][j] += sums[top][j];
    }
}

static void new_arrays(const fixture *f, float **arrays)
{
    for (int i = 0; i < SEGMENTS; i++) {
        arrays[i] = new_array(f);
        fill_with(NAN, arrays[i], f->count);
    }
}

static void free_arrays(float **arrays)
{
    for (int i = 0; i < SEGMENTS; i++)
        dt_free(arrays[i]);
}

/* Neither tiles nor segments change a bit of a gradient. */
static void law_of_segments(fixture *f, dt_random_sequence *random)
{
    float *found[SEGMENTS], *expected[SEGMENTS];
    dt_segment segments[SEGMENTS];
    dt_loss_sum losses[SEGMENTS];
    new_arrays(f, found);
    new_arrays(f, expected);
    int count = draw_segments(segments, random);
    dt_noise noise = noise_of(f, 0);
    dt_batch batch = {.count = SAMPLES, .images = f->images, .labels = f->labels, .noise = &noise};
    sum_gradients(f, &batch, count, segments, found, losses);
    sum_alone(f, segments, count, expected);
    CU_ASSERT_TRUE(same_values(found[0], expected[0], f->count));
    free_arrays(found);
    free_arrays(expected);
}

/* What is said to be final, with the rest of the network still to come. */
typedef struct witness {
    const float *sum;
    float *seen;
    size_t end, parameters;
} witness;

static void see(void *state, size_t first)
{
    witness *self = state;
    if (first < self->end)
        memcpy(self->seen + first, self->sum + first, (self->end - first) * sizeof(float));
    self->end = first < self->end ? first : self->end;
}

static void law_of_the_listener(fixture *f, dt_random_sequence *random)
{
    dt_segment segment = {.samples = SAMPLES};
    dt_loss_sum loss;
    dt_trace trace = {0};
    witness w = {f->gradient, new_array(f), f->count, f->count};
    dt_listener listener = {.part = (size_t)draw_int(random, 1, 500), .final = see, .state = &w};
    dt_noise noise = noise_of(f, 0);
    dt_batch batch = {.count = SAMPLES, .images = f->images, .labels = f->labels, .noise = &noise};
    batch = cut_batch(&batch, 1, &segment, &loss);
    dt_network_gradient(f->network, &batch, &f->gradient, &listener, NULL, &trace);
    CU_ASSERT_EQUAL(w.end, 0);
    CU_ASSERT_TRUE(same_values(w.seen, f->gradient, f->count));
    gradient_of(f, 0, SAMPLES, f->expected);
    CU_ASSERT_TRUE(same_values(f->expected, f->gradient, f->count));
    dt_free(w.seen);
}

/* The norm of a sample's gradient is that of the gradient that it has alone. */
static void law_of_norms(fixture *f, dt_random_sequence *random)
{
    dt_tracked tracked[SAMPLES];
    dt_segment segment = {.samples = SAMPLES};
    dt_loss_sum loss;
    dt_noise noise = noise_of(f, 0);
    dt_batch batch = {.count = SAMPLES,
                      .images = f->images,
                      .labels = f->labels,
                      .noise = &noise,
                      .tracked = tracked};
    sum_gradients(f, &batch, 1, &segment, &f->gradient, &loss);
    for (int i = 0; i < SAMPLES; i += draw_int(random, 1, 9)) {
        double squares = 0;
        gradient_of(f, i, 1, f->expected);
        for (size_t j = 0; j < f->count; j++)
            squares += (double)f->expected[j] * (double)f->expected[j];
        CU_ASSERT_DOUBLE_EQUAL(tracked[i].gradient_norm, sqrt(squares), 1e-6 * sqrt(squares));
    }
}

/* An image has the outputs that it has alone. */
static void law_of_outputs(fixture *f, dt_random_sequence *random)
{
    float all[SAMPLES][CLASSES], alone[CLASSES];
    dt_network_outputs(f->network, SAMPLES, f->images, all[0]);
    for (int i = 0; i < SAMPLES; i += draw_int(random, 1, 9)) {
        dt_network_outputs(f->network, 1, f->images + i, alone);
        CU_ASSERT_TRUE(same_values(alone, all[i], CLASSES));
    }
}

static void test_segments(void)
{
    for_every_kind(law_of_segments);
}

static void test_listener(void)
{
    for_every_kind(law_of_the_listener);
}

static void test_norms(void)
{
    for_every_kind(law_of_norms);
}

static void test_outputs(void)
{
    for_every_kind(law_of_outputs);
}

CU_SuiteInfo dt_suite_kinds(void)
{
    static CU_TestInfo tests[] = {
        {"neither tiles nor segments change a gradient", test_segments},
        {"what a listener is told to be final is", test_listener},
        {"norms of the gradients of single samples", test_norms},
        {"outputs do not depend on neighbours", test_outputs},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "kinds of layers", .pTests = tests};
}
