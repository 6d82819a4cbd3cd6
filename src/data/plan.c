#include "data/plan.h"

#include <stddef.h>

#include "base/memory.h"
#include "data/sampler.h"

const char *const dt_shuffle_names[] = {"global", "shard", "none", NULL};

dt_status dt_plan_create(dt_plan *plan, int64_t samples, dt_error *error)
{
    plan->samples = samples;
    plan->order = dt_calloc((size_t)samples, sizeof *plan->order, error);
    return plan->order ? DT_OK : error->status;
}

void dt_plan_destroy(dt_plan *plan)
{
    if (!plan)
        return;
    dt_free(plan->order);
    plan->order = NULL;
}

int64_t dt_plan_steps(const dt_plan *plan)
{
    return (plan->samples + plan->batch_size - 1) / plan->batch_size;
}

/* Where step `step` begins among the epoch's places; the end for the step behind the last. */
static int64_t step_first(const dt_plan *plan, int64_t step)
{
    int64_t first = step * plan->batch_size;
    return first < plan->samples ? first : plan->samples;
}

int64_t dt_plan_batch(const dt_plan *plan, int64_t step)
{
    return step_first(plan, step + 1) - step_first(plan, step);
}

int64_t dt_plan_largest_batch(int64_t samples, int64_t batch_size)
{
    return batch_size < samples ? batch_size : samples;
}

void dt_plan_start_epoch(dt_plan *plan, uint32_t epoch)
{
    plan->epoch = epoch;
    switch (plan->shuffle) {
    case DT_SHUFFLE_GLOBAL:
        dt_sampler_order(plan->seed, epoch, plan->samples, plan->order);
        break;
    case DT_SHUFFLE_SHARD:
        dt_sampler_order_in_parts(plan->seed, epoch, plan->samples, plan->virtual_ranks,
                                  plan->order);
        break;
    case DT_SHUFFLE_NONE:
        for (int64_t i = 0; i < plan->samples; i++)
            plan->order[i] = (int32_t)i;
        break;
    }
}

/* How many of the epoch's first `places` places are dealt to part v: one in every whole round, and
 * in the last round, in which only the longer parts still take one, one if its turn has come. */
static int64_t dealt(const dt_plan *plan, int64_t places, int v)
{
    int64_t parts = plan->virtual_ranks, rounds = plan->samples / parts;
    int64_t last_round = places - rounds * parts;
    if (last_round <= 0)
        return places / parts + (v < places % parts);
    int64_t length = dt_partition(plan->samples, parts, v).count;
    /* Parts before v are longer where they have more samples than v times the rounds. */
    int64_t longer_before = dt_partition_first(plan->samples, parts, v) - v * rounds;
    return rounds + (length > rounds && longer_before < last_round);
}

dt_range dt_plan_slice(const dt_plan *plan, int64_t step, int v)
{
    int64_t first = step_first(plan, step), end = step_first(plan, step + 1);
    if (plan->shuffle == DT_SHUFFLE_SHARD) {
        int64_t part = dt_partition_first(plan->samples, plan->virtual_ranks, v);
        int64_t done = dealt(plan, first, v);
        return (dt_range){part + done, dealt(plan, end, v) - done};
    }
    dt_range slice = dt_partition(end - first, plan->virtual_ranks, v);
    return (dt_range){first + slice.first, slice.count};
}
