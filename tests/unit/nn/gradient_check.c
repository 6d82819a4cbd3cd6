/* Analytic gradients against central differences, in double: a program of its own, linked with the
 * base and nn rooms compiled with -DDT_DOUBLE.
 *
 * A difference is taken with two steps. Where the two do not agree, there is a kink (ReLU) within
 * the larger: then with smaller ones, and if none is free of it, the parameter is skipped.
 * Skips are counted, bounded, and allowed for activations with a kink alone; they do not look at
 * the analytic gradient, so that they cannot hide that it is wrong. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

#include "base/memory.h"
#include "base/text.h"
#include "draw.h"
#include "draw_layer.h"
#include "nn/architecture.h"
#include "nn/matmul.h"
#include "nn/network.h"
#include "nn/tile.h"

#ifndef DT_DOUBLE
#error "compile with -DDT_DOUBLE"
#endif

#define LIMIT       5e-7 /* of the relative error */
#define AGREEMENT   1e-7 /* of differences with two steps: no kink between them */
#define DEPTH_MAX   4
#define WIDTH_MAX   40
#define SAMPLES_MAX 130 /* three tiles */
#define TILE        64
#define SHAPES      2 /* random ones for each combination */

/* Largest relative error of a combination, and what was compared. */
typedef struct tally {
    double error;
    int compared, skipped;
} tally;

/* Of what *parameter points into. */
typedef long double function(void *of);

/* (f(+h) - f(-h)) / 2h */
static double central(function *f, void *of, dt_real *parameter, double h)
{
    double middle = *parameter;
    *parameter = middle + h;
    long double above = f(of);
    *parameter = middle - h;
    long double below = f(of);
    *parameter = middle;
    return (double)(above - below) / (2 * h);
}

/* Compares d f / d *parameter with `analytic`; errors are relative to the larger of the two, or to
 * `floor` where both are smaller. */
static void compare(function *f, void *of, dt_real *parameter, double analytic, double floor,
                    tally *t)
{
    for (double h = 2e-2; h > 1e-5; h /= 4) {
        double whole = central(f, of, parameter, h), half = central(f, of, parameter, h / 2);
        double quarter = central(f, of, parameter, h / 4);
        /* Richardson: without the h^2 term */
        double rough = (4 * half - whole) / 3, numeric = (4 * quarter - half) / 3;
        double size = fmax(fmax(fabs(numeric), floor), 1e-9);
        if (fabs(rough - numeric) > AGREEMENT * size)
            continue;
        double error = fabs(analytic - numeric) / fmax(size, fabs(analytic));
        t->error = error <= t->error ? t->error : error; /* NaN stays */
        t->compared++;
        return;
    }
    t->skipped++;
}

/* Whether the slopes on both sides of 0 differ. */
static int kinked(const char *activation)
{
    const dt_layer_kind *kind = dt_layer_kind_at(dt_layer_kind_find(activation));
    dt_real z[] = {-1e-9, 1e-9}, a[2], one[] = {1, 1}, slope[2];
    kind->map(2, z, a);
    kind->map_gradient(2, z, a, one, slope);
    return fabs(slope[1] - slope[0]) > 0.1;
}

static void judge(const tally *t, int may_skip)
{
    CU_ASSERT(t->error < LIMIT);
    CU_ASSERT(t->compared > 0);
    CU_ASSERT(t->skipped <= (may_skip ? 2 + t->compared / 20 : 0));
}

static double largest(const dt_real *values, size_t count)
{
    double size = 0;
    for (size_t i = 0; i < count; i++)
        size = fmax(size, fabs(values[i]));
    return size;
}

/* ---- whole networks ---- */

typedef struct problem {
    dt_network_spec spec;
    dt_network *network;
    dt_real *parameters, *gradient;
    int samples;
    uint8_t pixels[SAMPLES_MAX][WIDTH_MAX], labels[SAMPLES_MAX];
    const uint8_t *images[SAMPLES_MAX];
} problem;

/* A few samples at a time, so that little of the loss is lost in rounding. */
static long double total_loss(void *of)
{
    enum { FEW = 8 };
    problem *p = of;
    long double total = 0;
    dt_network_set_parameters(p->network, p->parameters);
    for (int i = 0; i < p->samples; i += FEW) {
        int count = p->samples - i < FEW ? p->samples - i : FEW;
        dt_loss_sum sum = {0};
        dt_batch few = {.count = count,
                        .images = p->images + i,
                        .labels = p->labels + i,
                        .segment_count = 1,
                        .segments = &(dt_segment){.samples = count},
                        .losses = &sum};
        dt_network_evaluate(p->network, &few, NULL);
        total += (long double)sum.loss;
    }
    return total;
}

