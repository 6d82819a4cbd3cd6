#include <math.h>
#include <stdlib.h>

#include "plot.h"

typedef struct point {
    double x, y;
    size_t order; /* in the series */
} point;

/* Points of a column of pixels that are drawn. */
enum { FIRST, LAST, LOWEST, HIGHEST, KEPT };

/* A line that is being drawn: the points of one column wait until it is left. */
typedef struct pen {
    dt_markup *to;
    bool down;    /* the line goes on */
    bool waiting; /* there are points of the column */
    point kept[KEPT];
} pen;

static int by_order(const void *a, const void *b)
{
    const point *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static void leave_column(pen *self)
{
    const point *kept = self->kept;
    if (!self->waiting)
        return;
    qsort(self->kept, KEPT, sizeof *kept, by_order);
    for (int i = 0; i < KEPT; i++)
        if (i == 0 || kept[i].order != kept[i - 1].order) {
            dt_markup_add(self->to, "%c%s %s", self->down ? 'L' : 'M', DT_PIXEL(kept[i].x),
                          DT_PIXEL(kept[i].y));
            self->down = true;
        }
    self->waiting = false;
}

static void add_point(pen *self, const point *next)
{
    if (self->waiting && floor(next->x) != floor(self->kept[LAST].x))
        leave_column(self);
    for (int i = 0; i < KEPT; i++)
        if (!self->waiting || i == LAST || (i == LOWEST && next->y < self->kept[i].y) ||
            (i == HIGHEST && next->y > self->kept[i].y))
            self->kept[i] = *next;
    self->waiting = true;
}

void plot_line(dt_markup *to, const plot_area *self, const dt_series *series)
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
            add_point(&line, &(point){dt_scale_pixel(&self->x, series->x[i]),
                                      dt_scale_pixel(&self->y, series->y[i]), i});
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
