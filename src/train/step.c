#include "train/step.h"

#include <math.h>

#include "base/memory.h"

/* Adds the gradients of this rank's virtual ranks, each with its totals behind it. */
static void add_gradients(dt_run *run, const dt_feed *feed)
{
    for (int64_t i = 0; i < run->own_virtual_ranks.count; i++) {
        dt_samples samples = dt_feed_samples(feed, (int)(run->own_virtual_ranks.first + i));
        float *gradient = dt_reduce_next(run->reduce);
        dt_loss_sum sum = {0};
        dt_network_gradient(run->network, samples.count, samples.images, samples.labels, gradient,
                            &sum);
        gradient[run->parameter_count + DT_STEP_LOSS] = (float)sum.loss;
        gradient[run->parameter_count + DT_STEP_CORRECT] = (float)sum.correct;
        dt_reduce_add(run->reduce);
    }
}

dt_status dt_step(dt_run *run, dt_feed *feed, int64_t step, int64_t update, dt_step_result *result,
                  dt_error *error)
{
    dt_status status = dt_feed_step(feed, step, error);
    if (status)
        return status;
    add_gradients(run, feed);
    const float *gradient = dt_reduce_finish(run->reduce);
    const float *totals = gradient + run->parameter_count;
    *result = (dt_step_result){.samples = dt_plan_batch(&run->plan, step),
                               .loss = (double)totals[DT_STEP_LOSS],
                               .correct = (int64_t)totals[DT_STEP_CORRECT],
                               .lr = dt_schedule_lr(&run->schedule, update)};
    if (!isfinite(result->loss))
        return dt_fail(error, DT_ERR_DATA,
                       "the loss is %f in step %lld: training has diverged; a smaller --lr or "
                       "--clip-norm 1 may help",
                       result->loss, (long long)update + 1);
    dt_optimizer_step(run->optimizer, run->parameters, gradient, result->samples, result->lr);
    dt_network_set_parameters(run->network, run->parameters);
    return DT_OK;
}

dt_status dt_evaluate(dt_run *run, dt_subset_kind kind, dt_evaluation *result, dt_error *error)
{
    const dt_subset *subset = &run->dataset->subsets[kind];
    size_t image_size = (size_t)dt_shape_size(run->source->shape);
    int virtual_ranks = (int)run->config.virtual_ranks;
    size_t own = (size_t)run->own_virtual_ranks.count;
    *result = (dt_evaluation){NAN, NAN};
    if (subset->count == 0)
        return DT_OK;

    enum { LOSS, CORRECT, TOTALS };
    const uint8_t **images = dt_calloc((size_t)subset->held.count, sizeof *images, error);
    double *totals = images ? dt_calloc(own * TOTALS, sizeof *totals, error) : NULL;
    dt_status status = dt_comm_agree(run->comm, totals ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        for (int64_t i = 0; i < subset->held.count; i++)
            images[i] = subset->images + (size_t)i * image_size;
        for (size_t i = 0; i < own; i++) {
            int64_t v = run->own_virtual_ranks.first + (int64_t)i;
            dt_range part = dt_partition(subset->count, virtual_ranks, v);
            int64_t first = part.first - subset->held.first;
            dt_loss_sum sum = {0};
            dt_network_evaluate(run->network, part.count, images + first, subset->labels + first,
                                &sum);
            totals[i * TOTALS + LOSS] = sum.loss;
            totals[i * TOTALS + CORRECT] = (double)sum.correct;
        }
        double sums[TOTALS];
        status = dt_reduce_totals(run->comm, virtual_ranks, TOTALS, totals, sums, error);
        if (!status)
            *result = (dt_evaluation){.loss = sums[LOSS] / (double)subset->count,
                                      .accuracy = sums[CORRECT] / (double)subset->count};
    }
    dt_free(images);
    dt_free(totals);
    return status;
}
