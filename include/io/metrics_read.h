/* metrics.csv, read back: of a run that has ended or goes on. */
#ifndef DT_IO_METRICS_READ_H
#define DT_IO_METRICS_READ_H

#include <stddef.h>

#include "base/status.h"
#include "io/metrics_log.h"

typedef struct dt_metrics_table {
    size_t count;
    dt_metrics_row *rows; /* [count], in the order of the file */
} dt_metrics_table;

/* Reads the rows of the file `path`. An empty cell is NaN. A last line without its end is left out:
 * somebody is writing it. *out is always set: dt_metrics_table_destroy. Not collective.
 * Errors, with path and line: those of dt_read_file; DT_ERR_DATA: other columns, or a cell that is
 * no number; DT_ERR_INTERNAL. */
dt_status dt_metrics_read(const char *path, dt_metrics_table *out, dt_error *error);

/* NULL, {0} and a second call are allowed. */
void dt_metrics_table_destroy(dt_metrics_table *table);

#endif
