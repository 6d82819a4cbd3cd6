#include "plot.h"

#include <math.h>

dt_plot dt_plot_make(bool small, double margin, const char *x_name)
{
    double width = small ? 380 : 520, height = small ? 230 : 290;
    return (dt_plot){.width = width,
                     .height = height,
                     .right = width - margin,
                     .bottom = height - 44,
                     .x_name = x_name};
}

static double step_of(const double *ticks, int count)
{
    double step = (double)INFINITY;
    for (int i = 1; i < count; i++)
        step = fmin(step, ticks[i] - ticks[i - 1]);
    return isfinite(step) ? step : 1;
}

/* Ticks of a scale that is not linear have each their own digits. */
static const char *label(const dt_scale *scale, double tick, double step, char text[DT_NUMBER_SIZE])
{
    return dt_number_tick(scale->number, tick, scale->kind == DT_SCALE_LINEAR ? step : tick, text);
}

static void add_line(dt_markup *to, const char *class, double x1, double y1, double x2, double y2)
{
    dt_markup_add(to, "<path class=\"%s\" d=\"M", class);
    dt_markup_pixel(to, x1);
    dt_markup_add(to, " ");
    dt_markup_pixel(to, y1);
    dt_markup_add(to, "L");
    dt_markup_pixel(to, x2);
    dt_markup_add(to, " ");
    dt_markup_pixel(to, y2);
    dt_markup_add(to, "\"/>");
}

static void add_y_axis(dt_markup *to, const dt_plot *self)
{
    double ticks[DT_TICKS_MAX];
    char text[DT_NUMBER_SIZE];
    int count = dt_scale_ticks(&self->y, 27, ticks);
    double step = step_of(ticks, count);
    for (int i = 0; i < count; i++) {
        double y = dt_scale_pixel(&self->y, ticks[i]);
        add_line(to, "grid", PLOT_LEFT, y, self->right, y);
        dt_markup_add(to, "<text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"", PLOT_LEFT - 8);
        dt_markup_pixel(to, y + 4.5);
        dt_markup_add(to, "\">%s</text>", label(&self->y, ticks[i], step, text));
    }
}

static void add_x_axis(dt_markup *to, const dt_plot *self)
{
    double ticks[DT_TICKS_MAX];
    char text[DT_NUMBER_SIZE];
    int count = dt_scale_ticks(&self->x, 52, ticks);
    double step = step_of(ticks, count);
    add_line(to, "axis", PLOT_LEFT, self->bottom, self->right, self->bottom);
    for (int i = 0; i < count; i++) {
        double x = dt_scale_pixel(&self->x, ticks[i]);
        add_line(to, "axis", x, self->bottom, x, self->bottom + 5);
        dt_markup_add(to, "<text class=\"tick\" text-anchor=\"middle\" x=\"");
        dt_markup_pixel(to, x);
        dt_markup_add(to, "\" y=\"%.0f\">%s</text>", self->bottom + 20,
                      label(&self->x, ticks[i], step, text));
    }
    dt_markup_add(to, "<text class=\"name\" text-anchor=\"middle\" x=\"");
    dt_markup_pixel(to, (PLOT_LEFT + self->right) / 2);
    dt_markup_add(to, "\" y=\"%.0f\">", self->height - 4);
    dt_markup_text(to, self->x_name);
    dt_markup_add(to, "</text>");
}

void dt_plot_begin(dt_markup *to, const dt_plot *self, const char *text)
{
    dt_markup_add(to,
                  "<svg class=\"plot\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
                  "xmlns=\"http://www.w3.org/2000/svg\" aria-label=\"",
                  self->width, self->height);
    dt_markup_text(to, text);
    dt_markup_add(to, "\">\n");
    add_y_axis(to, self);
    add_x_axis(to, self);
    dt_markup_add(to, "\n");
}

void dt_plot_end(dt_markup *to)
{
    dt_markup_add(to, "</svg>\n");
}
