#include "train/output.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/atomic_file.h"
#include "io/metrics_log.h"
#include "io/summary.h"
#include "io/weights.h"

struct dt_output {
    const dt_run *run;
    const char *version;
    char directory[DT_PATH_SIZE];
    char *config_text;
    FILE *log;
    dt_metrics_log *metrics;
};

/* The settings of the run as a file that repeats it: into files of its own. */
static dt_status write_config(dt_output *self, dt_error *error)
{
    dt_config config = self->run->config;
    snprintf(config.output, sizeof config.output, "auto");
    snprintf(config.timeline, sizeof config.timeline, "none");
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

/* A timeline is written after the training: better to learn now that it cannot be. */
static dt_status try_timeline(const dt_run *run, dt_error *error)
{
    const char *path = run->config.timeline;
    if (strcmp(path, "none") == 0)
        return DT_OK;
    FILE *file = fopen(path, "a");
    if (!file)
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot be created: %m", path);
    fclose(file);
    return DT_OK;
}

static dt_status open_logs(dt_output *self, dt_error *error)
{
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(self->directory, DT_FILE_METRICS, path, error);
    if (!status)
        status = dt_metrics_log_create(path, &self->metrics, error);
    if (!status)
        status = dt_path_join(self->directory, DT_FILE_LOG, path, error);
    if (status)
        return status;
    self->log = fopen(path, "w");
    if (!self->log)
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot be created: %m", path);
    dt_log_set_file(self->log);
    return DT_OK;
}

dt_status dt_output_open(const dt_run *run, const char *version, dt_output **out, dt_error *error)
{
    dt_output *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->run = run;
    self->version = version;
    const dt_config *config = &run->config;
    dt_status status = try_timeline(run, error);
    if (!status)
        status = dt_run_directory_create(config->output, config->overwrite, self->directory, error);
    if (!status)
        status = write_config(self, error);
    if (!status)
        status = open_logs(self, error);
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
    dt_log_set_file(NULL);
    bool failed = ferror(self->log) != 0;
    failed |= fclose(self->log) != 0;
    return failed ? dt_fail(error, DT_ERR_IO, "%s/" DT_FILE_LOG ": not all of it could be written",
                            self->directory)
                  : DT_OK;
}

dt_status dt_output_close(dt_output *self, dt_error *error)
{
    if (!self)
        return DT_OK;
    dt_status status = dt_metrics_log_close(self->metrics, error);
    dt_status log_status = close_log(self, status ? NULL : error);
    dt_free(self->config_text);
    dt_free(self);
    return status ? status : log_status;
}

const char *dt_output_path(const dt_output *self)
{
    return self->directory;
}

dt_status dt_output_row(dt_output *self, const dt_progress_report *report, dt_error *error)
{
    dt_metrics_row row = {.epoch = report->epoch,
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
                          .compute_seconds = NAN,
                          .reduce_seconds = NAN,
                          .wait_seconds = NAN,
                          .data_seconds = NAN};
    bool end_of_epoch = report->parameter_hash != 0;
    if (end_of_epoch) {
        const double *seconds = report->phase_seconds;
        row.compute_seconds =
            seconds[DT_PHASE_FORWARD] + seconds[DT_PHASE_BACKWARD] + seconds[DT_PHASE_UPDATE];
        row.reduce_seconds = seconds[DT_PHASE_REDUCE];
        row.wait_seconds = seconds[DT_PHASE_WAIT];
        row.data_seconds = seconds[DT_PHASE_GATHER];
        dt_hash_text(report->parameter_hash, row.parameter_hash);
    }
    return dt_metrics_log_append(self->metrics, &row, error);
}

dt_status dt_output_weights(dt_output *self, const char *file, const dt_progress_report *report,
                            dt_error *error)
{
    const dt_run *run = self->run;
    dt_shape shape = run->source->shape;
    int64_t input_shape[] = {shape.height, shape.width, shape.channels};
    char architecture[DT_TEXT_MAX];
    dt_network_shape_text(run->network, architecture, sizeof architecture);
    const dt_attribute attributes[] = {
        dt_attribute_text("version", self->version),
        dt_attribute_text("architecture", architecture),
        dt_attribute_integers("input_shape", 3, input_shape),
        dt_attribute_real("input_scale", run->normalization.scale),
        dt_attribute_real("input_shift", run->normalization.shift),
        dt_attribute_integer("classes", run->source->classes),
        dt_attribute_text("activation", dt_activation_names[run->config.activation]),
        dt_attribute_text("output_activation",
                          dt_output_activation_names[run->config.output_activation]),
        dt_attribute_text("loss", dt_loss_names[run->config.loss]),
        dt_attribute_text("data_source", run->source->name),
        dt_attribute_integer("epoch", report->epoch),
        dt_attribute_integer("step", report->step),
        dt_attribute_integer("samples", report->samples),
        dt_attribute_real("val_accuracy", report->val.accuracy),
        dt_attribute_real("test_accuracy", report->test.accuracy),
        dt_attribute_text("config", self->config_text),
    };
    dt_weights weights = {.parameters = run->parameters,
                          .attributes = attributes,
                          .attribute_count = sizeof attributes / sizeof *attributes};
    weights.tensors = dt_network_tensors(run->network, &weights.tensor_count);
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(self->directory, file, path, error);
    return status ? status : dt_weights_write(path, &weights, error);
}

dt_status dt_output_summary(dt_output *self, const char *outcome, const dt_progress_report *report,
                            dt_error *error)
{
    const dt_run *run = self->run;
    char hash[DT_HASH_TEXT];
    dt_hash_text(dt_hash(run->parameters, run->parameter_count * sizeof(float)), hash);
    dt_summary summary = {.status = outcome,
                          .epochs = report->epoch,
                          .steps = report->step,
                          .samples = report->samples,
                          .ranks = dt_comm_size(run->comm),
                          .virtual_ranks = (int)run->config.virtual_ranks,
                          .hosts = dt_comm_hosts(run->comm),
                          .train_loss = report->train_loss,
                          .train_accuracy = report->train_accuracy,
                          .val_loss = report->val.loss,
                          .val_accuracy = report->val.accuracy,
                          .test_loss = report->test.loss,
                          .test_accuracy = report->test.accuracy,
                          .parameter_hash = hash,
                          .samples_per_second = report->samples_per_second,
                          .seconds = report->seconds,
                          .data_source = run->source->name,
                          .version = self->version};
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(self->directory, DT_FILE_SUMMARY, path, error);
    return status ? status : dt_summary_write(path, &summary, error);
}
