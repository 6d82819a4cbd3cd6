#include "curves.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "chart/chart.h"
#include "nn/loss.h"
#include "rows.h"

/* Runs that still have their names at the ends of their lines; points that a line has at most
 * before its mean is drawn instead, and that the mean then has; how many times the smallest value
 * the largest of a logarithmic axis is at least. */
enum { LABELLED_RUNS = 12, ROUGH_POINTS = 150, SMOOTH_POINTS = 100, LOG_RATIO = 10 };

typedef enum report_x { BY_EPOCH, BY_STEP, BY_SECONDS } report_x;

/* The curves of a figure. */
typedef struct sheet {
    report_x by;
    bool several; /* runs */
    bool labels;
    size_t count, capacity;
    dt_line *lines;
    dt_series *series;
    char (*names)[32];
    dt_error *error;
} sheet;

static double x_by_step(const dt_place *place, const void *context)
{
    (void)context;
    return place->step;
}

static double x_by_seconds(const dt_place *place, const void *context)
{
    (void)context;
    return place->seconds;
}

static double x_by_epoch(const dt_place *place, const void *context)
{
    const report_rows *rows = context;
    double part = place->step_in_epoch / (double)rows->epoch_length;
    return place->epoch == 0 ? 0 : place->epoch - 1 + fmin(1, fmax(0, part));
}

static dt_place_x *const x_by[] = {
    [BY_EPOCH] = x_by_epoch, [BY_STEP] = x_by_step, [BY_SECONDS] = x_by_seconds};

static dt_status sheet_open(sheet *self, const sheet *like, int runs)
{
    *self = *like;
    self->count = 0;
    self->capacity = 5 * (size_t)runs;
    self->lines = dt_calloc(self->capacity, sizeof *self->lines, self->error);
    self->series =
        self->lines ? dt_calloc(self->capacity, sizeof *self->series, self->error) : NULL;
    self->names = self->series ? dt_calloc(self->capacity, sizeof *self->names, self->error) : NULL;
    return self->names ? DT_OK : DT_ERR_INTERNAL;
}

static void sheet_close(sheet *self)
{
    for (size_t i = 0; i < self->count; i++)
        dt_line_free(&self->lines[i]);
    dt_free(self->lines);
    dt_free(self->series);
    dt_free(self->names);
}

