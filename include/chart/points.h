/* The points of a line, however many, in bounded memory: what a chart can show of them.
 *
 * Up to DT_POINTS_MAX points all are kept. Of more, each group of neighbours, all groups of the
 * same number of points, leaves its smallest, its largest and its last value, as does the very
 * first point, so that no extreme is lost; and its sum, so that means are those of all points. */
#ifndef DT_CHART_POINTS_H
#define DT_CHART_POINTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define DT_POINTS_MAX 4096

/* Where a point is, by all that an x axis may show. */
typedef struct dt_place {
    double step, seconds;
    double epoch;         /* which one it is in, from 1; 0: before the first */
    double step_in_epoch; /* since it began */
} dt_place;

typedef struct dt_point {
    dt_place place;
    double y;
    uint64_t number; /* of the points before it */
} dt_point;

typedef struct dt_points_group {
    uint64_t count, finite; /* points; those with a finite y, which the rest is of but for last */
    double sum;
    dt_point low, high, last;
} dt_points_group;

/* {0} is empty. */
typedef struct dt_points {
    uint64_t count;  /* of all points */
    uint64_t finite; /* of them with a finite y */
    uint64_t width;  /* points a group, but for the last one */
    size_t group_count, room;
    dt_points_group *groups; /* [room] */
    dt_point first;          /* of the finite ones */
} dt_points;

/* A line for a chart. */
typedef struct dt_line {
    size_t count;
    double *x, *y; /* [count]; x ascends; a y that is not finite is a gap */
} dt_line;

/* What the x axis shows. */
typedef struct dt_axis {
    enum { DT_BY_STEP, DT_BY_SECONDS, DT_BY_EPOCH } by;
    double epoch_length; /* steps of an epoch: DT_BY_EPOCH */
} dt_axis;

/* Where a place is on the axis. */
double dt_axis_at(const dt_axis *axis, const dt_place *place);

/* Adds a point behind the others. Errors: DT_ERR_INTERNAL (memory). */
dt_status dt_points_add(dt_points *self, const dt_place *place, double y, dt_error *error);

/* These make a line of the points; one that is left of the point before is left out. The caller
 * frees the line, also after an error: dt_line_free. Errors: DT_ERR_INTERNAL (memory). */

/* The points that are kept. */
dt_status dt_points_line(const dt_points *self, const dt_axis *x, dt_line *out, dt_error *error);

/* The last point of each group, finite or not: evenly spread. */
dt_status dt_points_ends(const dt_points *self, const dt_axis *x, dt_line *out, dt_error *error);

/* Means of neighbours, about `most` of them, gaps left out. */
dt_status dt_points_means(const dt_points *self, size_t most, const dt_axis *x, dt_line *out,
                          dt_error *error);

void dt_line_free(dt_line *line);

/* NULL, {0} and a second call are allowed. */
void dt_points_free(dt_points *self);

#endif
