/* Curves in text: braille dots where the canvas has UTF-8, else a mark a curve. */
#ifndef DT_CHART_TERMINAL_H
#define DT_CHART_TERMINAL_H

#include <stddef.h>

#include "chart/canvas.h"

/* The points (x[i], y[i]) with a line from one to the next; those with a y that is not finite are
 * left out. */
typedef struct dt_curve {
    const char *name; /* for the legend; NULL: it has none */
    dt_ink ink;
    char mark; /* where there are no colours to tell curves apart, or no braille */
    size_t count;
    const double *x, *y; /* [count]; x ascending */
} dt_curve;

typedef struct dt_chart {
    const char *title;
    const char *unit; /* of the x axis */
    int curve_count;
    const dt_curve *curves;
} dt_chart;

/* The smallest rectangle that has room for axes and a curve. */
#define DT_CHART_ROWS    6
#define DT_CHART_COLUMNS 24

/* Draws the chart into the rectangle of rows x columns (at least the smallest) with its upper left
 * corner at (top, left): title and legend, y axis with numbers, curves, x axis with its ends. The
 * axes hold all points; x begins at 0. The y axis is logarithmic where all values are positive and
 * the largest is 10 times the smallest or more. */
void dt_chart_draw(dt_canvas *canvas, int top, int left, int rows, int columns,
                   const dt_chart *chart);

#endif
