#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "banner.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "commands.h"
#include "progress.h"
#include "report/report.h"
#include "run/checkpoint.h"
#include "run/summary.h"
#include "train/insight.h"
#include "train/output.h"
#include "train/resume.h"
#include "train/session.h"
#include "train/stop.h"
#include "train/timeline.h"
#include "train/track.h"
#include "train/trainer.h"

/* The file `stop` is looked for so often. */
static const double seconds_between_looks = 0.2;

/* What a rank does around a training. Rank 0 speaks and has the files. */
typedef struct session {
    const dt_session *run;
    dt_output *output; /* NULL on other ranks */
    time_t started;
    const char *resumed_from;           /* the checkpoint; NULL: none */
    double begin, last_look, last_save; /* of the clock */
    char stop_reason[64];               /* "": nobody asked for it */
    bool weights_saved;
    dt_progress_report last_epoch;
    char checkpoint[DT_PATH_SIZE];     /* the newest that is safe; "": none yet */
    dt_error failures[DT_SAVED_KINDS]; /* of the last file of each kind */
    dt_error failure;                  /* of another file: training goes on, the exit code tells */
} session;

static void keep_failure(session *self, dt_status status, const dt_error *error)
{
    if (status && !self->failure.status)
        self->failure = *error;
}

static void warn_of_failure(session *self, dt_status status, const dt_error *error)
{
    keep_failure(self, status, error);
    if (status)
        dt_warn("%s", error->message);
}

/* What there is to go on from when a checkpoint could not be saved. */
static const char *what_stays(const session *self)
{
    int64_t *steps;
    size_t count;
    dt_error error;
    if (dt_checkpoint_list(dt_output_path(self->output), &steps, &count, &error))
        return "";
    dt_free(steps);
    return count > 0 ? "; the older checkpoints stay" : "; there is no checkpoint yet";
}

/* Warns of files that could not be saved, and notes the newest checkpoint. */
static void collect_saved(session *self)
{
    dt_saved saved;
    while (dt_output_collect(self->output, &saved)) {
        self->failures[saved.kind] = saved.error;
        if (saved.error.status)
            dt_warn("%s%s", saved.error.message,
                    saved.kind == DT_SAVED_CHECKPOINT ? what_stays(self) : "");
        else if (saved.kind == DT_SAVED_CHECKPOINT)
            memcpy(self->checkpoint, saved.path, sizeof self->checkpoint);
        if (saved.old.status)
            dt_warn("%s", saved.old.message);
    }
}

static bool wants_stop(session *self, double now)
{
    const dt_config *config = &self->run->config;
    const char *directory = dt_output_path(self->output);
    if (dt_stop_requested() != DT_STOP_NONE)
        snprintf(self->stop_reason, sizeof self->stop_reason, "%s",
                 dt_stop_reason_text(dt_stop_requested()));
    else if (config->max_time > 0 && now - self->begin > 60 * config->max_time)
        snprintf(self->stop_reason, sizeof self->stop_reason, "max_time (%g minutes)",
                 config->max_time);
    else if (now - self->last_look > seconds_between_looks) {
        self->last_look = now;
        if (dt_run_directory_stop_requested(directory))
            snprintf(self->stop_reason, sizeof self->stop_reason, "the file " DT_FILE_STOP);
    }
    return self->stop_reason[0];
}

static dt_request before_step(void *state)
{
    session *self = state;
    if (!self->output)
        return (dt_request){.stop = dt_stop_requested() != DT_STOP_NONE};
    double now = dt_clock(), minutes = self->run->config.checkpoint_minutes;
    dt_output_beat(self->output);
    collect_saved(self);
    return (dt_request){.stop = wants_stop(self, now),
                        .save = minutes > 0 && now - self->last_save > 60 * minutes};
}

static void after_step(void *state, const dt_progress_report *report)
{
    session *self = state;
    dt_error error = {0};
    int64_t log_every = self->run->config.log_every;
    bool ends_epoch = report->step_in_epoch == report->steps_an_epoch; /* which has its own row */
    if (log_every > 0 && report->step % log_every == 0 && !ends_epoch)
        warn_of_failure(self, dt_output_row(self->output, report, &error), &error);
    progress_draw(report);
}

static void after_skipped_step(void *state, const dt_error *problem)
{
    (void)state;
    dt_warn("%s: left out", problem->message);
}

