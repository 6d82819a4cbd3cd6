#include "base/trace.h"

#include "base/memory.h"

const char *const dt_phase_names[] = {"gather", "forward",  "backward", "reduce", "wait",
                                      "update", "evaluate", "save",     "other",  NULL};

dt_status dt_trace_create(dt_trace *trace, size_t spans, dt_error *error)
{
    *trace = (dt_trace){.span_capacity = spans};
    if (spans == 0)
        return DT_OK;
    trace->spans = dt_calloc(spans, sizeof *trace->spans, error);
    return trace->spans ? DT_OK : error->status;
}

void dt_trace_destroy(dt_trace *trace)
{
    if (!trace)
        return;
    dt_free(trace->spans);
    *trace = (dt_trace){0};
}

void dt_trace_keep(dt_trace *trace, dt_phase phase, double begin, double end)
{
    if (trace->span_count == trace->span_capacity) {
        trace->spans_lost++;
        return;
    }
    trace->spans[trace->span_count++] = (dt_span){begin, end, phase};
}
