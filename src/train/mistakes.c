#include "mistakes.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "nn/loss.h"
#include "nn/metrics.h"

typedef struct mistake {
    double loss;
    int64_t position; /* in the subset; -1: none */
    int64_t rank;     /* who holds it */
} mistake;

/* A mistake as it travels; behind it: probabilities, float [classes], and pixels. */
typedef struct parcel {
    int64_t sample, label, answer;
} parcel;

typedef struct work {
    dt_run *run;
    const dt_subset *subset;
    const float *outputs;
    dt_subset_kind kind;
    int most;
    mistake *own;      /* [most], the worst first, `none` behind them */
    mistake *all;      /* [ranks][most] */
    uint8_t *packed;   /* a parcel */
    double *scratch;   /* [classes] */
    size_t image_size; /* bytes, as are the next */
    size_t parcel_size;
} work;

static const mistake none = {.position = -1};

/* The order of a gallery; `none` comes last. */
static int compare(const void *one, const void *other)
{
    const mistake *a = one, *b = other;
    if (a->position < 0 || b->position < 0)
        return (a->position < 0) - (b->position < 0);
    if (isnan(a->loss) != isnan(b->loss))
        return isnan(a->loss) ? -1 : 1;
    if (a->loss > b->loss || a->loss < b->loss)
        return a->loss > b->loss ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

static const float *outputs_of(const work *self, int64_t held)
{
    return self->outputs + held * self->run->config.classes;
}

/* Puts a mistake where it belongs among the own ones, of which the last falls out. */
static void insert(work *self, const mistake *new)
{
    int at = self->most - 1;
    if (compare(new, &self->own[at]) > 0)
        return;
    for (; at > 0 && compare(new, &self->own[at - 1]) < 0; at--)
        self->own[at] = self->own[at - 1];
    self->own[at] = *new;
}

static void find_own(work *self)
{
    const dt_subset *subset = self->subset;
    int classes = self->run->config.classes;
    for (int i = 0; i < self->most; i++)
        self->own[i] = none;
    for (int64_t i = 0; i < subset->held.count; i++) {
        const float *outputs = outputs_of(self, i);
        if (dt_metrics_answer(classes, outputs) == subset->labels[i])
            continue;
        dt_loss_sum sum = {0};
        dt_loss_tile((dt_loss)self->run->config.loss, 1, classes, outputs, subset->labels + i, NULL,
                     &sum);
        insert(self, &(mistake){.loss = sum.loss,
                                .position = subset->held.first + i,
                                .rank = dt_comm_rank(self->run->comm)});
    }
}

static void pack(work *self, int64_t position)
{
    const dt_config *config = &self->run->config;
    const dt_subset *subset = self->subset;
    int64_t held = position - subset->held.first;
    const float *outputs = outputs_of(self, held);
    int64_t before = self->kind == DT_SUBSET_TEST ? self->run->source->count[DT_TRAIN] : 0;
    parcel head = {.sample = subset->members[position] - before,
                   .label = subset->labels[held],
                   .answer = dt_metrics_answer(config->classes, outputs)};
    dt_network_probabilities(self->run->network, outputs, self->scratch);
    memcpy(self->packed, &head, sizeof head);
    uint8_t *at = self->packed + sizeof head;
    for (int j = 0; j < config->classes; j++, at += sizeof(float))
        memcpy(at, &(float){(float)self->scratch[j]}, sizeof(float));
    memcpy(at, subset->images + (size_t)held * self->image_size, self->image_size);
}

static void unpack(const work *self, int64_t i, double loss, dt_gallery *out)
{
    parcel head;
    size_t classes = (size_t)self->run->config.classes;
    memcpy(&head, self->packed, sizeof head);
    out->samples[i] = head.sample;
    out->labels[i] = head.label;
    out->answers[i] = head.answer;
    out->scores[i] = (float)loss;
    const uint8_t *at = self->packed + sizeof head;
    memcpy(out->probabilities + (size_t)i * classes, at, classes * sizeof(float));
    at += classes * sizeof(float);
    memcpy(out->pixels + (size_t)i * self->image_size, at, self->image_size);
}

static dt_status allocate(work *self, dt_gallery *out, dt_error *error)
{
    size_t ranks = (size_t)dt_comm_size(self->run->comm), most = (size_t)self->most;
    size_t classes = (size_t)self->run->config.classes;
    size_t kept = dt_comm_rank(self->run->comm) == 0 ? most : 0;
    if ((self->own = dt_calloc(most, sizeof *self->own, error)) &&
        (self->all = dt_calloc(ranks * most, sizeof *self->all, error)) &&
        (self->packed = dt_calloc(self->parcel_size, 1, error)) &&
        (self->scratch = dt_calloc(classes, sizeof *self->scratch, error)) &&
        (out->pixels = dt_calloc(kept * self->image_size, 1, error)) &&
        (out->samples = dt_calloc(kept, sizeof *out->samples, error)) &&
        (out->labels = dt_calloc(kept, sizeof *out->labels, error)) &&
        (out->answers = dt_calloc(kept, sizeof *out->answers, error)) &&
        (out->probabilities = dt_calloc(kept * classes, sizeof(float), error)) &&
        (out->scores = dt_calloc(kept, sizeof *out->scores, error)))
        return DT_OK;
    return error->status;
}

int dt_gallery_most(dt_shape shape)
{
    int64_t most = DT_MISTAKES_PIXELS_MAX / dt_shape_size(shape);
    return most < 1 ? 1 : most < DT_MISTAKES_MAX ? (int)most : DT_MISTAKES_MAX;
}

dt_status dt_mistakes_collect(dt_run *run, dt_subset_kind kind, dt_gallery *out, dt_error *error)
{
    int image_size = dt_shape_size(run->source->shape), rank = dt_comm_rank(run->comm);
    work self = {.run = run,
                 .subset = &run->dataset->subsets[kind],
                 .outputs = run->outputs[kind],
                 .kind = kind,
                 .most = dt_gallery_most(run->source->shape),
                 .image_size = (size_t)image_size};
    self.parcel_size =
        sizeof(parcel) + (size_t)run->config.classes * sizeof(float) + self.image_size;
    *out = (dt_gallery){0};
    dt_status status = dt_comm_agree(run->comm, allocate(&self, out, error), error);
    if (!status) {
        size_t size = (size_t)self.most * sizeof *self.own;
        find_own(&self);
        dt_comm_all_gather(run->comm, self.own, size, self.all);
        qsort(self.all, (size_t)(self.most * dt_comm_size(run->comm)), sizeof *self.all, compare);
        for (int i = 0; i < self.most && self.all[i].position >= 0; i++) {
            const mistake *it = &self.all[i];
            if (it->rank == rank)
                pack(&self, it->position);
            dt_comm_bring(run->comm, (int)it->rank, self.packed, self.packed, self.parcel_size);
            if (rank == 0) {
                unpack(&self, i, it->loss, out);
                out->count++;
            }
        }
    }
    dt_free(self.own);
    dt_free(self.all);
    dt_free(self.packed);
    dt_free(self.scratch);
    return status;
}
