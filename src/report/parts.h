/* The sections of a run's report; what a run has nothing for is left out. */
#ifndef DT_REPORT_PARTS_H
#define DT_REPORT_PARTS_H

#include "base/markup.h"
#include "read_run.h"

/* All begin with a heading <h2>. Errors: DT_ERR_INTERNAL. */

/* The confusion matrix, and each class. */
dt_status dt_report_answers(dt_markup *to, const report_run *run, dt_error *error);

/* The worst mistakes. */
dt_status dt_report_mistakes(dt_markup *to, const report_run *run, dt_error *error);

/* What tracking has found: norms and margins, the hardest images, doubtful labels. */
dt_status dt_report_tracked(dt_markup *to, const report_run *run, dt_error *error);

/* The kernel of the first layer. */
dt_status dt_report_filters(dt_markup *to, const report_run *run, dt_error *error);

/* Where the time went. */
dt_status dt_report_time(dt_markup *to, const report_run *run, dt_error *error);

/* Settings, environment, hashes. */
dt_status dt_report_settings(dt_markup *to, const report_run *run, dt_error *error);

/* Of several runs: results and settings that differ, side by side. */
dt_status dt_report_comparison(dt_markup *to, int count, const report_run *runs, dt_error *error);

/* The run's state in a word, as a chip. */
void dt_report_chip(dt_markup *to, const report_run *run);

#endif
