#include "chart/scale.h"

#include <math.h>
#include <stdint.h>

static const double round_parts[] = {1, 2, 5, 10};

enum { ROUND_PARTS = sizeof round_parts / sizeof *round_parts };

double dt_round_up(double value)
{
    double power = pow(10, floor(log10(value)));
    int part = 0;
    while (part < ROUND_PARTS - 1 && power * round_parts[part] < value * (1 - 1e-9))
        part++;
    return power * round_parts[part];
}

/* The largest of 1, 2 and 5 times a power of ten that is not above `value` > 0. */
static double round_down(double value)
{
    double power = pow(10, floor(log10(value) + 1e-9));
    int part = ROUND_PARTS - 1;
    while (part > 0 && power * round_parts[part] > value * (1 + 1e-9))
        part--;
    return power * round_parts[part];
}

void dt_extent_add(dt_extent *to, double value)
{
    if (isfinite(value)) {
        to->low = fmin(to->low, value);
        to->high = fmax(to->high, value);
    }
}

bool dt_log_helps(double low, double high)
{
    return low > 0 && high >= 10 * low;
}

/* Seconds go by 1, 2, 5, 10, 15, 30 of seconds, minutes and hours. */
static double round_seconds(double step)
{
    static const double steps[] = {1,   2,   5,    10,   15,   30,   60,    120,
                                   300, 600, 1200, 1800, 3600, 7200, 14400, 21600};
    if (step <= 1 || step > 86400 / 4.0)
        return step <= 1 ? dt_round_up(step) : 3600 * dt_round_up(step / 3600);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] >= step * (1 - 1e-9))
            return steps[i];
    return steps[sizeof steps / sizeof *steps - 1];
}

static double linear_step(const dt_scale *scale, double wanted)
{
    if (scale->number == DT_NUMBER_COUNT && wanted < 1)
        return 1;
    return scale->number == DT_NUMBER_SECONDS ? round_seconds(wanted) : dt_round_up(wanted);
}

static void widen_linear(dt_scale *scale)
{
    bool share = scale->number == DT_NUMBER_SHARE;
    double step = linear_step(scale, (scale->high - scale->low) / 6);
    double low = step * floor(scale->low / step + 1e-9);
    double high = step * ceil(scale->high / step - 1e-9);
    scale->low = scale->low >= 0 && low < 0 ? 0 : low;
    scale->high = share && scale->high <= 1 && high > 1 ? 1 : high;
}

static void part_ends(dt_scale *scale)
{
    if (scale->low > scale->high) {
        scale->low = 0;
        scale->high = 1;
    }
    double apart = fabs(scale->low) * 1e-6;
    if (scale->high - scale->low > apart)
        return;
    double by = scale->low == 0 ? 1 : fabs(scale->low) / 2;
    if (scale->kind == DT_SCALE_LINEAR && scale->number == DT_NUMBER_COUNT)
        by = 1;
    scale->high += by;
    scale->low -= scale->low > 0 && by > scale->low ? scale->low : by;
}

dt_scale dt_scale_make(dt_scale_kind kind, dt_number number, double low, double high, double from,
                       double to)
{
    dt_scale scale = {
        .kind = kind, .number = number, .low = low, .high = high, .from = from, .to = to};
    if ((kind == DT_SCALE_LOG && !(low > 0)) || (kind == DT_SCALE_ACCURACY && !(high >= 0.8)))
        scale.kind = DT_SCALE_LINEAR;
    if (scale.kind == DT_SCALE_ACCURACY && low <= high) {
        scale.high = high + 0.1 * (1 - high);
        scale.low = low - 0.05 * (1 - low) > 0 ? low - 0.05 * (1 - low) : 0;
        if (scale.high - scale.low < 1e-4)
            scale.low = 1 - 2 * (1 - scale.low) - 1e-3;
        return scale;
    }
    part_ends(&scale);
    if (scale.kind == DT_SCALE_LOG) {
        scale.low = round_down(scale.low);
        scale.high = dt_round_up(scale.high);
    } else {
        scale.kind = DT_SCALE_LINEAR;
        widen_linear(&scale);
    }
    return scale;
}

static double transform(const dt_scale *scale, double value)
{
    switch (scale->kind) {
    case DT_SCALE_LOG:
        return value > 0 ? log(value) : (double)-INFINITY;
    case DT_SCALE_ACCURACY:
        return -log(1 + DT_ACCURACY_SOFT - (value < 1 ? value : 1));
    case DT_SCALE_LINEAR:
        break;
    }
    return value;
}

