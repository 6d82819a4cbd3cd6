#include "train/output.h"

#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "file/atomic_file.h"
#include "run/metrics_log.h"
#include "run/metrics_read.h"
#include "run/summary.h"
#include "run/tensorboard.h"

struct dt_output {
    const dt_session *run;
    const char *version;
    const char *resumed_from; /* NULL: the run began here */
    char directory[DT_PATH_SIZE];
    dt_run_lock *lock;
    char *config_text;
    FILE *log;
    dt_metrics_log *metrics;
    dt_tensorboard *tensorboard; /* NULL: not asked for */
    bool tensorboard_fails;      /* which has been said */
    dt_saver *saver;
};

/* The settings of the run as a file that repeats it: into files of its own. */
static dt_status write_config(dt_output *self, dt_error *error)
{
    dt_config config = self->run->config;
    snprintf(config.output, sizeof config.output, "auto");
    snprintf(config.timeline, sizeof config.timeline, "none");
    snprintf(config.resume, sizeof config.resume, "never");
    config.overwrite = false;
    size_t length = dt_config_write_ini(&config, true, NULL, 0);
    self->config_text = dt_calloc(length + 1, 1, error);
    if (!self->config_text)
        return error->status;
    dt_config_write_ini(&config, true, self->config_text, length + 1);
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(self->directory, DT_FILE_CONFIG, path, error);
    return status ? status : dt_atomic_write(path, self->config_text, length, error);
}

/* The directory is there, and ours. */
static dt_status open_directory(dt_output *self, dt_resume *resume, dt_error *error)
{
    const dt_config *config = &self->run->config;
    if (resume->directory[0]) {
        memcpy(self->directory, resume->directory, sizeof self->directory);
        self->lock = resume->lock;
        resume->lock = NULL;
        return resume->file[0] ? dt_run_directory_tidy(self->directory, error)
                               : dt_run_directory_clear(self->directory, true, error);
    }
    dt_status status = dt_run_directory_make(config->output, self->directory, error);
    if (!status)
        status = dt_run_lock_take(self->directory, DT_LOCK_PATIENCE, &self->lock, error);
    return status ? status : dt_run_directory_clear(self->directory, config->overwrite, error);
}

/* The log has again the rows of the checkpoint, of which the first ones of a long run are in the
 * metrics.csv beside the checkpoints. */
static dt_status restore_metrics(dt_output *self, const char *path, const dt_checkpoint *from,
                                 dt_error *error)
{
    char home[DT_PATH_SIZE], source[DT_PATH_SIZE];
    dt_error lost = {0};
    snprintf(home, sizeof home, "%s", self->resumed_from);
    dt_status status = dt_path_join(dirname(dirname(home)), DT_FILE_METRICS, source, error);
    if (!status)
        status = dt_metrics_log_restore(path, source, &from->history, &self->metrics, &lost, error);
    if (!status && lost.status)
        dt_warn("%s; " DT_FILE_METRICS
                " goes on with the newest rows alone, and what was there is now " DT_FILE_METRICS
                    DT_ENDING_DAMAGED,
                lost.message);
    return status;
}

static dt_status open_logs(dt_output *self, const dt_resume *resume, dt_error *error)
{
    const dt_checkpoint *from = &resume->checkpoint;
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(self->directory, DT_FILE_METRICS, path, error);
    if (!status)
        status = self->resumed_from ? restore_metrics(self, path, from, error)
                                    : dt_metrics_log_create(path, &self->metrics, error);
    if (!status)
        status = dt_path_join(self->directory, DT_FILE_LOG, path, error);
    int file;
    if (!status)
        status = dt_file_open(path, DT_OPEN_APPEND, &file, error);
    if (status)
        return status;
    self->log = dt_file_stream(file, "a");
    if (!self->log)
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot create: %m", path);
    dt_log_set_file(self->log);
    return DT_OK;
}

/* Seconds since 1970. */
static double wall_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The events are a copy of metrics.csv for the eye: what fails there is no failure of the run. */
static void note_events(dt_output *self, dt_status status, const dt_error *error)
{
    if (status && !self->tensorboard_fails)
        dt_warn("%s; the training goes on without TensorBoard's newest events", error->message);
    self->tensorboard_fails = status;
}

