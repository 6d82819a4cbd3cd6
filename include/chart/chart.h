/* Line charts and histograms, as SVG that takes its colours from the page (report/page.h).
 *
 * Nothing in them depends on anything but the arguments: equal charts are equal bytes. Names are
 * escaped. A chart has a text for screen readers, and a title for the mouse at each of its hover
 * positions. */
#ifndef DT_CHART_CHART_H
#define DT_CHART_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/markup.h"
#include "chart/scale.h"

/* Colours that the page has; a colour of a chart is taken modulo this. */
#define DT_COLOURS 8

typedef enum dt_stroke {
    DT_STROKE_FULL,
    DT_STROKE_DASHED,
    DT_STROKE_FAINT /* behind the others, without a label and without a word in the titles */
} dt_stroke;

typedef struct dt_series {
    const char *name;  /* for titles */
    const char *label; /* at the end of the line; NULL: none. At most 16 of a chart are shown */
    int colour;
    dt_stroke stroke;
    size_t count;
    const double *x; /* [count], finite, ascending */
    const double *y; /* [count]; one that is not finite leaves a gap */
} dt_series;

/* A point that is shown with a ring and a word. */
typedef struct dt_mark {
    const char *label;
    double x, y;
    int colour;
} dt_mark;

typedef struct dt_line_chart {
    const char *name;   /* what is shown, for screen readers: "Loss" */
    const char *x_name; /* "epoch" */
    dt_number x_number;
    dt_number y_number;
    dt_scale_kind y_kind;
    bool small;     /* one of many */
    bool from_zero; /* the y axis begins at 0 at most */
    size_t series_count;
    const dt_series *series;
    size_t mark_count;
    const dt_mark *marks;
    size_t hover_count; /* any number: at most 120 of them get a title */
    const double *hover;
} dt_line_chart;

/* Adds a chart. Lines with more points than the chart has columns are reduced to the first, last,
 * smallest and largest value of each column, so that no extreme is lost. Without any finite point:
 * a line of text that says so. */
void dt_line_chart_add(dt_markup *to, const dt_line_chart *chart);

typedef struct dt_histogram {
    const char *name, *x_name;
    dt_number x_number;
    int colour;
    size_t count;
    const float *values; /* [count]; those that are not finite are left out */
    bool is_log;         /* bins of a logarithmic axis of at most six decades; what is smaller is in
                            the first bin */
} dt_histogram;

/* Adds a histogram of about 40 bins, of round width or of a round part of a decade. */
void dt_histogram_add(dt_markup *to, const dt_histogram *histogram);

#endif
