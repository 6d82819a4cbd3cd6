#include "chart/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

enum { HOVER_MAX = 120, LABEL_HEIGHT = 15, LABELS_MAX = 16 };

/* Last point of a series that is drawn; count: none. */
static size_t last_point(const dt_series *series)
{
    for (size_t i = series->count; i > 0; i--)
        if (isfinite(series->y[i - 1]))
            return i - 1;
    return series->count;
}

static double label_room(const dt_line_chart *chart)
{
    size_t longest = 0;
    for (size_t i = 0; i < chart->series_count; i++) {
        const char *label = chart->series[i].label;
        if (label && strlen(label) > longest)
            longest = strlen(label);
    }
    return longest > 0 ? 14 + 7.5 * (double)(longest > 12 ? 12 : longest) : 12;
}

/* False: there is no point to draw. */
static bool make_plot(const dt_line_chart *chart, plot_area *out)
{
    dt_extent x = DT_EXTENT_OF_NONE, y = DT_EXTENT_OF_NONE;
    for (size_t i = 0; i < chart->series_count; i++) {
        const dt_series *series = &chart->series[i];
        for (size_t j = 0; j < series->count; j++) {
            bool drawn = chart->y_kind != DT_SCALE_LOG || series->y[j] > 0;
            if (isfinite(series->y[j]) && drawn) {
                dt_extent_add(&x, series->x[j]);
                dt_extent_add(&y, series->y[j]);
            }
        }
    }
    if (x.low > x.high)
        return false;
    if (chart->from_zero)
        dt_extent_add(&y, 0);
    *out = plot_make(chart->small, label_room(chart), chart->x_name);
    out->x = dt_scale_make(DT_SCALE_LINEAR, chart->x_number, x.low, x.high, PLOT_LEFT, out->right);
    if (x.low < x.high) { /* lines begin and end with the frame */
        out->x.low = x.low > 0 && x.low < 0.05 * x.high ? 0 : x.low;
        out->x.high = x.high;
    }
    out->y = dt_scale_make(chart->y_kind, chart->y_number, y.low, y.high, out->bottom, PLOT_TOP);
    return true;
}

static void add_marks(dt_markup *to, const plot_area *plot, const dt_line_chart *chart)
{
    for (size_t i = 0; i < chart->mark_count; i++) {
        const dt_mark *mark = &chart->marks[i];
        if (!isfinite(mark->x) || !isfinite(mark->y))
            continue;
        double x = dt_scale_pixel(&plot->x, mark->x), y = dt_scale_pixel(&plot->y, mark->y);
        bool left = x > (PLOT_LEFT + plot->right) / 2;
        dt_markup_add(
            to,
            "<path class=\"mark\" d=\"M%s %dV%.0f\"/><circle class=\"ring c%d\" r=\"5\" "
            "cx=\"%s\" cy=\"%s\"/><text class=\"name\" text-anchor=\"%s\" x=\"%s\" y=\"%d\">",
            DT_PIXEL(x), PLOT_TOP, plot->bottom, mark->colour % DT_COLOURS, DT_PIXEL(x),
            DT_PIXEL(y), left ? "end" : "start", DT_PIXEL(x + (left ? -6 : 6)), PLOT_TOP - 4);
        dt_markup_around(to, "", mark->label, "</text>\n");
    }
}

typedef struct end_label {
    double y;
    const dt_series *series;
} end_label;

/* From the top; equal ones in the order of the series. */
static int by_place(const void *a, const void *b)
{
    const end_label *x = a, *y = b;
    return x->y != y->y ? (x->y > y->y) - (x->y < y->y)
                        : (x->series > y->series) - (x->series < y->series);
}

/* Moves labels apart, above `limit`. */
static void spread(size_t count, end_label *labels, double limit)
{
    qsort(labels, count, sizeof *labels, by_place);
    for (size_t i = 1; i < count; i++)
        labels[i].y = fmax(labels[i].y, labels[i - 1].y + LABEL_HEIGHT);
    for (size_t i = count; i > 0; i--) {
        labels[i - 1].y = fmin(labels[i - 1].y, limit);
        limit = labels[i - 1].y - LABEL_HEIGHT;
    }
}

