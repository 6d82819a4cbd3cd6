/* Where a rank's time goes: a stopwatch with laps.
 *
 * The time between two laps belongs to the phase that the second one names, so the phases add up to
 * all the time. A lap is one look at the clock. With a buffer of spans, the laps are kept as well,
 * for a timeline. Not thread-safe. */
#ifndef DT_BASE_TRACE_H
#define DT_BASE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"

typedef enum dt_phase {
    DT_PHASE_GATHER,   /* finding and bringing samples */
    DT_PHASE_FORWARD,  /* forward passes of training */
    DT_PHASE_BACKWARD, /* losses and backward passes, with the sums of this rank */
    DT_PHASE_REDUCE,   /* what goes round between ranks: sums, and parameters */
    DT_PHASE_WAIT,     /* waiting for other ranks in a reduction */
    DT_PHASE_UPDATE,   /* optimizer; on one host, adding up the slice that it updates */
    DT_PHASE_EVALUATE, /* evaluations */
    DT_PHASE_SAVE,     /* writing files */
    DT_PHASE_OTHER,
    DT_PHASES
} dt_phase;

/* Names in the order of the enum, NULL at the end. */
extern const char *const dt_phase_names[];

typedef struct dt_span {
    double begin, end; /* seconds since dt_trace_start */
    dt_phase phase;
} dt_span;

typedef struct dt_trace {
    double origin, last;       /* of the clock */
    double seconds[DT_PHASES]; /* since dt_trace_start, by phase */
    size_t span_count, span_capacity;
    dt_span *spans;     /* NULL: not kept */
    int64_t spans_lost; /* laps for which there was no room */
} dt_trace;

/* Makes room for `spans` spans; 0: none are kept. The rest of *trace is zero. */
dt_status dt_trace_create(dt_trace *trace, size_t spans, dt_error *error);
void dt_trace_destroy(dt_trace *trace);

/* Time zero is `moment` of the clock; the time since then belongs to the first lap. */
static inline void dt_trace_start(dt_trace *trace, double moment)
{
    trace->origin = trace->last = moment;
}

/* For dt_trace_lap. */
void dt_trace_keep(dt_trace *trace, dt_phase phase, double begin, double end);

/* The time since the last lap was `phase`. */
static inline void dt_trace_lap(dt_trace *trace, dt_phase phase)
{
    double now = dt_clock();
    trace->seconds[phase] += now - trace->last;
    if (trace->spans)
        dt_trace_keep(trace, phase, trace->last - trace->origin, now - trace->origin);
    trace->last = now;
}

#endif
