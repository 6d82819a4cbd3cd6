#include "excerpt.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

/* A step of rank 0: its spans. */
typedef struct step {
    size_t first, end;
} step;

/* A step ends with a lap of DT_PHASE_OTHER, and has gathered its samples; what lies between epochs
 * belongs to none. steps: NULL: they are counted. */
static size_t find_steps(const dt_trace *own, step *steps)
{
    size_t count = 0, first = 0;
    bool gathers = false;
    for (size_t i = 0; i < own->span_count; i++) {
        dt_phase phase = own->spans[i].phase;
        gathers |= phase == DT_PHASE_GATHER;
        if (phase != DT_PHASE_OTHER && phase != DT_PHASE_EVALUATE && phase != DT_PHASE_SAVE)
            continue;
        if (gathers && steps)
            steps[count] = (step){first, i + 1};
        count += gathers;
        first = i + 1;
        gathers = false;
    }
    return count;
}

static double seconds_of(const dt_trace *own, const step *it)
{
    return own->spans[it->end - 1].end - own->spans[it->first].begin;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool follows(const step *steps, size_t count, size_t i)
{
    return i > 0 && i < count && steps[i - 1].end == steps[i].first;
}

/* The step that is nearest to the median, and has a neighbour on both sides. */
static size_t choose(const dt_trace *own, size_t count, const step *steps, double median)
{
    size_t best = 0;
    double least = (double)INFINITY;
    for (size_t i = 0; i < count; i++) {
        double off = fabs(seconds_of(own, &steps[i]) - median);
        if (follows(steps, count, i) && follows(steps, count, i + 1) && off < least) {
            least = off;
            best = i;
        }
    }
    return best;
}

static dt_status allocate(dt_excerpt *out, size_t room, dt_error *error)
{
    bool got = (out->ranks = dt_calloc(room, sizeof *out->ranks, error)) &&
               (out->phases = dt_calloc(room, sizeof *out->phases, error)) &&
               (out->begins = dt_calloc(room, sizeof *out->begins, error)) &&
               (out->ends = dt_calloc(room, sizeof *out->ends, error));
    return got ? DT_OK : error->status;
}

static void choose_steps(excerpt *self, const dt_trace *own, size_t count, const step *steps,
                         double *seconds)
{
    for (size_t i = 0; i < count; i++)
        seconds[i] = seconds_of(own, &steps[i]);
    qsort(seconds, count, sizeof *seconds, ascending);
    double median = seconds[count / 2];
    size_t middle = choose(own, count, steps, median);
    size_t first = middle - follows(steps, count, middle);
    size_t end = middle + 1 + follows(steps, count, middle + 1);
    self->begin = own->spans[steps[first].first].begin;
    self->end = own->spans[steps[end - 1].end - 1].end;
    for (size_t i = first; i < end; i++)
        self->ends[i - first] = own->spans[steps[i].end - 1].end;
    self->out->step = (int64_t)first + 1;
    self->out->all_steps = (int64_t)count;
    self->out->median = median;
}

dt_status excerpt_begin(excerpt *self, const dt_trace *own, int ranks, dt_excerpt *out,
                        dt_error *error)
{
    *self = (excerpt){.out = out};
    size_t count = find_steps(own, NULL);
    if (count == 0)
        return DT_OK;
    step *steps = dt_calloc(count, sizeof *steps, error);
    double *seconds = steps ? dt_calloc(count, sizeof *seconds, error) : NULL;
    dt_status status = seconds ? DT_OK : error->status;
    if (!status)
        status = allocate(
            out, DT_EXCERPT_SPANS * (size_t)(ranks < DT_EXCERPT_RANKS ? ranks : DT_EXCERPT_RANKS),
            error);
    if (!status) {
        find_steps(own, steps);
        choose_steps(self, own, count, steps, seconds);
    }
    dt_free(steps);
    dt_free(seconds);
    return status;
}

void excerpt_add(excerpt *self, int rank, const dt_span *spans, size_t count)
{
    dt_excerpt *out = self->out;
    size_t kept = 0;
    if (rank >= DT_EXCERPT_RANKS)
        return;
    for (size_t i = 0; i < count && spans[i].begin < self->end; i++) {
        if (spans[i].end <= self->begin)
            continue;
        if (kept++ == DT_EXCERPT_SPANS) {
            self->end = spans[i].begin;
            return;
        }
        out->ranks[out->count] = rank;
        out->phases[out->count] = spans[i].phase;
        out->begins[out->count] = fmax(spans[i].begin - self->begin, 0);
        out->ends[out->count++] = spans[i].end - self->begin;
    }
}

void excerpt_end(excerpt *self)
{
    dt_excerpt *out = self->out;
    double length = self->end - self->begin;
    int64_t kept = 0;
    for (int64_t i = 0; i < out->count; i++) {
        if (out->begins[i] >= length)
            continue;
        out->ranks[kept] = out->ranks[i];
        out->phases[kept] = out->phases[i];
        out->begins[kept] = out->begins[i];
        out->ends[kept++] = fmin(out->ends[i], length);
    }
    out->count = kept;
    for (int i = 0; i < 3; i++)
        out->steps += self->ends[i] > 0 && self->ends[i] <= self->end;
}
