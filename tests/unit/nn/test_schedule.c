#include "nn/schedule.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "draw.h"
#include "names.h"

CU_SuiteInfo dt_suite_schedule(void);

/* torch.optim.lr_scheduler.OneCycleLR with two phases. */
static double exact_cycle(const dt_schedule *self, double step)
{
    double begin = self->lr / self->div_factor, end = begin / self->final_div_factor;
    double peak = self->pct_start * (double)self->total_steps - 1;
    double last = (double)(self->total_steps - 1);
    double from = step <= peak ? begin : self->lr, to = step <= peak ? self->lr : end;
    double part = step <= peak ? step / peak : (step - peak) / (last - peak);
    part = isfinite(part) ? part : 1; /* PyTorch divides by 0 */
    double share = self->anneal == DT_ANNEAL_LINEAR ? 1 - part : (cos(acos(-1) * part) + 1) / 2;
    return to + (from - to) * share;
}

/* The formulas of nn/schedule.h behind the warm-up, which one-cycle has not got. part: of the way
 * from its end to the last step; drops: times that step_epochs epochs are over, or of a plateau. */
static double exact(const dt_schedule *self, double part, double drops)
{
    double down = 0;
    switch (self->kind) {
    case DT_SCHEDULE_CONSTANT:
        break;
    case DT_SCHEDULE_STEP:
        return self->lr * pow(self->gamma, drops);
    case DT_SCHEDULE_COSINE:
        down = (1 - cos(acos(-1) * part)) / 2;
        break;
    case DT_SCHEDULE_LINEAR:
        down = part;
        break;
    case DT_SCHEDULE_POLYNOMIAL:
        down = 1 - pow(1 - part, self->power);
        break;
    case DT_SCHEDULE_ONE_CYCLE:
        return exact_cycle(self, part * (double)(self->total_steps - 1));
    case DT_SCHEDULE_PLATEAU:
        return fmax(self->lr * pow(self->gamma, drops), self->lr_min);
    }
    return self->lr + (self->lr_min - self->lr) * down;
}

static double lr_at(const dt_schedule *schedule, int64_t step)
{
    return dt_schedule_rates(schedule, step, 0).lr;
}

static dt_schedule schedule_of(int kind)
{
    return (dt_schedule){.kind = (dt_schedule_kind)kind,
                         .lr = 0.5,
                         .lr_min = 0.125,
                         .gamma = 0.1,
                         .step_epochs = 3,
                         .power = 2,
                         .pct_start = 0.3,
                         .div_factor = 25,
                         .final_div_factor = 1e4,
                         .cycle_momentum = true,
                         .base_momentum = 0.85,
                         .max_momentum = 0.95,
                         .plateau_patience = 2,
                         .plateau_threshold = 0.1,
                         .steps_an_epoch = 10,
                         .total_steps = 101};
}

/* The last step's rate is lr_min. */
static bool ends_at_min(int kind)
{
    dt_schedule schedule = schedule_of(kind);
    return exact(&schedule, 1, 0) == schedule.lr_min;
}

static void test_constant(void)
{
    dt_schedule schedule = schedule_of(DT_SCHEDULE_CONSTANT);
    for (int64_t step = 0; step < 300; step++)
        CU_ASSERT_EQUAL(lr_at(&schedule, step), 0.5);
}

/* torch.optim.lr_scheduler.StepLR(step_size=3, gamma=0.1), stepped once an epoch. */
static void test_step(void)
{
    dt_schedule schedule = schedule_of(DT_SCHEDULE_STEP);
    for (int64_t step = 0; step < 101; step++)
        CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, step), 0.5 * pow(0.1, (double)(step / 30)), 1e-15);
    CU_ASSERT_EQUAL(lr_at(&schedule, 29), 0.5);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, 30), 0.05, 1e-15);
}

/* From lr at the first step to lr_min at the last, the middle in the middle. */
static void test_to_the_end(void)
{
    dt_schedule cosine = schedule_of(DT_SCHEDULE_COSINE);
    dt_schedule linear = schedule_of(DT_SCHEDULE_LINEAR);
    CU_ASSERT_EQUAL(lr_at(&cosine, 0), 0.5);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&cosine, 25), 0.125 + 0.375 * 0.853553390593, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&cosine, 50), 0.3125, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&cosine, 75), 0.125 + 0.375 * 0.146446609407, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&cosine, 100), 0.125, 1e-15);
    CU_ASSERT_EQUAL(lr_at(&linear, 0), 0.5);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&linear, 20), 0.425, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&linear, 50), 0.3125, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&linear, 100), 0.125, 1e-15);
}

