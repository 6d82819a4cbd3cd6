#include "dist/reduce.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/stream.h"
#include "reduce_state.h"

const char *const dt_allreduce_names[] = {"tree", "mpi", NULL};

const int *dt_reduce_merges(const dt_reduce *self)
{
    return self->plan.own.merges;
}

float *const *dt_reduce_sums(const dt_reduce *self)
{
    return self->sums;
}

size_t dt_reduce_section(const dt_reduce *self)
{
    return self->hosts && self->plan.sections > 1 ? self->plan.section_size : 0;
}

/* Written only when it changes: those who look find it in their caches. */
void dt_reduce_ask(dt_reduce *self, unsigned bits)
{
    atomic_uint *own = &self->progress[self->comm->host_rank]->asks;
    if (atomic_load_explicit(own, memory_order_relaxed) != bits)
        atomic_store_explicit(own, bits, memory_order_relaxed);
}

unsigned dt_reduce_asked(const dt_reduce *self)
{
    return self->asked;
}

/* What the ranks of the host ask for; all of them have announced something or come to the barrier
 * in this round. */
static unsigned asked_by_host(const dt_reduce *self)
{
    unsigned bits = 0;
    for (int r = 0; r < self->comm->host_size; r++)
        bits |= atomic_load_explicit(&self->progress[r]->asks, memory_order_relaxed);
    return bits;
}

/* Sections of this round that all ranks of the host have announced. */
static int announced_by_host(const dt_reduce *self)
{
    int least = self->plan.sections, started = reduce_hosts_started(self->hosts);
    for (int r = 0; r < self->comm->host_size && least > started; r++) {
        unsigned long long all =
            atomic_load_explicit(&self->progress[r]->announced, memory_order_acquire);
        int announced = (int)(all - self->last_announced);
        least = announced < least ? announced : least;
    }
    return least;
}

/* The largest magnitude: infinite or NaN if a value is. */
static float find_largest(const float *values, size_t count)
{
    uint32_t largest = 0;
    float found;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        bits &= INT32_MAX;
        largest = bits > largest ? bits : largest;
    }
    memcpy(&found, &largest, sizeof found);
    return found;
}

/* Floats that are worked on together, while they are in the L1 cache. */
enum { BLOCK = 4 * DT_SLICE_UNIT };

bool dt_reduce_may_make(const dt_comm *comm, dt_allreduce kind, int virtual_ranks)
{
    return comm->size > 1 && comm->hosts == 1 && kind == DT_ALLREDUCE_TREE &&
           virtual_ranks >= comm->size;
}

void dt_reduce_make(dt_reduce *self, const dt_made *made)
{
    self->made = *made;
    self->made_end = 0;
}

/* The part of floats first .. end - 1 that begins at `first` and is of one kind: in a range that is
 * made, whose number *range becomes; or in none, -1. */
static size_t stretch(const dt_reduce *self, size_t first, size_t end, int *range)
{
    *range = -1;
    for (int i = 0; i < self->made.count; i++) {
        size_t begins = (size_t)self->made.ranges[i].first;
        size_t ends = begins + (size_t)self->made.ranges[i].count;
        if (first < begins)
            return begins < end ? begins : end;
        if (first < ends) {
            *range = i;
            return ends < end ? ends : end;
        }
    }
    return end;
}

/* Floats first .. end - 1 of this rank's nodes: hands them on, or takes note of them alone. Returns
 * how many it has handed on. */
static size_t publish_stretch(dt_reduce *self, size_t first, size_t end, bool copied)
{
    float *largest = &self->progress[self->comm->host_rank]->largest;
    for (int i = 0; i < self->plan.own.node_count; i++) {
        float *published = self->published + (size_t)i * reduce_plan_stride(&self->plan);
        for (size_t at = first; at < end; at += BLOCK) {
            size_t count = end - at < BLOCK ? end - at : BLOCK;
            float found = find_largest(self->sums[i] + at, count);
            *largest = found > *largest || isnan(found) ? found : *largest;
            if (copied)
                dt_stream_copy(&self->comm->stream, published + at, self->sums[i] + at, count);
        }
    }
    return copied ? (size_t)self->plan.own.node_count * (end - first) : 0;
}

