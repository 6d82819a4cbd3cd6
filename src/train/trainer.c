#include "train/trainer.h"

#include <math.h>

#include "base/clock.h"
#include "base/memory.h"
#include "nn/finite.h"
#include "train/feed.h"
#include "train/replicas.h"
#include "train/track.h"

typedef struct trainer {
    dt_session *run;
    const dt_observer *observer;
    dt_state *state;
    dt_feed *feed;
    double begin;          /* of the clock: now, less the seconds of earlier starts */
    double start;          /* of the clock */
    double epoch_begin;    /* of the clock */
    int64_t epoch_samples; /* played since then */
    double reported_seconds[DT_PHASES];
    dt_progress_report report;
    bool stop, save_asked;
    bool gathers; /* rank 0 has room for the state of the optimizer of all ranks */
} trainer;

dt_state dt_state_initial(void)
{
    return (dt_state){
        .gradient_norm = (double)NAN,
        .plateau.best = (double)NAN,
        .best = {.val = {(double)NAN, (double)NAN}, .test = {(double)NAN, (double)NAN}}};
}

/* The means over the epoch so far. */
static void report_sums(trainer *self)
{
    const dt_state *state = self->state;
    dt_progress_report *report = &self->report;
    double now = dt_clock();
    self->state->seconds = now - self->begin;
    report->epoch = state->epoch + 1;
    report->step = state->step;
    report->step_in_epoch = state->step_in_epoch;
    report->samples = state->samples;
    report->gradient_norm = state->gradient_norm;
    report->train_loss = state->loss / (double)state->counted;
    report->train_accuracy = (double)state->correct / (double)state->counted;
    report->seconds = state->seconds;
    report->seconds_now = now - self->start;
    if (self->epoch_samples > 0)
        report->samples_per_second = (double)self->epoch_samples / (now - self->epoch_begin);
}

static dt_status count_step(trainer *self, const dt_step_result *step, dt_error *error)
{
    dt_state *state = self->state;
    state->step++;
    state->step_in_epoch++;
    state->samples += step->samples;
    state->gradient_norm = step->gradient_norm;
    self->epoch_samples += step->samples;
    self->report.lr = step->rates.lr;
    if (step->skipped) {
        state->skips++;
        if (self->observer->skipped)
            self->observer->skipped(self->observer->state, &step->problem);
        if (state->skips > self->run->config.max_skips) {
            *error = step->problem;
            return dt_fail_in(error,
                              "%lld steps in a row are not finite, expected at most "
                              "max_skips = %lld",
                              (long long)state->skips, (long long)self->run->config.max_skips);
        }
    } else {
        state->skips = 0;
        state->loss += step->loss;
        state->correct += step->correct;
        state->counted += step->samples;
    }
    report_sums(self);
    if (self->observer->step)
        self->observer->step(self->observer->state, &self->report);
    return DT_OK;
}

