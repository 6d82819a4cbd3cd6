#include "train/step.h"

#include <math.h>

/* The totals of this rank's virtual ranks, added up as their gradients are, behind them. */
static void add_totals(dt_run *run, const dt_loss_sum *losses)
{
    float *const *sums = dt_reduce_sums(run->reduce);
    const int *merges = dt_reduce_merges(run->reduce);
    int top = -1;
    for (int64_t i = 0; i < run->own_virtual_ranks.count; i++) {
        float *totals = sums[++top] + run->parameter_count;
        totals[DT_STEP_LOSS] = (float)losses[i].loss;
        totals[DT_STEP_CORRECT] = (float)losses[i].correct;
        for (int m = 0; m < merges[i]; m++, top--)
            for (int t = 0; t < DT_STEP_TOTALS; t++)
                sums[top - 1][run->parameter_count + (size_t)t] +=
                    sums[top][run->parameter_count + (size_t)t];
    }
}

/* The gradients of this rank's virtual ranks, added up to the nodes that they form. */
static void add_gradients(dt_run *run, const dt_play *play)
{
    const int *merges = dt_reduce_merges(run->reduce);
    for (int64_t i = 0; i < run->own_virtual_ranks.count; i++)
        run->segments[i] = (dt_segment){.samples = play->counts[i], .merges = merges[i]};
    dt_network_gradient(run->network, &play->batch, (int)run->own_virtual_ranks.count,
                        run->segments, dt_reduce_sums(run->reduce), run->losses, NULL, &run->trace);
    add_totals(run, run->losses);
}

dt_status dt_step(dt_run *run, dt_feed *feed, int64_t step, int64_t update, dt_step_result *result,
                  dt_error *error)
{
    dt_play play;
    dt_status status = dt_feed_step(feed, &play, error);
    if (status)
        return status;
    dt_trace_lap(&run->trace, DT_PHASE_GATHER);
    add_gradients(run, &play);
    const float *gradient = dt_reduce_finish(run->reduce, &run->trace);
    const float *totals = gradient + run->parameter_count;
    *result = (dt_step_result){.samples = dt_plan_batch(&run->plan, step),
                               .loss = (double)totals[DT_STEP_LOSS],
                               .correct = (int64_t)totals[DT_STEP_CORRECT],
                               .lr = dt_schedule_lr(&run->schedule, update)};
    if (!isfinite(result->loss))
        return dt_fail(error, DT_ERR_DATA,
                       "the loss is not finite in step %lld: training has diverged; a smaller --lr "
                       "or --clip-norm 1 may help",
                       (long long)update + 1);
    dt_optimizer_step(run->optimizer, run->parameters, gradient, result->samples, result->lr);
    dt_trace_lap(&run->trace, DT_PHASE_UPDATE);
    return DT_OK;
}
