/* Curves of runs, from their rows. */
#ifndef DT_REPORT_CURVES_H
#define DT_REPORT_CURVES_H

#include "base/markup.h"
#include "read_run.h"

/* Adds the figures: of one run those of training, validation and test; of several, each run's test
 * (or else validation) and training. Errors: DT_ERR_INTERNAL. */
dt_status dt_report_curves(dt_markup *to, int count, const report_run *runs, dt_error *error);

#endif
