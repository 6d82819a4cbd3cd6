/* The files of a run: config.ini, log.txt, metrics.csv, checkpoints, weights.h5, best.h5,
 * insight.h5, summary.json.
 *
 * Rank 0 alone has an output. Not collective. */
#ifndef DT_TRAIN_OUTPUT_H
#define DT_TRAIN_OUTPUT_H

#include "base/status.h"
#include "run/insight.h"
#include "train/resume.h"
#include "train/session.h"
#include "train/saver.h"
#include "train/trainer.h"

typedef struct dt_output dt_output;

/* Makes the run directory of run->config.output, locks it, and begins config.ini, log.txt
 * (everything that is logged from now on) and metrics.csv; or goes on with those of the run that
 * `resume` found, whose lock it takes over, with the rows of metrics.csv and the best.h5 that the
 * checkpoint knows, which is then freed. `version`: of the program. run and resume must outlive the
 * output. The caller owns *out: dt_output_close. Errors: DT_ERR_CREATE, DT_ERR_IO, DT_ERR_DATA. */
dt_status dt_output_open(const dt_session *run, const char *version, dt_resume *resume,
                         dt_output **out, dt_error *error);

/* The run directory. */
const char *dt_output_path(const dt_output *output);

/* Says that the run is alive, to whoever looks at its lock. To be called often: it is cheap. */
void dt_output_beat(dt_output *output);

/* Adds a row to metrics.csv. Errors: DT_ERR_IO. */
dt_status dt_output_row(dt_output *output, const dt_progress_report *report, dt_error *error);

/* Checkpoint and weights, behind the training's back: see train/saver.h. */
dt_optimizer_state dt_output_room(dt_output *output);
dt_status dt_output_checkpoint(dt_output *output, const dt_state *where, bool complete,
                               dt_error *error);
dt_status dt_output_weights(dt_output *output, dt_saved_kind kind, const dt_progress_report *report,
                            dt_error *error);

/* The next file of these that has been done; false when there is none. */
bool dt_output_collect(dt_output *output, dt_saved *saved);

/* Waits until all of them are done. */
void dt_output_wait(dt_output *output);

/* Writes insight.h5; after dt_output_wait. A file that may not be safe on disk is removed, also one
 * of an earlier start. Errors: those of dt_insight_write. */
dt_status dt_output_insight(dt_output *output, const dt_insight *insight, dt_error *error);

/* Closes metrics.csv and log.txt, to which log lines no longer go; then writes summary.json, so
 * that it says "complete" only of files that are. outcome: "complete", "stopped" or "failed", which
 * it becomes when the others could not be written to their end. A second call writes the summary
 * anew. One that may not be safe on disk is removed. Errors: DT_ERR_IO, DT_ERR_CREATE: the first.
 */
dt_status dt_output_finish(dt_output *output, const char *outcome, const dt_progress_report *report,
                           dt_error *error);

/* Closes what is still open and gives up the lock. NULL is allowed.
 * Errors: DT_ERR_IO when a file could not be written to its end. */
dt_status dt_output_close(dt_output *output, dt_error *error);

#endif
