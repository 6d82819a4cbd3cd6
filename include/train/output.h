/* The files of a run: config.ini, log.txt, metrics.csv, weights.h5, best.h5, summary.json.
 *
 * Rank 0 alone has an output. Not collective. */
#ifndef DT_TRAIN_OUTPUT_H
#define DT_TRAIN_OUTPUT_H

#include "base/status.h"
#include "io/run_directory.h"
#include "train/run.h"
#include "train/trainer.h"

typedef struct dt_output dt_output;

/* Makes the run directory of run->config.output with config.ini, log.txt (everything that is logged
 * from now on) and an empty metrics.csv. `version`: of the program. run must outlive the output.
 * The caller owns *out: dt_output_close. Errors: DT_ERR_CREATE, DT_ERR_IO. */
dt_status dt_output_open(const dt_run *run, const char *version, dt_output **out, dt_error *error);

/* The run directory. */
const char *dt_output_path(const dt_output *output);

/* Adds a row to metrics.csv. Errors: DT_ERR_IO. */
dt_status dt_output_row(dt_output *output, const dt_progress_report *report, dt_error *error);

/* Writes the parameters, as they are now, into `file` (DT_FILE_WEIGHTS, DT_FILE_BEST). */
dt_status dt_output_weights(dt_output *output, const char *file, const dt_progress_report *report,
                            dt_error *error);

/* Writes summary.json. outcome: "complete", "stopped" or "failed". */
dt_status dt_output_summary(dt_output *output, const char *outcome,
                            const dt_progress_report *report, dt_error *error);

/* Closes the files; log lines no longer go to log.txt. NULL is allowed. Errors: DT_ERR_IO when
 * metrics.csv or log.txt did not reach the disk (the output is gone all the same). */
dt_status dt_output_close(dt_output *output, dt_error *error);

#endif