/* Dense layers of random widths. */
static void draw_dense(dt_architecture *architecture, const dt_layer_defaults *defaults,
                       dt_random_sequence *random)
{
    char layers[DT_LAYERS_TEXT] = "";
    dt_text text = {.text = layers, .size = sizeof layers};
    architecture->input = (dt_shape){1, draw_int(random, 1, WIDTH_MAX), 1};
    int depth = draw_int(random, 1, DEPTH_MAX);
    for (int i = 0; i < depth; i++)
        dt_text_add(&text, "%s%d", i > 0 ? ", " : "", draw_int(random, 1, WIDTH_MAX));
    CU_ASSERT_EQUAL_FATAL(dt_layers_parse(layers, &architecture->list, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_layers_write_out(&architecture->list, defaults, NULL), DT_OK);
}

/* A convolution, a layer of the kind, a dense layer. */
static void draw_kind(dt_architecture *architecture, int kind, dt_random_sequence *random)
{
    const int kinds[] = {dt_layer_kind_find("conv"), kind, dt_layer_kind_find("dense")};
    dt_layer layer = {.output = {5, WIDTH_MAX / 5, 1}};
    *architecture = (dt_architecture){.input = layer.output};
    for (int i = 0; i < 3; i++)
        append_layer(&architecture->list, kinds[i], random, &layer);
}

/* For p->spec.architecture: images with many zero columns, and parameters of a size that keeps the
 * activations out of saturation. */
static void draw_problem(problem *p, dt_random_sequence *random)
{
    dt_network_spec *spec = &p->spec;
    int inputs = dt_shape_size(spec->architecture.input);
    spec->normalization.scale = 1.0 / 255;
    spec->normalization.shift = draw_int(random, 0, 1) ? draw_real(random, -0.5, 0.5) : 0;
    int classes = dt_architecture_outputs(&spec->architecture);
    p->samples = draw_int(random, 1, SAMPLES_MAX);
    memset(p->pixels, 0, sizeof p->pixels);
    for (int i = 0; i < p->samples; i++) {
        p->images[i] = p->pixels[i];
        p->labels[i] = (uint8_t)draw_int(random, 0, classes - 1);
        for (int j = 0; j < inputs; j++)
            if (j % 3 == 0 && draw_int(random, 0, j % 5) == 0)
                p->pixels[i][j] = (uint8_t)draw_int(random, 1, 255);
    }
    CU_ASSERT_EQUAL_FATAL(dt_network_create(spec, &p->network, NULL), DT_OK);
    p->parameters = dt_network_new_parameters(p->network, NULL);
    p->gradient = dt_network_new_parameters(p->network, NULL);
    CU_ASSERT_FATAL(p->parameters && p->gradient);
    size_t count;
    const dt_tensor *tensors = dt_network_tensors(p->network, &count);
    for (size_t i = 0; i < count; i++) {
        double bound = tensors[i].rank == 2 ? sqrt(6.0 / (double)tensors[i].shape[0]) : 0.5;
        for (size_t j = 0; j < dt_tensor_count(tensors + i); j++)
            p->parameters[tensors[i].offset + j] = draw_real(random, -bound, bound);
    }
}

static void release_problem(problem *p)
{
    dt_network_destroy(p->network);
    dt_free(p->parameters);
    dt_free(p->gradient);
}

/* Every bias, and a dozen values of every kernel. */
static void check_network(problem *p, dt_random_sequence *random, tally *t)
{
    size_t all = dt_network_parameter_count(p->network), count;
    const dt_tensor *tensors = dt_network_tensors(p->network, &count);
    dt_loss_sum sum;
    dt_batch batch = {.count = p->samples,
                      .images = p->images,
                      .labels = p->labels,
                      .segment_count = 1,
                      .segments = &(dt_segment){.samples = p->samples},
                      .losses = &sum};
    dt_trace trace = {0};
    dt_network_set_parameters(p->network, p->parameters);
    dt_network_gradient(p->network, &batch, &p->gradient, NULL, NULL, &trace);
    CU_ASSERT_DOUBLE_EQUAL(sum.loss, (double)total_loss(p), 1e-12 * sum.loss);
    for (size_t i = 0; i < count; i++) {
        int values = (int)dt_tensor_count(tensors + i), is_bias = tensors[i].rank == 1;
        dt_real *first = p->gradient + tensors[i].offset;
        /* the last term: what the rounding of the loss lets be seen */
        double floor = 0.03 * largest(first, (size_t)values) + 1e-3 * largest(p->gradient, all) +
                       1e-6 * sum.loss;
        for (int j = 0; j < (is_bias ? values : 12); j++) {
            int k = is_bias ? j : draw_int(random, 0, values - 1);
            compare(total_loss, p, p->parameters + tensors[i].offset + k, first[k], floor, t);
        }
    }
}

static void check_combination(int activation, dt_loss loss, bool softmax, bool bias)
{
    static problem p;
    uint32_t number = (uint32_t)((activation * 3 + (int)loss) * 4 + softmax * 2 + bias);
    dt_random_sequence random = draw_begin(1000 + number);
    const dt_layer_defaults defaults = {dt_activation_names[activation],
                                        softmax ? "softmax" : "identity", bias};
    for (int i = 0; i < SHAPES; i++) {
        char layers[DT_LAYERS_TEXT];
        tally t = {0};
        p.spec = (dt_network_spec){.loss = loss};
        draw_dense(&p.spec.architecture, &defaults, &random);
        draw_problem(&p, &random);
        check_network(&p, &random, &t);
        printf("%s; %s; %3d samples, shift %5.2f: error %.1e of %d, %d skipped\n",
               dt_layers_text(&p.spec.architecture.list, layers), dt_loss_names[loss], p.samples,
               p.spec.normalization.shift, t.error, t.compared, t.skipped);
        judge(&t, kinked(dt_activation_names[activation]));
        release_problem(&p);
    }
}

static void test_networks(void)
{
    for (int activation = 0; dt_activation_names[activation]; activation++)
        for (int loss = DT_CROSS_ENTROPY; loss <= DT_MSE; loss++)
            for (int softmax = 0; softmax <= (loss != DT_CROSS_ENTROPY); softmax++)
                for (int bias = 0; bias <= 1; bias++)
                    check_combination(activation, (dt_loss)loss, softmax, bias);
}

/* Every kind of layer between others: what is in front of it gets its gradient. */
static void test_kinds(void)
{
    static problem p;
    dt_random_sequence random = draw_begin(2500);
    for (int kind = 0; dt_layer_kind_at(kind); kind++)
        for (int i = 0; i < SHAPES; i++) {
            char layers[DT_LAYERS_TEXT];
            const char *name = dt_layer_kind_at(kind)->name;
            tally t = {0};
            p.spec = (dt_network_spec){.loss = DT_MSE};
            draw_kind(&p.spec.architecture, kind, &random);
            draw_problem(&p, &random);
            check_network(&p, &random, &t);
            printf("%s; %3d samples: error %.1e of %d, %d skipped\n",
                   dt_layers_text(&p.spec.architecture.list, layers), p.samples, t.error,
                   t.compared, t.skipped);
            judge(&t, strstr(name, "max") || strstr(name, "relu"));
            release_problem(&p);
        }
}

/* Residual connections that lie in one another, overlap, follow one another and begin at the same
 * layer, on images and on rows. */
static void test_residual_networks(void)
{
    static const char *const lists[] = {
        "conv 3 3x3 same tanh as a, conv 3 3x3 same, add a tanh as b, conv 3 1x1, add b, dense 4",
        "dense 6 as a, tanh as b, dense 6 as c, add a, gelu, add b, dense 6, add c, dense 3",
        "dense 6 tanh as a, dense 6, add a, add a, dense 6, add a",
        "conv 4 2x2 as a, add a, maxpool 2 as b, layernorm as c, add b, conv 4 1x1, add c, dense 5",
    };
    static problem p;
    dt_random_sequence random = draw_begin(2700);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tally t = {0};
        p.spec = (dt_network_spec){.loss = DT_MSE, .architecture.input = {5, WIDTH_MAX / 5, 1}};
        CU_ASSERT_EQUAL_FATAL(dt_layers_parse(lists[i], &p.spec.architecture.list, NULL), DT_OK);
        draw_problem(&p, &random);
        check_network(&p, &random, &t);
        printf("%s; %3d samples: error %.1e of %d, %d skipped\n", lists[i], p.samples, t.error,
               t.compared, t.skipped);
        judge(&t, strstr(lists[i], "max") != NULL);
        release_problem(&p);
    }
}

