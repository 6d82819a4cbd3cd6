/* The frame of a chart: its scales, axes, ticks and grid. */
#ifndef DT_REPORT_SRC_PLOT_H
#define DT_REPORT_SRC_PLOT_H

#include <stddef.h>

#include "report/chart.h"
#include "report/markup.h"
#include "report/scale.h"

/* The whole drawing, and the frame in it. */
#define PLOT_WIDTH  520
#define PLOT_HEIGHT 290
#define PLOT_LEFT   62
#define PLOT_TOP    16
#define PLOT_BOTTOM 246

typedef struct dt_plot {
    double right; /* of the frame */
    dt_scale x, y;
    const char *x_name;
} dt_plot;

/* Opens <svg>, with `text` for screen readers, and draws grid and axes. */
void dt_plot_begin(dt_markup *to, const dt_plot *self, const char *text);

/* Draws a line, as dt_chart_add says of long ones; one without a finite point is left out. */
void dt_plot_line(dt_markup *to, const dt_plot *self, const dt_series *series);

/* Closes it. */
void dt_plot_end(dt_markup *to);

#endif
