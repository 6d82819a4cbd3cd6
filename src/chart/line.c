#include <math.h>

#include "plot.h"

/* A line that is being drawn: the points of one column of pixels wait until it is left. */
typedef struct pen {
    dt_markup *to;
    bool down; /* the line goes on */
    int count; /* points of the column */
    double column;
    double x[4], y[4]; /* first, last, lowest, highest */
    size_t order[4];   /* of these in the series */
} pen;

static void draw_to(pen *self, double x, double y)
{
    dt_markup_add(self->to, self->down ? "L" : "M");
    dt_markup_pixel(self->to, x);
    dt_markup_add(self->to, " ");
    dt_markup_pixel(self->to, y);
    self->down = true;
}

/* Draws what is kept of the column, in the order of the series. */
static void leave_column(pen *self)
{
    bool drawn[4] = {false};
    for (int round = 0; round < 4 && self->count > 0; round++) {
        int next = -1;
        for (int i = 0; i < 4; i++)
            if (!drawn[i] && (next < 0 || self->order[i] < self->order[next]))
                next = i;
        bool again = false;
        for (int i = 0; i < 4; i++)
            again |= drawn[i] && self->order[i] == self->order[next];
        drawn[next] = true;
        if (!again)
            draw_to(self, self->x[next], self->y[next]);
    }
    self->count = 0;
}

static void keep_point(pen *self, int place, double x, double y, size_t order)
{
    self->x[place] = x;
    self->y[place] = y;
    self->order[place] = order;
}

static void add_point(pen *self, double x, double y, size_t order)
{
    if (self->count > 0 && floor(x) != self->column)
        leave_column(self);
    bool first = self->count++ == 0;
    self->column = floor(x);
    if (first)
        keep_point(self, 0, x, y, order);
    keep_point(self, 1, x, y, order);
    if (first || y < self->y[2])
        keep_point(self, 2, x, y, order);
    if (first || y > self->y[3])
        keep_point(self, 3, x, y, order);
}

void dt_plot_line(dt_markup *to, const dt_plot *self, const dt_series *series)
{
    static const char *const classes[] = {"", " dashed", " faint"};
    size_t some = 0;
    while (some < series->count && !isfinite(series->y[some]))
        some++;
    if (some == series->count)
        return;
    pen line = {.to = to};
    size_t drawn = 0; /* points of the piece of the line */
    dt_markup_add(to, "<path class=\"line c%d%s\" d=\"", series->colour % DT_COLOURS,
                  classes[series->stroke]);
    for (size_t i = 0; i <= series->count; i++) {
        bool here = i < series->count && isfinite(series->y[i]);
        if (here) {
            add_point(&line, dt_scale_pixel(&self->x, series->x[i]),
                      dt_scale_pixel(&self->y, series->y[i]), i);
            drawn++;
            continue;
        }
        leave_column(&line);
        if (drawn == 1)
            dt_markup_add(to, "h0"); /* a point: round ends make it seen */
        line.down = false;
        drawn = 0;
    }
    dt_markup_add(to, "\"/>\n");
}
