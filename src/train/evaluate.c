#include "train/evaluate.h"

#include <math.h>

#include "base/memory.h"

/* What an evaluation needs of this rank. */
typedef struct work {
    const uint8_t **images; /* [held.count] */
    dt_segment *segments;   /* [own parts] */
    dt_loss_sum *losses;    /* [own parts] */
    double *totals;         /* [own parts][TOTALS] */
} work;

enum { LOSS, CORRECT, TOTALS };

static dt_status allocate(work *self, size_t held, size_t parts, dt_error *error)
{
    if ((self->images = dt_calloc(held, sizeof *self->images, error)) &&
        (self->segments = dt_calloc(parts, sizeof *self->segments, error)) &&
        (self->losses = dt_calloc(parts, sizeof *self->losses, error)) &&
        (self->totals = dt_calloc(parts * TOTALS, sizeof *self->totals, error)))
        return DT_OK;
    return error->status;
}

static void release(work *self)
{
    dt_free(self->images);
    dt_free(self->segments);
    dt_free(self->losses);
    dt_free(self->totals);
}

/* Room for the outputs of the samples that this rank holds, if they are to be kept. */
static dt_status make_room(dt_session *run, dt_subset_kind kind, dt_error *error)
{
    size_t count = (size_t)run->dataset->subsets[kind].held.count * (size_t)run->source->classes;
    if (!run->config.report || run->outputs[kind])
        return DT_OK;
    run->outputs[kind] = dt_calloc(count, sizeof *run->outputs[kind], error);
    return run->outputs[kind] ? DT_OK : error->status;
}

static void drop_outputs(dt_session *run, dt_subset_kind kind)
{
    dt_free(run->outputs[kind]);
    run->outputs[kind] = NULL;
}

/* The totals of each part that this rank holds. */
static void evaluate_own(dt_session *run, dt_subset_kind kind, work *self)
{
    const dt_subset *subset = &run->dataset->subsets[kind];
    size_t image_size = (size_t)dt_shape_size(run->source->shape);
    int parts = (int)run->own_parts.count;
    for (int64_t i = 0; i < subset->held.count; i++)
        self->images[i] = subset->images + (size_t)i * image_size;
    for (int i = 0; i < parts; i++)
        self->segments[i].samples =
            dt_partition(subset->count, DT_EVALUATION_PARTS, run->own_parts.first + i).count;
    dt_batch batch = {.count = subset->held.count,
                      .images = self->images,
                      .labels = subset->labels,
                      .segment_count = parts,
                      .segments = self->segments,
                      .losses = self->losses};
    dt_network_set_parameters(run->network, run->model);
    dt_network_evaluate(run->network, &batch, run->outputs[kind]);
    dt_network_set_parameters(run->network, run->parameters);
    for (int i = 0; i < parts; i++) {
        self->totals[i * TOTALS + LOSS] = self->losses[i].loss;
        self->totals[i * TOTALS + CORRECT] = (double)self->losses[i].correct;
    }
}

dt_status dt_evaluate(dt_session *run, dt_subset_kind kind, dt_evaluation *result, dt_error *error)
{
    const dt_subset *subset = &run->dataset->subsets[kind];
    work self = {0};
    *result = (dt_evaluation){(double)NAN, (double)NAN};
    if (subset->count == 0)
        return DT_OK;

    dt_watchdog_beat(run->watchdog, run->step, DT_PHASE_EVALUATE);
    dt_status status =
        allocate(&self, (size_t)subset->held.count, (size_t)run->own_parts.count, error);
    if (!status)
        status = make_room(run, kind, error);
    status = dt_comm_agree(run->comm, status, error);
    if (!status) {
        double sums[TOTALS];
        evaluate_own(run, kind, &self);
        dt_watchdog_beat(run->watchdog, run->step, DT_PHASE_WAIT);
        status = dt_reduce_totals(run->comm, DT_EVALUATION_PARTS, TOTALS, self.totals, sums, error);
        if (!status)
            *result = (dt_evaluation){.loss = sums[LOSS] / (double)subset->count,
                                      .accuracy = sums[CORRECT] / (double)subset->count};
    }
    if (status) /* all ranks have outputs, or none: dt_insight_collect */
        drop_outputs(run, kind);
    release(&self);
    return status;
}
