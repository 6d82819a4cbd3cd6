#include "watch_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "chart/terminal.h"
#include "progress.h"

enum {
    CHART_ROWS_MOST = 20,
    SIDE_BY_SIDE = 2 * 40, /* columns from which two charts stand side by side */
    LINE_MOST = 512
};

static const struct {
    const char *word;
    dt_ink ink;
    const char *hint;
} states[] = {
    [DT_WATCHED_WAITING] = {"waiting", DT_INK_YELLOW, ": the run has not begun to write"},
    [DT_WATCHED_RUNNING] = {"running", DT_INK_GREEN, ""},
    [DT_WATCHED_COMPLETE] = {"complete", DT_INK_GREEN, ""},
    [DT_WATCHED_STOPPED] = {"stopped", DT_INK_YELLOW, ": --resume auto goes on"},
    [DT_WATCHED_FAILED] = {"failed", DT_INK_RED, ": log.txt may say why"},
    [DT_WATCHED_DIED] = {"died", DT_INK_RED, ": ended without a summary; --resume auto goes on"},
};

static const dt_ink inks[] = {DT_INK_CYAN,    DT_INK_YELLOW, DT_INK_GREEN,
                              DT_INK_MAGENTA, DT_INK_RED,    DT_INK_BLUE};
static const char marks[] = "*+ox#@";

enum { INKS = sizeof inks / sizeof *inks };

enum { SUBSETS = 3, LOSSES = WATCHED_TRAIN_LOSS, ACCURACIES = WATCHED_TRAIN_ACCURACY };

static const char *const subset_names[SUBSETS] = {"train", "val", "test"};

static const dt_metrics_row *newest(const watched_run *run)
{
    return run->rows.count > 0 ? &run->rows.newest : NULL;
}

void watch_view_row(const watched_run *run, const dt_metrics_row *row, char *text, size_t size)
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
    progress_epoch_line(&report, text, size);
}

void watch_view_state(const watched_run *run, char *buffer, size_t size)
{
    const dt_metrics_row *row = newest(run);
    dt_text text = {.text = buffer, .size = size};
    dt_text_add(&text, "%s%s", states[run->state].word, states[run->state].hint);
    if (run->state == DT_WATCHED_WAITING)
        dt_text_add(&text, "%s", run->others);
    if (row && run->state == DT_WATCHED_COMPLETE) {
        dt_text_add(&text, ": %lld steps in ", (long long)row->step);
        progress_add_time(&text, row->seconds);
    }
}

typedef struct place {
    int top, left, rows, columns;
} place;

/* The accuracy by which runs are compared. */
static int best_accuracy(const watched_run *runs, int count)
{
    static const int order[] = {DT_SUBSET_VAL, DT_SUBSET_TEST};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        bool all = true;
        for (int r = 0; r < count; r++)
            all &= runs[r].rows.count == 0 || runs[r].rows.lines[ACCURACIES + order[i]].count > 0;
        if (all)
            return ACCURACIES + order[i];
    }
    return ACCURACIES + DT_SUBSET_TRAIN;
}

/* One run: a curve for each subset that has values, the first of them at `line`. Several: a curve a
 * run. */
static dt_status draw_curves(dt_canvas *canvas, place at, const char *title,
                             const watched_run *runs, int count, int line, dt_error *error)
{
    const dt_axis by_step = {.by = DT_BY_STEP};
    const int most = count == 1 ? SUBSETS : count;
    dt_curve *curves = dt_calloc((size_t)most, sizeof *curves, error);
    dt_line *points = curves ? dt_calloc((size_t)most, sizeof *points, error) : NULL;
    dt_chart chart = {.title = title, .unit = "step", .curves = curves};
    dt_status status = points ? DT_OK : DT_ERR_INTERNAL;
    for (int i = 0; i < most && !status; i++) {
        const watched_run *run = count == 1 ? runs : &runs[i];
        const dt_points *all = &run->rows.lines[count == 1 ? line + i : line];
        if (count == 1 && all->count == 0)
            continue;
        status = dt_points_line(all, &by_step, &points[i], error);
        curves[chart.curve_count++] = (dt_curve){.name = count == 1 ? subset_names[i] : NULL,
                                                 .ink = inks[i % INKS],
                                                 .mark = marks[i % INKS],
                                                 .count = points[i].count,
                                                 .x = points[i].x,
                                                 .y = points[i].y};
    }
    if (!status)
        dt_chart_draw(canvas, at.top, at.left, at.rows, at.columns, &chart);
    for (int i = 0; i < most && points; i++)
        dt_line_free(&points[i]);
    dt_free(points);
    dt_free(curves);
    return status;
}