static void add_labels(dt_markup *to, const plot_area *plot, const dt_line_chart *chart)
{
    end_label labels[LABELS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < chart->series_count && count < LABELS_MAX; i++) {
        const dt_series *series = &chart->series[i];
        size_t last = last_point(series);
        if (series->label && last < series->count)
            labels[count++] = (end_label){dt_scale_pixel(&plot->y, series->y[last]), series};
    }
    spread(count, labels, plot->bottom);
    for (size_t i = 0; i < count; i++) {
        const dt_series *series = labels[i].series;
        double x = dt_scale_pixel(&plot->x, series->x[last_point(series)]) + 7;
        dt_markup_add(to, "<text class=\"label c%d\" x=\"%s\" y=\"%s\">",
                      series->colour % DT_COLOURS, DT_PIXEL(x), DT_PIXEL(labels[i].y + 4.5));
        dt_markup_around(to, "", series->label, "</text>\n");
    }
}

/* The value of a series at the point that is nearest to x, if it is nearer than `within`. */
static double value_near(const dt_series *series, double x, double within)
{
    size_t low = 0, high = series->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (series->x[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    double value = (double)NAN, nearest = within;
    for (size_t i = low > 0 ? low - 1 : 0; i < series->count && i <= low; i++)
        if (isfinite(series->y[i]) && fabs(series->x[i] - x) <= nearest) {
            nearest = fabs(series->x[i] - x);
            value = series->y[i];
        }
    return value;
}

static void add_title(dt_markup *to, const dt_line_chart *chart, double x, double within)
{
    dt_markup_around(to, "<title>", chart->x_name, " ");
    bool whole = chart->x_number != DT_NUMBER_COUNT || x == round(x);
    dt_markup_add(to, "%s", DT_NUMBER(whole ? chart->x_number : DT_NUMBER_PLAIN, x));
    for (size_t i = 0; i < chart->series_count; i++) {
        const dt_series *series = &chart->series[i];
        double value = value_near(series, x, within);
        if (series->stroke == DT_STROKE_FAINT || isnan(value))
            continue;
        dt_markup_around(to, "\n", series->name, " ");
        dt_markup_add(to, "%s", DT_NUMBER(chart->y_number, value));
    }
    dt_markup_add(to, "</title>");
}

/* Columns that the mouse finds, from half way to the position before to half way to the next. */
static void add_hover(dt_markup *to, const plot_area *plot, const dt_line_chart *chart)
{
    size_t every = (chart->hover_count + HOVER_MAX - 1) / HOVER_MAX;
    size_t count = every > 0 ? (chart->hover_count - 1) / every + 1 : 0;
    double begin = PLOT_LEFT;
    for (size_t i = 0; i < count; i++) {
        double at = chart->hover[chart->hover_count - 1 - (count - 1 - i) * every];
        double next = i + 1 < count ? chart->hover[chart->hover_count - 1 - (count - 2 - i) * every]
                                    : plot->x.high + (plot->x.high - at);
        double end = dt_scale_pixel(&plot->x, (at + next) / 2);
        end = fmin(end, plot->right);
        dt_markup_add(to, "<rect class=\"hover\" x=\"%s\" y=\"%d\" height=\"%.0f\" width=\"%s\">",
                      DT_PIXEL(begin), PLOT_TOP, plot->bottom - PLOT_TOP,
                      DT_PIXEL(fmax(0, end - begin)));
        add_title(to, chart, at, fabs(next - at) / 2);
        dt_markup_add(to, "</rect>\n");
        begin = fmax(begin, end);
    }
}

static void describe(const dt_line_chart *chart, dt_markup *text)
{
    dt_markup_add(text, "%s by %s:", chart->name, chart->x_name);
    for (size_t i = 0; i < chart->series_count; i++) {
        const dt_series *series = &chart->series[i];
        size_t begin = 0, end = last_point(series);
        if (series->stroke == DT_STROKE_FAINT || end == series->count)
            continue;
        while (!isfinite(series->y[begin]))
            begin++;
        dt_markup_add(text, " %s %s to %s;", series->name,
                      DT_NUMBER(chart->y_number, series->y[begin]),
                      DT_NUMBER(chart->y_number, series->y[end]));
    }
}

void dt_line_chart_add(dt_markup *to, const dt_line_chart *chart)
{
    plot_area plot;
    if (!make_plot(chart, &plot)) {
        dt_markup_add(to, "<p class=\"empty\">Nothing to draw yet.</p>\n");
        return;
    }
    dt_markup text = {0};
    describe(chart, &text);
    plot_begin(to, &plot, text.text ? text.text : chart->name);
    if (text.error.status && !to->error.status)
        to->error = text.error;
    dt_markup_destroy(&text);
    for (int front = 0; front < 2; front++)
        for (size_t i = 0; i < chart->series_count; i++)
            if ((chart->series[i].stroke != DT_STROKE_FAINT) == front)
                plot_line(to, &plot, &chart->series[i]);
    add_marks(to, &plot, chart);
    add_labels(to, &plot, chart);
    add_hover(to, &plot, chart);
    plot_end(to);
}
