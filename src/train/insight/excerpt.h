/* Inside of the train room: some steps of a timeline, for a report. */
#ifndef DT_TRAIN_EXCERPT_H
#define DT_TRAIN_EXCERPT_H

#include "base/trace.h"
#include "run/insight.h"

/* Ranks that are shown, the first ones; spans of each. */

typedef struct excerpt {
    dt_excerpt *out;
    double begin, end; /* of the trace */
    double ends[3];    /* of its steps, 0: there are fewer */
} excerpt;

/* Chooses the step of median length and its neighbours. own: of rank 0, with spans. out: zero; it
 * stays so where there is no step. The caller owns what it points to (dt_insight_destroy).
 * Errors: DT_ERR_INTERNAL. */
dt_status excerpt_begin(excerpt *self, const dt_trace *own, int ranks, dt_excerpt *out,
                        dt_error *error);

/* Adds the spans of a rank, in the order of the ranks. One that has too many ends the excerpt
 * earlier. */
void excerpt_add(excerpt *self, int rank, const dt_span *spans, size_t count);

void excerpt_end(excerpt *self);

#endif