/* Values that stay clear of 0, where ReLU has its kink. */
static void fill(dt_real *values, size_t count, dt_random_sequence *random)
{
    for (size_t i = 0; i < count; i++) {
        double size = draw_real(random, 0.01, 2);
        values[i] = dt_random_next(random) & 1 ? size : -size;
    }
}

/* ---- a kind with more tensors than a dense layer, silent about its support and its squares ----
 */

/* Adds the gradients of the samples of a tile, as dt_summation says; of sample i and value j that
 * of the gain is x dy, of the offset dy, and all of them together that of the slope x dy. */
static void add_affine(const dt_layer *layer, const dt_tile *input, const dt_tile *error,
                       int sample, dt_real *gradient)
{
    int width = layer->inputs;
    for (int j = 0; j < width; j++) {
        dt_real x = input->values[sample * input->stride + j];
        dt_real dy = error->values[sample * error->stride + j];
        gradient[j] += x * dy;
        gradient[width + j] += dy;
        gradient[2 * width] += x * dy;
    }
}

static void affine_sum(const dt_layer *layer, const dt_tile *input, const dt_tile *error,
                       const dt_summation *summation)
{
    int depth = summation->depth, sample = 0;
    size_t count = layer->parameter_count;
    for (int i = 0; i < summation->piece_count; i++) {
        const dt_piece *piece = &summation->pieces[i];
        if (piece->fresh)
            memset(summation->sums[depth++] + summation->offset, 0, count * sizeof(dt_real));
        dt_real *top = summation->sums[depth - 1] + summation->offset;
        for (int k = 0; k < piece->samples; k++)
            add_affine(layer, input, error, sample++, top);
        for (int k = 0; k < piece->merges; k++, depth--)
            for (size_t j = 0; j < count; j++)
                summation->sums[depth - 2][summation->offset + j] +=
                    summation->sums[depth - 1][summation->offset + j];
    }
}