static dt_status draw_chart(dt_canvas *canvas, place at, bool loss, const watched_run *runs,
                            int count, dt_error *error)
{
    static const char *const titles[WATCHED_LINES] = {
        [WATCHED_TRAIN_LOSS] = "training loss",
        [WATCHED_TRAIN_ACCURACY] = "training accuracy",
        [WATCHED_VAL_ACCURACY] = "validation accuracy",
        [WATCHED_TEST_ACCURACY] = "test accuracy",
    };
    if (count == 1)
        return draw_curves(canvas, at, loss ? "loss" : "accuracy", runs, 1,
                           loss ? LOSSES : ACCURACIES, error);
    int line = loss ? WATCHED_TRAIN_LOSS : best_accuracy(runs, count);
    return draw_curves(canvas, at, titles[line], runs, count, line, error);
}

/* Both charts below row `top`, side by side or one below the other, as there is room. */
static dt_status draw_charts(dt_canvas *canvas, int top, const watched_run *runs, int count,
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

/* How far the run is: "epoch 3/10  step 1407/9370 [====>     ] 15 %, 12:31 left". */
static void write_progress(dt_canvas *canvas, int row, const watched_run *run)
{
    char buffer[LINE_MOST] = "";
    dt_text text = {.text = buffer, .size = sizeof buffer};
    const dt_metrics_row *last = newest(run);
    long long epoch = last ? (long long)last->epoch : 0, step = last ? (long long)last->step : 0;
    if (run->epochs >= 0)
        dt_text_add(&text, "epoch %lld/%lld, ", epoch, (long long)run->epochs);
    if (run->steps > 0) {
        double part = (double)step / (double)run->steps, left = watched_left(run);
        dt_text_add(&text, "step %lld/%lld ", step, (long long)run->steps);
        progress_add_bar(&text, part, canvas->columns - (int)text.length - 22);
        dt_text_add(&text, "%.0f %%", 100 * part);
        if (run->state == DT_WATCHED_RUNNING && !isnan(left)) {
            dt_text_add(&text, ", ");
            progress_add_time(&text, left);
            dt_text_add(&text, " left");
        }
    }
    dt_canvas_write(canvas, row, 0, DT_INK_PLAIN, "%s", buffer);
}

static void add_age(dt_text *text, const char *what, double seconds)
{
    if (isnan(seconds))
        return;
    dt_text_add(text, "%s%s ", text->length > 0 ? "; " : "", what);
    if (seconds < 100)
        dt_text_add(text, "%.0f s ago", seconds);
    else
        progress_add_time(text, seconds);
    if (seconds >= 100)
        dt_text_add(text, " ago");
}

/* Who writes, and when last. */
static void write_life(dt_canvas *canvas, int row, const watched_run *run)
{
    char buffer[LINE_MOST] = "";
    dt_text text = {.text = buffer, .size = sizeof buffer};
    add_age(&text, "last sign of life", run->silence);
    add_age(&text, "newest row", run->row_age);
    if (run->holder[0])
        dt_text_add(&text, "%s%s", text.length > 0 ? "; " : "", run->holder);
    dt_canvas_write(canvas, row, 0, DT_INK_FAINT, "%s", buffer);
}

static int draw_one(dt_canvas *canvas, const watched_run *run)
{
    char text[LINE_MOST];
    int column = dt_canvas_write(canvas, 0, 0, DT_INK_BOLD, "%s", run->directory);
    watch_view_state(run, text, sizeof text);
    dt_canvas_write(canvas, 0, column + 2, states[run->state].ink, "%s", text);
    write_progress(canvas, 1, run);
    if (newest(run)) {
        watch_view_row(run, newest(run), text, sizeof text);
        const char *values = strstr(text, "loss ");
        dt_canvas_write(canvas, 2, 0, DT_INK_PLAIN, "%s", values ? values : text);
    }
    if (watched_ended(run))
        return 4;
    write_life(canvas, 3, run);
    return 5;
}

static int draw_list(dt_canvas *canvas, const watched_run *runs, int count)
{
    for (int i = 0; i < count; i++) {
        char text[LINE_MOST];
        const dt_metrics_row *row = newest(&runs[i]);
        int column = dt_canvas_write(canvas, i, 0, inks[i % INKS], "%c ", marks[i % INKS]);
        column = dt_canvas_write(canvas, i, column, DT_INK_BOLD, "%s", runs[i].directory);
        column = dt_canvas_write(canvas, i, column + 2, states[runs[i].state].ink, "%s",
                                 states[runs[i].state].word);
        if (row) {
            watch_view_row(&runs[i], row, text, sizeof text);
            dt_canvas_write(canvas, i, column + 2, DT_INK_PLAIN, "%s", text);
        }
    }
    return count + 1;
}

dt_status watch_view_draw(dt_canvas *canvas, const watched_run *runs, int count, dt_error *error)
{
    int top = count == 1 ? draw_one(canvas, runs) : draw_list(canvas, runs, count);
    return draw_charts(canvas, top, runs, count, error);
}
