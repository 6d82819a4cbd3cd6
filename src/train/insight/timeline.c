#include "train/timeline.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "excerpt.h"
#include "run/timeline.h"

enum { HOST_SIZE = 64 };

/* What a rank says of its spans before it sends them. */
typedef struct row_head {
    uint64_t count;
    int64_t lost;
    char host[HOST_SIZE];
} row_head;

/* Brings the row of `rank` to rank 0, which adds it. spans: room for any rank's. */
static void add_row(dt_session *run, dt_timeline *timeline, excerpt *some, int rank, dt_span *spans)
{
    const dt_trace *trace = &run->trace;
    row_head own = {.count = trace->span_count, .lost = trace->spans_lost}, head = {0};
    strncpy(own.host, dt_comm_host(run->comm), sizeof own.host - 1);
    dt_comm_bring(run->comm, rank, &own, &head, sizeof head);
    dt_comm_bring(run->comm, rank, trace->spans, spans,
                  (rank == dt_comm_rank(run->comm) ? own.count : head.count) * sizeof *spans);
    if (!timeline)
        return;
    dt_timeline_add(timeline, rank, head.host, spans, (size_t)head.count);
    excerpt_add(some, rank, spans, (size_t)head.count);
    if (head.lost > 0)
        dt_warn("the timeline of rank %d is full: its last %lld spans are missing", rank,
                (long long)head.lost);
}

dt_status dt_timeline_write(dt_session *run, dt_excerpt *out, dt_error *error)
{
    const char *path = run->config.timeline;
    if (strcmp(path, "none") == 0)
        return DT_OK;
    bool voice = dt_comm_rank(run->comm) == 0;
    dt_timeline *timeline = NULL;
    dt_span *spans = NULL;
    excerpt some = {0};
    dt_status status = DT_OK;
    if (voice) {
        spans = dt_calloc(run->trace.span_capacity, sizeof *spans, error);
        status = spans ? dt_timeline_create(path, &timeline, error) : error->status;
    }
    if (voice && !status)
        status = excerpt_begin(&some, &run->trace, dt_comm_size(run->comm), out, error);
    status = dt_comm_agree(run->comm, status, error);
    for (int rank = 0; rank < dt_comm_size(run->comm) && !status; rank++)
        add_row(run, timeline, &some, rank, spans);
    if (voice && !status)
        excerpt_end(&some);
    dt_free(spans);
    dt_status closed = dt_timeline_close(timeline, error);
    return status ? status : dt_comm_agree(run->comm, closed, error);
}
