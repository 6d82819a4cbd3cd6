#include "rows.h"

#include <math.h>
#include <stddef.h>

/* Which rows a line has. */
typedef enum line_kind { OF_WINDOWS, OF_EVALUATED, OF_KNOWN } line_kind;

static const struct {
    size_t offset; /* in dt_metrics_row */
    line_kind kind;
} lines[REPORT_LINES] = {
    [REPORT_TRAIN_LOSS] = {offsetof(dt_metrics_row, train_loss), OF_WINDOWS},
    [REPORT_TRAIN_ACCURACY] = {offsetof(dt_metrics_row, train_accuracy), OF_WINDOWS},
    [REPORT_VAL_LOSS] = {offsetof(dt_metrics_row, val_loss), OF_EVALUATED},
    [REPORT_VAL_ACCURACY] = {offsetof(dt_metrics_row, val_accuracy), OF_EVALUATED},
    [REPORT_TEST_LOSS] = {offsetof(dt_metrics_row, test_loss), OF_EVALUATED},
    [REPORT_TEST_ACCURACY] = {offsetof(dt_metrics_row, test_accuracy), OF_EVALUATED},
    [REPORT_SPEED_OF_EPOCHS] = {offsetof(dt_metrics_row, samples_per_second), OF_EVALUATED},
    [REPORT_GRADIENT_NORM] = {offsetof(dt_metrics_row, gradient_norm), OF_KNOWN},
    [REPORT_LEARNING_RATE] = {offsetof(dt_metrics_row, learning_rate), OF_KNOWN},
    [REPORT_SPEED] = {offsetof(dt_metrics_row, samples_per_second), OF_KNOWN},
    [REPORT_ROWS] = {offsetof(dt_metrics_row, train_loss), OF_KNOWN},
};

static double value_of(const dt_metrics_row *row, report_line line)
{
    return *(const double *)((const char *)row + lines[line].offset);
}

/* The window is as it will be. */
static dt_status close_window(report_rows *self, report_line line, dt_error *error)
{
    report_window *window = &self->windows[line];
    bool open = window->open;
    window->open = false;
    return open ? dt_points_add(&self->lines[line], &window->place, window->mean, error) : DT_OK;
}

static dt_status add_to_window(report_rows *self, report_line line, const dt_metrics_row *row,
                               const dt_place *place, dt_error *error)
{
    report_window *window = &self->windows[line];
    report_sums now = {row->samples - self->begin_samples, 0};
    now.value = value_of(row, line) * (double)now.samples;
    if (now.samples <= window->last.samples || row->epoch == 0)
        return DT_OK;
    dt_status status = DT_OK;
    bool is_rest =
        2 * (now.samples - window->last.samples) < window->last.samples - window->before.samples;
    if (!is_rest || !window->open) {
        window->before = window->last;
        status = close_window(self, line, error);
    }
    double mean =
        (now.value - window->before.value) / (double)(now.samples - window->before.samples);
    window->open = true;
    window->place = *place;
    window->mean = mean < 0 ? 0 : mean;
    window->last = now;
    return status;
}

/* A row that ends an epoch, or a run. */
static void add_evaluated(report_rows *self, const dt_metrics_row *row)
{
    self->evaluated = *row;
    self->evaluated_count++;
    if (row->epoch == 0)
        return;
    if (row->epoch == self->ended_epoch + 1 && row->step - self->ended_step > self->epoch_length)
        self->epoch_length = row->step - self->ended_step;
    self->ended_step = row->step;
    self->ended_epoch = row->epoch;
}

/* An epoch begins behind the row before. */
static void begin_epoch(report_rows *self, const dt_metrics_row *row)
{
    if (self->count > 0 && row->epoch > self->last.epoch) {
        self->begin_samples = self->last.samples;
        for (report_line line = REPORT_TRAIN_LOSS; line <= REPORT_TRAIN_ACCURACY; line++)
            self->windows[line].last = self->windows[line].before = (report_sums){0};
    }
    if (row->epoch > self->epoch) {
        self->begin_step = self->count > 0 ? self->last.step : self->begin_step;
        self->epoch = row->epoch;
    }
}

static dt_status add_row(report_rows *self, const dt_metrics_row *row, dt_error *error)
{
    const double seconds[] = {row->compute_seconds, row->reduce_seconds, row->wait_seconds,
                              row->data_seconds};
    const bool evaluated = row->parameter_hash != 0;
    dt_status status = DT_OK;
    begin_epoch(self, row);
    const dt_place place = {(double)row->step, row->seconds, (double)row->epoch,
                            (double)(row->step - self->begin_step)};
    if (evaluated)
        add_evaluated(self, row);
    if (isfinite(row->val_accuracy) &&
        !(self->has_best && row->val_accuracy <= self->best.val_accuracy)) {
        self->best = *row;
        self->best_place = place;
        self->has_best = true;
    }
    for (int i = 0; i < 4; i++)
        self->seconds[i] += isfinite(seconds[i]) && seconds[i] > 0 ? seconds[i] : 0;
    for (report_line line = 0; line < REPORT_LINES && !status; line++) {
        double value = value_of(row, line);
        if (lines[line].kind == OF_WINDOWS)
            status = add_to_window(self, line, row, &place, error);
        else if (lines[line].kind == OF_EVALUATED ? evaluated : isfinite(value))
            status = dt_points_add(&self->lines[line], &place, value, error);
    }
    self->last = *row;
    self->count++;
    return status;
}

dt_status report_rows_read(const char *path, report_rows *out, dt_error *error)
{
    dt_metrics_reader *reader;
    const dt_metrics_row *row = NULL;
    *out = (report_rows){.epoch = 1};
    dt_status status = dt_metrics_reader_open(path, &reader, error);
    if (!status)
        status = dt_metrics_reader_next(reader, &row, error);
    while (!status && row) {
        status = add_row(out, row, error);
        if (!status)
            status = dt_metrics_reader_next(reader, &row, error);
    }
    for (report_line line = REPORT_TRAIN_LOSS; line <= REPORT_TRAIN_ACCURACY && !status; line++)
        status = close_window(out, line, error);
    dt_metrics_reader_close(reader);
    if (status)
        report_rows_free(out);
    return status;
}

void report_rows_free(report_rows *self)
{
    for (int i = 0; i < REPORT_LINES; i++)
        dt_points_free(&self->lines[i]);
    *self = (report_rows){0};
}
