#include "chart/chart.h"

#include <math.h>
#include <string.h>

#include "plot.h"

enum { HOVER_MAX = 120, LABEL_HEIGHT = 15, LABELS_MAX = 16 };

typedef struct range {
    double low, high; /* low > high: empty */
} range;

static void include(range *to, double value)
{
    if (isfinite(value)) {
        to->low = fmin(to->low, value);
        to->high = fmax(to->high, value);
    }
}

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
static bool make_plot(const dt_line_chart *chart, dt_plot *out)
{
    range x = {(double)INFINITY, -(double)INFINITY}, y = {(double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < chart->series_count; i++) {
        const dt_series *series = &chart->series[i];
        for (size_t j = 0; j < series->count; j++) {
            bool drawn = chart->y_kind != DT_SCALE_LOG || series->y[j] > 0;
            if (isfinite(series->y[j]) && drawn) {
                include(&x, series->x[j]);
                include(&y, series->y[j]);
            }
        }
    }
    if (x.low > x.high)
        return false;
    if (chart->from_zero)
        include(&y, 0);
    *out = dt_plot_make(chart->small, label_room(chart), chart->x_name);
    out->x = dt_scale_make(DT_SCALE_LINEAR, chart->x_number, x.low, x.high, PLOT_LEFT, out->right);
    if (x.low < x.high) { /* lines begin and end with the frame */
        out->x.low = x.low > 0 && x.low < 0.05 * x.high ? 0 : x.low;
        out->x.high = x.high;
    }
    out->y = dt_scale_make(chart->y_kind, chart->y_number, y.low, y.high, out->bottom, PLOT_TOP);
    return true;
}

static void add_marks(dt_markup *to, const dt_plot *plot, const dt_line_chart *chart)
{
    for (size_t i = 0; i < chart->mark_count; i++) {
        const dt_mark *mark = &chart->marks[i];
        if (!isfinite(mark->x) || !isfinite(mark->y))
            continue;
        double x = dt_scale_pixel(&plot->x, mark->x), y = dt_scale_pixel(&plot->y, mark->y);
        bool left = x > (PLOT_LEFT + plot->right) / 2;
        dt_markup_add(to, "<path class=\"mark\" d=\"M");
        dt_markup_pixel(to, x);
        dt_markup_add(to, " %dV%.0f\"/><circle class=\"ring c%d\" r=\"5\" cx=\"", PLOT_TOP,
                      plot->bottom, mark->colour % DT_COLOURS);
        dt_markup_pixel(to, x);
        dt_markup_add(to, "\" cy=\"");
        dt_markup_pixel(to, y);
        dt_markup_add(to, "\"/><text class=\"name\" text-anchor=\"%s\" x=\"",
                      left ? "end" : "start");
        dt_markup_pixel(to, x + (left ? -6 : 6));
        dt_markup_add(to, "\" y=\"%d\">", PLOT_TOP - 4);
        dt_markup_text(to, mark->label);
        dt_markup_add(to, "</text>\n");
    }
}

/* Moves labels apart, above `limit`: y[count], sorted on the way; order: their series. */
static void spread(size_t count, double *y, size_t *order, double limit)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && y[j] < y[j - 1]; j--) {
            double value = y[j];
            size_t which = order[j];
            y[j] = y[j - 1];
            order[j] = order[j - 1];
            y[j - 1] = value;
            order[j - 1] = which;
        }
    for (size_t i = 1; i < count; i++)
        y[i] = fmax(y[i], y[i - 1] + LABEL_HEIGHT);
    for (size_t i = count; i > 0; i--) {
        y[i - 1] = fmin(y[i - 1], limit);
        limit = y[i - 1] - LABEL_HEIGHT;
    }
}

