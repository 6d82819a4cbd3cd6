#include "train/trainer.h"

#include <math.h>

#include "base/clock.h"
#include "base/memory.h"
#include "train/feed.h"
#include "train/replicas.h"
#include "train/step.h"

typedef struct trainer {
    dt_run *run;
    const dt_observer *observer;
    dt_feed *feed;
    double begin;
    double best_accuracy;
    double reported_seconds[DT_PHASES];
    dt_progress_report report;
} trainer;

/* Sums over the steps of an epoch so far. */
typedef struct epoch_sums {
    double begin, loss;
    int64_t correct, samples;
} epoch_sums;

static void report_step(trainer *self, epoch_sums *sums, const dt_step_result *step)
{
    dt_progress_report *report = &self->report;
    sums->loss += step->loss;
    sums->correct += step->correct;
    sums->samples += step->samples;
    double now = dt_clock();
    report->step++;
    report->step_in_epoch++;
    report->samples += step->samples;
    report->train_loss = sums->loss / (double)sums->samples;
    report->train_accuracy = (double)sums->correct / (double)sums->samples;
    report->lr = step->lr;
    report->seconds = now - self->begin;
    report->samples_per_second = (double)sums->samples / (now - sums->begin);
    if (self->observer->step)
        self->observer->step(self->observer->state, report);
}

/* Where the epoch's time went, on average over the ranks. */
static dt_status report_phases(trainer *self, dt_error *error)
{
    dt_run *run = self->run;
    int ranks = dt_comm_size(run->comm);
    double own[DT_PHASES];
    double *all = dt_calloc((size_t)ranks, sizeof own, error);
    dt_status status = dt_comm_agree(run->comm, all ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        for (int p = 0; p < DT_PHASES; p++) {
            own[p] = run->trace.seconds[p] - self->reported_seconds[p];
            self->reported_seconds[p] = run->trace.seconds[p];
            self->report.phase_seconds[p] = 0;
        }
        dt_comm_all_gather(run->comm, own, sizeof own, all);
        for (int i = 0; i < ranks * DT_PHASES; i++)
            self->report.phase_seconds[i % DT_PHASES] += all[i] / ranks;
    }
    dt_free(all);
    return status;
}

static dt_status evaluate_and_report(trainer *self, dt_error *error)
{
    dt_run *run = self->run;
    dt_progress_report *report = &self->report;
    dt_status status = dt_verify_replicas(run, &report->parameter_hash, error);
    if (status)
        return status;
    for (size_t i = 0; i < run->parameter_count; i++)
        if (!isfinite(run->parameters[i]))
            return dt_fail(error, DT_ERR_DATA,
                           "parameter %zu is not finite after step %lld: training has diverged; a "
                           "smaller --lr or --clip-norm 1 may help",
                           i, (long long)report->step);
    status = dt_evaluate(run, DT_SUBSET_VAL, &report->val, error);
    if (!status)
        status = dt_evaluate(run, DT_SUBSET_TEST, &report->test, error);
    dt_trace_lap(&run->trace, DT_PHASE_EVALUATE);
    if (!status)
        status = report_phases(self, error);
    if (status)
        return status;
    report->seconds = dt_clock() - self->begin;
    report->best = report->val.accuracy > self->best_accuracy;
    if (report->best)
        self->best_accuracy = report->val.accuracy;
    if (self->observer->epoch)
        self->observer->epoch(self->observer->state, report);
    dt_trace_lap(&run->trace, DT_PHASE_SAVE);
    return DT_OK;
}

static dt_status train_epoch(trainer *self, int64_t epoch, dt_error *error)
{
    dt_run *run = self->run;
    dt_progress_report *report = &self->report;
    report->epoch = epoch + 1;
    report->step_in_epoch = 0;
    report->val = report->test = (dt_evaluation){NAN, NAN};
    report->parameter_hash = 0;
    report->best = false;

    epoch_sums sums = {.begin = dt_clock()};
    dt_plan_start_epoch(&run->plan, (uint32_t)epoch);
    dt_status status = dt_feed_start_epoch(self->feed, error);
    if (status)
        return status;
    for (int64_t step = 0; step < report->steps_an_epoch && report->step < report->steps; step++) {
        dt_step_result result;
        status = dt_step(run, self->feed, step, report->step, &result, error);
        if (status)
            return status;
        report_step(self, &sums, &result);
        int64_t verify = run->config.verify_replicas;
        uint64_t hash;
        if (verify > 0 && report->step % verify == 0)
            status = dt_verify_replicas(run, &hash, error);
        dt_trace_lap(&run->trace, DT_PHASE_OTHER);
        if (status)
            return status;
    }
    return evaluate_and_report(self, error);
}

dt_status dt_train(dt_run *run, const dt_observer *observer, dt_progress_report *last,
                   dt_error *error)
{
    trainer self = {.run = run, .observer = observer, .begin = dt_clock(), .best_accuracy = -1};
    self.report = (dt_progress_report){.epochs = run->config.epochs,
                                       .steps = run->total_steps,
                                       .steps_an_epoch = dt_plan_steps(&run->plan),
                                       .train_loss = NAN,
                                       .train_accuracy = NAN,
                                       .lr = dt_schedule_lr(&run->schedule, 0),
                                       .samples_per_second = NAN};
    dt_trace_lap(&run->trace, DT_PHASE_OTHER);
    dt_status status = dt_feed_create(&run->plan, run->exchange, run->own_virtual_ranks,
                                      dt_comm_size(run->comm), &self.feed, error);
    status = dt_comm_agree(run->comm, status, error);
    if (!status && run->total_steps == 0)
        status = evaluate_and_report(&self, error);
    for (int64_t epoch = 0; !status && self.report.step < run->total_steps; epoch++)
        status = train_epoch(&self, epoch, error);
    *last = self.report;
    dt_feed_destroy(self.feed);
    return status;
}
