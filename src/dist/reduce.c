#include "dist/reduce.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/partition.h"
#include "dist/shared.h"
#include "reduce_hosts.h"
#include "reduce_plan.h"

const char *const dt_allreduce_names[] = {"tree", "mpi", NULL};

/* In front of each rank's stack, in shared memory. */
typedef struct progress {
    /* Sections that the rank has announced, in all rounds together. */
    _Alignas(DT_ALIGNMENT) atomic_ullong announced;
    atomic_uint asks; /* of dt_reduce_ask */
} progress;

struct dt_reduce {
    dt_comm *comm;
    dt_allreduce kind;
    dt_reduce_plan plan;
    float **sums;      /* [plan.depth], in shared memory */
    int *rank_nodes;   /* [host size]: nodes that each rank of this host forms */
    int first_depth;   /* vectors on the stack of this host's first rank */
    dt_shared *shared; /* the ranks' stacks; behind the stack of the first, the total */
    float *total;      /* where ranks add up their sums themselves */
    progress **progress;               /* [host size] */
    unsigned long long last_announced; /* sections, in all rounds before this one */
    unsigned asked;                    /* by any rank, in the last round */
    dt_reduce_hosts *hosts;            /* NULL: there is one host */
};

/* One rank alone has the sum on its stack; MPI_Allreduce leaves it there. */
static bool has_total(const dt_comm *comm, dt_allreduce kind)
{
    return kind == DT_ALLREDUCE_TREE && comm->size > 1 && comm->host_rank == 0;
}

/* Finds the stacks of this host's ranks: a rank's nodes are the bottom of its stack. */
static void place_vectors(dt_reduce *self)
{
    const dt_comm *comm = self->comm;
    size_t stride = dt_reduce_plan_stride(&self->plan);
    for (int r = 0, part = 0; r < comm->host_size; r++) {
        self->progress[r] = dt_shared_segment(self->shared, r);
        float *stack = (float *)(void *)(self->progress[r] + 1);
        for (int i = 0; i < self->rank_nodes[r]; i++)
            self->plan.host.parts[part++] = stack + (size_t)i * stride;
        for (int i = 0; i < self->plan.depth && r == comm->host_rank; i++)
            self->sums[i] = stack + (size_t)i * stride;
        if (r == 0)
            self->total = stack + (size_t)self->first_depth * stride;
    }
}

static dt_status allocate(dt_reduce *self, dt_error *error)
{
    size_t ranks = (size_t)self->comm->host_size, depth = (size_t)self->plan.depth;
    if ((self->sums = dt_calloc(depth, sizeof *self->sums, error)) &&
        (self->rank_nodes = dt_calloc(ranks, sizeof *self->rank_nodes, error)) &&
        (self->progress = dt_calloc(ranks, sizeof *self->progress, error)))
        return DT_OK;
    return error->status;
}

static dt_status check_count(uint64_t count, dt_error *error)
{
    return count <= INT_MAX
               ? DT_OK
               : dt_fail(error, DT_ERR_CONFIG,
                         "a network of %llu parameters: expected at most %d; use smaller layers",
                         (unsigned long long)count, INT_MAX);
}

static dt_status plan(dt_reduce *self, int virtual_ranks, size_t count, size_t section_size,
                      dt_error *error)
{
    if (self->kind == DT_ALLREDUCE_MPI)
        count += DT_REDUCE_ASKS;
    dt_status status = check_count(count, error);
    if (!status)
        status =
            dt_reduce_plan_make(self->comm, virtual_ranks, count, section_size, &self->plan, error);
    if (self->kind == DT_ALLREDUCE_MPI && self->plan.depth == 0)
        self->plan.depth = 1; /* the zeros of a rank that plays no virtual rank */
    if (!status)
        status = allocate(self, error);
    if (!status && self->comm->hosts > 1 && self->kind == DT_ALLREDUCE_TREE)
        status = dt_reduce_hosts_create(&self->plan, &self->hosts, error);
    return status;
}

static dt_status share_vectors(dt_reduce *self, dt_error *error)
{
    const dt_comm *comm = self->comm;
    size_t vectors = (size_t)self->plan.depth + has_total(comm, self->kind);
    MPI_Allgather(&self->plan.own.node_count, 1, MPI_INT, self->rank_nodes, 1, MPI_INT, comm->host);
    self->first_depth = self->plan.depth;
    MPI_Bcast(&self->first_depth, 1, MPI_INT, 0, comm->host);
    size_t bytes = vectors * dt_reduce_plan_stride(&self->plan) * sizeof(float);
    return dt_shared_create(self->comm, sizeof(progress) + bytes, &self->shared, error);
}

dt_status dt_reduce_need(dt_comm *comm, dt_allreduce kind, int virtual_ranks, uint64_t count,
                         uint64_t *shared, uint64_t *messages, dt_error *error)
{
    dt_reduce_plan of = {0};
    dt_status status = check_count(count, error);
    *shared = *messages = 0;
    if (!status)
        status = dt_reduce_plan_make(comm, virtual_ranks, (size_t)count, 0, &of, error);
    if (!status) {
        uint64_t vectors = (uint64_t)of.depth + has_total(comm, kind);
        *shared = vectors * dt_reduce_plan_stride(&of) * sizeof(float);
        if (comm->hosts > 1 && kind == DT_ALLREDUCE_TREE)
            *messages = dt_reduce_hosts_floats(&of) * sizeof(float);
    }
    dt_reduce_plan_free(&of);
    return status;
}

