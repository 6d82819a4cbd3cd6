/* metrics.csv, read back row by row: of a run that has ended or goes on. Not collective.
 *
 * One row is in memory at a time, whatever the length of the file. */
#ifndef DT_RUN_METRICS_READ_H
#define DT_RUN_METRICS_READ_H

#include <stdbool.h>

#include "base/status.h"
#include "run/metrics_log.h"

typedef struct dt_metrics_reader dt_metrics_reader;

/* Opens the file `path`. The caller owns *out: dt_metrics_reader_close; NULL after an error.
 * Errors, with the path: those of dt_file_open; DT_ERR_INTERNAL. */
dt_status dt_metrics_reader_open(const char *path, dt_metrics_reader **out, dt_error *error);

/* The next row: *row is the reader's, good until the next call. NULL: there is none yet; a later
 * call looks again, and reads only what has come. An empty cell is NaN. A last line without its end
 * is not a row yet: somebody is writing it.
 * Errors, with path and line: DT_ERR_DATA: other columns, or a cell that is no number; DT_ERR_IO.
 * No row can be read after an error. */
dt_status dt_metrics_reader_next(dt_metrics_reader *self, const dt_metrics_row **row,
                                 dt_error *error);

/* Whether the path still leads to the file that is open, and the newest row that was read still
 * stands in it: not so when a run that goes on from a checkpoint has taken rows back. */
bool dt_metrics_reader_holds(const dt_metrics_reader *self);

/* NULL is allowed. */
void dt_metrics_reader_close(dt_metrics_reader *self);

#endif
