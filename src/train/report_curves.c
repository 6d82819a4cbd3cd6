#include "report_curves.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "nn/loss.h"
#include "report/chart.h"
#include "report_curve.h"

/* Runs that still have their names at the ends of their lines; points that a line has at most
 * before its mean is drawn instead; how many times the smallest value the largest of a logarithmic
 * axis is at least. */
enum { LABELLED_RUNS = 12, ROUGH_POINTS = 150, LOG_RATIO = 10 };

#define COLUMN(name) offsetof(dt_metrics_row, name)

/* The curves of a figure. */
typedef struct sheet {
    report_x by;
    bool several; /* runs */
    bool labels;
    size_t count, capacity;
    report_curve *curves;
    dt_series *series;
    char (*names)[32];
    dt_error *error;
} sheet;

static dt_status sheet_open(sheet *self, const sheet *like, int runs)
{
    *self = *like;
    self->count = 0;
    self->capacity = 5 * (size_t)runs;
    self->curves = dt_calloc(self->capacity, sizeof *self->curves, self->error);
    self->series =
        self->curves ? dt_calloc(self->capacity, sizeof *self->series, self->error) : NULL;
    self->names = self->series ? dt_calloc(self->capacity, sizeof *self->names, self->error) : NULL;
    return self->names ? DT_OK : DT_ERR_INTERNAL;
}

static void sheet_close(sheet *self)
{
    for (size_t i = 0; i < self->count; i++)
        dt_report_curve_free(&self->curves[i]);
    dt_free(self->curves);
    dt_free(self->series);
    dt_free(self->names);
}

/* Takes the curve over, unless it is empty. what: "test". */
static void keep(sheet *self, const report_run *run, report_curve *curve, const char *what,
                 int colour, dt_stroke stroke)
{
    bool some = false;
    for (size_t i = 0; i < curve->count; i++)
        some |= isfinite(curve->y[i]);
    if (!some) {
        dt_report_curve_free(curve);
        return;
    }
    size_t at = self->count++;
    bool label = self->labels && stroke == DT_STROKE_FULL;
    snprintf(self->names[at], sizeof self->names[at], "%s%s%s", self->several ? run->key : "",
             self->several ? " " : "", what);
    self->curves[at] = *curve;
    self->series[at] = (dt_series){.name = self->names[at],
                                   .label = !label          ? NULL
                                            : self->several ? run->key
                                                            : what,
                                   .colour = self->several ? run->colour : colour,
                                   .stroke = stroke,
                                   .count = curve->count,
                                   .x = curve->x,
                                   .y = curve->y};
}

static dt_status add_column(sheet *self, const report_run *run, size_t offset, bool evaluated,
                            const char *what, int colour)
{
    report_curve curve = {0};
    dt_status status = dt_report_column(run, self->by, offset, evaluated, &curve, self->error);
    if (status)
        dt_report_curve_free(&curve);
    else
        keep(self, run, &curve, what, colour, DT_STROKE_FULL);
    return status;
}

/* A rough curve becomes two: itself, faint, and its mean. */
static dt_status add_rough(sheet *self, const report_run *run, report_curve *curve,
                           const char *what, int colour, dt_stroke stroke)
{
    report_curve smooth = {0};
    if (curve->count > ROUGH_POINTS) {
        if (dt_report_smooth(curve, &smooth, self->error)) {
            dt_report_curve_free(&smooth);
            return DT_ERR_INTERNAL;
        }
        if (!self->several)
            keep(self, run, curve, what, colour, DT_STROKE_FAINT);
        else
            dt_report_curve_free(curve);
        *curve = smooth;
    }
    keep(self, run, curve, what, colour, stroke);
    return DT_OK;
}

static dt_status add_training(sheet *self, const report_run *run, size_t offset)
{
    report_curve curve = {0};
    dt_status status = dt_report_windows(run, self->by, offset, &curve, self->error);
    if (!status)
        status = add_rough(self, run, &curve, "train", 0,
                           self->several ? DT_STROKE_DASHED : DT_STROKE_FULL);
    if (status)
        dt_report_curve_free(&curve);
    return status;
}

/* The means between rows and the evaluations: of a single run all of them, of several one, and by
 * time that alone. */
static dt_status add_quality(sheet *self, const report_run *run, size_t train, size_t val,
                             size_t test)
{
    dt_status status = self->by == REPORT_BY_SECONDS ? DT_OK : add_training(self, run, train);
    size_t before = self->count;
    if (!status)
        status = add_column(self, run, test, true, "test", 2);
    if (!status && (!self->several || self->count == before))
        status = add_column(self, run, val, true, "val", 1);
    return status;
}

