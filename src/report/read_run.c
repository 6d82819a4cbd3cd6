#include "read_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "nn/metrics.h"

/* The last part of the directory's own path: "latest" and "." say nothing. */
static void find_name(report_run *self)
{
    char *real = realpath(self->path, NULL);
    const char *slash = real ? strrchr(real, '/') : NULL;
    snprintf(self->name, sizeof self->name, "%s", slash && slash[1] ? slash + 1 : self->path);
    free(real); /* of the C library */
}

static void add_note(report_run *self, const char *text)
{
    dt_markup_around(&self->notes, "<p class=\"note warn\">", text, "</p>\n");
}

/* Whether a file of the run is there: then its path. missing: the note if it is not; NULL: none. */
static bool find(report_run *self, const char *file, const char *missing, char path[DT_PATH_SIZE])
{
    bool there = !dt_path_join(self->path, file, path, NULL) && access(path, F_OK) == 0;
    if (!there && missing)
        add_note(self, missing);
    return there;
}

/* Whether a file could be read. One that is damaged is a warning and a note. */
static bool heed(report_run *self, dt_status status, const dt_error *error)
{
    if (status == DT_ERR_INTERNAL) {
        self->notes.error = *error;
    } else if (status) {
        dt_warn("%s", error->message);
        add_note(self, error->message);
    }
    return !status;
}

/* A run that goes on removes its summary; one of an earlier version did not. */
static bool summary_is_old(const report_run *self)
{
    return self->rows.count > 0 && self->rows.last.step > self->summary.last.step;
}

static report_state state_of(const dt_summary *summary)
{
    const char *status = summary->status ? summary->status : "";
    return strcmp(status, "complete") == 0  ? REPORT_COMPLETE
           : strcmp(status, "stopped") == 0 ? REPORT_STOPPED
                                            : REPORT_FAILED;
}

static void use_rows(dt_summary *result, const report_rows *rows)
{
    const dt_metrics_row *evaluated = &rows->evaluated;
    if (rows->count > 0)
        result->last = rows->last;
    if (rows->evaluated_count > 0) {
        result->last.val_loss = evaluated->val_loss;
        result->last.val_accuracy = evaluated->val_accuracy;
        result->last.test_loss = evaluated->test_loss;
        result->last.test_accuracy = evaluated->test_accuracy;
        result->last.parameter_hash = evaluated->parameter_hash;
    }
}

/* What neither summary nor rows know. */
static void use_answers(dt_summary *result, const dt_insight *insight)
{
    const dt_answers *const answers[] = {&insight->test, &insight->val};
    double *const accuracies[] = {&result->last.test_accuracy, &result->last.val_accuracy};
    double *const losses[] = {&result->last.test_loss, &result->last.val_loss};
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
    if (self->has_summary && !summary_is_old(self)) {
        self->result = self->summary;
        self->state = state_of(&self->result);
    } else {
        bool lives = self->lock == DT_RUN_LOCK_HELD || self->lock == DT_RUN_LOCK_UNSEEN;
        self->state = lives ? REPORT_RUNNING : REPORT_ENDED;
        self->result = dt_summary_unknown();
        use_rows(&self->result, &self->rows);
    }
    if (self->has_insight)
        use_answers(&self->result, &self->insight);
}

dt_status report_run_open(const char *path, report_run *out, dt_error *error)
{
    static const char no_insight[] =
        "insight.h5 is not there: the run goes on, was killed, or is of an older version; no "
        "answers, mistakes or times by rank.";
    static const char no_report[] =
        "insight.h5 is not there: the run had report = false; no answers, mistakes or times by "
        "rank.";
    static const char no_weights[] = "weights.h5 is not there: no pictures of the first layer.";
    char file[DT_PATH_SIZE], holder[DT_RUN_LOCK_TEXT];
    dt_error own = {0};
    out->path = path;
    find_name(out);
    dt_status status = dt_run_directory_check(path, error);
    if (status)
        return status;
    if (find(out, DT_FILE_CONFIG, "config.ini is not there: no settings.", file)) {
        dt_config_unnamed(&out->config);
        out->has_config = heed(out, dt_config_read_ini(&out->config, file, &own), &own);
    }
    if (find(out, DT_FILE_METRICS, "metrics.csv is not there: no curves.", file))
        heed(out, report_rows_read(file, &out->rows, &own), &own);
    if (find(out, DT_FILE_SUMMARY, NULL, file))
        out->has_summary = heed(out, dt_summary_read(file, &out->summary, &own), &own);
    bool asked = !out->has_config || out->config.report;
    if (find(out, DT_FILE_INSIGHT, asked ? no_insight : no_report, file))
        out->has_insight = heed(out, dt_insight_read(file, &out->insight, &own), &own);
    bool best = !find(out, DT_FILE_WEIGHTS, NULL, file) && find(out, DT_FILE_BEST, NULL, file);
    out->weights_name = best ? DT_FILE_BEST : DT_FILE_WEIGHTS;
    if (find(out, out->weights_name, no_weights, file))
        out->has_weights = heed(out, dt_weights_read(file, &out->weights, &own), &own);
    if (find(out, DT_FILE_LOCK, NULL, file))
        heed(out, dt_run_lock_look(path, &out->lock, holder, &own), &own);
    find_result(out);
    return dt_markup_status(&out->notes, error);
}

void report_run_close(report_run *run)
{
    report_rows_free(&run->rows);
    dt_summary_destroy(&run->summary);
    dt_insight_destroy(&run->insight);
    dt_weights_destroy(&run->weights);
    dt_markup_destroy(&run->notes);
    *run = (report_run){0};
}
