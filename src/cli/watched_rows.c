#include "watched_rows.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

static const size_t columns[WATCHED_LINES] = {
    [WATCHED_TRAIN_LOSS] = offsetof(dt_metrics_row, train_loss),
    [WATCHED_VAL_LOSS] = offsetof(dt_metrics_row, val_loss),
    [WATCHED_TEST_LOSS] = offsetof(dt_metrics_row, test_loss),
    [WATCHED_TRAIN_ACCURACY] = offsetof(dt_metrics_row, train_accuracy),
    [WATCHED_VAL_ACCURACY] = offsetof(dt_metrics_row, val_accuracy),
    [WATCHED_TEST_ACCURACY] = offsetof(dt_metrics_row, test_accuracy),
};

static watched_mark mark_of(const dt_metrics_row *row)
{
    return (watched_mark){row->step, row->seconds};
}

static void add_mark(watched_rows *self, watched_mark mark)
{
    if (self->count % self->every != 0)
        return;
    if (self->count / self->every == WATCHED_MARKS) {
        for (int i = 0; i < WATCHED_MARKS / 2; i++)
            self->marks[i] = self->marks[2 * i];
        self->every *= 2;
    }
    self->marks[self->count / self->every] = mark;
}

static dt_status add_row(watched_rows *self, const dt_metrics_row *row, dt_error *error)
{
    const dt_place place = {.step = (double)row->step};
    dt_status status = DT_OK;
    for (int i = 0; i < WATCHED_LINES && !status; i++) {
        double value = *(const double *)((const char *)row + columns[i]);
        if (isfinite(value))
            status = dt_points_add(&self->lines[i], &place, value, error);
    }
    if (self->steps_an_epoch == 0 && row->parameter_hash[0] && row->epoch > 0 &&
        row->step % row->epoch == 0)
        self->steps_an_epoch = row->step / row->epoch;
    add_mark(self, mark_of(row));
    self->pace[self->count % (WATCHED_PACE_ROWS + 1)] = mark_of(row);
    self->newest = *row;
    self->count++;
    return status;
}

/* Rows at the start of the file that are as they were, as far as marks tell. */
static dt_status count_known(const watched_rows *self, const char *path, int64_t *known,
                             dt_error *error)
{
    dt_metrics_reader *reader;
    const dt_metrics_row *row = NULL;
    bool same = true;
    int64_t count = 0;
    *known = 0;
    dt_status status = dt_metrics_reader_open(path, &reader, error);
    while (!status && same && count < self->count) {
        status = dt_metrics_reader_next(reader, &row, error);
        if (status || !row)
            break;
        const watched_mark *mark = &self->marks[count / self->every];
        if (count++ % self->every == 0) {
            same = row->step == mark->step && row->seconds == mark->seconds;
            *known = same ? count : *known;
        }
    }
    if (same)
        *known = count;
    dt_metrics_reader_close(reader);
    return status;
}

/* Forgets the rows, for those of the file as it is now. */
static dt_status begin(watched_rows *self, const char *path, int64_t *known, dt_error *error)
{
    *known = 0;
    dt_status status = self->reader ? count_known(self, path, known, error) : DT_OK;
    watched_rows again = {.every = 1};
    if (!status)
        status = dt_metrics_reader_open(path, &again.reader, error);
    if (!status)
        again.marks = dt_calloc(WATCHED_MARKS, sizeof *again.marks, error);
    if (!status && !again.marks)
        status = DT_ERR_INTERNAL;
    if (status) {
        watched_rows_free(&again);
        return status;
    }
    watched_rows_free(self);
    *self = again;
    return DT_OK;
}

dt_status watched_rows_read(watched_rows *self, const char *path, watched_news *news, void *context,
                            dt_error *error)
{
    const dt_metrics_row *row = NULL;
    int64_t known = self->count;
    dt_status status = DT_OK;
    if (!self->reader || !dt_metrics_reader_holds(self->reader))
        status = begin(self, path, &known, error);
    if (!status)
        status = dt_metrics_reader_next(self->reader, &row, error);
    while (!status && row) {
        if (self->count >= known)
            news(row, context);
        status = add_row(self, row, error);
        if (!status)
            status = dt_metrics_reader_next(self->reader, &row, error);
    }
    return status;
}

void watched_rows_free(watched_rows *self)
{
    for (int i = 0; i < WATCHED_LINES; i++)
        dt_points_free(&self->lines[i]);
    dt_metrics_reader_close(self->reader);
    dt_free(self->marks);
    *self = (watched_rows){0};
}
