/* From values to pixels: scales, their ticks, and numbers as people read them. */
#ifndef DT_CHART_SCALE_H
#define DT_CHART_SCALE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum dt_scale_kind {
    DT_SCALE_LINEAR,
    DT_SCALE_LOG,     /* values > 0 */
    DT_SCALE_ACCURACY /* values from 0 to 1, stretched towards 1: -log(1 + DT_ACCURACY_SOFT - v) */
} dt_scale_kind;

/* Below errors of this share the accuracy scale becomes linear, so that 1 has a place. */
#define DT_ACCURACY_SOFT 0.002

/* Most ticks of a scale. */
#define DT_TICKS_MAX 16

/* What a number is, for its ticks. */
typedef enum dt_number {
    DT_NUMBER_PLAIN,   /* 0.05, 1.2e-5, 60,000 */
    DT_NUMBER_SHARE,   /* 0.984 is 98.4 % */
    DT_NUMBER_SECONDS, /* 5.2 s, 3 min, 2.5 h */
    DT_NUMBER_COUNT    /* whole ones: ticks are integers */
} dt_number;

/* Room for a number as text. */
#define DT_NUMBER_SIZE 40

/* From the smallest to the largest of some values. */
typedef struct dt_extent {
    double low, high; /* low > high: of none */
} dt_extent;

#define DT_EXTENT_OF_NONE ((dt_extent){(double)INFINITY, -(double)INFINITY})

/* Adds a value; one that is not finite is left out. */
void dt_extent_add(dt_extent *to, double value);

/* low < high become the pixels `from` and `to` (from > to for an axis that grows upwards). */
typedef struct dt_scale {
    dt_scale_kind kind;
    dt_number number;
    double low, high;
    double from, to;
} dt_scale;

/* A scale for values between *low and *high, both finite; low > high: there are none. The ends are
 * widened to round values (LINEAR, LOG), and apart, where they are equal; an ACCURACY scale whose
 * high is below 0.8 and a LOG scale whose low is not above 0 become linear. */
dt_scale dt_scale_make(dt_scale_kind kind, dt_number number, double low, double high, double from,
                       double to);

/* The pixel of a value, monotone; outside low .. high it goes on, to no more than the size of the
 * scale beyond its ends (as values up to 0 do on a LOG scale). NaN for NaN. */
double dt_scale_pixel(const dt_scale *scale, double value);

/* Round values from low to high, ascending, at least `gap` pixels apart: how many. Where fewer than
 * two of them have room: low and high. */
int dt_scale_ticks(const dt_scale *scale, double gap, double ticks[DT_TICKS_MAX]);

/* The label of tick number `index`, with as many digits as tell it from the others; on a scale that
 * is not linear, as it needs itself. Returns `text`. */
char *dt_scale_label(const dt_scale *scale, int count, const double *ticks, int index,
                     char text[DT_NUMBER_SIZE]);

/* Whether values from low to high are easier to tell apart on a LOG scale. */
bool dt_log_helps(double low, double high);

/* The smallest of 1, 2 and 5 times a power of ten that is not below `value` > 0. */
double dt_round_up(double value);

/* The tick's label, with as many digits as ticks of distance `step` need. Returns `text`. */
char *dt_number_tick(dt_number number, double value, double step, char text[DT_NUMBER_SIZE]);

/* A number of three to five significant digits, with its unit: "0.0166", "98.45 %", "4.4 s",
 * "279,682"; a dash for NaN. Returns `text`. */
char *dt_number_text(dt_number number, double value, char text[DT_NUMBER_SIZE]);

/* The same, for an argument. */
#define DT_NUMBER(number, value) dt_number_text((number), (value), (char[DT_NUMBER_SIZE]){0})

#endif