/* Of a run that goes on, metrics.csv has its rows again: the events begin with them. */
static dt_status copy_rows(dt_output *self, double begin, dt_error *error)
{
    char path[DT_PATH_SIZE];
    dt_metrics_reader *reader = NULL;
    const dt_metrics_row *row = NULL;
    dt_status status = dt_path_join(self->directory, DT_FILE_METRICS, path, error);
    if (!status)
        status = dt_metrics_reader_open(path, &reader, error);
    if (!status)
        status = dt_metrics_reader_next(reader, &row, error);
    while (!status && row) {
        status = dt_tensorboard_row(self->tensorboard, row, begin + row->seconds, error);
        if (!status)
            status = dt_metrics_reader_next(reader, &row, error);
    }
    dt_metrics_reader_close(reader);
    return status;
}

static dt_status open_tensorboard(dt_output *self, const dt_resume *resume, dt_error *error)
{
    const dt_session *run = self->run;
    bool wanted[DT_SUBSETS];
    char path[DT_PATH_SIZE];
    if (!run->config.tensorboard)
        return DT_OK;
    for (int kind = 0; kind < DT_SUBSETS; kind++)
        wanted[kind] = run->dataset->subsets[kind].count > 0;
    dt_status status = dt_path_join(self->directory, DT_DIRECTORY_EVENTS, path, error);
    if (!status)
        status = dt_tensorboard_open(path, wanted, &self->tensorboard, error);
    if (!status)
        status = copy_rows(self, wall_time() - resume->checkpoint.state.seconds, error);
    return status ? status : dt_tensorboard_publish(self->tensorboard, error);
}

dt_status dt_output_open(const dt_session *run, const char *version, dt_resume *resume,
                         dt_output **out, dt_error *error)
{
    dt_output *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->run = run;
    self->version = version;
    self->resumed_from = resume->file[0] ? resume->file : NULL;
    dt_status status = open_directory(self, resume, error);
    if (!status)
        status = write_config(self, error);
    if (!status)
        status = open_logs(self, resume, error);
    if (!status)
        status = open_tensorboard(self, resume, error);
    if (!status)
        status = dt_saver_create(run, version, self->config_text, self->directory, self->lock,
                                 &self->saver, error);
    if (!status)
        status = dt_saver_restore_best(self->saver, &resume->checkpoint, error);
    if (!status)
        status = dt_run_directory_start(self->directory, error);
    dt_checkpoint_destroy(&resume->checkpoint);
    if (status) {
        dt_output_close(self, NULL);
        return status;
    }
    *out = self;
    return DT_OK;
}

static dt_status close_log(dt_output *self, dt_error *error)
{
    if (!self->log)
        return DT_OK;
    int reason = dt_log_file_error();
    dt_log_set_file(NULL);
    if (fclose(self->log) && errno != EINTR && reason == 0)
        reason = errno;
    self->log = NULL;
    return reason
               ? dt_fail(error, DT_ERR_IO, "%s/" DT_FILE_LOG ": not all of it could be written: %s",
                         self->directory, strerror(reason))
               : DT_OK;
}

/* The first error of the two. */
static dt_status close_logs(dt_output *self, dt_error *error)
{
    dt_error own = {0};
    note_events(self, dt_tensorboard_close(self->tensorboard, &own), &own);
    self->tensorboard = NULL;
    dt_status status = dt_metrics_log_close(self->metrics, error);
    self->metrics = NULL;
    dt_status log_status = close_log(self, status ? NULL : error);
    return status ? status : log_status;
}

dt_status dt_output_close(dt_output *self, dt_error *error)
{
    if (!self)
        return DT_OK;
    dt_saver_destroy(self->saver);
    dt_status status = close_logs(self, error);
    dt_run_lock_release(self->lock);
    dt_free(self->config_text);
    dt_free(self);
    return status;
}

const char *dt_output_path(const dt_output *self)
{
    return self->directory;
}