/* W steps that rise by lr / (W + 1) each; then the schedule begins at its peak. */
static void test_warmup(void)
{
    for (int kind = 0; dt_schedule_names[kind]; kind++) {
        dt_schedule schedule = schedule_of(kind);
        if (kind == DT_SCHEDULE_ONE_CYCLE)
            continue;
        schedule.warmup_epochs = 1.95; /* 19 steps */
        for (int64_t step = 0; step < 19; step++)
            CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, step), 0.5 * (double)(step + 1) / 20, 1e-15);
        CU_ASSERT_EQUAL(lr_at(&schedule, 19), 0.5);
        if (ends_at_min(kind)) {
            CU_ASSERT(lr_at(&schedule, 20) < 0.5);
            CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, 100), 0.125, 1e-15);
        }
    }
    /* linear from step 19 to step 100: the middle of 81 steps is between two of them */
    dt_schedule linear = schedule_of(DT_SCHEDULE_LINEAR);
    linear.warmup_epochs = 1.95;
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&linear, 59) + lr_at(&linear, 60), 0.625, 1e-14);
}

/* Epochs count from the first step of the run, warm-up included. */
static void test_warmup_and_step(void)
{
    dt_schedule schedule = schedule_of(DT_SCHEDULE_STEP);
    schedule.warmup_epochs = 1;
    CU_ASSERT_EQUAL(lr_at(&schedule, 29), 0.5);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, 30), 0.05, 1e-15);
}

/* Laws for any settings: between 0 and lr, from the warm-up on never below lr_min, but in one-cycle
 * never rising, and after the last step the last value. */
static void test_laws(void)
{
    dt_random_sequence random = draw_begin(50);
    for (int round = 0; round < 400; round++) {
        int kind = draw_int(&random, 0, names_count(dt_schedule_names) - 1);
        double lr = draw_real(&random, 0.001, 2);
        dt_schedule schedule = {.kind = (dt_schedule_kind)kind,
                                .lr = lr,
                                .lr_min = lr * draw_real(&random, 0, 1),
                                .gamma = draw_real(&random, 0.01, 1),
                                .step_epochs = draw_int(&random, 1, 4),
                                .power = draw_real(&random, 0.1, 4),
                                .pct_start = draw_real(&random, 0, 1),
                                .div_factor = draw_real(&random, 1, 50),
                                .final_div_factor = draw_real(&random, 1, 1e4),
                                .anneal = (dt_anneal)draw_int(&random, 0, 1),
                                .warmup_epochs = draw_real(&random, 0, 3),
                                .steps_an_epoch = draw_int(&random, 1, 20),
                                .total_steps = draw_int(&random, 1, 150)};
        bool cycles = kind == DT_SCHEDULE_ONE_CYCLE;
        schedule.warmup_epochs *= !cycles;
        int64_t warmup = (int64_t)(schedule.warmup_epochs * (double)schedule.steps_an_epoch);
        double before = 0;
        int by_epochs = kind == DT_SCHEDULE_STEP, good = 1;
        double span = fmax(1, (double)(schedule.total_steps - 1 - warmup));
        for (int64_t step = 0; step < schedule.total_steps; step++) {
            double now = lr_at(&schedule, step);
            good &= now > 0 && now <= lr * (1 + 1e-15);
            if (step < warmup || (step == warmup && !by_epochs))
                good &= now > before;
            else if (step > warmup && !cycles)
                good &= now <= before * (1 + 1e-15);
            int64_t drops = step / schedule.steps_an_epoch / schedule.step_epochs;
            double expected =
                exact(&schedule, (double)(step - warmup) / span, by_epochs ? (double)drops : 0);
            if (step >= warmup)
                good &= fabs(now - expected) <= 1e-12 * lr;
            if (ends_at_min(kind) && step >= warmup)
                good &= now >= schedule.lr_min * (1 - 1e-12);
            before = now;
        }
        CU_ASSERT_TRUE(good);
        CU_ASSERT_EQUAL(lr_at(&schedule, schedule.total_steps), before);
        CU_ASSERT_EQUAL(lr_at(&schedule, (int64_t)1 << 60), before);
    }
}

/* A run of no steps, of one, and one that is all warm-up. */
static void test_short_runs(void)
{
    for (int kind = 0; dt_schedule_names[kind]; kind++) {
        dt_schedule schedule = schedule_of(kind);
        if (kind == DT_SCHEDULE_ONE_CYCLE)
            continue;
        for (schedule.total_steps = 0; schedule.total_steps <= 1; schedule.total_steps++)
            CU_ASSERT_EQUAL(lr_at(&schedule, 0), 0.5);
        schedule.total_steps = 5;
        schedule.warmup_epochs = 0.9; /* 9 steps */
        CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, 4), 0.25, 1e-15);
        CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, 9), 0.25, 1e-15);
    }
}

