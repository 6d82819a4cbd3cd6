#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/banner.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "train/output.h"
#include "train/run.h"
#include "train/timeline.h"
#include "train/trainer.h"

/* What rank 0 does with the news of a training: lines, bar, files. */
typedef struct reporter {
    dt_output *output;
    int64_t log_every;
    /* The first file that could not be written; training goes on, the exit code tells. */
    dt_error failure;
} reporter;

static void keep_failure(reporter *self, dt_status status, const dt_error *error)
{
    if (status && !self->failure.status)
        self->failure = *error;
}

static void warn_of_failure(reporter *self, dt_status status, const dt_error *error)
{
    keep_failure(self, status, error);
    if (status)
        dt_warn("%s", error->message);
}

static void after_step(void *state, const dt_progress_report *report)
{
    reporter *self = state;
    dt_error error = {0};
    bool ends_epoch = report->step_in_epoch == report->steps_an_epoch ||
                      report->step == report->steps; /* which has a row of its own */
    if (self->log_every > 0 && report->step % self->log_every == 0 && !ends_epoch)
        warn_of_failure(self, dt_output_row(self->output, report, &error), &error);
    dt_progress_draw(report);
}

static void after_epoch(void *state, const dt_progress_report *report)
{
    reporter *self = state;
    char line[256];
    dt_error error = {0};
    dt_progress_epoch_line(report, line, sizeof line);
    dt_say("%s", line);
    warn_of_failure(self, dt_output_row(self->output, report, &error), &error);
    if (report->best)
        warn_of_failure(self, dt_output_weights(self->output, DT_FILE_BEST, report, &error),
                        &error);
}

static void print_result(const dt_progress_report *report, const char *directory)
{
    char buffer[512] = "";
    dt_text text = {.text = buffer, .size = sizeof buffer};
    if (!isnan(report->val.accuracy))
        dt_text_add(&text, "val_acc %.4f, ", report->val.accuracy);
    if (!isnan(report->test.accuracy))
        dt_text_add(&text, "test_acc %.4f, ", report->test.accuracy);
    dt_say("done: %s%lld steps in %.1f s; weights in %s/%s", buffer, (long long)report->step,
           report->seconds, directory, DT_FILE_WEIGHTS);
}

/* Rank 0, after the training: the files that end a run; closes the output. */
static dt_status finish_output(reporter *self, dt_status outcome, const dt_progress_report *last,
                               dt_error *error)
{
    dt_error own = {0};
    if (!outcome)
        keep_failure(self, dt_output_weights(self->output, DT_FILE_WEIGHTS, last, &own), &own);
    const char *name = outcome || self->failure.status ? "failed" : "complete";
    keep_failure(self, dt_output_summary(self->output, name, last, &own), &own);
    if (!outcome && !self->failure.status)
        print_result(last, dt_output_path(self->output));
    keep_failure(self, dt_output_close(self->output, &own), &own);
    if (self->failure.status)
        *error = self->failure;
    return self->failure.status;
}

/* One line on what bounded the run. */
static void print_time(const dt_run *run)
{
    const double *seconds = run->trace.seconds;
    double all = 0;
    for (int p = 0; p < DT_PHASES; p++)
        all += seconds[p];
    double percent = all > 0 ? 100 / all : 0;
    dt_say("time: compute %.1f %%, reduction %.1f %%, waiting %.1f %%, data %.1f %%, evaluation "
           "%.1f %%, files %.1f %%, other %.1f %% (rank 0)",
           percent *
               (seconds[DT_PHASE_FORWARD] + seconds[DT_PHASE_BACKWARD] + seconds[DT_PHASE_UPDATE]),
           percent * seconds[DT_PHASE_REDUCE], percent * seconds[DT_PHASE_WAIT],
           percent * seconds[DT_PHASE_GATHER], percent * seconds[DT_PHASE_EVALUATE],
           percent * seconds[DT_PHASE_SAVE], percent * seconds[DT_PHASE_OTHER]);
}

static dt_status train(dt_run *run, const dt_config *asked, dt_error *error)
{
    bool voice = dt_comm_rank(run->comm) == 0;
    reporter self = {.log_every = run->config.log_every};
    dt_status status = voice ? dt_output_open(run, DT_VERSION, &self.output, error) : DT_OK;
    status = dt_comm_agree(run->comm, status, error);
    if (status)
        return status;
    dt_observer observer = {0};
    if (voice) {
        dt_banner_print(run, asked, dt_output_path(self.output));
        observer = (dt_observer){&self, after_step, after_epoch};
        if (dt_progress_wanted((dt_progress)run->config.progress))
            dt_progress_start();
    }
    dt_progress_report last;
    dt_status outcome = dt_train(run, &observer, &last, error);
    dt_progress_stop();
    if (voice && !outcome)
        print_time(run);
    dt_error own = {0};
    keep_failure(&self, dt_timeline_write(run, &own), &own);
    status = voice ? finish_output(&self, outcome, &last, &own) : DT_OK;
    if (outcome)
        return outcome;
    status = dt_comm_agree(run->comm, status, &own);
    if (status)
        *error = own;
    return status;
}

dt_status dt_command_train(dt_comm *comm, const dt_invocation *invocation, dt_error *error)
{
    dt_config config;
    dt_status status = dt_run_settle(comm, &invocation->config, &config, error);
    if (status)
        return status;
    dt_run *run = NULL;
    status = dt_run_open(comm, &config, &run, error);
    if (status)
        return status;
    if (!invocation->dry_run)
        status = train(run, &invocation->config, error);
    else if (dt_comm_rank(comm) == 0)
        dt_banner_print(run, &invocation->config, NULL);
    dt_run_close(run);
    return status;
}
