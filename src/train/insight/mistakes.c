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

typedef struct work {
    dt_session *run;
    const dt_subset *subset;
    const float *outputs;
    dt_subset_kind kind;
    int most;
    mistake *own;      /* [most], the worst first, `none` behind them */
    mistake *all;      /* [ranks][most] */
    double *scratch;   /* [classes] */
    size_t image_size; /* bytes */
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
    return self->outputs + held * self->run->source->classes;
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
    int classes = self->run->source->classes;
    for (int i = 0; i < self->most; i++)
        self->own[i] = none;
    for (int64_t i = 0; i < subset->held.count; i++) {
        const float *outputs = outputs_of(self, i);
        if (dt_metrics_answer(classes, outputs) == subset->labels[i])
            continue;
        dt_loss_sum sum = {0};
        const dt_criterion criterion = {.loss = (dt_loss)self->run->config.loss};
        dt_loss_tile(&criterion, 1, classes, outputs, subset->labels + i, NULL, &sum);
        insert(self, &(mistake){.loss = sum.loss,
                                .position = subset->held.first + i,
                                .rank = dt_comm_rank(self->run->comm)});
    }
}

/* An own mistake becomes sample i of the gallery. */
static void put(const work *self, const mistake *own, int64_t i, dt_gallery *out)
{
    const dt_subset *subset = self->subset;
    int64_t held = own->position - subset->held.first;
    int64_t before = self->kind == DT_SUBSET_TEST ? self->run->source->count[DT_TRAIN] : 0;
    out->samples[i] = subset->members[own->position] - before;
    out->labels[i] = subset->labels[held];
    gallery_put(self->run, subset->images + (size_t)held * self->image_size, outputs_of(self, held),
                i, self->scratch, out);
}

/* Sample i of the gallery of a rank becomes that of rank 0. */
static void bring(const work *self, int rank, int64_t i, dt_gallery *gallery)
{
    size_t at = (size_t)i, classes = (size_t)self->run->source->classes;
    const struct {
        void *values;
        size_t size;
    } parts[] = {
        {gallery->pixels + at * self->image_size, self->image_size},
        {gallery->samples + at, sizeof *gallery->samples},
        {gallery->labels + at, sizeof *gallery->labels},
        {gallery->answers + at, sizeof *gallery->answers},
        {gallery->probabilities + at * classes, classes * sizeof *gallery->probabilities},
    };
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        dt_comm_bring(self->run->comm, rank, parts[p].values, parts[p].values, parts[p].size);
}

static dt_status allocate(work *self, dt_gallery *out, dt_error *error)
{
    size_t ranks = (size_t)dt_comm_size(self->run->comm), most = (size_t)self->most;
    size_t classes = (size_t)self->run->source->classes;
    if ((self->own = dt_calloc(most, sizeof *self->own, error)) &&
        (self->all = dt_calloc(ranks * most, sizeof *self->all, error)) &&
        (self->scratch = dt_calloc(classes, sizeof *self->scratch, error)))
        return gallery_allocate(self->run, self->most, out, error);
    return error->status;
}

dt_status gallery_allocate(const dt_session *run, int64_t samples, dt_gallery *out, dt_error *error)
{
    size_t count = (size_t)samples, classes = (size_t)run->source->classes;
    size_t image_size = (size_t)dt_shape_size(run->source->shape);
    if ((out->pixels = dt_calloc(count * image_size, 1, error)) &&
        (out->samples = dt_calloc(count, sizeof *out->samples, error)) &&
        (out->labels = dt_calloc(count, sizeof *out->labels, error)) &&
        (out->answers = dt_calloc(count, sizeof *out->answers, error)) &&
        (out->probabilities = dt_calloc(count * classes, sizeof(float), error)) &&
        (out->scores = dt_calloc(count, sizeof *out->scores, error)))
        return DT_OK;
    return error->status;
}

void gallery_put(const dt_session *run, const uint8_t *image, const float *outputs, int64_t i,
                 double *scratch, dt_gallery *out)
{
    size_t image_size = (size_t)dt_shape_size(run->source->shape);
    size_t classes = (size_t)run->source->classes;
    memcpy(out->pixels + (size_t)i * image_size, image, image_size);
    out->answers[i] = dt_metrics_answer(run->source->classes, outputs);
    dt_network_probabilities(run->network, outputs, scratch);
    for (size_t j = 0; j < classes; j++)
        out->probabilities[(size_t)i * classes + j] = (float)scratch[j];
}

int gallery_most(dt_shape shape)
{
    int64_t most = DT_MISTAKES_PIXELS_MAX / dt_shape_size(shape);
    return most < 1 ? 1 : most < DT_MISTAKES_MAX ? (int)most : DT_MISTAKES_MAX;
}

dt_status mistakes_collect(dt_session *run, dt_subset_kind kind, dt_gallery *out, dt_error *error)
{
    int image_size = dt_shape_size(run->source->shape), rank = dt_comm_rank(run->comm);
    work self = {.run = run,
                 .subset = &run->dataset->subsets[kind],
                 .outputs = run->outputs[kind],
                 .kind = kind,
                 .most = gallery_most(run->source->shape),
                 .image_size = (size_t)image_size};
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
                put(&self, it, i, out);
            bring(&self, (int)it->rank, i, out);
            out->scores[i] = (float)it->loss;
            out->count += rank == 0;
        }
    }
    dt_free(self.own);
    dt_free(self.all);
    dt_free(self.scratch);
    return status;
}