static void after_epoch(void *state, const dt_progress_report *report)
{
    session *self = state;
    char line[256];
    dt_error error = {0};
    self->last_epoch = *report;
    progress_epoch_line(report, line, sizeof line);
    dt_say("%s", line);
    warn_of_failure(self, dt_output_row(self->output, report, &error), &error);
    if (report->best)
        warn_of_failure(self, dt_output_weights(self->output, DT_SAVED_BEST, report, &error),
                        &error);
}

static dt_optimizer_state room(void *state)
{
    return dt_output_room(((session *)state)->output);
}

/* A checkpoint that says that all is done comes after the weights. */
static void save(void *state, const dt_state *where, bool last)
{
    session *self = state;
    dt_error error = {0};
    bool complete = last && where->step_in_epoch == 0 && !self->stop_reason[0];
    if (complete && where->step > 0) {
        warn_of_failure(
            self, dt_output_weights(self->output, DT_SAVED_WEIGHTS, &self->last_epoch, &error),
            &error);
        self->weights_saved = true;
    }
    warn_of_failure(self, dt_output_checkpoint(self->output, where, complete, &error), &error);
    self->last_save = dt_clock();
}

static const char *stop_reason(const session *self)
{
    return self->stop_reason[0] ? self->stop_reason : "a signal to another rank";
}

static void print_result(const session *self, dt_ending ending, const dt_progress_report *report)
{
    char buffer[512] = "";
    const char *directory = dt_output_path(self->output);
    bool tells = self->run->config.report;
    dt_text text = {.text = buffer, .size = sizeof buffer};
    if (ending == DT_ENDED_STOPPED) {
        dt_say("stopped by %s after step %lld of %lld: checkpoint %s; --resume auto goes on",
               stop_reason(self), (long long)report->step, (long long)report->steps,
               self->checkpoint);
        return;
    }
    if (ending == DT_ENDED_PATIENCE)
        dt_say("no better validation accuracy for %lld epochs: ending early",
               (long long)self->run->config.patience);
    if (!isnan(report->val.accuracy))
        dt_text_add(&text, "val_acc %.4f, ", report->val.accuracy);
    if (!isnan(report->test.accuracy))
        dt_text_add(&text, "test_acc %.4f, ", report->test.accuracy);
    dt_say("done: %s%lld steps in %.1f s; weights in %s/" DT_FILE_WEIGHTS "%s%s%s", buffer,
           (long long)report->step, report->seconds, directory, tells ? ", report in " : "",
           tells ? directory : "", tells ? "/" DT_FILE_REPORT : "");
}

/* Collects, on all ranks, what is to be told of the run. problem: of the training; NULL: none. */
static dt_status collect(const session *self, dt_session *run, dt_ending ending,
                         const dt_progress_report *last, const dt_error *problem,
                         dt_insight *insight, dt_error *error)
{
    char words[sizeof problem->message + 20];
    bool evaluated = !isnan(last->val.loss) || !isnan(last->test.loss);
    const dt_progress_report *earlier = self->last_epoch.epoch > 0 ? &self->last_epoch : NULL;
    dt_epilogue epilogue = {.evaluated = evaluated ? last : earlier,
                            .ending = words,
                            .version = DT_VERSION,
                            .resumed_from = self->resumed_from,
                            .begin = self->started,
                            .end = time(NULL)};
    if (!self->run->config.report)
        return DT_OK;
    if (problem)
        snprintf(words, sizeof words, "failed: %s", problem->message);
    else if (ending == DT_ENDED_STOPPED)
        snprintf(words, sizeof words, "stopped by %s", stop_reason(self));
    else
        snprintf(words, sizeof words, "complete%s",
                 ending == DT_ENDED_PATIENCE ? ": no better validation accuracy" : "");
    dt_status status = dt_insight_collect(run, self->output ? &epilogue : NULL, insight, error);
    if (status || problem) /* after which what is tracked may not be collected */
        return status;
    return dt_track_report(run, self->output ? insight : NULL, error);
}

/* What tells of a run is no part of it: one that is to go on may do without. */
static dt_status accept(session *self, dt_status status, const dt_error *error, bool goes_on)
{
    if (!goes_on)
        warn_of_failure(self, status, error);
    else if (status)
        dt_warn("%s", error->message);
    return goes_on ? DT_OK : status;
}

/* report.html, of what the other files of the run say. One that may not be safe on disk is
 * removed. */