static void add_labels(dt_markup *to, const dt_plot *plot, const dt_line_chart *chart)
{
    double y[LABELS_MAX];
    size_t order[LABELS_MAX], count = 0;
    for (size_t i = 0; i < chart->series_count && count < LABELS_MAX; i++) {
        const dt_series *series = &chart->series[i];
        size_t last = last_point(series);
        if (!series->label || last == series->count)
            continue;
        y[count] = dt_scale_pixel(&plot->y, series->y[last]);
        order[count++] = i;
    }
    spread(count, y, order, plot->bottom);
    for (size_t i = 0; i < count; i++) {
        const dt_series *series = &chart->series[order[i]];
        dt_markup_add(to, "<text class=\"label c%d\" x=\"", series->colour % DT_COLOURS);
        dt_markup_pixel(to, dt_scale_pixel(&plot->x, series->x[last_point(series)]) + 7);
        dt_markup_add(to, "\" y=\"");
        dt_markup_pixel(to, y[i] + 4.5);
        dt_markup_add(to, "\">");
        dt_markup_text(to, series->label);
        dt_markup_add(to, "</text>\n");
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
    char text[DT_NUMBER_SIZE];
    dt_markup_add(to, "<title>");
    dt_markup_text(to, chart->x_name);
    bool whole = chart->x_number != DT_NUMBER_COUNT || x == round(x);
    dt_markup_add(to, " %s", dt_number_text(whole ? chart->x_number : DT_NUMBER_PLAIN, x, text));
    for (size_t i = 0; i < chart->series_count; i++) {
        const dt_series *series = &chart->series[i];
        double value = value_near(series, x, within);
        if (series->stroke == DT_STROKE_FAINT || isnan(value))
            continue;
        dt_markup_add(to, "\n");
        dt_markup_text(to, series->name);
        dt_markup_add(to, " %s", dt_number_text(chart->y_number, value, text));
    }
    dt_markup_add(to, "</title>");
}

/* Columns that the mouse finds, from half way to the position before to half way to the next. */
static void add_hover(dt_markup *to, const dt_plot *plot, const dt_line_chart *chart)
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
        dt_markup_add(to, "<rect class=\"hover\" x=\"");
        dt_markup_pixel(to, begin);
        dt_markup_add(to, "\" y=\"%d\" height=\"%.0f\" width=\"", PLOT_TOP,
                      plot->bottom - PLOT_TOP);
        dt_markup_pixel(to, fmax(0, end - begin));
        dt_markup_add(to, "\">");
        add_title(to, chart, at, fabs(next - at) / 2);
        dt_markup_add(to, "</rect>\n");
        begin = fmax(begin, end);
    }
}

static void describe(const dt_line_chart *chart, dt_markup *text)
{
    char first[DT_NUMBER_SIZE], last[DT_NUMBER_SIZE];
    dt_markup_add(text, "%s by %s:", chart->name, chart->x_name);
    for (size_t i = 0; i < chart->series_count; i++) {
        const dt_series *series = &chart->series[i];
        size_t begin = 0, end = last_point(series);
        if (series->stroke == DT_STROKE_FAINT || end == series->count)
            continue;
        while (!isfinite(series->y[begin]))
            begin++;
        dt_markup_add(text, " %s %s to %s;", series->name,
                      dt_number_text(chart->y_number, series->y[begin], first),
                      dt_number_text(chart->y_number, series->y[end], last));
    }
}

void dt_line_chart_add(dt_markup *to, const dt_line_chart *chart)
{
    dt_plot plot;
    if (!make_plot(chart, &plot)) {
        dt_markup_add(to, "<p class=\"empty\">Nothing to draw yet.</p>\n");
        return;
    }
    dt_markup text = {0};
    describe(chart, &text);
    dt_plot_begin(to, &plot, text.text ? text.text : chart->name);
    if (text.error.status && !to->error.status)
        to->error = text.error;
    dt_markup_destroy(&text);
    for (size_t i = 0; i < chart->series_count; i++)
        if (chart->series[i].stroke == DT_STROKE_FAINT)
            dt_plot_line(to, &plot, &chart->series[i]);
    for (size_t i = 0; i < chart->series_count; i++)
        if (chart->series[i].stroke != DT_STROKE_FAINT)
            dt_plot_line(to, &plot, &chart->series[i]);
    add_marks(to, &plot, chart);
    add_labels(to, &plot, chart);
    add_hover(to, &plot, chart);
    dt_plot_end(to);
}