double dt_scale_pixel(const dt_scale *scale, double value)
{
    if (isnan(value))
        return (double)NAN;
    double low = transform(scale, scale->low), high = transform(scale, scale->high);
    double share = (transform(scale, value) - low) / (high - low);
    share = share < -1 ? -1 : share > 2 ? 2 : share;
    return scale->from + share * (scale->to - scale->from);
}

/* Adds the value if it is on the scale and at least `gap` pixels from those that are there. */
static int offer(const dt_scale *scale, double gap, double value, double *ticks, int count)
{
    double pixel = dt_scale_pixel(scale, value), slack = 1e-9 * fabs(scale->to - scale->from);
    if (count == DT_TICKS_MAX || pixel < fmin(scale->from, scale->to) - slack ||
        pixel > fmax(scale->from, scale->to) + slack)
        return count;
    for (int i = 0; i < count; i++)
        if (fabs(pixel - dt_scale_pixel(scale, ticks[i])) < gap)
            return count;
    int place = count;
    for (; place > 0 && ticks[place - 1] > value; place--)
        ticks[place] = ticks[place - 1];
    ticks[place] = value;
    return count + 1;
}

static int linear_ticks(const dt_scale *scale, double gap, double *ticks)
{
    double range = scale->high - scale->low;
    double most = fabs(scale->to - scale->from) / gap;
    most = most > DT_TICKS_MAX - 1 ? DT_TICKS_MAX - 1 : most < 1 ? 1 : most;
    double step = linear_step(scale, range / most);
    int count = 0;
    double first = ceil(scale->low / step - 1e-9);
    for (int i = 0; i < DT_TICKS_MAX; i++)
        count = offer(scale, gap * 0.99, (first + i) * step, ticks, count);
    return count;
}

/* Powers of ten first, then halves and fifths between them, as far as there is room. */
static int log_ticks(const dt_scale *scale, double gap, double *ticks)
{
    int first = (int)floor(log10(scale->low)), last = (int)ceil(log10(scale->high));
    int by = 1;
    double decade = fabs(scale->to - scale->from) / (log10(scale->high) - log10(scale->low));
    while (by * decade < gap && by < last - first)
        by++;
    int count = 0;
    for (int part = 0; part < ROUND_PARTS - 1 && (by == 1 || part == 0); part++)
        for (int power = first; power <= last; power += by)
            count = offer(scale, gap, round_parts[part] * pow(10, power), ticks, count);
    return count;
}

static int accuracy_ticks(const dt_scale *scale, double gap, double *ticks)
{
    static const double round_ones[] = {0.9,  0.99, 0,     0.5,   0.98,  1,    0.95, 0.8,
                                        0.97, 0.96, 0.995, 0.998, 0.999, 0.2,  0.7,  0.6,
                                        0.4,  0.3,  0.1,   0.985, 0.975, 0.94, 0.92, 0.85,
                                        0.91, 0.93, 0.965, 0.993, 0.997, 0.996};
    int count = 0;
    for (size_t i = 0; i < sizeof round_ones / sizeof *round_ones; i++)
        count = offer(scale, gap, round_ones[i], ticks, count);
    return count;
}

int dt_scale_ticks(const dt_scale *scale, double gap, double ticks[DT_TICKS_MAX])
{
    int count = scale->kind == DT_SCALE_LOG        ? log_ticks(scale, gap, ticks)
                : scale->kind == DT_SCALE_ACCURACY ? accuracy_ticks(scale, gap, ticks)
                                                   : 0;
    if (count < 2)
        count = linear_ticks(scale, gap, ticks);
    if (count >= 2)
        return count;
    ticks[0] = scale->low;
    ticks[1] = scale->high;
    return 2;
}

char *dt_scale_label(const dt_scale *scale, int count, const double *ticks, int index,
                     char text[DT_NUMBER_SIZE])
{
    double step = count > 1 ? ticks[1] - ticks[0] : 1;
    for (int i = 2; i < count; i++)
        step = fmin(step, ticks[i] - ticks[i - 1]);
    return dt_number_tick(scale->number, ticks[index],
                          scale->kind == DT_SCALE_LINEAR ? step : ticks[index], text);
}
