#include "read_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "nn/metrics.h"

static const char *const files[] = {DT_FILE_CONFIG,  DT_FILE_METRICS, DT_FILE_SUMMARY,
                                    DT_FILE_WEIGHTS, DT_FILE_BEST,    DT_FILE_INSIGHT};

static dt_status check_directory(const char *path, dt_error *error)
{
    struct stat info;
    char file[DT_PATH_SIZE];
    if (stat(path, &info) != 0)
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: expected a run directory: %m", path);
    if (!S_ISDIR(info.st_mode))
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: expected a run directory, found a file", path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!dt_path_join(path, files[i], file, NULL) && access(file, F_OK) == 0)
            return DT_OK;
    return dt_fail(error, DT_ERR_NO_INPUT,
                   "%s: expected a run directory, found a directory without files of a run", path);
}

/* The last part of the directory's own path: "latest" and "." say nothing. */
static void find_name(report_run *self)
{
    char *real = realpath(self->path, NULL);
    const char *slash = real ? strrchr(real, '/') : NULL;
    snprintf(self->name, sizeof self->name, "%s", slash && slash[1] ? slash + 1 : self->path);
    free(real); /* of the C library */
}

static dt_status add_note(report_run *self, const char *text, dt_error *error)
{
    if (self->note_count == REPORT_NOTES_MAX)
        return dt_fail(error, DT_ERR_INTERNAL, "more than %d notes", REPORT_NOTES_MAX);
    char *copy = dt_strdup(text, error);
    if (!copy)
        return error->status;
    self->notes[self->note_count++] = copy;
    return DT_OK;
}

typedef dt_status reader(report_run *self, const char *path, dt_error *error);

static dt_status read_config(report_run *self, const char *path, dt_error *error)
{
    dt_config_defaults(&self->config);
    dt_status status = dt_config_read_ini(&self->config, path, error);
    self->has_config = !status;
    return status == DT_ERR_CONFIG ? error->status = DT_ERR_DATA : status;
}

static dt_status read_metrics(report_run *self, const char *path, dt_error *error)
{
    return dt_report_rows_read(path, &self->rows, error);
}

static dt_status read_summary(report_run *self, const char *path, dt_error *error)
{
    dt_status status = dt_summary_read(path, &self->summary, error);
    self->has_summary = !status;
    return status;
}

static dt_status read_insight(report_run *self, const char *path, dt_error *error)
{
    dt_status status = dt_insight_read(path, &self->insight, error);
    self->has_insight = !status;
    return status;
}

static dt_status read_weights(report_run *self, const char *path, dt_error *error)
{
    dt_status status = dt_weights_read(path, &self->weights, error);
    self->has_weights = !status;
    return status;
}

static dt_status read_lock(report_run *self, const char *path, dt_error *error)
{
    (void)path;
    char holder[DT_RUN_LOCK_TEXT];
    return dt_run_lock_look(self->path, &self->lock, holder, error);
}

/* Reads a file of the run; one that is not there is a line, one that is damaged a warning as well.
 * missing: that line; NULL: nothing is to be said. */
static dt_status read_member(report_run *self, const char *file, reader *read, const char *missing,
                             dt_error *error)
{
    char path[DT_PATH_SIZE];
    dt_error own = {0};
    dt_status status = dt_path_join(self->path, file, path, error);
    if (status)
        return status;
    if (access(path, F_OK) != 0)
        return missing ? add_note(self, missing, error) : DT_OK;
    status = read(self, path, &own);
    if (status == DT_ERR_INTERNAL) {
        *error = own;
        return status;
    }
    if (status == DT_OK)
        return DT_OK;
    dt_warn("%s", own.message);
    return add_note(self, own.message, error);
}

/* A run that goes on removes its summary; one of an earlier version did not. */
static bool summary_is_old(const report_run *self)
{
    return self->rows.count > 0 && self->rows.last.step > self->summary.summary.steps;
}

static void use_summary(report_result *result, const dt_summary *from)
{
    const char *status = from->status ? from->status : "";
    result->state = strcmp(status, "complete") == 0  ? REPORT_COMPLETE
                    : strcmp(status, "stopped") == 0 ? REPORT_STOPPED
                                                     : REPORT_FAILED;
    result->epochs = from->epochs;
    result->steps = from->steps;
    result->train_loss = from->train_loss;
    result->train_accuracy = from->train_accuracy;
    result->val_loss = from->val_loss;
    result->val_accuracy = from->val_accuracy;
    result->test_loss = from->test_loss;
    result->test_accuracy = from->test_accuracy;
    result->seconds = from->seconds;
    result->samples_per_second = from->samples_per_second;
    result->ranks = from->ranks;
    result->virtual_ranks = from->virtual_ranks;
    result->hosts = from->hosts;
    result->parameter_hash = from->parameter_hash ? from->parameter_hash : "";
    result->data_source = from->data_source ? from->data_source : "";
    result->version = from->version ? from->version : "";
}