static bool wants_log(const sheet *self)
{
    double low = (double)INFINITY, high = 0;
    for (size_t i = 0; i < self->count; i++)
        for (size_t j = 0; j < self->series[i].count; j++) {
            double value = self->series[i].y[j];
            if (isfinite(value) && value > 0) {
                low = fmin(low, value);
                high = fmax(high, value);
            } else if (value <= 0) {
                return false;
            }
        }
    return high > LOG_RATIO * low;
}

/* Where the mouse finds values: at the ends of the epochs of the run that has the most. */
static dt_status find_hover(const sheet *self, int count, const report_run *runs, report_curve *out)
{
    const report_run *longest = &runs[0];
    for (int i = 1; i < count; i++)
        if (runs[i].metrics.count > longest->metrics.count)
            longest = &runs[i];
    *out = (report_curve){0};
    if (longest->metrics.count == 0)
        return DT_OK;
    dt_status status =
        dt_report_column(longest, self->by, COLUMN(samples_per_second), true, out, self->error);
    if (!status && out->count < 2 && self->count > 0) {
        dt_report_curve_free(out);
        status = dt_report_column(longest, self->by, COLUMN(train_loss), false, out, self->error);
    }
    return status;
}

/* What a figure shows, but for its curves. */
typedef struct figure_text {
    const char *title, *note;
    dt_number number;
    dt_scale_kind kind; /* LOG: where it helps */
    bool small, from_zero;
    const dt_mark *mark; /* NULL: none */
} figure_text;

static dt_status add_figure(dt_markup *to, const sheet *self, const figure_text *figure, int count,
                            const report_run *runs)
{
    static const char *const names[] = {"epoch", "step", "time"};
    report_curve hover;
    dt_status status = find_hover(self, count, runs, &hover);
    bool is_log = figure->kind == DT_SCALE_LOG && wants_log(self);
    if (!status && self->count > 0) {
        dt_line_chart chart = {
            .name = figure->title,
            .x_name = names[self->by],
            .x_number = self->by == REPORT_BY_SECONDS ? DT_NUMBER_SECONDS : DT_NUMBER_COUNT,
            .y_number = figure->number,
            .y_kind = figure->kind == DT_SCALE_LOG && !is_log ? DT_SCALE_LINEAR : figure->kind,
            .small = figure->small,
            .from_zero = figure->from_zero,
            .series_count = self->count,
            .series = self->series,
            .mark_count = figure->mark != NULL,
            .marks = figure->mark,
            .hover_count = hover.count,
            .hover = hover.x};
        dt_markup_add(to, "<figure><figcaption><b>%s</b> %s%s</figcaption>\n", figure->title,
                      figure->note, is_log && !figure->small ? ", logarithmic" : "");
        dt_line_chart_add(to, &chart);
        dt_markup_add(to, "</figure>\n");
    }
    dt_report_curve_free(&hover);
    return status;
}

/* The ring at the best epoch of a single run; NULL: there is none. */
static const dt_mark *best_of(const sheet *self, const report_run *run, size_t offset, char *label,
                              size_t size, dt_mark *out)
{
    if (self->several || run->result.best_epoch == 0)
        return NULL;
    const dt_metrics_row *row = &run->metrics.rows[run->result.best_row];
    snprintf(label, size, "best: epoch %lld", (long long)row->epoch);
    *out = (dt_mark){.label = label,
                     .x = dt_report_x(run, self->by, run->result.best_row),
                     .y = *(const double *)((const char *)row + offset),
                     .colour = 1};
    return out;
}

static dt_status add_loss(dt_markup *to, const sheet *like, int count, const report_run *runs)
{
    sheet self;
    char label[40], note[80] = "of test; training dashed";
    dt_mark mark;
    dt_status status = sheet_open(&self, like, count);
    for (int i = 0; i < count && !status; i++)
        status =
            add_quality(&self, &runs[i], COLUMN(train_loss), COLUMN(val_loss), COLUMN(test_loss));
    if (!self.several && runs->has_config)
        snprintf(note, sizeof note, "%s a sample, mean", dt_loss_names[runs->config.loss]);
    figure_text figure = {"Loss",
                          note,
                          DT_NUMBER_PLAIN,
                          DT_SCALE_LOG,
                          false,
                          false,
                          best_of(&self, runs, COLUMN(val_loss), label, sizeof label, &mark)};
    if (!status)
        status = add_figure(to, &self, &figure, count, runs);
    sheet_close(&self);
    return status;
}