static void affine_forward(const dt_layer *layer, const dt_layer_pass *pass)
{
    int width = layer->inputs;
    const dt_real *w = pass->parameters;
    for (int i = 0; i < pass->input->samples; i++)
        for (int j = 0; j < width; j++)
            dt_tile_row(pass->output, i)[j] =
                (w[j] + w[2 * width]) * dt_tile_row(pass->input, i)[j] + w[width + j];
}

static void affine_backward(const dt_layer *layer, const dt_layer_pass *pass)
{
    int width = layer->inputs;
    const dt_real *w = pass->parameters;
    affine_sum(layer, pass->input, pass->output_gradient, pass->summation);
    for (int i = 0; pass->input_gradient && i < pass->input->samples; i++)
        for (int j = 0; j < width; j++)
            dt_tile_row(pass->input_gradient, i)[j] =
                (w[j] + w[2 * width]) * dt_tile_row(pass->output_gradient, i)[j];
}

static int affine_tensors(dt_layer *layer)
{
    static const char *const names[] = {"gain", "offset", "slope"};
    for (int i = 0; i < 3; i++) {
        layer->tensors[i] =
            (dt_tensor){.role = DT_TENSOR_BIAS, .rank = 1, .shape = {i < 2 ? layer->inputs : 1}};
        snprintf(layer->tensors[i].name, sizeof layer->tensors[i].name, "%s", names[i]);
    }
    return 3;
}

extern const dt_layer_kind dt_layer_affine;
const dt_layer_kind dt_layer_affine = {.name = "affine",
                                       .help = "y = (gain + slope) x + offset",
                                       .tensors = affine_tensors,
                                       .forward = affine_forward,
                                       .backward = affine_backward,
                                       .keras = "affine"};

/* Its tensors have their place, and all of its gradient is in the support of a single tile, where
 * most rows of the dense layer before it are not. */
