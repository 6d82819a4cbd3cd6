/* Short trainings, one a line: what was varied, and a hash of all bits that came of it. Every
 * machine must print the same lines, those of table.txt: whatever its compiler, options, CPU and C
 * library. Needs nothing but the rooms base, nn and data; no MPI.
 *
 * The names of optimizers, activations, layers, losses, initial weights and schedules are the
 * program's own lists: what is added there gets a line. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "data/augment.h"
#include "data/source.h"
#include "nn/exactness.h"
#include "nn/network.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"

enum { PIXELS = 28 * 28, BATCH = 37, STEPS = 6, SAMPLES = BATCH * STEPS, CLASSES = 10 };

/* What a training is made of. */
typedef struct recipe {
    const char *list;
    dt_layer_defaults layers; /* of the numbers in it */
    dt_normalization normalization;
    dt_loss loss;
    double label_smoothing;
    dt_optimizer_spec optimizer;
    dt_schedule schedule;
    dt_init init;
} recipe;

static recipe standard = {
    .list = "33, 18, 10",
    .layers = {"relu", "identity", true},
    .normalization.scale = 1.0 / 255,
    .loss = DT_CROSS_ENTROPY,
    .optimizer = {.momentum = 0.9,
                  .trust = 0.01,
                  .alpha = 0.99,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .epsilon = 1e-8},
    .schedule = {.lr = 0.01,
                 .gamma = 0.7,
                 .step_epochs = 1,
                 .power = 1.5,
                 .pct_start = 0.4,
                 .div_factor = 20,
                 .final_div_factor = 100,
                 .cycle_momentum = true,
                 .base_momentum = 0.8,
                 .max_momentum = 0.95,
                 .steps_an_epoch = 2,
                 .total_steps = STEPS},
    .init = DT_INIT_HE,
};

/* Both ways in which a convolution finds the gradient of its input, windows that lie on one another
 * or leave values out, channels that fill vectors and such that do not. */
static const char *const image_networks[][2] = {
    {"few-channels", "conv 6 5x5 pad 2 relu, maxpool 2, conv 16 5x5 relu, maxpool 2, 10"},
    {"many-channels", "conv 32 3x3 stride 2 same tanh, conv 35 3x3 same relu, avgpool 2, 10"},
    {"strides", "conv 5 4x3 stride 3x2 pad 2x1 bias false, maxpool 3x2 stride 2x1 same, "
                "conv 20 2x3 stride 3x1 gelu, avgpool 3 stride 2 pad 1, flatten, 10"},
    {"in-the-padding", "conv 5 1x1 stride 1x64 pad 0x5, conv 7 2x2 stride 3 pad 2 relu, 10"},
    {"whole-image", "conv 17 3x3 stride 2 silu, avgpool 2, conv 10 1x1, avgpool all"},
    {"normalised", "groupnorm 1, conv 6 5x5 stride 2, groupnorm 3 relu, dropout 0.2, layernorm, "
                   "maxpool 2, 10"},
    {"residual", "conv 7 3x3 stride 2 relu as a, conv 7 3x3 same relu as b, conv 7 3x3 same, add a "
                 "relu, dropout 0.1, add b, maxpool 2 as c, conv 7 1x1 tanh, add c, 10"},
};

/* Kinds of layers with other tensors than weights, or with a value or a second input that they must
 * have. */
static const char *const row_networks[][2] = {
    {"layernorm", "33, layernorm, 18, layernorm, 10"},
    {"groupnorm", "33, groupnorm 3, 18, groupnorm 3, 10"},
    {"dropout", "33, dropout 0.3, 18, dropout 0.3, 10"},
    {"add", "dense 33 as a, relu, add a, dense 33 relu, add a, 10"},
};

static uint8_t pixels[SAMPLES * PIXELS], labels[SAMPLES];
static const uint8_t *images[SAMPLES];
static int32_t places[SAMPLES];

static void check(dt_status status, const dt_error *error)
{
    if (!status)
        return;
    fprintf(stderr, "bits: %s\n", error->message);
    exit(status);
}

/* The gradient of a batch in three segments, as three virtual ranks would have it. */
static void sum_gradient(dt_network *network, int step, float *const *sums, dt_loss_sum *losses,
                         dt_tracked *tracked)
{
    static const dt_segment segments[] = {{12, 0}, {13, 1}, {12, 1}};
    dt_trace trace = {0};
    dt_noise noise = {.seed = 1, .epoch = 0, .places = places + step * BATCH};
    dt_batch batch = {.count = BATCH,
                      .images = images + step * BATCH,
                      .labels = labels + step * BATCH,
                      .noise = &noise,
                      .segment_count = 3,
                      .segments = segments,
                      .losses = losses,
                      .tracked = tracked};
    dt_network_gradient(network, &batch, sums, NULL, NULL, &trace);
}