/* Where the epoch's time went, on average over the ranks. */
static dt_status report_phases(trainer *self, dt_error *error)
{
    dt_session *run = self->run;
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

/* The parameters must be the same on all ranks, and numbers. */
static dt_status check_parameters(trainer *self, uint64_t *parameter_hash, dt_error *error)
{
    dt_session *run = self->run;
    dt_status status = dt_verify_replicas(run, parameter_hash, error);
    size_t bad = dt_find_nonfinite(run->parameters, run->parameter_count);
    if (!status && bad < run->parameter_count)
        status = dt_fail(error, DT_ERR_DATA,
                         "parameter %zu is not finite after step %lld: training has diverged; a "
                         "smaller --lr or --clip-norm 1 may help",
                         bad, (long long)self->state->step);
    return status;
}

/* The ranks have slices of it. */
static void gather_state(trainer *self)
{
    dt_optimizer_state whole = {0};
    if (self->observer->room)
        whole = self->observer->room(self->observer->state);
    if (self->gathers)
        dt_session_gather(self->run, whole);
}

static dt_status save(trainer *self, bool last, dt_error *error)
{
    uint64_t hash;
    dt_watchdog_beat(self->run->watchdog, self->state->step, DT_PHASE_SAVE);
    if (self->run->track)
        dt_track_collect(self->run->track);
    dt_status status = check_parameters(self, &hash, error);
    if (!status)
        gather_state(self);
    if (!status && self->observer->save)
        self->observer->save(self->observer->state, self->state, last);
    self->save_asked = false;
    dt_trace_lap(&self->run->trace, DT_PHASE_SAVE);
    return status;
}

static void note_best(trainer *self)
{
    dt_state *state = self->state;
    dt_progress_report *report = &self->report;
    report->best = state->best.epoch == 0 ? !isnan(report->val.accuracy)
                                          : report->val.accuracy > state->best.val.accuracy;
    if (report->best)
        state->best = (dt_best){.epoch = report->epoch,
                                .step = report->step,
                                .samples = report->samples,
                                .val = report->val,
                                .test = report->test};
    state->epochs_since_best = report->best ? 0 : state->epochs_since_best + 1;
}

static dt_status evaluate(trainer *self, dt_error *error)
{
    dt_session *run = self->run;
    dt_progress_report *report = &self->report;
    dt_status status = check_parameters(self, &report->parameter_hash, error);
    if (!status)
        status = dt_evaluate(run, DT_SUBSET_VAL, &report->val, error);
    if (!status)
        status = dt_evaluate(run, DT_SUBSET_TEST, &report->test, error);
    dt_trace_lap(&run->trace, DT_PHASE_EVALUATE);
    return status;
}

static dt_status evaluate_and_report(trainer *self, dt_error *error)
{
    dt_session *run = self->run;
    dt_progress_report *report = &self->report;
    dt_status status = evaluate(self, error);
    if (!status)
        status = report_phases(self, error);
    if (status)
        return status;
    note_best(self);
    dt_schedule_note(&run->schedule, report->val.loss, &self->state->plateau);
    self->state->seconds = report->seconds = dt_clock() - self->begin;
    report->seconds_now = dt_clock() - self->start;
    if (self->observer->epoch)
        self->observer->epoch(self->observer->state, report);
    dt_trace_lap(&run->trace, DT_PHASE_SAVE);
    return DT_OK;
}

static bool is_due(int64_t count, int64_t every)
{
    return every > 0 && count % every == 0;
}

/* The steps of the epoch that are left, up to the last of the run or a request to stop. */
static dt_status train_steps(trainer *self, dt_error *error)
{
    dt_session *run = self->run;
    dt_state *state = self->state;
    int64_t steps = self->report.steps_an_epoch;
    while (state->step_in_epoch < steps && state->step < run->total_steps && !self->stop) {
        dt_request own = {0};
        if (self->observer->request)
            own = self->observer->request(self->observer->state);
        dt_step_result result;
        dt_status status = dt_step(run, self->feed, state, own, &result, error);
        if (!status)
            status = count_step(self, &result, error);
        uint64_t hash;
        if (!status && is_due(state->step, run->config.verify_replicas))
            status = dt_verify_replicas(run, &hash, error);
        dt_trace_lap(&run->trace, DT_PHASE_OTHER);
        self->stop = !status && result.asked.stop;
        self->save_asked |= !status && result.asked.save;
        bool ends = state->step_in_epoch == steps || state->step == run->total_steps;
        if (!status && !self->stop && !ends &&
            (is_due(state->step, run->config.checkpoint_steps) || self->save_asked))
            status = save(self, false, error);
        if (status)
            return status;
    }
    return DT_OK;
}

static dt_status train_epoch(trainer *self, dt_error *error)
{
    dt_session *run = self->run;
    dt_state *state = self->state;
    dt_progress_report *report = &self->report;
    report->val = report->test = (dt_evaluation){(double)NAN, (double)NAN};
    report->parameter_hash = 0;
    report->best = false;
    self->epoch_begin = dt_clock();
    self->epoch_samples = 0;
    if (state->step_in_epoch == 0) {
        state->loss = 0;
        state->correct = state->counted = 0;
    }
    dt_plan_start_epoch(&run->plan, (uint32_t)state->epoch);
    dt_status status = dt_feed_start_epoch(self->feed, state->step_in_epoch, error);
    if (!status)
        status = train_steps(self, error);
    if (status)
        return status;
    if (run->track)
        dt_track_collect(run->track);
    report_sums(self);
    if (self->stop)
        return save(self, true, error);
    bool whole = state->step_in_epoch == report->steps_an_epoch;
    if (!whole)
        status = save(self, true, error);
    if (!status)
        status = evaluate_and_report(self, error);
    if (status || !whole)
        return status;
    bool by_steps = is_due(state->step, run->config.checkpoint_steps);
    state->epoch++;
    state->step_in_epoch = 0;
    dt_ending ending;
    bool last = dt_train_finished(run, state, &ending);
    if (last || by_steps || self->save_asked || is_due(state->epoch, run->config.checkpoint_epochs))
        status = save(self, last, error);
    return status;
}

bool dt_train_finished(const dt_session *run, const dt_state *where, dt_ending *ending)
{
    int64_t patience = run->config.patience;
    *ending = DT_ENDED_COMPLETE;
    if (where->step_in_epoch > 0) /* to be evaluated */
        return false;
    if (where->step >= run->total_steps)
        return true;
    *ending = DT_ENDED_PATIENCE;
    return patience > 0 && where->epochs_since_best >= patience;
}

dt_status dt_train(dt_session *run, const dt_observer *observer, dt_state *state,
                   dt_progress_report *last, dt_ending *ending, dt_error *error)
{
    double now = dt_clock();
    trainer self = {.run = run,
                    .observer = observer,
                    .state = state,
                    .begin = now - state->seconds,
                    .start = now,
                    .gathers = observer->room};
    dt_comm_broadcast(run->comm, &self.gathers, sizeof self.gathers);
    self.report = (dt_progress_report){
        .epochs = run->config.epochs,
        .steps = run->total_steps,
        .steps_an_epoch = dt_plan_steps(&run->plan),
        .epoch = state->epoch,
        .step = state->step,
        .samples = state->samples,
        .first_step = state->step,
        .seconds = state->seconds,
        .train_loss = state->loss / (double)state->counted,
        .train_accuracy = (double)state->correct / (double)state->counted,
        .val = {(double)NAN, (double)NAN},
        .test = {(double)NAN, (double)NAN},
        .lr = dt_schedule_rates(&run->schedule, state->step > 0 ? state->step - 1 : 0,
                                state->plateau.drops)
                  .lr,
        .gradient_norm = state->gradient_norm,
        .samples_per_second = (double)NAN};
    dt_trace_lap(&run->trace, DT_PHASE_OTHER);
    dt_status status = dt_feed_create(&run->plan, run->exchange, run->own_virtual_ranks,
                                      dt_comm_size(run->comm), &self.feed, error);
    status = dt_comm_agree(run->comm, status, error);
    if (!status && run->total_steps == 0 && state->step == 0) {
        status = save(&self, true, error);
        if (!status)
            status = evaluate_and_report(&self, error);
    }
    bool ended = dt_train_finished(run, state, ending);
    if (!status && ended && state->step > 0) /* before this start */
        status = evaluate(&self, error);
    while (!status && !ended) {
        status = train_epoch(&self, error);
        ended = dt_train_finished(run, state, ending) || state->step >= run->total_steps;
        if (self.stop) {
            *ending = DT_ENDED_STOPPED;
            ended = true;
        }
    }
    *last = self.report;
    dt_feed_destroy(self.feed);
    return status;
}
