#include "nn/schedule.h"

#include <math.h>
#include <stddef.h>

#include "base/elementary.h"

static const double pi = 3.14159265358979323846;

const char *const dt_anneal_names[] = {"cosine", "linear", NULL};
const char *const dt_lr_scaling_names[] = {"none", "linear", "sqrt", NULL};

double dt_scale_lr(dt_lr_scaling scaling, double lr, int64_t batch, int64_t tuned)
{
    double times = (double)batch / (double)tuned;
    return scaling == DT_LR_LINEAR ? lr * times : scaling == DT_LR_SQRT ? lr * sqrt(times) : lr;
}

/* A step behind the warm-up. */
typedef struct place {
    int64_t step, drops;
    double progress; /* from the end of the warm-up, 0, to the last step, 1 */
} place;

static double lr_constant(const dt_schedule *schedule, const place *at)
{
    (void)at;
    return schedule->lr;
}

static double lr_step(const dt_schedule *schedule, const place *at)
{
    int64_t drops = at->step / schedule->steps_an_epoch / schedule->step_epochs;
    return schedule->lr * dt_power(schedule->gamma, drops);
}

static double lr_cosine(const dt_schedule *schedule, const place *at)
{
    double range = schedule->lr - schedule->lr_min;
    return schedule->lr_min + range * 0.5 * (1 + dt_cos(pi * at->progress));
}

static double lr_linear(const dt_schedule *schedule, const place *at)
{
    return schedule->lr - (schedule->lr - schedule->lr_min) * at->progress;
}

static double lr_polynomial(const dt_schedule *schedule, const place *at)
{
    double left = 1 - at->progress, power = schedule->power;
    double share = left > 0 ? dt_exp_double(power * dt_log(left)) : power == 0;
    return schedule->lr_min + (schedule->lr - schedule->lr_min) * share;
}

static double anneal(dt_anneal how, double from, double to, double part)
{
    if (how == DT_ANNEAL_LINEAR)
        return from + (to - from) * part;
    return to + (from - to) / 2 * (1 + dt_cos(pi * part));
}

/* What begins at one value has another at the peak of the learning rate, and a third at the end. */
static double cycle(const dt_schedule *schedule, const place *at, const double values[3])
{
    double last = (double)(schedule->total_steps - 1), now = (double)at->step;
    double peak = schedule->pct_start * (double)schedule->total_steps - 1;
    bool rises = now <= peak;
    double begin = rises ? 0 : peak, span = (rises ? peak : last) - begin;
    return anneal(schedule->anneal, values[!rises], values[!rises + 1],
                  span > 0 ? (now - begin) / span : 1);
}

static double lr_one_cycle(const dt_schedule *schedule, const place *at)
{
    double begin = schedule->lr / schedule->div_factor;
    return cycle(schedule, at, (double[]){begin, schedule->lr, begin / schedule->final_div_factor});
}

static double momentum_one_cycle(const dt_schedule *schedule, const place *at)
{
    double base = schedule->base_momentum, max = schedule->max_momentum;
    return schedule->cycle_momentum ? cycle(schedule, at, (double[]){max, base, max}) : (double)NAN;
}

static double lr_plateau(const dt_schedule *schedule, const place *at)
{
    double lr = schedule->lr * dt_power(schedule->gamma, at->drops);
    return lr > schedule->lr_min ? lr : schedule->lr_min;
}

const char *const dt_schedule_names[] = {"constant",   "step",      "cosine",  "linear",
                                         "polynomial", "one-cycle", "plateau", NULL};

static const struct {
    double (*lr)(const dt_schedule *schedule, const place *at);
    double (*momentum)(const dt_schedule *schedule, const place *at); /* NULL: leaves it alone */
    dt_schedule_facts facts;
} kinds[] = {
    [DT_SCHEDULE_CONSTANT] = {.lr = lr_constant, .facts = {.uses = "", .help = "lr throughout"}},
    [DT_SCHEDULE_STEP] = {.lr = lr_step,
                          .facts = {.uses = "gamma step_epochs",
                                    .help = "times gamma after every step_epochs epochs"}},
    [DT_SCHEDULE_COSINE] = {.lr = lr_cosine,
                            .facts = {.uses = "lr_min",
                                      .help = "half a cosine from lr down to lr_min",
                                      .follows_end = true}},
    [DT_SCHEDULE_LINEAR] = {.lr = lr_linear,
                            .facts = {.uses = "lr_min",
                                      .help = "a straight line from lr down to lr_min",
                                      .follows_end = true}},
    [DT_SCHEDULE_POLYNOMIAL] = {.lr = lr_polynomial,
                                .facts = {.uses = "lr_min power",
                                          .help = "lr_min + (lr - lr_min) (1 - t)^power, t from 0 "
                                                  "to 1",
                                          .follows_end = true}},
    [DT_SCHEDULE_ONE_CYCLE] = {.lr = lr_one_cycle,
                               .momentum = momentum_one_cycle,
                               .facts = {.uses = "pct_start div_factor final_div_factor anneal "
                                                 "cycle_momentum base_momentum max_momentum",
                                         .help = "from lr / div_factor up to lr, and down to lr / "
                                                 "div_factor / final_div_factor, while momentum or "
                                                 "beta1 moves the other way between max_momentum "
                                                 "and base_momentum",
                                         .follows_end = true}},
    [DT_SCHEDULE_PLATEAU] = {.lr = lr_plateau,
                             .facts = {.uses = "lr_min gamma plateau_patience plateau_threshold",
                                       .help = "times gamma, but not below lr_min, when the "
                                               "validation loss has not become better for more "
                                               "than plateau_patience epochs"}},
};

const dt_schedule_facts *dt_schedule_facts_of(int kind)
{
    return &kinds[kind].facts;
}

void dt_schedule_note(const dt_schedule *schedule, double loss, dt_plateau *plateau)
{
    if (schedule->kind != DT_SCHEDULE_PLATEAU)
        return;
    bool better = isnan(plateau->best) ? !isnan(loss)
                                       : loss < plateau->best * (1 - schedule->plateau_threshold);
    if (better)
        plateau->best = loss;
    plateau->epochs = better ? 0 : plateau->epochs + 1;
    if (plateau->epochs > schedule->plateau_patience) {
        plateau->drops++;
        plateau->epochs = 0;
    }
}

dt_rates dt_schedule_rates(const dt_schedule *schedule, int64_t step, int64_t drops)
{
    int64_t last = schedule->total_steps - 1;
    if (step > last)
        step = last < 0 ? 0 : last;
    int64_t warmup = (int64_t)(schedule->warmup_epochs * (double)schedule->steps_an_epoch);
    double span = (double)(last - warmup);
    const place at = {step, drops, span > 0 ? (double)(step - warmup) / span : 0};
    dt_rates rates = {.lr = schedule->lr * (double)(step + 1) / (double)(warmup + 1),
                      .momentum = (double)NAN};
    if (step >= warmup)
        rates.lr = kinds[schedule->kind].lr(schedule, &at);
    if (kinds[schedule->kind].momentum)
        rates.momentum = kinds[schedule->kind].momentum(schedule, &at);
    return rates;
}