static dt_status write_report(const char *directory, dt_error *error)
{
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(directory, DT_FILE_REPORT, path, error);
    if (status)
        return status;
    status = dt_report_write(1, &directory, path, error);
    if (status)
        unlink(path);
    return status;
}

/* Rank 0, after the training: the files that end a run; closes the output. */
static dt_status finish_output(session *self, dt_status outcome, dt_ending ending,
                               const dt_progress_report *last, const dt_insight *insight,
                               dt_error *error)
{
    bool stopped = !outcome && ending == DT_ENDED_STOPPED;
    dt_error own = {0};
    if (!outcome && !self->weights_saved)
        keep_failure(self, dt_output_weights(self->output, DT_SAVED_WEIGHTS, last, &own), &own);
    dt_output_wait(self->output);
    collect_saved(self);
    for (int kind = 0; kind < DT_SAVED_KINDS; kind++)
        keep_failure(self, self->failures[kind].status, &self->failures[kind]);
    if (insight->facts)
        accept(self, dt_output_insight(self->output, insight, &own), &own, stopped);
    bool failed = outcome || self->failure.status;
    if (!outcome && failed)
        dt_note("dist-train: %s", self->failure.message);
    const char *name = failed ? "failed" : stopped ? "stopped" : "complete";
    if (!failed)
        print_result(self, ending, last);
    keep_failure(self, dt_output_finish(self->output, name, last, &own), &own);
    if (self->run->config.report &&
        accept(self, write_report(dt_output_path(self->output), &own), &own, stopped) && !failed)
        keep_failure(self, dt_output_finish(self->output, "failed", last, &own), &own);
    keep_failure(self, dt_output_close(self->output, &own), &own);
    if (self->failure.status)
        *error = self->failure;
    return self->failure.status;
}

/* One line on what bounded the run. */
static void print_time(const dt_session *run)
{
    const double *seconds = run->trace.seconds;
    double all = 0;
    for (int p = 0; p < DT_PHASES; p++)
        all += seconds[p];
    double percent = all > 0 ? 100 / all : 0;
    dt_say("time: compute %.1f %%, reduction %.1f %%, waiting %.1f %%, data %.1f %%, evaluation "
           "%.1f %%, files %.1f %%, other %.1f %% (rank 0%s)",
           percent *
               (seconds[DT_PHASE_FORWARD] + seconds[DT_PHASE_BACKWARD] + seconds[DT_PHASE_UPDATE]),
           percent * seconds[DT_PHASE_REDUCE], percent * seconds[DT_PHASE_WAIT],
           percent * seconds[DT_PHASE_GATHER], percent * seconds[DT_PHASE_EVALUATE],
           percent * seconds[DT_PHASE_SAVE], percent * seconds[DT_PHASE_OTHER],
           run->own_virtual_ranks.count > 0 ? "" : ", which waits for those that train");
}

static void say_over(const dt_session *run, const char *directory, int64_t step, dt_ending ending)
{
    char place[BANNER_PLACE], more[80] = "; more --epochs go on from there";
    int64_t epochs = step / dt_plan_steps(&run->plan) + 1;
    if (step > run->total_steps && run->config.epochs < epochs)
        snprintf(more, sizeof more, "; --epochs %lld or more goes on from there",
                 (long long)epochs);
    else if (step > run->total_steps)
        snprintf(more, sizeof more, "; a larger --max-steps goes on from there");
    dt_say("%s is complete: %s%s", directory, banner_place(run, step, place),
           ending == DT_ENDED_PATIENCE
               ? ", no better validation accuracy since; a larger --patience goes on"
               : more);
}

/* True, on all ranks, when the run that `resume` found has nothing left to do, has said so, and has
 * its report, which comes last. */
static bool is_over(const dt_session *run, const dt_resume *resume, const dt_state *state)
{
    dt_ending ending;
    bool over = false;
    if (resume && resume->file[0] && resume->directory[0] &&
        dt_train_finished(run, state, &ending)) {
        char path[DT_PATH_SIZE];
        dt_error error;
        over = !dt_path_join(resume->directory, DT_FILE_SUMMARY, path, &error) &&
               dt_summary_is_complete(path) &&
               (!run->config.report ||
                (!dt_path_join(resume->directory, DT_FILE_REPORT, path, &error) &&
                 access(path, F_OK) == 0));
        if (over)
            say_over(run, resume->directory, state->step, ending);
    }
    dt_comm_broadcast(run->comm, &over, sizeof over);
    return over;
}

