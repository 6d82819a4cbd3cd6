/* Checkpoints with drawn contents, and comparing them. */
#ifndef DT_TESTS_CHECKPOINT_FIXTURE_H
#define DT_TESTS_CHECKPOINT_FIXTURE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "base/hash.h"
#include "draw.h"
#include "run/checkpoint.h"

/* What a drawn checkpoint points to. */
typedef struct drawn_checkpoint {
    dt_checkpoint checkpoint;
    float *arrays[DT_STATE_ARRAYS + 3]; /* and the parameters, the best ones, the average */
    float *tracked[3];                  /* plays, gradient norms, margins */
    char *texts[5];
    char *history;
} drawn_checkpoint;

/* Which of the parts that may be missing are there. */
enum {
    DRAW_VELOCITY = 1 << DT_STATE_VELOCITY, /* and so on: the state of the optimizer */
    DRAW_BEST = 1 << DT_STATE_ARRAYS,
    DRAW_TRACKED = 2 * DRAW_BEST,
    DRAW_AVERAGE = 2 * DRAW_TRACKED,
    DRAW_PARTS = 2 * DRAW_AVERAGE,
    DRAW_ALL = DRAW_PARTS - 1
};

static inline uint64_t draw_word(dt_random_sequence *random)
{
    uint64_t high = dt_random_next(random);
    return high << 32 | dt_random_next(random);
}

/* Any 63 bits, some of them few. */
static inline int64_t draw_count(dt_random_sequence *random)
{
    return (int64_t)(draw_word(random) >> draw_int(random, 1, 63));
}

