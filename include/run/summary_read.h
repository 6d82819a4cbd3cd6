/* summary.json, read back. */
#ifndef DT_RUN_SUMMARY_READ_H
#define DT_RUN_SUMMARY_READ_H

#include "base/status.h"
#include "run/summary.h"

typedef struct dt_summary_file {
    dt_summary summary; /* what the file does not say: NULL, NaN, -1; texts point into `text` */
    char *text;
} dt_summary_file;

/* Reads a JSON object of texts, numbers and null, as dt_summary_write makes it; other keys are
 * passed over. *out is always set: dt_summary_destroy. Not collective.
 * Errors, with path and line: those of dt_read_file; DT_ERR_DATA: another file. */
dt_status dt_summary_read(const char *path, dt_summary_file *out, dt_error *error);

/* NULL, {0} and a second call are allowed. */
void dt_summary_destroy(dt_summary_file *file);

#endif