static dt_status add_accuracy(dt_markup *to, const sheet *like, int count, const report_run *runs)
{
    sheet self;
    char label[40];
    dt_mark mark;
    dt_status status = sheet_open(&self, like, count);
    for (int i = 0; i < count && !status; i++)
        status = add_quality(&self, &runs[i], COLUMN(train_accuracy), COLUMN(val_accuracy),
                             COLUMN(test_accuracy));
    const char *note = self.by == REPORT_BY_SECONDS ? "of test, by the seconds of training"
                       : self.several               ? "of test; training dashed"
                                                    : "axis stretched towards 100 %";
    figure_text figure = {"Accuracy",
                          note,
                          DT_NUMBER_SHARE,
                          DT_SCALE_ACCURACY,
                          false,
                          false,
                          best_of(&self, runs, COLUMN(val_accuracy), label, sizeof label, &mark)};
    if (!status)
        status = add_figure(to, &self, &figure, count, runs);
    sheet_close(&self);
    return status;
}

/* Whether the run has enough evaluated rows to be drawn by these alone. */
static bool has_epochs_enough(const report_run *run)
{
    int count = 0;
    for (size_t i = 0; i < run->metrics.count; i++)
        count += dt_report_is_evaluated(&run->metrics.rows[i]);
    return count >= 3;
}

/* How a column is drawn: as it is, with its mean where that is rough, or by the epochs' rows. */
typedef enum manner { AS_IT_IS, WITH_MEAN, BY_EPOCH } manner;

/* A figure of one column, a line a run. */
static dt_status add_single(dt_markup *to, const sheet *like, const figure_text *figure,
                            size_t offset, manner how, int count, const report_run *runs)
{
    sheet self;
    dt_status status = sheet_open(&self, like, count);
    self.labels &= self.several;
    for (int i = 0; i < count && !status; i++) {
        report_curve curve = {0};
        status =
            dt_report_column(&runs[i], self.by, offset,
                             how == BY_EPOCH && has_epochs_enough(&runs[i]), &curve, self.error);
        if (!status && how == AS_IT_IS)
            keep(&self, &runs[i], &curve, figure->title, 0, DT_STROKE_FULL);
        else if (!status)
            status = add_rough(&self, &runs[i], &curve, figure->title, 0, DT_STROKE_FULL);
        if (status)
            dt_report_curve_free(&curve);
    }
    if (!status)
        status = add_figure(to, &self, figure, count, runs);
    sheet_close(&self);
    return status;
}

static bool have_epochs(int count, const report_run *runs)
{
    for (int i = 0; i < count; i++)
        if (runs[i].metrics.count > 0 && !runs[i].epochs)
            return false;
    return true;
}

/* The curves that say how it went. */
static dt_status add_course(dt_markup *to, const sheet *like, int count, const report_run *runs)
{
    bool small = !like->several;
    const figure_text rate = {
        "Learning rate", "of the last update", DT_NUMBER_PLAIN, DT_SCALE_LINEAR, small, true, NULL};
    const figure_text norm = {
        "Gradient norm", "before clipping", DT_NUMBER_PLAIN, DT_SCALE_LOG, small, false, NULL};
    const figure_text speed = {
        "Speed", "training samples a second", DT_NUMBER_PLAIN, DT_SCALE_LINEAR, small, true, NULL};
    dt_status status = add_single(to, like, &norm, COLUMN(gradient_norm), WITH_MEAN, count, runs);
    if (!status)
        status = add_single(to, like, &rate, COLUMN(learning_rate), AS_IT_IS, count, runs);
    if (!status)
        status = add_single(to, like, &speed, COLUMN(samples_per_second), BY_EPOCH, count, runs);
    return status;
}

dt_status dt_report_curves(dt_markup *to, int count, const report_run *runs, dt_error *error)
{
    sheet like = {.by = have_epochs(count, runs) ? REPORT_BY_EPOCH : REPORT_BY_STEP,
                  .several = count > 1,
                  .labels = count <= LABELLED_RUNS,
                  .error = error};
    sheet by_time = like;
    by_time.by = REPORT_BY_SECONDS;
    dt_markup_add(to, "<div class=\"charts\">\n");
    dt_status status = add_accuracy(to, &like, count, runs);
    if (!status)
        status = add_loss(to, &like, count, runs);
    if (!status && like.several)
        status = add_accuracy(to, &by_time, count, runs);
    if (!like.several)
        dt_markup_add(to, "</div>\n<div class=\"charts small\">\n");
    if (!status)
        status = add_course(to, &like, count, runs);
    dt_markup_add(to, "</div>\n");
    return status;
}
