/* What is learned of training samples is what each of them says alone, whoever played it; wrong
 * labels are found. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "harness.h"
#include "nn/metrics.h"
#include "train/track.h"
#include "train/trainer.h"

enum { CLASSES = 10, GALLERY = 60 };

static dt_config settings(const char *data)
{
    dt_config config = harness_settings(data, "24, 10");
    config.track_samples = true;
    return config;
}

static void train(dt_session *run)
{
    dt_observer observer = {0};
    dt_state state = dt_state_initial();
    dt_progress_report last;
    dt_ending ending;
    dt_error error = {0};
    dt_status status = dt_train(run, &observer, &state, &last, &ending, &error);
    check_status("dt_train", DT_OK, status, &error);
}

/* All training samples, of any file. */
typedef struct samples {
    int64_t count;
    uint8_t *images, *labels;
} samples;

/* Those of the run, which are the first in the file but for a validation set. */
static samples read_samples(const dt_session *run)
{
    const dt_subset *train = &run->dataset->subsets[DT_SUBSET_TRAIN];
    size_t size = (size_t)dt_shape_size(run->source->shape);
    samples all = {train->count, harness_alloc((size_t)train->count, size),
                   harness_alloc((size_t)train->count, 1)};
    dt_error error;
    for (int64_t i = 0; i < all.count; i++)
        check(dt_source_read(run->source, DT_TRAIN, train->members[i], 1,
                             all.images + i * (int)size, all.labels + i, &error) == DT_OK,
              "cannot read sample %lld", (long long)i);
    return all;
}

static void free_samples(samples *all)
{
    dt_free(all->images);
    dt_free(all->labels);
}

/* Sample i alone, by the run's network as it is. */
static dt_tracked ask(dt_session *run, const samples *all, int64_t i, float *gradient)
{
    size_t size = (size_t)dt_shape_size(run->source->shape);
    const uint8_t *image = all->images + (size_t)i * size;
    dt_tracked answer;
    dt_loss_sum loss;
    dt_trace trace = {0};
    dt_batch batch = {.count = 1,
                      .images = &image,
                      .labels = all->labels + i,
                      .segment_count = 1,
                      .segments = &(dt_segment){.samples = 1},
                      .losses = &loss,
                      .tracked = &answer};
    dt_network_gradient(run->network, &batch, &gradient, NULL, NULL, &trace);
    return answer;
}

/* With lr 0 a sample says the same every time: the sums are known. */
static void test_sums(dt_comm *comm, dt_config config)
{
    config.optimizer = dt_name_find(dt_optimizer_names, "sgd");
    config.lr = 0;
    dt_session *run = harness_open(comm, config);
    if (!run)
        return;
    train(run);
    if (dt_comm_rank(comm) == 0) {
        samples all = read_samples(run);
        dt_track_sums sums = dt_track_get_sums(run->track);
        float *gradient = dt_network_new_parameters(run->network, NULL);
        for (int64_t i = 0; i < all.count; i++) {
            dt_tracked once = ask(run, &all, i, gradient);
            dt_tracked expected = {0};
            for (int64_t epoch = 0; epoch < config.epochs; epoch++) {
                expected.gradient_norm += once.gradient_norm;
                expected.margin += once.margin;
            }
            check(sums.plays[i] == (float)config.epochs &&
                      sums.gradient_norms[i] == expected.gradient_norm &&
                      sums.margins[i] == expected.margin,
                  "sample %lld of %lld, batch %lld, shuffle %d: expected %lld x (%.9g, %.9g), "
                  "found %g: %.9g, %.9g",
                  (long long)i, (long long)all.count, (long long)config.batch_size, config.shuffle,
                  (long long)config.epochs, (double)once.gradient_norm, (double)once.margin,
                  (double)sums.plays[i], (double)sums.gradient_norms[i], (double)sums.margins[i]);
        }
        dt_free(gradient);
        free_samples(&all);
    } else {
        check(!dt_track_get_sums(run->track).plays, "expected sums on rank 0 alone");
    }
    dt_session_close(run);
}

