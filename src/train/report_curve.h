/* A curve: one quantity of a run, by epoch (or by step, or by time). */
#ifndef DT_TRAIN_SRC_REPORT_CURVE_H
#define DT_TRAIN_SRC_REPORT_CURVE_H

#include "report_run.h"

typedef struct report_curve {
    size_t count;
    double *x, *y; /* [count] */
} report_curve;

typedef enum report_x { REPORT_BY_EPOCH, REPORT_BY_STEP, REPORT_BY_SECONDS } report_x;

/* Where a row is. */
double dt_report_x(const report_run *run, report_x by, size_t row);

/* A column of the table, `offset` in dt_metrics_row: the rows that know it; `evaluated`: of those
 * only the ones after an evaluation, where a value that is not finite is a gap.
 * The caller frees the curve, also after an error: dt_report_curve_free. */
dt_status dt_report_column(const report_run *run, report_x by, size_t offset, bool evaluated,
                           report_curve *out, dt_error *error);

/* The mean of a training column, which counts from the beginning of each epoch, over the samples
 * between two rows; a last window of an epoch that is less than half as long as the one before is
 * taken together with it. */
dt_status dt_report_windows(const report_run *run, report_x by, size_t offset, report_curve *out,
                            dt_error *error);

/* A curve with at most about 100 points: means of neighbours, gaps left out. */
dt_status dt_report_smooth(const report_curve *from, report_curve *out, dt_error *error);

void dt_report_curve_free(report_curve *curve);

#endif
