/* A timeline for chrome://tracing and ui.perfetto.dev: one row a rank. */
#ifndef DT_RUN_TIMELINE_H
#define DT_RUN_TIMELINE_H

#include <stddef.h>

#include "base/status.h"
#include "base/trace.h"

typedef struct dt_timeline dt_timeline;

/* Begins a file that dt_timeline_close makes `path`: dt_atomic_begin. The caller owns *out.
 * Not collective. Errors: those of dt_atomic_begin. */
dt_status dt_timeline_create(const char *path, dt_timeline **out, dt_error *error);

/* Adds the row of a rank. source: "Trace Event Format", complete events. */
void dt_timeline_add(dt_timeline *timeline, int rank, const char *host, const dt_span *spans,
                     size_t count);

/* Ends the file; NULL is allowed. Errors: DT_ERR_IO when not all of it could be written: then what
 * was at its path is still there; those of dt_atomic_end. */
dt_status dt_timeline_close(dt_timeline *timeline, dt_error *error);

#endif