/* One sample of a gallery is the sample that it says it is, with the network's answer. */
static void check_picture(dt_session *run, const samples *all, const dt_gallery *gallery,
                          int64_t at, int64_t position)
{
    size_t size = (size_t)dt_shape_size(run->source->shape);
    const uint8_t *image = all->images + (size_t)position * size;
    float outputs[CLASSES];
    double probabilities[CLASSES];
    dt_network_outputs(run->network, 1, &image, outputs);
    dt_metrics_probabilities((dt_loss)run->config.loss, false, CLASSES, outputs, probabilities);
    int64_t sample = run->dataset->subsets[DT_SUBSET_TRAIN].members[position];
    check(gallery->samples[at] == sample, "picture %lld: expected sample %lld, found %lld",
          (long long)at, (long long)sample, (long long)gallery->samples[at]);
    check(memcmp(gallery->pixels + (size_t)at * size, image, size) == 0,
          "picture %lld has other pixels than sample %lld", (long long)at, (long long)sample);
    check(gallery->labels[at] == all->labels[position], "picture %lld has another label",
          (long long)at);
    check(gallery->answers[at] == dt_metrics_answer(CLASSES, outputs),
          "picture %lld has another answer", (long long)at);
    for (int j = 0; j < CLASSES; j++)
        check(gallery->probabilities[at * CLASSES + j] == (float)probabilities[j],
              "picture %lld has another probability", (long long)at);
}

/* The pictures are all samples with a score, ordered by it, then by place; at most 60. sign: 1 the
 * largest first, -1 the smallest, those below 0. */
static void check_gallery(dt_session *run, const samples *all, const dt_gallery *gallery,
                          const float *scores, float sign)
{
    int64_t expected = 0;
    for (int64_t i = 0; i < all->count; i++)
        expected += !isnan(scores[i]) && (sign > 0 || scores[i] < 0);
    expected = expected < GALLERY ? expected : GALLERY;
    if (!check(gallery->count == expected, "expected %lld pictures, found %lld",
               (long long)expected, (long long)gallery->count))
        return;
    bool *shown = harness_alloc((size_t)all->count, sizeof *shown);
    for (int64_t at = 0; at < gallery->count; at++) {
        int64_t best = -1;
        for (int64_t i = 0; i < all->count; i++)
            if (!shown[i] && !isnan(scores[i]) &&
                (best < 0 || sign * scores[i] > sign * scores[best]))
                best = i;
        shown[best] = true;
        check(gallery->scores[at] == scores[best], "picture %lld has another score", (long long)at);
        check_picture(run, all, gallery, at, best);
    }
    dt_free(shown);
}

static void test_report(dt_comm *comm, dt_config config)
{
    dt_session *run = harness_open(comm, config);
    if (!run)
        return;
    train(run);
    dt_insight insight = {0};
    dt_error error = {0};
    bool first = dt_comm_rank(comm) == 0;
    dt_status status = dt_track_report(run, first ? &insight : NULL, &error);
    check_status("dt_track_report", DT_OK, status, &error);
    if (first && config.max_steps == 0) {
        check(insight.tracked == 0 && insight.hardest.count == 0 && insight.doubtful.count == 0,
              "no step: expected nothing, found %lld samples", (long long)insight.tracked);
    } else if (first) {
        samples all = read_samples(run);
        dt_track_sums sums = dt_track_get_sums(run->track);
        int64_t never = 0;
        check(insight.tracked == all.count, "expected %lld samples, found %lld",
              (long long)all.count, (long long)insight.tracked);
        for (int64_t i = 0; i < insight.tracked; i++) {
            float plays = sums.plays[i];
            never += isnan(insight.gradient_norms[i]) && isnan(insight.margins[i]);
            check(plays == 0 || (insight.gradient_norms[i] == sums.gradient_norms[i] / plays &&
                                 insight.margins[i] == sums.margins[i] / plays),
                  "sample %lld: expected means", (long long)i);
        }
        int64_t played = config.max_steps < 0 ? all.count : config.max_steps * config.batch_size;
        check(never == all.count - played, "expected %lld samples never played, found %lld",
              (long long)(all.count - played), (long long)never);
        check_gallery(run, &all, &insight.hardest, insight.gradient_norms, 1);
        check_gallery(run, &all, &insight.doubtful, insight.margins, -1);
        free_samples(&all);
    }
    dt_insight_destroy(&insight);
    dt_session_close(run);
}

static void put(FILE *file, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        fputc((int)(value >> shift & 0xff), file);
}

static void write_part(const char *name, int64_t count, const uint8_t *images,
                       const uint8_t *labels)
{
    char path[100];
    snprintf(path, sizeof path, "data/%s-images-idx3-ubyte", name);
    FILE *file = fopen(path, "wb");
    if (!check(file != NULL, "cannot write %s", path))
        return;
    put(file, 2051);
    put(file, (uint32_t)count);
    put(file, 28);
    put(file, 28);
    fwrite(images, 784, (size_t)count, file);
    fclose(file);
    snprintf(path, sizeof path, "data/%s-labels-idx1-ubyte", name);
    file = fopen(path, "wb");
    if (!check(file != NULL, "cannot write %s", path))
        return;
    put(file, 2049);
    put(file, (uint32_t)count);
    fwrite(labels, 1, (size_t)count, file);
    fclose(file);
}