static void use_rows(report_result *result, const report_rows *rows)
{
    const dt_metrics_row *last = &rows->last, *evaluated = &rows->evaluated;
    if (rows->count > 0) {
        result->epochs = last->epoch;
        result->steps = last->step;
        result->train_loss = last->train_loss;
        result->train_accuracy = last->train_accuracy;
        result->seconds = last->seconds;
        result->samples_per_second = last->samples_per_second;
    }
    if (rows->evaluated_count > 0) {
        result->val_loss = evaluated->val_loss;
        result->val_accuracy = evaluated->val_accuracy;
        result->test_loss = evaluated->test_loss;
        result->test_accuracy = evaluated->test_accuracy;
        result->parameter_hash = evaluated->parameter_hash;
    }
}

/* What neither summary nor rows know. */
static void use_answers(report_result *result, const dt_insight *insight)
{
    const dt_answers *const answers[] = {&insight->test, &insight->val};
    double *const accuracies[] = {&result->test_accuracy, &result->val_accuracy};
    double *const losses[] = {&result->test_loss, &result->val_loss};
    for (int i = 0; i < 2; i++) {
        if (isfinite(*accuracies[i]) || answers[i]->samples == 0)
            continue;
        *accuracies[i] = (double)dt_metrics_correct(insight->classes, answers[i]->counts) /
                         (double)answers[i]->samples;
        *losses[i] = answers[i]->loss;
    }
}

static void find_result(report_run *self)
{
    report_result *result = &self->result;
    *result = (report_result){.state = REPORT_ENDED,
                              .epochs = -1,
                              .steps = -1,
                              .train_loss = (double)NAN,
                              .train_accuracy = (double)NAN,
                              .val_loss = (double)NAN,
                              .val_accuracy = (double)NAN,
                              .test_loss = (double)NAN,
                              .test_accuracy = (double)NAN,
                              .seconds = (double)NAN,
                              .samples_per_second = (double)NAN,
                              .ranks = -1,
                              .virtual_ranks = -1,
                              .hosts = -1,
                              .parameter_hash = "",
                              .data_source = "",
                              .version = ""};
    if (self->has_summary && !summary_is_old(self)) {
        use_summary(result, &self->summary.summary);
    } else {
        bool lives = self->lock == DT_RUN_LOCK_HELD || self->lock == DT_RUN_LOCK_UNSEEN;
        result->state = lives ? REPORT_RUNNING : REPORT_ENDED;
        use_rows(result, &self->rows);
    }
    if (self->has_insight)
        use_answers(result, &self->insight);
    result->best_epoch = self->rows.has_best ? self->rows.best.epoch : 0;
}

dt_status dt_report_run_open(const char *path, report_run *out, dt_error *error)
{
    static const char no_insight[] =
        "insight.h5 is not there: the run goes on, was killed, or is of an older version; no "
        "answers, mistakes or times by rank.";
    char best[DT_PATH_SIZE], weights[DT_PATH_SIZE];
    out->path = path;
    find_name(out);
    dt_status status = check_directory(path, error);
    if (!status)
        status = read_member(out, DT_FILE_CONFIG, read_config,
                             "config.ini is not there: no settings.", error);
    if (!status)
        status = read_member(out, DT_FILE_METRICS, read_metrics,
                             "metrics.csv is not there: no curves.", error);
    if (!status)
        status = read_member(out, DT_FILE_SUMMARY, read_summary, NULL, error);
    if (!status)
        status = read_member(out, DT_FILE_INSIGHT, read_insight, no_insight, error);
    if (!status)
        status = dt_path_join(path, DT_FILE_BEST, best, error);
    if (!status)
        status = dt_path_join(path, DT_FILE_WEIGHTS, weights, error);
    out->weights_name = DT_FILE_WEIGHTS;
    if (!status && access(weights, F_OK) != 0 && access(best, F_OK) == 0)
        out->weights_name = DT_FILE_BEST;
    if (!status)
        status = read_member(out, out->weights_name, read_weights,
                             "weights.h5 is not there: no pictures of the first layer.", error);
    if (!status)
        status = read_member(out, DT_FILE_LOCK, read_lock, NULL, error);
    if (!status)
        find_result(out);
    return status;
}

void dt_report_run_close(report_run *run)
{
    dt_report_rows_free(&run->rows);
    dt_summary_destroy(&run->summary);
    dt_insight_destroy(&run->insight);
    dt_weights_destroy(&run->weights);
    for (int i = 0; i < run->note_count; i++)
        dt_free(run->notes[i]);
    *run = (report_run){0};
}