dt_status dt_reduce_create(dt_comm *comm, dt_allreduce kind, int virtual_ranks, size_t count,
                           size_t section_size, dt_reduce **out, dt_error *error)
{
    dt_reduce *self = dt_calloc(1, sizeof *self, error);
    dt_status status = self ? DT_OK : DT_ERR_INTERNAL;
    if (self) {
        self->comm = comm;
        self->kind = kind;
        status = plan(self, virtual_ranks, count, section_size, error);
    }
    status = dt_comm_agree(comm, status, error);
    if (!status)
        status = dt_comm_agree(comm, share_vectors(self, error), error);
    if (status) {
        dt_reduce_destroy(self);
        return status;
    }
    place_vectors(self);
    *out = self;
    return DT_OK;
}

void dt_reduce_destroy(dt_reduce *self)
{
    if (!self)
        return;
    dt_shared_destroy(self->shared);
    dt_reduce_hosts_destroy(self->hosts);
    dt_reduce_plan_free(&self->plan);
    dt_free(self->sums);
    dt_free(self->rank_nodes);
    dt_free(self->progress);
    dt_free(self);
}

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
    int least = self->plan.sections, started = dt_reduce_hosts_started(self->hosts);
    for (int r = 0; r < self->comm->host_size && least > started; r++) {
        unsigned long long all =
            atomic_load_explicit(&self->progress[r]->announced, memory_order_acquire);
        int announced = (int)(all - self->last_announced);
        least = announced < least ? announced : least;
    }
    return least;
}

void dt_reduce_announce(dt_reduce *self, size_t first)
{
    if (!self->hosts)
        return;
    unsigned long long sections = (unsigned)dt_reduce_plan_sections_from(&self->plan, first);
    atomic_store_explicit(&self->progress[self->comm->host_rank]->announced,
                          self->last_announced + sections, memory_order_release);
    for (int ready = announced_by_host(self); dt_reduce_hosts_started(self->hosts) < ready;)
        dt_reduce_hosts_start(self->hosts, self->total, asked_by_host(self));
    dt_reduce_hosts_poll(self->hosts);
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

const float *dt_reduce_finish(dt_reduce *self, dt_trace *trace)
{
    if (self->kind == DT_ALLREDUCE_MPI) {
        const float *sum = reduce_with_mpi(self);
        dt_trace_lap(trace, DT_PHASE_REDUCE);
        return sum;
    }
    if (self->comm->size == 1) {
        self->asked = asked_by_host(self);
        return self->sums[0];
    }
    dt_reduce_announce(self, 0);
    dt_shared_barrier(self->shared);
    dt_trace_lap(trace, DT_PHASE_WAIT);
    self->asked = asked_by_host(self);
    if (self->hosts) {
        dt_reduce_announce(self, 0);
        self->asked |= dt_reduce_hosts_finish(self->hosts);
        self->last_announced += (unsigned)self->plan.sections;
    } else {
        dt_cut slice = dt_reduce_plan_slice(&self->plan, 0, self->comm->rank);
        dt_fold_add(&self->plan.host, 0, slice.first, slice.size, self->total + slice.first);
    }
    dt_trace_lap(trace, DT_PHASE_REDUCE);
    dt_shared_barrier(self->shared);
    dt_trace_lap(trace, DT_PHASE_WAIT);
    return self->total;
}

static double add_totals(const double *values, int width, int lo, int hi)
{
    if (hi - lo == 1)
        return values[(ptrdiff_t)lo * width];
    int mid = lo + (hi - lo) / 2;
    return add_totals(values, width, lo, mid) + add_totals(values, width, mid, hi);
}

dt_status dt_reduce_totals(dt_comm *comm, int virtual_ranks, int width, const double *values,
                           double *sums, dt_error *error)
{
    size_t ranks = (size_t)comm->size;
    double *all = dt_calloc((size_t)virtual_ranks * (size_t)width, sizeof *all, error);
    int *counts = all ? dt_calloc(2 * ranks, sizeof *counts, error) : NULL;
    dt_status status = dt_comm_agree(comm, counts ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        int *places = counts + ranks;
        for (int r = 0; r < comm->size; r++) {
            dt_range own = dt_partition(virtual_ranks, comm->size, r);
            counts[r] = (int)own.count * width;
            places[r] = (int)own.first * width;
        }
        MPI_Allgatherv(values, counts[comm->rank], MPI_DOUBLE, all, counts, places, MPI_DOUBLE,
                       comm->world);
        for (int i = 0; i < width; i++)
            sums[i] = add_totals(all + i, width, 0, virtual_ranks);
    }
    dt_free(all);
    dt_free(counts);
    return status;
}
