/* summary.json: how a run ended, for scripts. */
#ifndef DT_RUN_SUMMARY_H
#define DT_RUN_SUMMARY_H

#include <stdbool.h>

#include "base/status.h"
#include "run/metrics_log.h"

/* What is not known is NULL, NaN or -1, and null in the file. */
typedef struct dt_summary {
    const char *status;  /* "complete", "stopped", "failed" */
    dt_metrics_row last; /* what the file has of it: no learning rate, no times of an epoch */
    int ranks, virtual_ranks, hosts;
    const char *resumed_from; /* the checkpoint; NULL: none */
    const char *data_source;
    const char *version;
} dt_summary;

/* One of which nothing is known. */
dt_summary dt_summary_unknown(void);

/* Writes `path` atomically (dt_atomic_write): one JSON object, a key a line, indented by 2. Reals
 * have as few digits as come back exactly; texts are UTF-8, and a byte that is not becomes U+FFFD.
 * source: RFC 8259. Not collective. Errors: those of dt_atomic_write; DT_ERR_INTERNAL. */
dt_status dt_summary_write(const char *path, const dt_summary *summary, dt_error *error);

/* Reads it back; other keys are passed over. *out is always set, and owns its texts:
 * dt_summary_destroy. Not collective.
 * Errors, with path, and line or key: those of dt_read_file; DT_ERR_DATA: another file. */
dt_status dt_summary_read(const char *path, dt_summary *out, dt_error *error);

/* Of a summary that was read. NULL, {0} and a second call are allowed. */
void dt_summary_destroy(dt_summary *summary);

/* Whether `path` is the summary of a run with the status "complete". */
bool dt_summary_is_complete(const char *path);

#endif
