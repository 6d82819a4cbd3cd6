#include "watch_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "chart/terminal.h"
#include "progress.h"

enum {
    BAR_MOST = 30,
    CHART_ROWS_MOST = 20,
    SIDE_BY_SIDE = 2 * 40, /* columns from which two charts stand side by side */
    LINE_MOST = 512
};

static const struct {
    const char *word;
    dt_ink ink;
} states[] = {
    [DT_WATCHED_WAITING] = {"waiting", DT_INK_YELLOW},
    [DT_WATCHED_RUNNING] = {"running", DT_INK_GREEN},
    [DT_WATCHED_COMPLETE] = {"complete", DT_INK_GREEN},
    [DT_WATCHED_STOPPED] = {"stopped", DT_INK_YELLOW},
    [DT_WATCHED_FAILED] = {"failed", DT_INK_RED},
    [DT_WATCHED_DIED] = {"died", DT_INK_RED},
};

static const dt_ink inks[] = {DT_INK_CYAN,    DT_INK_YELLOW, DT_INK_GREEN,
                              DT_INK_MAGENTA, DT_INK_RED,    DT_INK_BLUE};
static const char marks[] = "*+ox#@";

enum { INKS = sizeof inks / sizeof *inks };

enum { SUBSETS = 3, LOSSES = WATCHED_TRAIN_LOSS, ACCURACIES = WATCHED_TRAIN_ACCURACY };

static const char *const subset_names[SUBSETS] = {"train", "val", "test"};

static const dt_metrics_row *newest(const dt_watched *run)
{
    return run->rows.count > 0 ? &run->rows.newest : NULL;
}

void dt_watch_view_row(const dt_watched *run, const dt_metrics_row *row, char *text, size_t size)
{
    dt_progress_report report = {.epoch = row->epoch,
                                 .epochs = run->epochs > row->epoch ? run->epochs : row->epoch,
                                 .step = row->step,
                                 .train_loss = row->train_loss,
                                 .train_accuracy = row->train_accuracy,
                                 .val = {row->val_loss, row->val_accuracy},
                                 .test = {row->test_loss, row->test_accuracy},
                                 .lr = row->learning_rate,
                                 .samples_per_second = row->samples_per_second};
    dt_progress_epoch_line(&report, text, size);
}

void dt_watch_view_state(const dt_watched *run, char *buffer, size_t size)
{
    const dt_metrics_row *row = newest(run);
    dt_text text = {.text = buffer, .size = size};
    dt_text_add(&text, "%s", states[run->state].word);
    if (run->state == DT_WATCHED_WAITING)
        dt_text_add(&text, ": the run has not begun to write");
    if (run->state == DT_WATCHED_STOPPED)
        dt_text_add(&text, ": --resume auto goes on");
    if (run->state == DT_WATCHED_FAILED)
        dt_text_add(&text, ": log.txt may say why");
    if (run->state == DT_WATCHED_DIED)
        dt_text_add(&text, ": ended without a summary; --resume auto goes on");
    if (row && run->state == DT_WATCHED_COMPLETE) {
        dt_text_add(&text, ": %lld steps in ", (long long)row->step);
        dt_progress_add_time(&text, row->seconds);
    }
}

static bool has_values(const dt_watched *run, int line)
{
    return run->rows.lines[line].count > 0;
}

static double step_of(const dt_place *place, const void *context)
{
    (void)context;
    return place->step;
}

/* The curve shows the points, which are dt_line_free's. */
static dt_status make_curve(const dt_watched *run, int line, dt_curve *curve, dt_line *points,
                            dt_error *error)
{
    dt_status status = dt_points_line(&run->rows.lines[line], step_of, NULL, points, error);
    curve->count = points->count;
    curve->x = points->x;
    curve->y = points->y;
    return status;
}

typedef struct place {
    int top, left, rows, columns;
} place;

/* One run: a curve a line that has values; `lines` is the first one. */
static dt_status draw_own(dt_canvas *canvas, place at, const char *title, const dt_watched *run,
                          int lines, dt_error *error)
{
    dt_curve curves[SUBSETS];
    dt_line points[SUBSETS] = {0};
    int count = 0;
    dt_status status = DT_OK;
    for (int i = 0; i < SUBSETS && !status; i++) {
        if (!has_values(run, lines + i))
            continue;
        curves[count] = (dt_curve){.name = subset_names[i], .ink = inks[i], .mark = marks[i]};
        status = make_curve(run, lines + i, &curves[count], &points[count], error);
        count++;
    }
    dt_chart chart = {.title = title, .unit = "step", .curves = curves, .curve_count = count};
    if (!status)
        dt_chart_draw(canvas, at.top, at.left, at.rows, at.columns, &chart);
    for (int i = 0; i < count; i++)
        dt_line_free(&points[i]);
    return status;
}

