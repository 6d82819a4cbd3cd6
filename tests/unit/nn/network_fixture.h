/* A small network with random parameters, and images for it. */
#ifndef DT_TESTS_NETWORK_FIXTURE_H
#define DT_TESTS_NETWORK_FIXTURE_H

#include <string.h>

#include <CUnit/CUnit.h>

#include "base/memory.h"
#include "draw.h"
#include "nn/network.h"

/* A tile of a small network has 64 samples; SAMPLES are three tiles. */
enum { INPUTS = 70, CLASSES = 10, TILE = 64, SAMPLES = 2 * TILE + 9 };

static const int widths[] = {33, 17, CLASSES};

/* A network of these layers, in which numbers alone have what the others say. */
static inline dt_network_spec network_of(int inputs, const char *layers, const char *activation,
                                         const char *output, bool bias)
{
    dt_network_spec spec = {.architecture.input = {1, inputs, 1},
                            .normalization.scale = 1.0 / 255,
                            .loss = DT_CROSS_ENTROPY};
    dt_layer_defaults defaults = {activation, output, bias};
    dt_layer_list *list = &spec.architecture.list;
    CU_ASSERT_EQUAL_FATAL(dt_layers_parse(layers, list, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_layers_write_out(list, &defaults, NULL), DT_OK);
    return spec;
}

static inline dt_network_spec standard_with(const char *activation, const char *output, bool bias)
{
    return network_of(INPUTS, "33, 17, 10", activation, output, bias);
}

static inline dt_network_spec standard(void)
{
    return standard_with("sigmoid", "identity", true);
}

typedef struct fixture {
    dt_network *network;
    size_t count;
    float *parameters, *gradient, *expected; /* [count] */
    uint8_t pixels[SAMPLES][INPUTS], labels[SAMPLES];
    const uint8_t *images[SAMPLES];
    int32_t places[SAMPLES];
} fixture;

static inline float *new_array(const fixture *f)
{
    float *array = dt_network_new_parameters(f->network, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(array);
    return array;
}

/* Images like MNIST's: many columns are zero in all, others in most of the samples. */
static inline fixture *begin(const dt_network_spec *spec, uint32_t sample)
{
    fixture *f = dt_calloc(1, sizeof *f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    dt_error error = {.status = DT_OK};
    CU_ASSERT_EQUAL_FATAL(dt_network_create(spec, &f->network, &error), DT_OK);
    f->count = dt_network_parameter_count(f->network);
    f->parameters = new_array(f);
    f->gradient = new_array(f);
    f->expected = new_array(f);
    dt_random_sequence random = draw_begin(sample);
    for (size_t i = 0; i < f->count; i++)
        f->parameters[i] = (float)draw_real(&random, -0.5, 0.5);
    dt_network_set_parameters(f->network, f->parameters);
    for (int i = 0; i < SAMPLES; i++) {
        f->images[i] = f->pixels[i];
        f->labels[i] = (uint8_t)draw_int(&random, 0, CLASSES - 1);
        f->places[i] = 3 * (i ^ 37);
        for (int j = 0; j < INPUTS; j++)
            if (j % 3 != 0 && draw_int(&random, 0, j % 7) == 0)
                f->pixels[i][j] = (uint8_t)draw_int(&random, 0, 255);
    }
    return f;
}

static inline fixture *begin_standard(uint32_t sample)
{
    dt_network_spec spec = standard();
    return begin(&spec, sample);
}

static inline void end(fixture *f)
{
    dt_network_destroy(f->network);
    dt_free(f->parameters);
    dt_free(f->gradient);
    dt_free(f->expected);
    dt_free(f);
}

/* The batch in segments, whose losses are to be at `losses`. */
static inline dt_batch cut_batch(const dt_batch *batch, int segment_count,
                                 const dt_segment *segments, dt_loss_sum *losses)
{
    dt_batch cut = *batch;
    cut.segment_count = segment_count;
    cut.segments = segments;
    cut.losses = losses;
    return cut;
}

/* Of the samples from `first` on. */
static inline dt_noise noise_of(const fixture *f, int first)
{
    return (dt_noise){.seed = 5, .epoch = 2, .places = f->places + first};
}

/* dt_network_gradient with a trace that nobody looks at. */
static inline void sum_gradients(fixture *f, const dt_batch *batch, int segment_count,
                                 const dt_segment *segments, float *const *sums,
                                 dt_loss_sum *losses)
{
    dt_trace trace = {0};
    dt_batch cut = cut_batch(batch, segment_count, segments, losses);
    dt_network_gradient(f->network, &cut, sums, NULL, NULL, &trace);
}

/* The gradient of `count` samples as one segment: their loss. */
static inline dt_loss_sum gradient_of(fixture *f, int first, int count, float *gradient)
{
    dt_noise noise = noise_of(f, first);
    dt_batch batch = {
        .count = count, .images = f->images + first, .labels = f->labels + first, .noise = &noise};
    dt_segment segment = {.samples = count};
    dt_loss_sum sum;
    sum_gradients(f, &batch, 1, &segment, &gradient, &sum);
    return sum;
}

/* Adds the losses of `count` samples to *sum. */
static inline void evaluate(fixture *f, int first, int count, dt_loss_sum *sum)
{
    dt_batch batch = {.count = count, .images = f->images + first, .labels = f->labels + first};
    batch = cut_batch(&batch, 1, &(dt_segment){.samples = count}, sum);
    dt_network_evaluate(f->network, &batch, NULL);
}

/* -0 and 0 are the same, NaN is not. */
static inline int same_values(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

static inline int same_sum(dt_loss_sum a, dt_loss_sum b)
{
    return a.loss == b.loss && a.correct == b.correct;
}

static inline void fill_with(float value, float *array, size_t count)
{
    for (size_t i = 0; i < count; i++)
        array[i] = value;
}

#endif
