/* The picture of runs that are watched. Private to the cli room. */
#ifndef DT_CLI_WATCH_VIEW_H
#define DT_CLI_WATCH_VIEW_H

#include <stddef.h>

#include "base/status.h"
#include "chart/canvas.h"
#include "watched.h"

/* Draws `count` >= 1 runs: of one, all that is known and its curves for training, validation and
 * test; of several, a line each, and for all of them together the curves of the training loss and
 * of the accuracy (validation where there is one, else test, else training).
 * Errors: DT_ERR_INTERNAL. */
dt_status watch_view_draw(dt_canvas *canvas, const watched_run *runs, int count, dt_error *error);

/* A row of the run, as the line that the training prints for an epoch. */
void watch_view_row(const watched_run *run, const dt_metrics_row *row, char *text, size_t size);

/* How a run has ended, or that it has not: "complete: ...". */
void watch_view_state(const watched_run *run, char *text, size_t size);

#endif