/* Whether sample i has a wrong label: one of a hundred. */
static bool is_flipped(int64_t i)
{
    return i % 100 == 37;
}

/* The first synthetic digits as files in `data`: wrong labels, or `distinct` samples over and over
 * again. Collective. */
static void write_data(dt_comm *comm, int64_t count, int64_t distinct)
{
    if (dt_comm_rank(comm) == 0) {
        dt_source *source;
        dt_error error;
        uint8_t *images = harness_alloc((size_t)count, 784),
                *labels = harness_alloc((size_t)count, 1);
        check(dt_source_open_synthetic(1, &source, &error) == DT_OK &&
                  dt_source_read(source, DT_TRAIN, 0, count, images, labels, &error) == DT_OK,
              "no synthetic digits: %s", error.message);
        for (int64_t i = distinct; i < count; i++) {
            memcpy(images + 784 * i, images + 784 * (i % distinct), 784);
            labels[i] = labels[i % distinct];
        }
        for (int64_t i = 0; distinct == count && i < count; i++)
            if (is_flipped(i))
                labels[i] = (uint8_t)((labels[i] + 1 + i / 100 % 9) % CLASSES);
        mkdir("data", 0777);
        write_part("train", count, images, labels);
        write_part("t10k", 8, images, labels);
        dt_source_close(source);
        dt_free(images);
        dt_free(labels);
    }
    dt_comm_barrier(comm);
}

/* How many samples have a smaller margin. */
static int64_t rank_of(const dt_insight *insight, int64_t sample)
{
    int64_t smaller = 0;
    for (int64_t i = 0; i < insight->tracked; i++)
        smaller += insight->margins[i] < insight->margins[sample];
    return smaller;
}

/* Of the 1 % wrong labels, nine of ten are among the 2 % smallest margins. */
static void test_flipped(dt_comm *comm)
{
    enum { SAMPLES = 6000, FLIPPED = SAMPLES / 100 };
    write_data(comm, SAMPLES, SAMPLES);
    dt_config config = settings("data");
    (void)dt_config_set(&config, dt_setting_find("layers"), "64, 10", NULL);
    config.epochs = 5;
    config.batch_size = 32;
    dt_session *run = harness_open(comm, config);
    if (!run)
        return;
    train(run);
    dt_insight insight = {0};
    dt_error error = {0};
    dt_status status = dt_track_report(run, &insight, &error);
    check_status("dt_track_report", DT_OK, status, &error);
    if (dt_comm_rank(comm) == 0) {
        int found = 0;
        for (int64_t i = 0; i < insight.tracked; i++)
            found += is_flipped(i) && rank_of(&insight, i) < SAMPLES / 50;
        check(found >= 0.9 * FLIPPED,
              "expected 9 of 10 wrong labels among the %d smallest margins, found %d of %d",
              SAMPLES / 50, found, FLIPPED);
    }
    dt_insight_destroy(&insight);
    dt_session_close(run);
}

static void test(dt_comm *comm)
{
    dt_config config = settings("synthetic");
    dt_log_set_level(DT_LOG_SILENT); /* surplus ranks are told of */
    config.epochs = 3;
    for (int shuffle = DT_SHUFFLE_GLOBAL; shuffle <= DT_SHUFFLE_NONE; shuffle++) {
        config.shuffle = shuffle;
        static const int virtual_ranks[] = {
            [DT_SHUFFLE_GLOBAL] = 0, [DT_SHUFFLE_SHARD] = 11, [DT_SHUFFLE_NONE] = 2};
        config.virtual_ranks = virtual_ranks[shuffle];
        config.train_limit = 45;
        config.batch_size = 8;
        test_sums(comm, config);
        config.train_limit = 3; /* more ranks than samples */
        test_sums(comm, config);
        config.batch_size = 1;
        test_sums(comm, config);
    }
    config.train_limit = 150;
    config.val_fraction = 0.1;
    config.batch_size = 7;
    config.checkpoint_steps = 3;
    test_sums(comm, config);
    test_report(comm, config);
    config.max_steps = 0;
    test_report(comm, config);
    config.max_steps = 4;
    test_report(comm, config);
    write_data(comm, 140, 7);
    config = settings("data");
    config.epochs = 1;
    config.batch_size = 200; /* one step: equal samples have equal scores */
    test_report(comm, config);
    if (dt_comm_hosts(comm) == 1) /* the slow one */
        test_flipped(comm);
}

int main(int argc, char **argv)
{
    return harness_run(argc, argv, test);
}