/* The numbers of torch.optim.lr_scheduler.OneCycleLR: rates and momenta; of short runs, rates. */
static void test_one_cycle(void)
{
    static const struct {
        dt_anneal anneal;
        int64_t step;
        double lr, momentum;
    } torch[] = {
        {DT_ANNEAL_COSINE, 0, 0.02, 0.95},
        {DT_ANNEAL_COSINE, 1, 0.0213782552001366, 0.949712863499972},
        {DT_ANNEAL_COSINE, 15, 0.26900449987105, 0.898124062526864},
        {DT_ANNEAL_COSINE, 29, 0.499875848830931, 0.850025864826889},
        {DT_ANNEAL_COSINE, 30, 0.499879071056715, 0.850024185885401},
        {DT_ANNEAL_COSINE, 60, 0.301290324444163, 0.889742094079544},
        {DT_ANNEAL_COSINE, 99, 0.000248773051980646, 0.949950645192185},
        {DT_ANNEAL_COSINE, 100, 2e-06, 0.95},
        {DT_ANNEAL_LINEAR, 1, 0.036382252559727, 0.946587030716723},
        {DT_ANNEAL_LINEAR, 30, 0.495049524752475, 0.850990099009901},
        {DT_ANNEAL_LINEAR, 100, 2e-06, 0.95},
    };
    static const double four[] = {0.02, 0.4058728269748815, 0.14153049910434962, 2e-6};
    static const double three[] = {0.49720771772545586, 0.23131855133348753, 2e-6};
    dt_schedule schedule = schedule_of(DT_SCHEDULE_ONE_CYCLE);
    for (size_t i = 0; i < sizeof torch / sizeof *torch; i++) {
        schedule.anneal = torch[i].anneal;
        dt_rates rates = dt_schedule_rates(&schedule, torch[i].step, 0);
        CU_ASSERT_DOUBLE_EQUAL(rates.lr, torch[i].lr, 1e-14);
        CU_ASSERT_DOUBLE_EQUAL(rates.momentum, torch[i].momentum, 1e-14);
    }
    schedule.cycle_momentum = false;
    CU_ASSERT_TRUE(isnan(dt_schedule_rates(&schedule, 50, 0).momentum));
    schedule.anneal = DT_ANNEAL_COSINE;
    for (int64_t step = 0; step < 4; step++) {
        schedule.total_steps = 4;
        CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, step), four[step], 1e-14);
        schedule.total_steps = 3;
        CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, step), three[step < 2 ? step : 2], 1e-14);
        schedule.total_steps = step < 2 ? step : 1;
        CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, step), 2e-6, 1e-14);
    }
}

/* The losses of epochs, and the rates behind them of torch.optim.lr_scheduler.ReduceLROnPlateau. */
static void test_plateau(void)
{
    static const struct {
        double loss, lr;
    } torch[] = {
        {NAN, 0.5},    {1, 0.5},    {0.95, 0.5},  {0.91, 0.5},  {0.89, 0.5},   {0.85, 0.5},
        {0.81, 0.5},   {0.8, 0.5},  {0.79, 0.5},  {NAN, 0.5},   {0.9, 0.25},   {0.9, 0.25},
        {0.9, 0.25},   {0.7, 0.25}, {0.69, 0.25}, {0.68, 0.25}, {0.67, 0.125}, {0.66, 0.125},
        {0.65, 0.125}, {0.64, 0.1}, {0.6, 0.1},   {0.6, 0.1},
    };
    dt_schedule schedule = schedule_of(DT_SCHEDULE_PLATEAU);
    dt_plateau plateau = {.best = NAN}, other = {.best = NAN};
    schedule.gamma = 0.5;
    schedule.lr_min = 0.1;
    for (size_t i = 0; i < sizeof torch / sizeof *torch; i++) {
        dt_schedule_note(&schedule, torch[i].loss, &plateau);
        CU_ASSERT_EQUAL(dt_schedule_rates(&schedule, 50, plateau.drops).lr, torch[i].lr);
    }
    schedule.kind = DT_SCHEDULE_LINEAR;
    dt_schedule_note(&schedule, 1, &other); /* which it does not look at */
    CU_ASSERT_TRUE(isnan(other.best) && other.drops == 0);
}

/* The ends of what a power may be. */
static void test_powers(void)
{
    dt_schedule schedule = schedule_of(DT_SCHEDULE_POLYNOMIAL);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, 50), 0.125 + 0.375 * 0.25, 1e-15);
    schedule.power = 0;
    CU_ASSERT_EQUAL(lr_at(&schedule, 100), 0.5);
    schedule.power = 100;
    CU_ASSERT_EQUAL(lr_at(&schedule, 100), 0.125);
    CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, 99), 0.125, 1e-15);
}

CU_SuiteInfo dt_suite_schedule(void)
{
    static CU_TestInfo tests[] = {
        {"constant", test_constant},
        {"step: PyTorch's StepLR", test_step},
        {"cosine and linear end at lr_min", test_to_the_end},
        {"one-cycle: PyTorch's OneCycleLR", test_one_cycle},
        {"plateau: PyTorch's ReduceLROnPlateau", test_plateau},
        {"polynomial: the ends of the powers", test_powers},
        {"warm-up rises evenly to the peak", test_warmup},
        {"warm-up counts as epochs of step", test_warmup_and_step},
        {"the formulas, bounds, no rise after the warm-up, the last value stays", test_laws},
        {"runs of no step, one step, warm-up alone", test_short_runs},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "schedule", .pTests = tests};
}
