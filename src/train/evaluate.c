#include "train/evaluate.h"

#include <math.h>

#include "base/memory.h"

/* Room for the outputs of the samples that this rank holds, if they are to be kept. */
static dt_status make_room(dt_run *run, dt_subset_kind kind, dt_error *error)
{
    size_t count = (size_t)run->dataset->subsets[kind].held.count * (size_t)run->config.classes;
    if (!run->config.report || run->outputs[kind])
        return DT_OK;
    run->outputs[kind] = dt_calloc(count, sizeof *run->outputs[kind], error);
    return run->outputs[kind] ? DT_OK : error->status;
}

static void drop_outputs(dt_run *run, dt_subset_kind kind)
{
    dt_free(run->outputs[kind]);
    run->outputs[kind] = NULL;
}

dt_status dt_evaluate(dt_run *run, dt_subset_kind kind, dt_evaluation *result, dt_error *error)
{
    const dt_subset *subset = &run->dataset->subsets[kind];
    size_t image_size = (size_t)dt_shape_size(run->source->shape);
    int virtual_ranks = (int)run->config.virtual_ranks, classes = run->config.classes;
    size_t own = (size_t)run->own_virtual_ranks.count;
    *result = (dt_evaluation){(double)NAN, (double)NAN};
    if (subset->count == 0)
        return DT_OK;

    dt_watchdog_beat(run->watchdog, run->step, DT_PHASE_EVALUATE);
    enum { LOSS, CORRECT, TOTALS };
    const uint8_t **images = dt_calloc((size_t)subset->held.count, sizeof *images, error);
    double *totals = images ? dt_calloc(own * TOTALS, sizeof *totals, error) : NULL;
    dt_status status = totals ? make_room(run, kind, error) : DT_ERR_INTERNAL;
    status = dt_comm_agree(run->comm, status, error);
    if (!status) {
        for (int64_t i = 0; i < subset->held.count; i++)
            images[i] = subset->images + (size_t)i * image_size;
        for (size_t i = 0; i < own; i++) {
            int64_t v = run->own_virtual_ranks.first + (int64_t)i;
            dt_range part = dt_partition(subset->count, virtual_ranks, v);
            int64_t first = part.first - subset->held.first;
            dt_loss_sum sum = {0};
            dt_batch batch = {.count = part.count,
                              .images = images + first,
                              .labels = subset->labels + first,
                              .upcoming = subset->held.count - first - part.count};
            float *outputs = run->outputs[kind];
            dt_network_evaluate(run->network, &batch, outputs ? outputs + first * classes : NULL,
                                &sum);
            totals[i * TOTALS + LOSS] = sum.loss;
            totals[i * TOTALS + CORRECT] = (double)sum.correct;
        }
        double sums[TOTALS];
        dt_watchdog_beat(run->watchdog, run->step, DT_PHASE_WAIT);
        status = dt_reduce_totals(run->comm, virtual_ranks, TOTALS, totals, sums, error);
        if (!status)
            *result = (dt_evaluation){.loss = sums[LOSS] / (double)subset->count,
                                      .accuracy = sums[CORRECT] / (double)subset->count};
    }
    if (status) /* all ranks have outputs, or none: dt_insight_collect */
        drop_outputs(run, kind);
    dt_free(images);
    dt_free(totals);
    return status;
}
