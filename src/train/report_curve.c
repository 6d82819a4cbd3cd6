#include "report_curve.h"

#include <math.h>

#include "base/memory.h"

enum { SMOOTH_POINTS = 100 };

static double value_of(const dt_metrics_row *row, size_t offset)
{
    return *(const double *)((const char *)row + offset);
}

double dt_report_x(const report_run *run, report_x by, size_t row)
{
    const dt_metrics_row *at = &run->metrics.rows[row];
    return by == REPORT_BY_SECONDS ? at->seconds
           : by == REPORT_BY_EPOCH ? run->epochs[row]
                                   : (double)at->step;
}

static dt_status make(size_t capacity, report_curve *out, dt_error *error)
{
    *out = (report_curve){0};
    out->x = dt_calloc(capacity, sizeof *out->x, error);
    out->y = out->x ? dt_calloc(capacity, sizeof *out->y, error) : NULL;
    return out->y ? DT_OK : DT_ERR_INTERNAL;
}

static void add(report_curve *to, double x, double y)
{
    if (to->count > 0 && !(x >= to->x[to->count - 1]))
        return;
    to->x[to->count] = x;
    to->y[to->count++] = y;
}

dt_status dt_report_column(const report_run *run, report_x by, size_t offset, bool evaluated,
                           report_curve *out, dt_error *error)
{
    dt_status status = make(run->metrics.count, out, error);
    for (size_t i = 0; !status && i < run->metrics.count; i++) {
        const dt_metrics_row *row = &run->metrics.rows[i];
        if (evaluated ? dt_report_is_evaluated(row) : isfinite(value_of(row, offset)))
            add(out, dt_report_x(run, by, i), value_of(row, offset));
    }
    return status;
}

/* Sums of an epoch up to a row. */
typedef struct sums {
    int64_t samples;
    double value;
} sums;

dt_status dt_report_windows(const report_run *run, report_x by, size_t offset, report_curve *out,
                            dt_error *error)
{
    dt_status status = make(run->metrics.count, out, error);
    sums last = {0}, before = {0}; /* up to the last window's end, and its beginning */
    int64_t begin = 0;             /* samples before the epoch */
    for (size_t i = 0; !status && i < run->metrics.count; i++) {
        const dt_metrics_row *row = &run->metrics.rows[i];
        if (i > 0 && row->epoch > row[-1].epoch) {
            begin = row[-1].samples;
            last = before = (sums){0};
        }
        sums now = {row->samples - begin, 0};
        now.value = value_of(row, offset) * (double)now.samples;
        if (now.samples <= last.samples || row->epoch == 0)
            continue;
        if (2 * (now.samples - last.samples) < last.samples - before.samples && out->count > 0)
            out->count--; /* a rest: the window before grows */
        else
            before = last;
        double mean = (now.value - before.value) / (double)(now.samples - before.samples);
        add(out, dt_report_x(run, by, i), mean < 0 ? 0 : mean);
        last = now;
    }
    return status;
}

dt_status dt_report_smooth(const report_curve *from, report_curve *out, dt_error *error)
{
    dt_status status = make(from->count, out, error);
    size_t each = (from->count + SMOOTH_POINTS - 1) / SMOOTH_POINTS;
    for (size_t i = 0; !status && i < from->count; i += each) {
        size_t end = i + each < from->count ? i + each : from->count, known = 0;
        double sum = 0;
        for (size_t j = i; j < end; j++)
            if (isfinite(from->y[j])) {
                sum += from->y[j];
                known++;
            }
        if (known > 0)
            add(out, from->x[end - 1], sum / (double)known);
    }
    return status;
}

void dt_report_curve_free(report_curve *curve)
{
    dt_free(curve->x);
    dt_free(curve->y);
    *curve = (report_curve){0};
}