static dt_status train(dt_session *run, const dt_config *asked, dt_resume *resume, dt_state *state,
                       dt_error *error)
{
    bool voice = dt_comm_rank(run->comm) == 0;
    session self = {
        .run = run, .started = time(NULL), .resumed_from = resume->file[0] ? resume->file : NULL};
    dt_status status = voice ? dt_output_open(run, DT_VERSION, resume, &self.output, error) : DT_OK;
    status = dt_comm_agree(run->comm, status, error);
    if (!status) {
        dt_stop_defer(true); /* from here on there is something to end well */
        status = dt_watchdog_start(run->comm, run->config.stall_timeout, &run->watchdog, error);
    }
    if (status) {
        dt_output_close(self.output, NULL);
        return status;
    }
    dt_observer observer = {.state = &self, .request = before_step};
    if (voice) {
        banner_print(run, asked, dt_output_path(self.output), resume->file[0] ? resume->file : NULL,
                     state->step);
        observer = (dt_observer){.state = &self,
                                 .request = before_step,
                                 .step = after_step,
                                 .skipped = after_skipped_step,
                                 .epoch = after_epoch,
                                 .room = room,
                                 .save = save};
        if (progress_wanted((dt_progress)run->config.progress))
            progress_start();
    }
    self.begin = self.last_save = dt_clock();
    dt_progress_report last;
    dt_ending ending;
    dt_status outcome = dt_train(run, &observer, state, &last, &ending, error);
    progress_stop();
    dt_watchdog_stop(run->watchdog); /* what is left may take as long as the disk likes */
    run->watchdog = NULL;
    if (voice && !outcome)
        print_time(run);
    if (voice && outcome)
        dt_note("dist-train: %s", error->message);
    if (voice)
        dt_output_wait(self.output); /* HDF5 is asked for its version: one thread at a time */
    dt_insight insight = {0};
    dt_error own = {0};
    status = collect(&self, run, ending, &last, outcome ? error : NULL, &insight, &own);
    accept(&self, status, &own, !outcome && ending == DT_ENDED_STOPPED);
    keep_failure(&self, dt_timeline_write(run, &insight.timeline, &own), &own);
    status = voice ? finish_output(&self, outcome, ending, &last, &insight, &own) : DT_OK;
    dt_insight_destroy(&insight);
    if (outcome)
        return outcome;
    status = dt_comm_agree(run->comm, status, &own);
    if (status)
        *error = own;
    else if (ending == DT_ENDED_STOPPED)
        status = error->status = DT_STOPPED;
    return status;
}

/* Rank 0 looks for a checkpoint; all get the settings that follow from it. */
static dt_status settle(dt_comm *comm, const dt_config *asked, dt_resume *resume, dt_config *config,
                        dt_error *error)
{
    dt_config wanted = *asked;
    bool voice = dt_comm_rank(comm) == 0;
    dt_status status = voice ? dt_resume_find(&wanted, resume, error) : DT_OK;
    if (voice && !status && !resume->directory[0]) /* better now than behind the reading of data */
        status = dt_run_directory_try(wanted.output, wanted.overwrite, error);
    status = dt_comm_agree(comm, status, error);
    return status ? status : dt_session_settle(comm, &wanted, config, error);
}

dt_status command_train(dt_comm *comm, const dt_invocation *invocation, dt_error *error)
{
    const dt_config *asked = &invocation->config;
    bool voice = dt_comm_rank(comm) == 0;
    dt_resume found = {0}, *resume = voice ? &found : NULL;
    dt_config config;
    dt_session *run = NULL;
    dt_state state;
    dt_status status = settle(comm, asked, &found, &config, error);
    if (!status)
        status = dt_session_open(comm, &config, resume, &run, error);
    if (!status)
        status = dt_resume_apply(run, resume, &state, error);
    if (status)
        goto cleanup;
    if (invocation->dry_run) {
        const char *resumed_from = found.file[0] ? found.file : NULL;
        status = banner_print_dry(run, asked, resumed_from, state.step, error);
    } else if (!is_over(run, resume, &state)) {
        status = train(run, asked, &found, &state, error);
        dt_stop_defer(false);
    }
cleanup:
    dt_session_close(run);
    dt_resume_end(&found);
    return status;
}
