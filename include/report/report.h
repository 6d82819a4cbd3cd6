/* report.html: one page that shows a run, or compares several. */
#ifndef DT_REPORT_REPORT_H
#define DT_REPORT_REPORT_H

#include "base/status.h"

/* Most runs of a report. */
#define DT_REPORT_RUNS_MAX 100

/* Makes a page of `count` >= 1 run directories and writes it to `path`, atomically
 * (dt_atomic_write). Runs are only read, whether they have ended, go on or were killed; what a
 * run's directory lacks, the page says. A file that is damaged is named in the page and by dt_warn,
 * and the rest is shown. Not collective: for rank 0.
 * Errors: DT_ERR_NO_INPUT: no such directory, or one without any file of a run; those of
 * dt_atomic_write; DT_ERR_INTERNAL. */
dt_status dt_report_write(int count, const char *const *runs, const char *path, dt_error *error);

#endif