/* Any double, NaN with a payload and infinities included. */
static inline double draw_any_real(dt_random_sequence *random)
{
    static const double special[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 0.0, -0.0,
                                     5e-324,      1.0 / 3};
    int kind = draw_int(random, 0, 9);
    if (kind < 7)
        return special[kind];
    uint64_t bits = draw_word(random);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Finite floats, subnormals and -0 included. */
static inline float *draw_floats(dt_random_sequence *random, size_t count)
{
    float *values = malloc(count * sizeof *values);
    CU_ASSERT_PTR_NOT_NULL_FATAL(values);
    for (size_t i = 0; i < count; i++)
        do {
            uint32_t bits = dt_random_next(random) & (i % 5 ? 0xffffffffu : 0x807fffffu);
            memcpy(&values[i], &bits, sizeof bits);
        } while (!isfinite(values[i]));
    return values;
}

/* Any bytes but 0. */
static inline char *draw_text(dt_random_sequence *random, size_t length)
{
    char *text = malloc(length + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)draw_int(random, 1, 255);
    text[length] = '\0';
    return text;
}

/* Sums of a run that tracks its samples; those of margins may be anything. */
static inline void draw_tracked(dt_random_sequence *random, int64_t samples, drawn_checkpoint *out)
{
    for (int i = 0; i < 3; i++)
        out->tracked[i] = draw_floats(random, (size_t)samples);
    for (int64_t i = 0; i < samples; i++) {
        out->tracked[0][i] = fabsf(out->tracked[0][i]);
        out->tracked[2][i] = (float)draw_any_real(random);
    }
    out->checkpoint.data.train_samples = samples;
    out->checkpoint.tracked = (dt_track_sums){out->tracked[0], out->tracked[1], out->tracked[2]};
}

static inline void draw_checkpoint(dt_random_sequence *random, int parts, size_t count,
                                   size_t history_length, drawn_checkpoint *out)
{
    for (int i = 0; i < DT_STATE_ARRAYS + 3; i++)
        out->arrays[i] = draw_floats(random, count);
    for (int i = 0; i < 5; i++)
        out->texts[i] = draw_text(random, (size_t)draw_int(random, 0, i == 1 ? 60000 : 20));
    out->history = draw_text(random, history_length);
    out->checkpoint = (dt_checkpoint){
        .version = out->texts[0],
        .complete = draw_int(random, 0, 1),
        .config = out->texts[1],
        .architecture = out->texts[2],
        .virtual_ranks = 1 + draw_int(random, 0, 1000),
        .seed = (int64_t)draw_word(random),
        .state = {.epoch = draw_count(random),
                  .step = draw_count(random),
                  .step_in_epoch = draw_count(random),
                  .samples = draw_count(random),
                  .skips = draw_count(random),
                  .seconds = draw_real(random, 0, 1e6),
                  .loss = draw_any_real(random),
                  .correct = draw_int(random, 0, 5),
                  .counted = draw_int(random, 5, 10),
                  .gradient_norm = draw_any_real(random),
                  .best = {draw_count(random),
                           draw_count(random),
                           draw_count(random),
                           {draw_any_real(random), draw_any_real(random)},
                           {draw_any_real(random), draw_any_real(random)}},
                  .epochs_since_best = draw_count(random),
                  .plateau = {draw_any_real(random), draw_count(random), draw_count(random)}},
        .parameter_count = count,
        .parameters = out->arrays[DT_STATE_ARRAYS],
        .average = parts & DRAW_AVERAGE ? out->arrays[DT_STATE_ARRAYS + 2] : NULL,
        .parameter_hash = dt_hash(out->arrays[DT_STATE_ARRAYS], count * sizeof(float)),
        .optimizer = {.kind = out->texts[3], .steps = draw_count(random),
                      .product = draw_any_real(random)},
        .best_parameters = parts & DRAW_BEST ? out->arrays[DT_STATE_ARRAYS + 1] : NULL,
        .data = {out->texts[4], parts & DRAW_BEST ? out->texts[3] : NULL, draw_word(random),
                 draw_count(random), draw_count(random), draw_count(random)},
        .history = {.text = out->history, .length = history_length},
    };
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        out->checkpoint.optimizer.arrays[i] = parts >> i & 1 ? out->arrays[i] : NULL;
    memset(out->tracked, 0, sizeof out->tracked);
    if (parts & DRAW_TRACKED)
        draw_tracked(random, count <= 3 ? 3 : draw_int(random, 1, 50), out);
}

static inline void free_drawn(drawn_checkpoint *drawn)
{
    for (int i = 0; i < DT_STATE_ARRAYS + 3; i++)
        free(drawn->arrays[i]);
    for (int i = 0; i < 3; i++)
        free(drawn->tracked[i]);
    for (int i = 0; i < 5; i++)
        free(drawn->texts[i]);
    free(drawn->history);
}

static inline void assert_same_floats(const float *a, const float *b, size_t count)
{
    CU_ASSERT_EQUAL_FATAL(a == NULL, b == NULL);
    CU_ASSERT_TRUE(!a || memcmp(a, b, count * sizeof *a) == 0);
}

/* Bit for bit: the numbers are compared as the bytes between the pointers. */
static inline void assert_same_checkpoint(const dt_checkpoint *a, const dt_checkpoint *b)
{
    CU_ASSERT_STRING_EQUAL(a->version, b->version);
    CU_ASSERT_EQUAL(a->complete, b->complete);
    CU_ASSERT_STRING_EQUAL(a->config, b->config);
    CU_ASSERT_STRING_EQUAL(a->architecture, b->architecture);
    CU_ASSERT_EQUAL(
        memcmp(&a->virtual_ranks, &b->virtual_ranks,
               offsetof(dt_checkpoint, parameter_count) - offsetof(dt_checkpoint, virtual_ranks)),
        0);
    CU_ASSERT_EQUAL_FATAL(a->parameter_count, b->parameter_count);
    size_t count = a->parameter_count;
    assert_same_floats(a->parameters, b->parameters, count);
    assert_same_floats(a->average, b->average, count);
    CU_ASSERT_EQUAL(a->parameter_hash, b->parameter_hash);
    CU_ASSERT_STRING_EQUAL(a->optimizer.kind, b->optimizer.kind);
    CU_ASSERT_EQUAL(a->optimizer.steps, b->optimizer.steps);
    CU_ASSERT_EQUAL(memcmp(&a->optimizer.product, &b->optimizer.product, sizeof(double)), 0);
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        assert_same_floats(a->optimizer.arrays[i], b->optimizer.arrays[i], count);
    assert_same_floats(a->best_parameters, b->best_parameters, count);
    CU_ASSERT_STRING_EQUAL(a->data.name, b->data.name);
    CU_ASSERT_EQUAL(!a->data.class_names, !b->data.class_names);
    if (a->data.class_names) {
        CU_ASSERT_STRING_EQUAL(a->data.class_names, b->data.class_names);
    }
    CU_ASSERT_EQUAL(memcmp(&a->data.fingerprint, &b->data.fingerprint,
                           sizeof a->data - offsetof(dt_checkpoint_data, fingerprint)),
                    0);
    count = (size_t)a->data.train_samples;
    assert_same_floats(a->tracked.plays, b->tracked.plays, count);
    assert_same_floats(a->tracked.gradient_norms, b->tracked.gradient_norms, count);
    assert_same_floats(a->tracked.margins, b->tracked.margins, count);
    CU_ASSERT_EQUAL_FATAL(a->history.length, b->history.length);
    CU_ASSERT_EQUAL(a->history.earlier, b->history.earlier);
    CU_ASSERT_EQUAL(a->history.earlier_hash, b->history.earlier_hash);
    CU_ASSERT_EQUAL(memcmp(a->history.text, b->history.text, a->history.length), 0);
}

#endif
