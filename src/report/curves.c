#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "chart/chart.h"
#include "nn/loss.h"
#include "parts.h"

/* Runs that still have their names at the ends of their lines; points that a line has at most
 * before its mean is drawn instead, and that the mean then has; rows of epochs that are enough to
 * draw the speed by them alone; lines that a figure has of a run. */
enum {
    LABELLED_RUNS = 12,
    ROUGH_POINTS = 150,
    SMOOTH_POINTS = 100,
    EPOCHS_ENOUGH = 3,
    LINES_A_RUN = 4
};

/* What a figure shows. */
typedef struct figure {
    const char *title, *note;
    dt_number number;
    dt_scale_kind kind; /* LOG: where it helps */
    bool small, from_zero;
    report_line line;      /* of training, or the only one */
    report_line val, test; /* 0: there are none */
} figure;

/* The curves of a figure. */
typedef struct sheet {
    dt_markup *to;
    int by; /* of dt_axis */
    int run_count;
    const report_run *runs;
    bool several; /* runs */
    bool labels;
    size_t count;
    dt_series *series; /* [LINES_A_RUN * run_count] */
    struct curve {
        dt_line line;
        char name[32];
    } * curves; /* likewise */
} sheet;

static dt_axis axis_of(const sheet *self, const report_run *run)
{
    return (dt_axis){self->by, (double)run->rows.epoch_length};
}

/* Takes the line over, unless there is nothing to see. what: "test". */
static void keep(sheet *self, const report_run *run, dt_line *line, const char *what, int colour,
                 dt_stroke stroke)
{
    bool some = false;
    for (size_t i = 0; i < line->count; i++)
        some |= isfinite(line->y[i]);
    if (!some || self->to->error.status) {
        dt_line_free(line);
        return;
    }
    struct curve *curve = &self->curves[self->count];
    bool label = self->labels && stroke == DT_STROKE_FULL;
    snprintf(curve->name, sizeof curve->name, "%s%s%s", self->several ? run->key : "",
             self->several ? " " : "", what);
    curve->line = *line;
    self->series[self->count++] = (dt_series){.name = curve->name,
                                              .label = !label          ? NULL
                                                       : self->several ? run->key
                                                                       : what,
                                              .colour = self->several ? run->colour : colour,
                                              .stroke = stroke,
                                              .count = line->count,
                                              .x = line->x,
                                              .y = line->y};
}

/* Evaluations and learning rates are shown as they are, others may be rough. */
static bool is_rough(report_line line, const dt_points *points)
{
    bool exact =
        (REPORT_VAL_LOSS <= line && line <= REPORT_TEST_ACCURACY) || line == REPORT_LEARNING_RATE;
    return !exact && points->count > ROUGH_POINTS;
}

/* A line; of a rough one its mean, and of a single run itself, faint. */
static void add_line(sheet *self, const report_run *run, report_line which, const char *what,
                     int colour, dt_stroke stroke)
{
    const dt_points *points = &run->rows.lines[which];
    const dt_axis x = axis_of(self, run);
    bool rough = is_rough(which, points);
    dt_line line = {0};
    if (!rough || !self->several) {
        dt_points_line(points, &x, &line, &self->to->error);
        keep(self, run, &line, what, colour, rough ? DT_STROKE_FAINT : stroke);
    }
    if (rough) {
        dt_points_means(points, SMOOTH_POINTS, &x, &line, &self->to->error);
        keep(self, run, &line, what, colour, stroke);
    }
}

/* The means between rows and the evaluations: of a single run all of them, of several one, and by
 * time that alone. */
static void add_quality(sheet *self, const report_run *run, const figure *of)
{
    if (self->by != DT_BY_SECONDS)
        add_line(self, run, of->line, "train", 0,
                 self->several ? DT_STROKE_DASHED : DT_STROKE_FULL);
    size_t before = self->count;
    add_line(self, run, of->test, "test", 2, DT_STROKE_FULL);
    if (!self->several || self->count == before)
        add_line(self, run, of->val, "val", 1, DT_STROKE_FULL);
}

static void add_lines(sheet *self, const report_run *run, const figure *of)
{
    bool by_rows = of->line == REPORT_SPEED_OF_EPOCHS && run->rows.evaluated_count < EPOCHS_ENOUGH;
    if (of->val != 0)
        add_quality(self, run, of);
    else
        add_line(self, run, by_rows ? REPORT_SPEED : of->line, of->title, 0, DT_STROKE_FULL);
}

static bool wants_log(const sheet *self)
{
    dt_extent all = DT_EXTENT_OF_NONE;
    for (size_t i = 0; i < self->count; i++)
        for (size_t j = 0; j < self->series[i].count; j++)
            dt_extent_add(&all, self->series[i].y[j]);
    return dt_log_helps(all.low, all.high);
}

/* Where the mouse finds values: at the ends of the epochs of the run that has the most. */
static dt_line find_hover(const sheet *self)
{
    const report_run *longest = self->runs;
    for (int i = 1; i < self->run_count; i++)
        if (self->runs[i].rows.count > longest->rows.count)
            longest = &self->runs[i];
    dt_line hover = {0};
    const dt_points *ends = &longest->rows.lines[REPORT_SPEED_OF_EPOCHS];
    if (ends->count < 2)
        ends = &longest->rows.lines[REPORT_ROWS];
    const dt_axis x = axis_of(self, longest);
    dt_points_ends(ends, &x, &hover, &self->to->error);
    return hover;
}