/* A hash of parameters, losses, norms and outputs after a few steps. */
static uint64_t train(const recipe *of)
{
    dt_error error = {0};
    dt_network *network;
    dt_optimizer *optimizer;
    dt_network_spec spec = {.architecture.input = {28, 28, 1},
                            .normalization = of->normalization,
                            .loss = of->loss,
                            .label_smoothing = of->label_smoothing};
    check(dt_layers_parse(of->list, &spec.architecture.list, &error), &error);
    check(dt_layers_write_out(&spec.architecture.list, &of->layers, &error), &error);
    check(dt_network_create(&spec, &network, &error), &error);
    size_t count = dt_network_parameter_count(network);
    dt_optimizer_part part = {.count = count};
    part.tensors = dt_network_tensors(network, &part.tensor_count);
    check(dt_optimizer_create(&of->optimizer, &part, &optimizer, &error), &error);
    float *parameters = dt_network_new_parameters(network, &error), *sums[2];
    sums[0] = dt_network_new_parameters(network, &error);
    sums[1] = dt_network_new_parameters(network, &error);
    double *blocks = dt_calloc(dt_squares_blocks(count), sizeof *blocks, &error);
    double *notes = dt_calloc(dt_optimizer_notes(optimizer), sizeof *notes, &error);
    const dt_support all = {1, &(dt_interval){0, count}};
    check(error.status, &error);

    uint64_t hash = 0;
    dt_network_initialise(network, of->init, 1, parameters);
    dt_network_set_parameters(network, parameters);
    for (int step = 0; step < STEPS; step++) {
        static dt_tracked tracked[BATCH];
        dt_loss_sum losses[3];
        sum_gradient(network, step, sums, losses, tracked);
        dt_support_squares(&all, count, sums[0], blocks);
        double norm = sqrt(dt_squares_sum(count, blocks)) / BATCH;
        dt_rates rates = dt_schedule_rates(&of->schedule, step, step / 2);
        dt_optimizer_begin(optimizer, dt_optimizer_scale(optimizer, BATCH, norm), &rates);
        if (dt_optimizer_notes(optimizer) > 0) {
            dt_optimizer_note(optimizer, parameters, sums[0], notes);
            dt_optimizer_find_ratios(optimizer, notes);
        }
        dt_optimizer_update(optimizer, all.intervals, parameters, sums[0]);
        hash = dt_hash_seeded(tracked, sizeof tracked, hash);
        hash = dt_hash_seeded(&norm, sizeof norm, hash);
        for (int i = 0; i < 3; i++)
            hash = dt_hash_seeded(&losses[i].loss, sizeof losses[i].loss, hash);
    }
    static float outputs[SAMPLES * CLASSES];
    dt_network_outputs(network, SAMPLES, images, outputs);
    hash = dt_hash_seeded(outputs, sizeof outputs, hash);
    hash = dt_hash_seeded(parameters, count * sizeof *parameters, hash);

    dt_free(parameters);
    dt_free(sums[0]);
    dt_free(sums[1]);
    dt_free(blocks);
    dt_free(notes);
    dt_optimizer_destroy(optimizer);
    dt_network_destroy(network);
    return hash;
}

static void show(const char *what, const char *name, const recipe *of)
{
    printf("%s %s %016" PRIx64 "\n", what, name, train(of));
}

static void make_data(void)
{
    dt_error error = {0};
    dt_source *source;
    check(dt_source_open_synthetic(1, &source, &error), &error);
    check(dt_source_read(source, DT_TRAIN, 0, SAMPLES, pixels, labels, &error), &error);
    dt_source_close(source);
    for (int i = 0; i < SAMPLES; i++)
        images[i] = pixels + i * PIXELS, places[i] = i;
    printf("data synthetic %016" PRIx64 "\n", dt_hash(pixels, sizeof pixels));
}

