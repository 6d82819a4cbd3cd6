#include "plot.h"

plot_area plot_make(bool small, double margin, const char *x_name)
{
    double width = small ? 380 : 520, height = small ? 230 : 290;
    return (plot_area){.width = width,
                       .height = height,
                       .right = width - margin,
                       .bottom = height - 44,
                       .x_name = x_name};
}

static void add_line(dt_markup *to, const char *class, double x1, double y1, double x2, double y2)
{
    dt_markup_add(to, "<path class=\"%s\" d=\"M%s %sL%s %s\"/>", class, DT_PIXEL(x1), DT_PIXEL(y1),
                  DT_PIXEL(x2), DT_PIXEL(y2));
}

static void add_y_axis(dt_markup *to, const plot_area *self)
{
    double ticks[DT_TICKS_MAX];
    char text[DT_NUMBER_SIZE];
    int count = dt_scale_ticks(&self->y, 27, ticks);
    for (int i = 0; i < count; i++) {
        double y = dt_scale_pixel(&self->y, ticks[i]);
        add_line(to, "grid", PLOT_LEFT, y, self->right, y);
        dt_markup_add(to, "<text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"%s\">%s</text>",
                      PLOT_LEFT - 8, DT_PIXEL(y + 4.5),
                      dt_scale_label(&self->y, count, ticks, i, text));
    }
}

static void add_x_axis(dt_markup *to, const plot_area *self)
{
    double ticks[DT_TICKS_MAX];
    char text[DT_NUMBER_SIZE];
    int count = dt_scale_ticks(&self->x, 52, ticks);
    add_line(to, "axis", PLOT_LEFT, self->bottom, self->right, self->bottom);
    for (int i = 0; i < count; i++) {
        double x = dt_scale_pixel(&self->x, ticks[i]);
        add_line(to, "axis", x, self->bottom, x, self->bottom + 5);
        dt_markup_add(
            to, "<text class=\"tick\" text-anchor=\"middle\" x=\"%s\" y=\"%.0f\">%s</text>",
            DT_PIXEL(x), self->bottom + 20, dt_scale_label(&self->x, count, ticks, i, text));
    }
    dt_markup_add(to, "<text class=\"name\" text-anchor=\"middle\" x=\"%s\" y=\"%.0f\">",
                  DT_PIXEL((PLOT_LEFT + self->right) / 2), self->height - 4);
    dt_markup_around(to, "", self->x_name, "</text>");
}

void plot_begin(dt_markup *to, const plot_area *self, const char *text)
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

void plot_end(dt_markup *to)
{
    dt_markup_add(to, "</svg>\n");
}