static size_t publish(dt_reduce *self, size_t first, size_t end, bool copied)
{
    int range;
    size_t handed = 0;
    for (size_t next; first < end; first = next) {
        next = stretch(self, first, end, &range);
        if (range < 0)
            handed += publish_stretch(self, first, next, copied);
    }
    dt_stream_end();
    return handed;
}

/* From float `first` on, for other hosts' sake all of them. */
static void publish_from(dt_reduce *self, size_t first)
{
    if (self->own && first < self->pending)
        publish(self, first, self->pending, true);
    self->pending = first;
}

void dt_reduce_announce(dt_reduce *self, size_t first)
{
    if (!self->hosts)
        return;
    unsigned long long sections = (unsigned)reduce_plan_sections_from(&self->plan, first);
    publish_from(self, first);
    atomic_store_explicit(&self->progress[self->comm->host_rank]->announced,
                          self->last_announced + sections, memory_order_release);
    for (int ready = announced_by_host(self); reduce_hosts_started(self->hosts) < ready;)
        reduce_hosts_start(self->hosts, self->total, asked_by_host(self));
    reduce_hosts_poll(self->hosts);
}

/* Behind the sums: how many ranks ask for each bit. */
static const float *reduce_with_mpi(dt_reduce *self)
{
    float *sum = self->sums[0];
    const dt_comm *comm = self->comm;
    size_t count = self->plan.count - DT_REDUCE_ASKS;
    unsigned own = atomic_load(&self->progress[comm->host_rank]->asks);
    if (self->plan.own.node_count == 0)
        memset(sum, 0, count * sizeof *sum);
    for (int node = 1; node < self->plan.own.node_count; node++)
        for (size_t i = 0; i < count; i++)
            sum[i] += self->sums[node][i];
    for (int bit = 0; bit < DT_REDUCE_ASKS; bit++)
        sum[count + (size_t)bit] = (float)(own >> bit & 1);
    if (self->plan.virtual_ranks < comm->size) /* ranks that wait in MPI take time from others */
        dt_shared_barrier(self->shared);
    MPI_Allreduce(MPI_IN_PLACE, sum, (int)self->plan.count, MPI_FLOAT, MPI_SUM, comm->world);
    self->asked = 0;
    for (int bit = 0; bit < DT_REDUCE_ASKS; bit++)
        self->asked |= (unsigned)(sum[count + (size_t)bit] > 0) << bit;
    return sum;
}

/* What others read of this rank's nodes, and how large all of them are. */
static void publish_to_host(dt_reduce *self)
{
    size_t first = (size_t)self->slice.first, end = first + (size_t)self->slice.count;
    bool copied = self->own;
    double begin = dt_clock();
    self->progress[self->comm->host_rank]->largest =
        self->made.count > 0 ? (float)self->made.largest : 0;
    size_t handed = publish(self, 0, first, copied);
    publish(self, first, end, false);
    handed += publish(self, end, self->plan.count, copied);
    dt_stream_judge(&self->comm->stream, handed, dt_clock() - begin);
}

/* Whether no sum of the ranks' nodes, in whatever order, can overflow. */
static bool is_bounded(const dt_reduce *self)
{
    double bound = 0;
    for (int r = 0; r < self->comm->host_size; r++)
        bound += self->rank_nodes[r] * (double)self->progress[r]->largest;
    return bound < (double)FLT_MAX / 2;
}

dt_range dt_reduce_slice(const dt_reduce *self)
{
    return self->slice;
}

double *dt_reduce_notes(const dt_reduce *self)
{
    return self->notes;
}

/* Where this rank adds up its slice: in its own nodes, of which nobody else reads that. */
static float *slice_of_sum(const dt_reduce *self)
{
    return self->plan.own.node_count > 0 ? self->sums[0] : self->total;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void prefetch(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i += DT_ALIGNMENT / sizeof *values)
        __builtin_prefetch(values + i);
}

/* Floats first .. end - 1 of the slice, from the nodes of all ranks. Where they are one block of
 * many, the block four further on is asked for: it comes from memory while others are worked on. */