static void test_silent_layer(void)
{
    static problem p;
    dt_random_sequence random = draw_begin(3000);
    const dt_layer_defaults defaults = {"identity", "identity", true};
    p.spec = (dt_network_spec){.loss = DT_MSE};
    draw_dense(&p.spec.architecture, &defaults, &random);
    draw_problem(&p, &random);
    release_problem(&p);
    p.spec.normalization.shift = 0;
    p.spec.architecture.input = (dt_shape){1, WIDTH_MAX, 1};
    CU_ASSERT_EQUAL_FATAL(
        dt_layers_parse("dense 6, affine, dense 5, affine", &p.spec.architecture.list, NULL),
        DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_network_create(&p.spec, &p.network, NULL), DT_OK);
    size_t count = dt_network_parameter_count(p.network), tensors;
    dt_network_tensors(p.network, &tensors);
    CU_ASSERT_EQUAL(tensors, 10);
    CU_ASSERT_EQUAL(count, WIDTH_MAX * 6 + 6 + 13 + 6 * 5 + 5 + 11);
    p.parameters = dt_network_new_parameters(p.network, NULL);
    p.gradient = dt_network_new_parameters(p.network, NULL);
    CU_ASSERT_FATAL(p.parameters && p.gradient);
    fill(p.parameters, count, &random);
    dt_network_set_parameters(p.network, p.parameters);
    memset(p.pixels, 0, sizeof p.pixels);
    for (int i = 0; i < TILE; i++)
        p.images[i] = p.pixels[i], p.pixels[i][3] = (uint8_t)i, p.labels[i] = (uint8_t)(i % 5);
    dt_loss_sum sum;
    dt_batch batch = {.count = TILE,
                      .images = p.images,
                      .labels = p.labels,
                      .segment_count = 1,
                      .segments = &(dt_segment){.samples = TILE},
                      .losses = &sum};
    dt_trace trace = {0};
    dt_support support = {0};
    dt_network_gradient(p.network, &batch, &p.gradient, NULL, NULL, &trace);
    dt_real *sparse = dt_network_new_parameters(p.network, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sparse);
    dt_network_gradient(p.network, &batch, &sparse, NULL, &support, &trace);
    CU_ASSERT(support.intervals[0].first > 0); /* it is sparse */
    dt_support_clear_rest(&support, sparse, count);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(sparse[i], p.gradient[i]);
    dt_free(sparse);
    release_problem(&p);
}

/* ---- layers alone: f = sum of weight * output, for random weights ---- */

typedef struct bench {
    dt_layer *layer;
    dt_real *parameters, *gradient;
    dt_tile input, second, output, input_gradient, second_gradient, weights;
    int32_t places[TILE];
    dt_noise noise; /* the same in all passes */
} bench;

static long double weighted_output(void *of)
{
    bench *b = of;
    long double sum = 0;
    dt_layer_pass pass = {.parameters = b->parameters,
                          .noise = &b->noise,
                          .input = &b->input,
                          .second = &b->second,
                          .output = &b->output};
    dt_layer_forward(b->layer, &pass);
    for (int i = 0; i < b->input.samples * b->layer->outputs; i++)
        sum += (long double)b->weights.values[i] * (long double)b->output.values[i];
    return sum;
}