static void draw(const sheet *self, const figure *of)
{
    static const char *const names[] = {
        [DT_BY_STEP] = "step", [DT_BY_SECONDS] = "time", [DT_BY_EPOCH] = "epoch"};
    const dt_axis x = axis_of(self, self->runs);
    const report_rows *rows = &self->runs->rows;
    char label[40];
    bool is_log = of->kind == DT_SCALE_LOG && wants_log(self);
    bool has_mark = of->val != 0 && !self->several && rows->best.epoch > 0;
    bool of_loss = of->val == REPORT_VAL_LOSS;
    dt_line hover = find_hover(self);
    const dt_mark best = {.label = label,
                          .x = dt_axis_at(&x, &rows->best_place),
                          .y = of_loss ? rows->best.val_loss : rows->best.val_accuracy,
                          .colour = 1};
    snprintf(label, sizeof label, "best: epoch %lld", (long long)rows->best.epoch);
    dt_line_chart chart = {
        .name = of->title,
        .x_name = names[self->by],
        .x_number = self->by == DT_BY_SECONDS ? DT_NUMBER_SECONDS : DT_NUMBER_COUNT,
        .y_number = of->number,
        .y_kind = of->kind == DT_SCALE_LOG && !is_log ? DT_SCALE_LINEAR : of->kind,
        .small = of->small,
        .from_zero = of->from_zero,
        .series_count = self->count,
        .series = self->series,
        .mark_count = has_mark,
        .marks = &best,
        .hover_count = hover.count,
        .hover = hover.x};
    dt_markup_add(self->to, "<figure><figcaption><b>%s</b> %s%s</figcaption>\n", of->title,
                  of->note, is_log && !of->small ? ", logarithmic" : "");
    dt_line_chart_add(self->to, &chart);
    dt_markup_add(self->to, "</figure>\n");
    dt_line_free(&hover);
}

static void add_figure(const sheet *like, int by, const figure *of)
{
    sheet self = *like;
    size_t room = LINES_A_RUN * (size_t)self.run_count;
    self.by = by;
    self.labels &= self.several || of->val != 0;
    self.series = dt_calloc(room, sizeof *self.series, &self.to->error);
    self.curves = self.series ? dt_calloc(room, sizeof *self.curves, &self.to->error) : NULL;
    for (int i = 0; self.curves && i < self.run_count; i++)
        add_lines(&self, &self.runs[i], of);
    if (self.count > 0 && !self.to->error.status)
        draw(&self, of);
    for (size_t i = 0; i < self.count; i++)
        dt_line_free(&self.curves[i].line);
    dt_free(self.series);
    dt_free(self.curves);
}

static int x_of(int count, const report_run *runs)
{
    for (int i = 0; i < count; i++)
        if (runs[i].rows.count > 0 && runs[i].rows.epoch_length == 0)
            return DT_BY_STEP;
    return DT_BY_EPOCH;
}

void report_curves(dt_markup *to, int count, const report_run *runs)
{
    const bool several = count > 1;
    const int by = x_of(count, runs);
    const sheet like = {.to = to,
                        .run_count = count,
                        .runs = runs,
                        .several = several,
                        .labels = count <= LABELLED_RUNS};
    char loss[80] = "of test; training dashed";
    if (!several && runs->has_config)
        snprintf(loss, sizeof loss, "%s a sample, mean", dt_loss_names[runs->config.loss]);
    const figure quality[] = {
        {"Accuracy", several ? "of test; training dashed" : "axis stretched towards 100 %",
         DT_NUMBER_SHARE, DT_SCALE_ACCURACY, false, false, REPORT_TRAIN_ACCURACY,
         REPORT_VAL_ACCURACY, REPORT_TEST_ACCURACY},
        {"Loss", loss, DT_NUMBER_PLAIN, DT_SCALE_LOG, false, false, REPORT_TRAIN_LOSS,
         REPORT_VAL_LOSS, REPORT_TEST_LOSS},
        {"Accuracy", "of test, by the seconds of training", DT_NUMBER_SHARE, DT_SCALE_ACCURACY,
         false, false, REPORT_TRAIN_ACCURACY, REPORT_VAL_ACCURACY, REPORT_TEST_ACCURACY},
    };
    const figure course[] = {
        {"Gradient norm", "before clipping", DT_NUMBER_PLAIN, DT_SCALE_LOG, !several, false,
         .line = REPORT_GRADIENT_NORM},
        {"Learning rate", "of the last update", DT_NUMBER_PLAIN, DT_SCALE_LINEAR, !several, true,
         .line = REPORT_LEARNING_RATE},
        {"Speed", "training samples a second", DT_NUMBER_PLAIN, DT_SCALE_LINEAR, !several, true,
         .line = REPORT_SPEED_OF_EPOCHS},
    };
    dt_markup_add(to, "<div class=\"charts\">\n");
    for (int i = 0; i < (several ? 3 : 2); i++)
        add_figure(&like, i == 2 ? DT_BY_SECONDS : by, &quality[i]);
    if (!several)
        dt_markup_add(to, "</div>\n<div class=\"charts small\">\n");
    for (int i = 0; i < 3; i++)
        add_figure(&like, by, &course[i]);
    dt_markup_add(to, "</div>\n");
}
