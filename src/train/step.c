#include "train/step.h"

#include <math.h>

#include "nn/finite.h"
#include "nonfinite.h"
#include "train/track.h"

/* The totals of this rank's virtual ranks, added up as their gradients are, behind them. */
static void add_totals(dt_run *run)
{
    float *const *sums = dt_reduce_sums(run->reduce);
    const int *merges = dt_reduce_merges(run->reduce);
    int top = -1;
    for (int64_t i = 0; i < run->own_virtual_ranks.count; i++) {
        float *totals = sums[++top] + run->parameter_count;
        totals[DT_STEP_LOSS] = (float)run->losses[i].loss;
        totals[DT_STEP_CORRECT] = (float)run->losses[i].correct;
        for (int m = 0; m < merges[i]; m++, top--)
            for (int t = 0; t < DT_STEP_TOTALS; t++)
                sums[top - 1][run->parameter_count + (size_t)t] +=
                    sums[top][run->parameter_count + (size_t)t];
    }
}

/* Whether nobody needs zeros in the gradient: a reduction between ranks adds up whole vectors. */
static bool may_be_sparse(const dt_run *run)
{
    return dt_comm_size(run->comm) == 1 && dt_optimizer_skips_zeros(run->optimizer);
}

/* What is final goes to other hosts while the backward pass works on the rest. */
static void announce(void *state, size_t first)
{
    dt_run *run = state;
    dt_trace_lap(&run->trace, DT_PHASE_BACKWARD);
    if (first == run->parameter_count)
        add_totals(run);
    dt_reduce_announce(run->reduce, first);
    dt_trace_lap(&run->trace, DT_PHASE_REDUCE);
}

/* The gradients of this rank's virtual ranks, added up to the nodes that they form. *support, so
 * far all of them, becomes where they may be other than zero. */
static void add_gradients(dt_run *run, const dt_play *play, dt_support *support)
{
    const int *merges = dt_reduce_merges(run->reduce);
    dt_listener listener = {
        .part = dt_reduce_section(run->reduce), .final = announce, .state = run};
    bool announces = listener.part > 0;
    for (int64_t i = 0; i < run->own_virtual_ranks.count; i++)
        run->segments[i] = (dt_segment){.samples = play->counts[i], .merges = merges[i]};
    dt_network_gradient(run->network, &play->batch, (int)run->own_virtual_ranks.count,
                        run->segments, dt_reduce_sums(run->reduce), run->losses,
                        announces ? &listener : NULL, may_be_sparse(run) ? support : NULL,
                        &run->trace);
    if (!announces)
        add_totals(run);
}

/* The bits of dt_reduce_ask. */
enum { ASKS_STOP = 1, ASKS_SAVE = 2 };

static void ask(dt_run *run, dt_request own)
{
    dt_reduce_ask(run->reduce, (own.stop ? ASKS_STOP : 0) | (own.save ? ASKS_SAVE : 0));
}

static dt_request asked(const dt_run *run)
{
    unsigned bits = dt_reduce_asked(run->reduce);
    return (dt_request){.stop = bits & ASKS_STOP, .save = bits & ASKS_SAVE};
}

static bool is_finite(const float *gradient, const dt_support *support)
{
    for (size_t i = 0; i < support->count; i++) {
        const dt_interval *it = &support->intervals[i];
        if (dt_find_nonfinite(gradient + it->first, it->end - it->first) < it->end - it->first)
            return false;
    }
    return true;
}

static bool is_due(int64_t count, int64_t every)
{
    return every > 0 && count % every == 0;
}

/* Whether a row of metrics.csv tells of the step, or may tell of it after a restart. */
static bool norm_is_wanted(const dt_run *run, int64_t update, dt_request asked)
{
    int64_t steps = update + 1;
    return is_due(steps, dt_plan_steps(&run->plan)) || steps == run->total_steps ||
           is_due(steps, run->config.log_every) || is_due(steps, run->config.checkpoint_steps) ||
           asked.stop || asked.save;
}

dt_status dt_step(dt_run *run, dt_feed *feed, int64_t update, dt_request own,
                  dt_step_result *result, dt_error *error)
{
    dt_play play;
    dt_interval all = {0, run->parameter_count};
    dt_support support = {1, &all};
    run->step = update;
    dt_watchdog_beat(run->watchdog, update, DT_PHASE_GATHER);
    dt_status status = dt_feed_step(feed, &play, error);
    if (status)
        return status;
    if (run->track)
        play.batch.tracked = dt_track_next(run->track);
    dt_trace_lap(&run->trace, DT_PHASE_GATHER);
    ask(run, own);
    add_gradients(run, &play, &support);
    dt_watchdog_beat(run->watchdog, update, DT_PHASE_WAIT);
    const float *gradient = dt_reduce_finish(run->reduce, &run->trace);
    const float *totals = gradient + run->parameter_count;
    *result = (dt_step_result){
        .samples = play.step_samples,
        .loss = (double)totals[DT_STEP_LOSS],
        .correct = (int64_t)totals[DT_STEP_CORRECT],
        .lr = dt_schedule_lr(&run->schedule, update),
        .gradient_norm = (double)NAN,
        .asked = asked(run)};
    if (!isfinite(result->loss) || !is_finite(gradient, &support)) {
        if (may_be_sparse(run)) /* dt_fail_nonfinite looks at all of them */
            dt_support_clear_rest(&support, dt_reduce_sums(run->reduce)[0], run->parameter_count);
        result->skipped = run->config.on_nonfinite == DT_NONFINITE_SKIP;
        status = dt_fail_nonfinite(run, gradient, result->loss, update + 1, &result->problem);
        if (!result->skipped)
            *error = result->problem;
        return result->skipped ? DT_OK : status;
    }
    if (run->track)
        dt_track_keep(run->track, play.positions, play.batch.count);
    bool measured = norm_is_wanted(run, update, result->asked);
    result->gradient_norm = dt_optimizer_step(run->optimizer, run->parameters, gradient, &support,
                                              result->samples, result->lr, measured);
    dt_trace_lap(&run->trace, DT_PHASE_UPDATE);
    return DT_OK;
}
