/* The frame of a chart: its scales, axes, ticks and grid. */
#ifndef DT_CHART_PLOT_H
#define DT_CHART_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/markup.h"
#include "chart/chart.h"
#include "chart/scale.h"

/* The frame's left and upper edges. */
#define PLOT_LEFT 62
#define PLOT_TOP  16

typedef struct plot_area {
    double width, height; /* of the drawing */
    double right, bottom; /* of the frame */
    dt_scale x, y;
    const char *x_name;
} plot_area;

/* A plot without scales; `small`: of three quarters of the size, with letters as large. margin:
 * from the frame to the right edge. */
plot_area plot_make(bool small, double margin, const char *x_name);

/* Opens <svg>, with `text` for screen readers, and draws grid and axes. */
void plot_begin(dt_markup *to, const plot_area *self, const char *text);

/* Draws a line, as dt_line_chart_add says of long ones; one without a finite point is left out. */
void plot_line(dt_markup *to, const plot_area *self, const dt_series *series);

/* Closes it. */
void plot_end(dt_markup *to);

#endif