/* The accuracy by which runs are compared. */
static int best_accuracy(const dt_watched *runs, int count)
{
    static const int order[] = {DT_SUBSET_VAL, DT_SUBSET_TEST};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        bool all = true;
        for (int r = 0; r < count; r++)
            all &= runs[r].rows.count == 0 || has_values(&runs[r], ACCURACIES + order[i]);
        if (all)
            return ACCURACIES + order[i];
    }
    return ACCURACIES + DT_SUBSET_TRAIN;
}

/* Several runs: a curve a run. */
static dt_status draw_together(dt_canvas *canvas, place at, const char *title,
                               const dt_watched *runs, int count, int line, dt_error *error)
{
    dt_curve *curves = dt_calloc((size_t)count, sizeof *curves, error);
    dt_line *points = dt_calloc((size_t)count, sizeof *points, error);
    dt_status status = curves && points ? DT_OK : DT_ERR_INTERNAL;
    for (int i = 0; i < count && !status; i++) {
        curves[i] = (dt_curve){.ink = inks[i % INKS], .mark = marks[i % INKS]};
        status = make_curve(&runs[i], line, &curves[i], &points[i], error);
    }
    dt_chart chart = {.title = title, .unit = "step", .curves = curves, .curve_count = count};
    if (!status)
        dt_chart_draw(canvas, at.top, at.left, at.rows, at.columns, &chart);
    for (int i = 0; i < count && points; i++)
        dt_line_free(&points[i]);
    dt_free(points);
    dt_free(curves);
    return status;
}

static dt_status draw_chart(dt_canvas *canvas, place at, bool loss, const dt_watched *runs,
                            int count, dt_error *error)
{
    if (count == 1)
        return draw_own(canvas, at, loss ? "loss" : "accuracy", runs, loss ? LOSSES : ACCURACIES,
                        error);
    int line = loss ? WATCHED_TRAIN_LOSS : best_accuracy(runs, count);
    const char *title = loss                             ? "training loss"
                        : line == WATCHED_TRAIN_ACCURACY ? "training accuracy"
                        : line == WATCHED_VAL_ACCURACY   ? "validation accuracy"
                                                         : "test accuracy";
    return draw_together(canvas, at, title, runs, count, line, error);
}

/* Both charts below row `top`, side by side or one below the other, as there is room. */
static dt_status draw_charts(dt_canvas *canvas, int top, const dt_watched *runs, int count,
                             dt_error *error)
{
    int rows = canvas->rows - top, columns = canvas->columns;
    bool beside = columns >= SIDE_BY_SIDE;
    if (!beside && rows >= 2 * DT_CHART_ROWS)
        rows /= 2;
    rows = rows < CHART_ROWS_MOST ? rows : CHART_ROWS_MOST;
    if (rows < DT_CHART_ROWS || columns < DT_CHART_COLUMNS)
        return DT_OK;
    int width = beside ? columns / 2 - 1 : columns;
    place at = {.top = top, .rows = rows, .columns = width};
    dt_status status = draw_chart(canvas, at, true, runs, count, error);
    at.left = beside ? columns - width : 0;
    at.top += beside ? 0 : rows;
    if (!status && at.top + rows <= canvas->rows)
        status = draw_chart(canvas, at, false, runs, count, error);
    return status;
}

static int write_state(dt_canvas *canvas, int row, int column, const dt_watched *run)
{
    char text[LINE_MOST];
    dt_watch_view_state(run, text, sizeof text);
    return dt_canvas_write(canvas, row, column, states[run->state].ink, "%s", text);
}

/* "[=====>    ]", of the whole run. */
static int write_bar(dt_canvas *canvas, int row, int column, double part)
{
    int room = canvas->columns - column - 22;
    int length = room < BAR_MOST ? room : BAR_MOST, done = (int)(part * length);
    if (length < 5)
        return column;
    column = dt_canvas_write(canvas, row, column, DT_INK_PLAIN, "[");
    for (int i = 0; i < length; i++)
        column = dt_canvas_write(canvas, row, column, DT_INK_PLAIN, "%c",
                                 i < done    ? '='
                                 : i == done ? '>'
                                             : ' ');
    return dt_canvas_write(canvas, row, column, DT_INK_PLAIN, "] ");
}