/* What the report says of any time; the rest is that of the end of an epoch. */
static dt_metrics_row row_of(const dt_progress_report *report)
{
    return (dt_metrics_row){.epoch = report->epoch,
                            .step = report->step,
                            .samples = report->samples,
                            .train_loss = report->train_loss,
                            .train_accuracy = report->train_accuracy,
                            .val_loss = report->val.loss,
                            .val_accuracy = report->val.accuracy,
                            .test_loss = report->test.loss,
                            .test_accuracy = report->test.accuracy,
                            .learning_rate = report->lr,
                            .seconds = report->seconds,
                            .samples_per_second = report->samples_per_second,
                            .compute_seconds = (double)NAN,
                            .reduce_seconds = (double)NAN,
                            .wait_seconds = (double)NAN,
                            .data_seconds = (double)NAN,
                            .gradient_norm = report->gradient_norm,
                            .parameter_hash = report->parameter_hash};
}

dt_status dt_output_row(dt_output *self, const dt_progress_report *report, dt_error *error)
{
    const double *seconds = report->phase_seconds;
    dt_metrics_row row = row_of(report);
    if (report->parameter_hash) { /* the end of an epoch */
        row.compute_seconds =
            seconds[DT_PHASE_FORWARD] + seconds[DT_PHASE_BACKWARD] + seconds[DT_PHASE_UPDATE];
        row.reduce_seconds = seconds[DT_PHASE_REDUCE];
        row.wait_seconds = seconds[DT_PHASE_WAIT];
        row.data_seconds = seconds[DT_PHASE_GATHER];
    }
    if (self->tensorboard) {
        dt_error own = {0};
        dt_status status = dt_tensorboard_row(self->tensorboard, &row, wall_time(), &own);
        note_events(self, status, &own);
    }
    return dt_metrics_log_append(self->metrics, &row, error);
}

dt_optimizer_state dt_output_room(dt_output *self)
{
    return dt_saver_room(self->saver);
}

dt_status dt_output_checkpoint(dt_output *self, const dt_state *where, bool complete,
                               dt_error *error)
{
    const dt_metrics_history history = dt_metrics_log_history(self->metrics);
    return dt_saver_checkpoint(self->saver, where, complete, &history, error);
}

dt_status dt_output_weights(dt_output *self, dt_saved_kind kind, const dt_progress_report *report,
                            dt_error *error)
{
    dt_best origin = {.epoch = report->epoch,
                      .step = report->step,
                      .samples = report->samples,
                      .val = report->val,
                      .test = report->test};
    return dt_saver_weights(self->saver, kind, &origin, error);
}

bool dt_output_collect(dt_output *self, dt_saved *saved)
{
    return dt_saver_collect(self->saver, saved);
}

void dt_output_wait(dt_output *self)
{
    dt_saver_wait(self->saver);
}

void dt_output_beat(dt_output *self)
{
    dt_run_lock_beat(self->lock);
}

static dt_status write_summary(dt_output *self, const char *outcome,
                               const dt_progress_report *report, dt_error *error)
{
    const dt_session *run = self->run;
    dt_summary summary = {.status = outcome,
                          .last = row_of(report),
                          .ranks = dt_comm_size(run->comm),
                          .virtual_ranks = (int)run->config.virtual_ranks,
                          .hosts = dt_comm_hosts(run->comm),
                          .resumed_from = self->resumed_from,
                          .data_source = run->source->name,
                          .version = self->version};
    summary.last.parameter_hash = dt_hash(run->parameters, run->parameter_count * sizeof(float));
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(self->directory, DT_FILE_SUMMARY, path, error);
    if (!status)
        status = dt_summary_write(path, &summary, error);
    if (status)
        unlink(path);
    return status;
}

dt_status dt_output_insight(dt_output *self, const dt_insight *insight, dt_error *error)
{
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(self->directory, DT_FILE_INSIGHT, path, error);
    if (status)
        return status;
    status = dt_insight_write(path, insight, error);
    if (status)
        unlink(path);
    return status;
}

dt_status dt_output_finish(dt_output *self, const char *outcome, const dt_progress_report *report,
                           dt_error *error)
{
    dt_error own;
    dt_status status = close_logs(self, error);
    dt_status summary_status = write_summary(self, status ? "failed" : outcome, report, &own);
    if (summary_status && !status)
        *error = own;
    return status ? status : summary_status;
}
