#include <math.h>
#include <stdio.h>

#include "plot.h"
#include "report/chart.h"

enum { BINS = 40, BINS_MOST = 3 * BINS };

typedef struct bins {
    double low, width; /* of the first; of each */
    int count;
    size_t counts[BINS_MOST];
    size_t most, values;
} bins;

/* Round widths: 1, 2 or 5 times a power of ten. */
static double round_width(double width)
{
    double power = pow(10, floor(log10(width)));
    double part = width / power;
    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* False: there is no finite value. */
static bool sort_into(const dt_histogram *from, bins *out)
{
    double low = INFINITY, high = -INFINITY;
    *out = (bins){0};
    for (size_t i = 0; i < from->count; i++)
        if (isfinite(from->values[i])) {
            low = fmin(low, (double)from->values[i]);
            high = fmax(high, (double)from->values[i]);
        }
    if (low > high)
        return false;
    double range = high > low ? high - low : fmax(1, fabs(low));
    out->width = round_width(range / BINS);
    out->low = out->width * floor(low / out->width);
    for (size_t i = 0; i < from->count; i++) {
        if (!isfinite(from->values[i]))
            continue;
        double place = floor(((double)from->values[i] - out->low) / out->width);
        int bin = place < 0 ? 0 : place < BINS_MOST ? (int)place : BINS_MOST - 1;
        out->counts[bin]++;
        out->values++;
        out->count = bin >= out->count ? bin + 1 : out->count;
        out->most = out->counts[bin] > out->most ? out->counts[bin] : out->most;
    }
    return true;
}

static void add_bins(dt_markup *to, const dt_plot *plot, const dt_histogram *from,
                     const bins *sorted)
{
    char low[DT_NUMBER_SIZE], high[DT_NUMBER_SIZE], count[DT_NUMBER_SIZE];
    for (int i = 0; i < sorted->count; i++) {
        if (sorted->counts[i] == 0)
            continue;
        double begin = sorted->low + i * sorted->width, end = begin + sorted->width;
        double x = dt_scale_pixel(&plot->x, begin);
        double y = dt_scale_pixel(&plot->y, (double)sorted->counts[i]);
        dt_markup_add(to, "<rect class=\"bin c%d\" x=\"", from->colour % DT_COLOURS);
        dt_markup_pixel(to, x + 0.5);
        dt_markup_add(to, "\" y=\"");
        dt_markup_pixel(to, y);
        dt_markup_add(to, "\" width=\"");
        dt_markup_pixel(to, fmax(0.5, dt_scale_pixel(&plot->x, end) - x - 1));
        dt_markup_add(to, "\" height=\"");
        dt_markup_pixel(to, PLOT_BOTTOM - y);
        dt_markup_add(to, "\"><title>%s to %s: %s of %zu</title></rect>\n",
                      dt_number_tick(from->x_number, begin, sorted->width, low),
                      dt_number_tick(from->x_number, end, sorted->width, high),
                      dt_number_text(DT_NUMBER_COUNT, (double)sorted->counts[i], count),
                      sorted->values);
    }
}

void dt_histogram_add(dt_markup *to, const dt_histogram *histogram)
{
    bins sorted;
    if (!sort_into(histogram, &sorted)) {
        dt_markup_add(to, "<p class=\"empty\">Nothing to draw yet.</p>\n");
        return;
    }
    dt_plot plot = {.right = PLOT_WIDTH - 12, .x_name = histogram->x_name};
    plot.x = dt_scale_make(DT_SCALE_LINEAR, histogram->x_number, sorted.low,
                           sorted.low + sorted.count * sorted.width, PLOT_LEFT, plot.right);
    plot.x.low = sorted.low;
    plot.x.high = sorted.low + sorted.count * sorted.width;
    plot.y = dt_scale_make(DT_SCALE_LINEAR, DT_NUMBER_COUNT, 0, (double)sorted.most, PLOT_BOTTOM,
                           PLOT_TOP);
    char text[120];
    snprintf(text, sizeof text, "%.40s of %zu images, in bins of %g", histogram->name,
             sorted.values, sorted.width);
    dt_plot_begin(to, &plot, text);
    add_bins(to, &plot, histogram, &sorted);
    dt_plot_end(to);
}