/* How far the run is: "epoch 3/10  step 1407/9370 [====>     ] 15 %, 12:31 left". */
static void write_progress(dt_canvas *canvas, int row, const dt_watched *run)
{
    char buffer[LINE_MOST] = "";
    dt_text text = {.text = buffer, .size = sizeof buffer};
    const dt_metrics_row *last = newest(run);
    long long epoch = last ? (long long)last->epoch : 0, step = last ? (long long)last->step : 0;
    if (run->epochs >= 0)
        dt_text_add(&text, "epoch %lld/%lld, ", epoch, (long long)run->epochs);
    if (run->steps > 0)
        dt_text_add(&text, "step %lld/%lld ", step, (long long)run->steps);
    int column = dt_canvas_write(canvas, row, 0, DT_INK_PLAIN, "%s", buffer);
    if (run->steps == 0)
        return;
    double part = (double)step / (double)run->steps, left = dt_watched_left(run);
    column = write_bar(canvas, row, column, part < 1 ? part : 1);
    text.length = 0;
    dt_text_add(&text, "%.0f %%", 100 * part);
    if (run->state == DT_WATCHED_RUNNING && !isnan(left)) {
        dt_text_add(&text, ", ");
        dt_progress_add_time(&text, left);
        dt_text_add(&text, " left");
    }
    dt_canvas_write(canvas, row, column, DT_INK_PLAIN, "%s", buffer);
}

static void add_age(dt_text *text, const char *what, double seconds)
{
    if (isnan(seconds))
        return;
    dt_text_add(text, "%s%s ", text->length > 0 ? "; " : "", what);
    if (seconds < 100)
        dt_text_add(text, "%.0f s ago", seconds);
    else
        dt_progress_add_time(text, seconds);
    if (seconds >= 100)
        dt_text_add(text, " ago");
}

/* Who writes, and when last. */
static void write_life(dt_canvas *canvas, int row, const dt_watched *run)
{
    char buffer[LINE_MOST] = "";
    dt_text text = {.text = buffer, .size = sizeof buffer};
    add_age(&text, "last sign of life", run->silence);
    add_age(&text, "newest row", run->row_age);
    if (run->holder[0])
        dt_text_add(&text, "%s%s", text.length > 0 ? "; " : "", run->holder);
    dt_canvas_write(canvas, row, 0, DT_INK_FAINT, "%s", buffer);
}

static int draw_one(dt_canvas *canvas, const dt_watched *run)
{
    char text[LINE_MOST];
    int column = dt_canvas_write(canvas, 0, 0, DT_INK_BOLD, "%s", run->directory);
    write_state(canvas, 0, column + 2, run);
    write_progress(canvas, 1, run);
    if (newest(run)) {
        dt_watch_view_row(run, newest(run), text, sizeof text);
        const char *values = strstr(text, "loss ");
        dt_canvas_write(canvas, 2, 0, DT_INK_PLAIN, "%s", values ? values : text);
    }
    if (dt_watched_ended(run))
        return 4;
    write_life(canvas, 3, run);
    return 5;
}

static int draw_list(dt_canvas *canvas, const dt_watched *runs, int count)
{
    for (int i = 0; i < count; i++) {
        char text[LINE_MOST];
        const dt_metrics_row *row = newest(&runs[i]);
        int column = dt_canvas_write(canvas, i, 0, inks[i % INKS], "%c ", marks[i % INKS]);
        column = dt_canvas_write(canvas, i, column, DT_INK_BOLD, "%s", runs[i].directory);
        column = dt_canvas_write(canvas, i, column + 2, states[runs[i].state].ink, "%s",
                                 states[runs[i].state].word);
        if (row) {
            dt_watch_view_row(&runs[i], row, text, sizeof text);
            dt_canvas_write(canvas, i, column + 2, DT_INK_PLAIN, "%s", text);
        }
    }
    return count + 1;
}

dt_status dt_watch_view_draw(dt_canvas *canvas, const dt_watched *runs, int count, dt_error *error)
{
    int top = count == 1 ? draw_one(canvas, runs) : draw_list(canvas, runs, count);
    return draw_charts(canvas, top, runs, count, error);
}