/* Images of the data, augmented. */
static void show_augmented(const char *list)
{
    static uint8_t drawn[PIXELS];
    dt_error error = {0};
    dt_augment augment;
    dt_augmenter *augmenter;
    uint64_t hash = 0;
    check(dt_augment_parse(list, &augment, &error), &error);
    check(dt_augmenter_create(&augment, (dt_shape){28, 28, 1}, 1, &augmenter, &error), &error);
    for (int i = 0; i < SAMPLES; i++) {
        dt_augmenter_draw(augmenter, 2, (uint32_t)i, images[i], drawn);
        hash = dt_hash_seeded(drawn, sizeof drawn, hash);
    }
    dt_augmenter_destroy(augmenter);
    printf("augment %.*s %016" PRIx64 "\n", (int)strcspn(list, " "), list, hash);
}

/* Whether the kind's name says all of a layer. */
static bool is_whole(const dt_layer_kind *kind)
{
    return !kind->second && (kind->argument_count == 0 || kind->arguments[0].preset);
}

int main(void)
{
    dt_error error = {0};
    check(dt_exactness_check(&error), &error);
    make_data();
    standard.optimizer.kind = dt_name_find(dt_optimizer_names, "momentum");
    for (int i = 0; dt_optimizer_names[i]; i++) {
        recipe r = standard;
        r.optimizer.kind = i;
        show("optimizer", dt_optimizer_names[i], &r);
        r.optimizer.weight_decay = 0.01;
        r.optimizer.clip_norm = 0.1;
        show("decay-of-weights-and-clipping", dt_optimizer_names[i], &r);
        r.optimizer.clip_norm = 0;
        r.optimizer.clip_value = 1e-3;
        show("clipping-by-value", dt_optimizer_names[i], &r);
        r.optimizer.clip_norm = 0.1;
        r.optimizer.clip_value = 0;
        r.optimizer.decay_all = true;
        show("decay-and-clipping", dt_optimizer_names[i], &r);
    }
    for (int i = 0; dt_activation_names[i]; i++) {
        recipe r = standard;
        r.layers.hidden = dt_activation_names[i];
        show("activation", dt_activation_names[i], &r);
    }
    for (int i = 0; dt_layer_kind_at(i); i++) {
        const dt_layer_kind *kind = dt_layer_kind_at(i);
        recipe r = standard;
        char list[128];
        if (kind->map || kind->tensors || !is_whole(kind))
            continue;
        snprintf(list, sizeof list, "33, %s, 18, %s, 10", kind->name, kind->name);
        r.list = list;
        show("layer", kind->name, &r);
    }
    for (size_t i = 0; i < sizeof row_networks / sizeof *row_networks; i++) {
        recipe r = standard;
        r.list = row_networks[i][1];
        show("layer", row_networks[i][0], &r);
    }
    for (size_t i = 0; i < sizeof image_networks / sizeof *image_networks; i++) {
        recipe r = standard;
        r.list = image_networks[i][1];
        show("images", image_networks[i][0], &r);
    }
    for (int i = 0; dt_loss_names[i]; i++) {
        recipe r = standard;
        r.loss = (dt_loss)i;
        r.layers.bias = false;
        show("loss-no-bias", dt_loss_names[i], &r);
        r.layers.output = "softmax";
        r.normalization.shift = -0.4242;
        show("loss-softmax-shift", dt_loss_names[i], &r);
        r.label_smoothing = 0.1;
        show("loss-smoothed", dt_loss_names[i], &r);
    }
    for (int i = 0; dt_init_names[i]; i++) {
        recipe r = standard;
        r.init = (dt_init)i;
        show("init", dt_init_names[i], &r);
    }
    for (int i = 0; dt_schedule_names[i]; i++) {
        recipe r = standard;
        r.schedule.kind = (dt_schedule_kind)i;
        r.schedule.warmup_epochs = 1;
        show("schedule", dt_schedule_names[i], &r);
        r.schedule.warmup_epochs = 0;
        r.optimizer.kind = dt_name_find(dt_optimizer_names, "adamw");
        show("schedule-of-adamw", dt_schedule_names[i], &r);
    }
    for (int i = 0; i < DT_AUGMENT_KINDS; i++) {
        const dt_augment_row *row = &dt_augment_rows[i];
        char list[DT_AUGMENT_TEXT];
        dt_text out = {.text = list, .size = sizeof list};
        dt_text_add(&out, "%s", row->name);
        for (int a = 0; a < row->argument_count; a++)
            dt_text_add(&out, " %g",
                        row->arguments[a].min +
                            0.03 * (row->arguments[a].max - row->arguments[a].min));
        show_augmented(list);
    }
    return 0;
}
