#include <math.h>
#include <stdio.h>

#include "chart/chart.h"
#include "plot.h"

enum { BINS = 40, BINS_MOST = 3 * BINS, DECADES_MOST = 6 };

typedef struct bins {
    double low, width; /* of the first; of each; in places */
    int count;
    size_t counts[BINS_MOST];
    size_t most, values;
} bins;

/* Where a value stands on the axis: itself, or its logarithm. */
static double place_of(const dt_histogram *from, double value)
{
    return !from->is_log ? value : value > 0 ? log10(value) : (double)-INFINITY;
}

/* What is at that place. */
static double value_at(const dt_histogram *from, double place)
{
    return from->is_log ? pow(10, place) : place;
}

/* False: there is no value that has a place. */
static bool sort_into(const dt_histogram *from, bins *out)
{
    dt_extent places = DT_EXTENT_OF_NONE;
    *out = (bins){0};
    for (size_t i = 0; i < from->count; i++)
        if (isfinite(from->values[i]))
            dt_extent_add(&places, place_of(from, (double)from->values[i]));
    if (from->is_log)
        places.low = fmax(places.low, places.high - DECADES_MOST);
    double low = places.low, high = places.high;
    if (low > high)
        return false;
    double range = high > low ? high - low : from->is_log ? 1 : fmax(1, fabs(low));
    out->width = dt_round_up(range / BINS);
    out->low = out->width * floor(low / out->width);
    for (size_t i = 0; i < from->count; i++) {
        if (!isfinite(from->values[i]))
            continue;
        double place = (place_of(from, (double)from->values[i]) - out->low) / out->width;
        int bin = !(place > 0) ? 0 : place < BINS_MOST ? (int)place : BINS_MOST - 1;
        out->counts[bin]++;
        out->values++;
        out->count = bin >= out->count ? bin + 1 : out->count;
        out->most = out->counts[bin] > out->most ? out->counts[bin] : out->most;
    }
    return true;
}

static void add_bins(dt_markup *to, const plot_area *plot, const dt_histogram *from,
                     const bins *sorted)
{
    for (int i = 0; i < sorted->count; i++) {
        if (sorted->counts[i] == 0)
            continue;
        double begin = value_at(from, sorted->low + i * sorted->width);
        double end = value_at(from, sorted->low + (i + 1) * sorted->width);
        double x = dt_scale_pixel(&plot->x, begin);
        double y = dt_scale_pixel(&plot->y, (double)sorted->counts[i]);
        double width = fmax(0.5, dt_scale_pixel(&plot->x, end) - x - 1);
        dt_markup_add(to,
                      "<rect class=\"bin c%d\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\">"
                      "<title>%s to %s: %s of %zu</title></rect>\n",
                      from->colour % DT_COLOURS, DT_PIXEL(x + 0.5), DT_PIXEL(y), DT_PIXEL(width),
                      DT_PIXEL(plot->bottom - y), DT_NUMBER(from->x_number, begin),
                      DT_NUMBER(from->x_number, end),
                      DT_NUMBER(DT_NUMBER_COUNT, (double)sorted->counts[i]), sorted->values);
    }
}

void dt_histogram_add(dt_markup *to, const dt_histogram *histogram)
{
    bins sorted;
    if (!sort_into(histogram, &sorted)) {
        dt_markup_add(to, "<p class=\"empty\">Nothing to draw yet.</p>\n");
        return;
    }
    double low = value_at(histogram, sorted.low);
    double high = value_at(histogram, sorted.low + sorted.count * sorted.width);
    plot_area plot = plot_make(false, 12, histogram->x_name);
    plot.x = dt_scale_make(histogram->is_log ? DT_SCALE_LOG : DT_SCALE_LINEAR, histogram->x_number,
                           low, high, PLOT_LEFT, plot.right);
    plot.x.low = low;
    plot.x.high = high;
    plot.y = dt_scale_make(DT_SCALE_LINEAR, DT_NUMBER_COUNT, 0, (double)sorted.most, plot.bottom,
                           PLOT_TOP);
    char text[120];
    snprintf(text, sizeof text, "%.40s of %zu images", histogram->name, sorted.values);
    plot_begin(to, &plot, text);
    add_bins(to, &plot, histogram, &sorted);
    plot_end(to);
}