static void add(dt_reduce *self, size_t first, size_t end)
{
    enum { AHEAD = 4 };
    const node_fold *host = &self->plan.host;
    size_t count = end - first, of_slice = (size_t)(self->slice.first + self->slice.count);
    size_t soon = least(first + AHEAD * count, of_slice), then = least(soon + count, of_slice);
    for (int i = 0; i < host->part_count; i++)
        prefetch(host->parts[i] + soon, then - soon);
    fold_add(host, 0, first, count, slice_of_sum(self) + first);
}

/* Makes floats first .. end - 1 of the slice, and so many that it is worth to begin. */
static void make(dt_reduce *self, int range, size_t first, size_t end)
{
    enum { WORTH = 1 << 16 };
    const dt_range *of = &self->made.ranges[range];
    size_t most =
        least((size_t)(self->slice.first + self->slice.count), (size_t)(of->first + of->count));
    if (end <= self->made_end)
        return;
    first = self->made_end > first ? self->made_end : first;
    end = end - first < WORTH ? least(first + WORTH, most) : end;
    self->made_end = self->made.make(self->made.state, range, first, end, slice_of_sum(self));
}

void dt_reduce_add(dt_reduce *self, size_t first, size_t count)
{
    int range;
    for (size_t next, end = first + count; first < end; first = next) {
        next = stretch(self, first, end, &range);
        if (range < 0)
            add(self, first, next);
        else
            make(self, range, first, next);
    }
}

const float *dt_reduce_whole(dt_reduce *self, dt_trace *trace)
{
    size_t first = (size_t)self->slice.first;
    float *own = slice_of_sum(self);
    if (own != self->total)
        memcpy(self->total + first, own + first, (size_t)self->slice.count * sizeof *own);
    dt_reduce_meet(self, true, trace);
    return self->total;
}

static dt_reduced finish_on_host(dt_reduce *self, dt_trace *trace)
{
    publish_to_host(self);
    dt_trace_lap(trace, DT_PHASE_REDUCE);
    dt_shared_barrier(self->shared);
    dt_trace_lap(trace, DT_PHASE_WAIT);
    self->asked = asked_by_host(self);
    return (dt_reduced){.values = slice_of_sum(self), .bounded = is_bounded(self)};
}

static dt_reduced finish_on_hosts(dt_reduce *self, dt_trace *trace)
{
    dt_reduce_announce(self, 0);
    dt_shared_barrier(self->shared);
    dt_trace_lap(trace, DT_PHASE_WAIT);
    self->asked = asked_by_host(self);
    dt_reduce_announce(self, 0);
    self->asked |= reduce_hosts_finish(self->hosts);
    self->last_announced += (unsigned)self->plan.sections;
    self->pending = self->plan.count;
    dt_trace_lap(trace, DT_PHASE_REDUCE);
    dt_shared_barrier(self->shared);
    dt_trace_lap(trace, DT_PHASE_WAIT);
    return (dt_reduced){.values = self->total, .whole = true};
}

dt_reduced dt_reduce_finish(dt_reduce *self, dt_trace *trace)
{
    dt_reduced sum = {.whole = true};
    if (self->kind == DT_ALLREDUCE_MPI)
        sum.values = reduce_with_mpi(self);
    else if (self->hosts)
        sum = finish_on_hosts(self, trace);
    else if (self->comm->size > 1)
        sum = finish_on_host(self, trace);
    else {
        self->asked = asked_by_host(self);
        sum.values = self->sums[0];
    }
    dt_trace_lap(trace, DT_PHASE_REDUCE);
    return sum;
}

bool dt_reduce_meet(dt_reduce *self, bool own, dt_trace *trace)
{
    bool all = true;
    self->meeting = !self->meeting;
    self->progress[self->comm->host_rank]->votes[self->meeting] = own;
    dt_shared_barrier(self->shared);
    for (int r = 0; r < self->comm->host_size; r++)
        all &= self->progress[r]->votes[self->meeting];
    dt_trace_lap(trace, DT_PHASE_WAIT);
    return all;
}

void dt_reduce_release(dt_reduce *self, dt_trace *trace)
{
    self->made.count = 0;
    dt_shared_barrier(self->shared);
    dt_trace_lap(trace, DT_PHASE_WAIT);
}