static void prepare_bench(bench *b, dt_random_sequence *random)
{
    dt_layer *layer = b->layer;
    int samples = draw_int(random, 1, TILE);
    b->noise = (dt_noise){.seed = dt_random_next(random), .epoch = 3, .places = b->places};
    for (int i = 0; i < samples; i++)
        b->places[i] = draw_int(random, 0, 100000);
    size_t indices = 0, work = 0;
    if (layer->kind->needs)
        layer->kind->needs(layer, &indices, &work);
    layer->indices = dt_calloc(indices, sizeof *layer->indices, NULL);
    layer->work = dt_calloc(work + DT_MATMUL_PAD, sizeof *layer->work, NULL);
    CU_ASSERT_FATAL(layer->indices && layer->work);
    fill(layer->work, work, random); /* what others left there */
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(TILE, layer->inputs, &b->input, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(TILE, layer->inputs, &b->input_gradient, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(TILE, layer->inputs, &b->second, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(TILE, layer->inputs, &b->second_gradient, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(TILE, layer->outputs, &b->output, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_tile_create(TILE, layer->outputs, &b->weights, NULL), DT_OK);
    b->parameters = dt_calloc(layer->parameter_count + 64, sizeof(dt_real), NULL);
    b->gradient = dt_calloc(layer->parameter_count + 64, sizeof(dt_real), NULL);
    CU_ASSERT_FATAL(b->parameters && b->gradient);
    b->input.samples = b->second.samples = b->output.samples = b->weights.samples = samples;
    fill(b->parameters, layer->parameter_count, random);
    fill(b->gradient, layer->parameter_count, random); /* to be added to */
    fill(b->input.values, (size_t)(samples * layer->inputs), random);
    fill(b->second.values, (size_t)(samples * layer->inputs), random);
    fill(b->weights.values, (size_t)(samples * layer->outputs), random);
    /* to be overwritten */
    fill(b->input_gradient.values, (size_t)(samples * layer->inputs), random);
}

static void release_bench(bench *b)
{
    dt_free(b->layer->indices);
    dt_free(b->layer->work);
    dt_tile_destroy(&b->input);
    dt_tile_destroy(&b->input_gradient);
    dt_tile_destroy(&b->second);
    dt_tile_destroy(&b->second_gradient);
    dt_tile_destroy(&b->output);
    dt_tile_destroy(&b->weights);
    dt_free(b->parameters);
    dt_free(b->gradient);
}

/* The gradient by the second input, added to what is there. */
static void check_second(bench *b, dt_layer_pass *pass, dt_random_sequence *random, tally *t)
{
    int inputs = b->input.samples * b->layer->inputs;
    dt_real *before = dt_calloc((size_t)inputs, sizeof *before, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(before);
    fill(before, (size_t)inputs, random);
    memcpy(b->second_gradient.values, before, (size_t)inputs * sizeof *before);
    pass->second = &b->second;
    pass->second_gradient = &b->second_gradient;
    b->layer->kind->backward_second(b->layer, pass);
    for (int i = 0; i < inputs; i += 1 + inputs / 200)
        compare(weighted_output, b, b->second.values + i, b->second_gradient.values[i] - before[i],
                0.1, t);
    dt_free(before);
}

static tally check_layer(dt_layer *layer, dt_random_sequence *random)
{
    bench b = {.layer = layer};
    tally t = {0};
    prepare_bench(&b, random);
    size_t parameters = layer->parameter_count;
    dt_real *before = dt_calloc(parameters, sizeof *before, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(before);
    memcpy(before, b.gradient, parameters * sizeof *before);
    weighted_output(&b);
    dt_piece piece = {.samples = b.input.samples}; /* goes on with the sum that is there */
    dt_summation sum = {.piece_count = 1, .pieces = &piece, .depth = 1, .sums = &b.gradient};
    dt_layer_pass pass = {.parameters = b.parameters,
                          .noise = &b.noise,
                          .input = &b.input,
                          .output = &b.output,
                          .output_gradient = &b.weights,
                          .input_gradient = &b.input_gradient,
                          .summation = &sum};
    dt_layer_backward(layer, &pass);
    for (size_t i = 0; i < parameters; i++)
        compare(weighted_output, &b, b.parameters + i, b.gradient[i] - before[i], 0.1, &t);
    int inputs = b.input.samples * layer->inputs;
    for (int i = 0; i < inputs; i += 1 + inputs / 200)
        compare(weighted_output, &b, b.input.values + i, b.input_gradient.values[i], 0.1, &t);

    if (layer->kind->second)
        check_second(&b, &pass, random, &t);

    /* Without an input gradient the parameters' is the same. */
    dt_real *again = dt_calloc(parameters, sizeof *again, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    memcpy(again, before, parameters * sizeof *again);
    sum.sums = &again;
    pass.input_gradient = NULL;
    dt_layer_backward(layer, &pass);
    CU_ASSERT_EQUAL(memcmp(again, b.gradient, parameters * sizeof *again), 0);
    dt_free(again);
    dt_free(before);
    release_bench(&b);
    return t;
}

/* Every kind of layer, several times. */
static void test_layers(void)
{
    dt_random_sequence random = draw_begin(2000);
    for (int kind = 0; dt_layer_kind_at(kind); kind++)
        for (int i = 0; i < 12; i++) {
            dt_layer layer;
            char text[128];
            int channels = draw_int(&random, 2, WIDTH_MAX); /* of one alone there is no mean */
            dt_shape input = {1, 1, channels};
            if (i % 2 == 0)
                input =
                    (dt_shape){draw_int(&random, 1, 9), draw_int(&random, 1, 9), 1 + channels % 3};
            draw_layer(kind, input, &random, &layer);
            dt_layer_describe(&layer, text, sizeof text);
            tally t = check_layer(&layer, &random);
            printf("layer %s, %dx%dx%d: error %.1e of %d, %d skipped\n", text, layer.input.height,
                   layer.input.width, layer.input.channels, t.error, t.compared, t.skipped);
            judge(&t, strstr(layer.kind->name, "max") != NULL);
        }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"layers alone", test_layers},
        {"networks", test_networks},
        {"networks of every kind", test_kinds},
        {"residual networks", test_residual_networks},
        {"a layer that is silent about its support", test_silent_layer},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {
        {.pName = "gradients", .pTests = tests},
        CU_SUITE_INFO_NULL,
    };
    if (CU_initialize_registry() || CU_register_suites(suites))
        return EXIT_FAILURE;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
