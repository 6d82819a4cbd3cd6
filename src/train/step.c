#include "train/step.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

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
                        run->segments, dt_reduce_sums(run->reduce), run->losses, &run->trace);
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
    dt_network_set_parameters(run->network, run->parameters);
    dt_trace_lap(&run->trace, DT_PHASE_UPDATE);
    return DT_OK;
}

/* The value that most of the ranks have; of two as frequent ones the lower rank's. */
static uint64_t most_frequent(const uint64_t *hashes, int ranks)
{
    int best = 0, best_count = 0;
    for (int r = 0; r < ranks; r++) {
        int count = 0;
        for (int other = 0; other < ranks; other++)
            count += hashes[other] == hashes[r];
        if (count > best_count) {
            best = r;
            best_count = count;
        }
    }
    return hashes[best];
}

dt_status dt_verify_replicas(dt_run *run, uint64_t *parameter_hash, dt_error *error)
{
    int ranks = dt_comm_size(run->comm);
    uint64_t *hashes = dt_calloc((size_t)ranks, sizeof *hashes, error);
    dt_status status = dt_comm_agree(run->comm, hashes ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        *parameter_hash = dt_hash(run->parameters, run->parameter_count * sizeof(float));
        dt_comm_all_gather(run->comm, parameter_hash, sizeof *parameter_hash, hashes);
        uint64_t common = most_frequent(hashes, ranks);
        char list[200] = "";
        dt_text others = {.text = list, .size = sizeof list};
        for (int r = 0; r < ranks; r++)
            if (hashes[r] != common)
                dt_text_add(&others, " %d", r);
        if (others.length > 0)
            status = dt_fail(
                error, DT_ERR_INTERNAL,
                "the replicas have diverged: expected the same parameters on all %d "
                "ranks, found others on rank%s%s%s; check those hosts' memory, and that all "
                "hosts have the same processor and libraries",
                ranks, strchr(list + 1, ' ') ? "s" : "", list,
                others.length >= sizeof list ? " ..." : "");
    }
    dt_free(hashes);
    return status;
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
            dt_batch batch = {.count = part.count,
                              .images = images + first,
                              .labels = subset->labels + first,
                              .upcoming = subset->held.count - first - part.count};
            dt_network_evaluate(run->network, &batch, &sum);
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
