#include "nn/schedule.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "draw.h"
#include "names.h"

CU_SuiteInfo dt_suite_schedule(void);

/* The formulas of nn/schedule.h behind the warm-up. part: of the way from its end to the last step;
 * drops: times that step_epochs epochs are over. */
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
    }
    return self->lr + (self->lr_min - self->lr) * down;
}

static double lr_at(const dt_schedule *schedule, int64_t step)
{
    return dt_schedule_rates(schedule, step).lr;
}

static dt_schedule schedule_of(int kind)
{
    return (dt_schedule){.kind = (dt_schedule_kind)kind,
                         .lr = 0.5,
                         .lr_min = 0.125,
                         .gamma = 0.1,
                         .step_epochs = 3,
                         .steps_an_epoch = 10,
                         .total_steps = 101};
}

/* The last step's rate is lr_min. */
static bool ends_at_min(int kind)
{
    dt_schedule schedule = schedule_of(kind);
    return exact(&schedule, 1, 0) <= schedule.lr_min;
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

/* Laws for any settings: between 0 and lr, from the warm-up on never below lr_min, never rising,
 * and after the last step the last value. */
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
                                .warmup_epochs = draw_real(&random, 0, 3),
                                .steps_an_epoch = draw_int(&random, 1, 20),
                                .total_steps = draw_int(&random, 1, 150)};
        int64_t warmup = (int64_t)(schedule.warmup_epochs * (double)schedule.steps_an_epoch);
        double before = 0;
        int by_epochs = exact(&schedule, 0, 1) < lr, good = 1;
        double span = fmax(1, (double)(schedule.total_steps - 1 - warmup));
        for (int64_t step = 0; step < schedule.total_steps; step++) {
            double now = lr_at(&schedule, step);
            good &= now > 0 && now <= lr * (1 + 1e-15);
            if (step < warmup || (step == warmup && !by_epochs))
                good &= now > before;
            else if (step > warmup)
                good &= now <= before * (1 + 1e-15);
            int64_t drops = step / schedule.steps_an_epoch / schedule.step_epochs;
            double expected = exact(&schedule, (double)(step - warmup) / span, (double)drops);
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
        for (schedule.total_steps = 0; schedule.total_steps <= 1; schedule.total_steps++)
            CU_ASSERT_EQUAL(lr_at(&schedule, 0), 0.5);
        schedule.total_steps = 5;
        schedule.warmup_epochs = 0.9; /* 9 steps */
        CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, 4), 0.25, 1e-15);
        CU_ASSERT_DOUBLE_EQUAL(lr_at(&schedule, 9), 0.25, 1e-15);
    }
}

CU_SuiteInfo dt_suite_schedule(void)
{
    static CU_TestInfo tests[] = {
        {"constant", test_constant},
        {"step: PyTorch's StepLR", test_step},
        {"cosine and linear end at lr_min", test_to_the_end},
        {"warm-up rises evenly to the peak", test_warmup},
        {"warm-up counts as epochs of step", test_warmup_and_step},
        {"the formulas, bounds, no rise after the warm-up, the last value stays", test_laws},
        {"runs of no step, one step, warm-up alone", test_short_runs},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "schedule", .pTests = tests};
}
