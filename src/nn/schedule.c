#include "nn/schedule.h"

#include <math.h>
#include <stddef.h>

#include "base/elementary.h"

const char *const dt_schedule_names[] = {"constant", "step", "cosine", "linear", NULL};

static double find_lr(const dt_schedule *schedule, int64_t step)
{
    int64_t last = schedule->total_steps - 1;
    if (step > last)
        step = last < 0 ? 0 : last;
    int64_t warmup = (int64_t)(schedule->warmup_epochs * (double)schedule->steps_an_epoch);
    if (step < warmup)
        return schedule->lr * (double)(step + 1) / (double)(warmup + 1);

    double span = (double)(last - warmup);
    double progress = span > 0 ? (double)(step - warmup) / span : 0;
    double range = schedule->lr - schedule->lr_min;
    switch (schedule->kind) {
    case DT_SCHEDULE_CONSTANT:
        break;
    case DT_SCHEDULE_STEP: {
        int64_t drops = step / schedule->steps_an_epoch / schedule->step_epochs;
        return schedule->lr * dt_power(schedule->gamma, drops);
    }
    case DT_SCHEDULE_COSINE:
        return schedule->lr_min + range * 0.5 * (1 + dt_cos(3.14159265358979323846 * progress));
    case DT_SCHEDULE_LINEAR:
        return schedule->lr - range * progress;
    }
    return schedule->lr;
}

dt_rates dt_schedule_rates(const dt_schedule *schedule, int64_t step)
{
    return (dt_rates){.lr = find_lr(schedule, step), .momentum = (double)NAN};
}