/* Takes the curve over, unless it is empty. what: "test". */
static void keep(sheet *self, const report_run *run, dt_line *curve, const char *what, int colour,
                 dt_stroke stroke)
{
    bool some = false;
    for (size_t i = 0; i < curve->count; i++)
        some |= isfinite(curve->y[i]);
    if (!some) {
        dt_line_free(curve);
        return;
    }
    size_t at = self->count++;
    bool label = self->labels && stroke == DT_STROKE_FULL;
    snprintf(self->names[at], sizeof self->names[at], "%s%s%s", self->several ? run->key : "",
             self->several ? " " : "", what);
    self->lines[at] = *curve;
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

static dt_status add_line(sheet *self, const report_run *run, report_line line, const char *what,
                          int colour)
{
    dt_line all = {0};
    dt_status status =
        dt_points_line(&run->rows.lines[line], x_by[self->by], &run->rows, &all, self->error);
    if (status)
        dt_line_free(&all);
    else
        keep(self, run, &all, what, colour, DT_STROKE_FULL);
    return status;
}

/* A line; of a rough one its mean, and of a single run itself, faint. */
static dt_status add_rough(sheet *self, const report_run *run, report_line line, const char *what,
                           int colour, dt_stroke stroke)
{
    const dt_points *points = &run->rows.lines[line];
    const bool rough = points->count > ROUGH_POINTS;
    dt_line all = {0}, smooth = {0};
    dt_status status = dt_points_line(points, x_by[self->by], &run->rows, &all, self->error);
    if (!status && rough)
        status = dt_points_means(points, SMOOTH_POINTS, x_by[self->by], &run->rows, &smooth,
                                 self->error);
    if (status || (rough && self->several))
        dt_line_free(&all);
    else
        keep(self, run, &all, what, colour, rough ? DT_STROKE_FAINT : stroke);
    if (status)
        dt_line_free(&smooth);
    else if (rough)
        keep(self, run, &smooth, what, colour, stroke);
    return status;
}

/* The means between rows and the evaluations: of a single run all of them, of several one, and by
 * time that alone. */
static dt_status add_quality(sheet *self, const report_run *run, report_line train, report_line val,
                             report_line test)
{
    dt_status status = DT_OK;
    if (self->by != BY_SECONDS)
        status = add_rough(self, run, train, "train", 0,
                           self->several ? DT_STROKE_DASHED : DT_STROKE_FULL);
    size_t before = self->count;
    if (!status)
        status = add_line(self, run, test, "test", 2);
    if (!status && (!self->several || self->count == before))
        status = add_line(self, run, val, "val", 1);
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
static dt_status find_hover(const sheet *self, int count, const report_run *runs, dt_line *out)
{
    const report_run *longest = &runs[0];
    for (int i = 1; i < count; i++)
        if (runs[i].rows.count > longest->rows.count)
            longest = &runs[i];
    *out = (dt_line){0};
    const dt_points *lines = longest->rows.lines;
    const dt_points *ends = &lines[REPORT_SPEED_OF_EPOCHS];
    if (ends->count < 2 && self->count > 0)
        ends = &lines[REPORT_ROWS];
    return dt_points_ends(ends, x_by[self->by], &longest->rows, out, self->error);
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
    dt_line hover;
    dt_status status = find_hover(self, count, runs, &hover);
    bool is_log = figure->kind == DT_SCALE_LOG && wants_log(self);
    if (!status && self->count > 0) {
        dt_line_chart chart = {
            .name = figure->title,
            .x_name = names[self->by],
            .x_number = self->by == BY_SECONDS ? DT_NUMBER_SECONDS : DT_NUMBER_COUNT,
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
    dt_line_free(&hover);
    return status;
}

/* The ring at the best epoch of a single run; NULL: there is none. */
static const dt_mark *best_of(const sheet *self, const report_run *run, double value, char *label,
                              size_t size, dt_mark *out)
{
    if (self->several || run->result.best_epoch == 0)
        return NULL;
    snprintf(label, size, "best: epoch %lld", (long long)run->result.best_epoch);
    *out = (dt_mark){.label = label,
                     .x = x_by[self->by](&run->rows.best_place, &run->rows),
                     .y = value,
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
        status = add_quality(&self, &runs[i], REPORT_TRAIN_LOSS, REPORT_VAL_LOSS, REPORT_TEST_LOSS);
    if (!self.several && runs->has_config)
        snprintf(note, sizeof note, "%s a sample, mean", dt_loss_names[runs->config.loss]);
    figure_text figure = {
        "Loss",
        note,
        DT_NUMBER_PLAIN,
        DT_SCALE_LOG,
        false,
        false,
        best_of(&self, runs, runs->rows.best.val_loss, label, sizeof label, &mark)};
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
        status = add_quality(&self, &runs[i], REPORT_TRAIN_ACCURACY, REPORT_VAL_ACCURACY,
                             REPORT_TEST_ACCURACY);
    const char *note = self.by == BY_SECONDS ? "of test, by the seconds of training"
                       : self.several        ? "of test; training dashed"
                                             : "axis stretched towards 100 %";
    figure_text figure = {
        "Accuracy",
        note,
        DT_NUMBER_SHARE,
        DT_SCALE_ACCURACY,
        false,
        false,
        best_of(&self, runs, runs->rows.best.val_accuracy, label, sizeof label, &mark)};
    if (!status)
        status = add_figure(to, &self, &figure, count, runs);
    sheet_close(&self);
    return status;
}

/* A figure of one column, a line a run. */
static dt_status add_single(dt_markup *to, const sheet *like, const figure_text *figure,
                            report_line line, int count, const report_run *runs)
{
    enum { EPOCHS_ENOUGH = 3 }; /* to draw the speed by their rows alone */
    sheet self;
    dt_status status = sheet_open(&self, like, count);
    self.labels &= self.several;
    for (int i = 0; i < count && !status; i++) {
        bool by_rows = runs[i].rows.evaluated_count < EPOCHS_ENOUGH;
        report_line of = line == REPORT_SPEED_OF_EPOCHS && by_rows ? REPORT_SPEED : line;
        status = line == REPORT_LEARNING_RATE
                     ? add_line(&self, &runs[i], of, figure->title, 0)
                     : add_rough(&self, &runs[i], of, figure->title, 0, DT_STROKE_FULL);
    }
    if (!status)
        status = add_figure(to, &self, figure, count, runs);
    sheet_close(&self);
    return status;
}

static bool have_epochs(int count, const report_run *runs)
{
    for (int i = 0; i < count; i++)
        if (runs[i].rows.count > 0 && runs[i].rows.epoch_length == 0)
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
    dt_status status = add_single(to, like, &norm, REPORT_GRADIENT_NORM, count, runs);
    if (!status)
        status = add_single(to, like, &rate, REPORT_LEARNING_RATE, count, runs);
    if (!status)
        status = add_single(to, like, &speed, REPORT_SPEED_OF_EPOCHS, count, runs);
    return status;
}

dt_status dt_report_curves(dt_markup *to, int count, const report_run *runs, dt_error *error)
{
    sheet like = {.by = have_epochs(count, runs) ? BY_EPOCH : BY_STEP,
                  .several = count > 1,
                  .labels = count <= LABELLED_RUNS,
                  .error = error};
    sheet by_time = like;
    by_time.by = BY_SECONDS;
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
