#include <limits.h>

#include "base/stream.h"
#include "reduce_state.h"

/* Whether there are hosts to send messages to. */
static bool has_hosts(const dt_reduce *self)
{
    return self->kind == DT_ALLREDUCE_TREE && self->comm->hosts > 1;
}

/* Whether a rank has a stack of its own to work on, and hands on what others read of it. */
static bool has_own(const dt_reduce *self)
{
    return self->kind == DT_ALLREDUCE_TREE && self->comm->host_size > 1 &&
           self->plan.count <= DT_STREAM_MOST;
}

static size_t own_floats(const dt_reduce *self)
{
    return has_own(self) ? (size_t)self->plan.depth * reduce_plan_stride(&self->plan) : 0;
}

/* Vectors of this rank in shared memory, without the total. */
static int count_shared(const dt_reduce *self)
{
    return has_own(self) ? self->plan.own.node_count : self->plan.depth;
}

static size_t count_units(const dt_reduce *self)
{
    return (self->plan.count + DT_SLICE_UNIT - 1) / DT_SLICE_UNIT;
}

/* Of this rank. The total is where messages bring the sum: on one host it takes the place of what
 * is added up first. */
static size_t shared_bytes(const dt_reduce *self)
{
    bool first = self->comm->host_rank == 0;
    size_t vectors = (size_t)count_shared(self) + (first && has_hosts(self));
    size_t notes = first ? count_units(self) + DT_REDUCE_REMARKS : 0;
    return sizeof(progress) + vectors * reduce_plan_stride(&self->plan) * sizeof(float) +
           notes * sizeof *self->notes;
}

/* Finds the vectors of this host's ranks: a rank's nodes are the bottom of its stack. */
static void place_vectors(dt_reduce *self)
{
    const dt_comm *comm = self->comm;
    size_t stride = reduce_plan_stride(&self->plan);
    for (int r = 0, part = 0; r < comm->host_size; r++) {
        bool is_own = r == comm->host_rank;
        self->progress[r] = dt_shared_segment(self->shared, r);
        float *vectors = (float *)(void *)(self->progress[r] + 1);
        float *stack = is_own && self->own ? self->own : vectors;
        for (int i = 0; i < self->rank_nodes[r]; i++)
            self->plan.host.parts[part++] = stack + (size_t)i * stride;
        for (int i = 0; i < self->plan.depth && is_own; i++)
            self->sums[i] = stack + (size_t)i * stride;
        if (is_own)
            self->published = vectors;
        if (r == 0) {
            float *behind = vectors + (size_t)self->first_vectors * stride;
            self->total = self->hosts ? behind : NULL;
            self->notes = (double *)(void *)(self->hosts ? behind + stride : behind);
        }
        if (!self->total && self->rank_nodes[r] > 0)
            self->total = vectors;
    }
    self->pending = self->plan.count;
}

static void find_slice(dt_reduce *self)
{
    const dt_comm *comm = self->comm;
    dt_range units = dt_partition((int64_t)count_units(self), comm->host_size, comm->host_rank);
    int64_t first = units.first * DT_SLICE_UNIT, end = first + units.count * DT_SLICE_UNIT;
    int64_t count = (int64_t)self->plan.count;
    if (self->kind == DT_ALLREDUCE_MPI)
        count -= DT_REDUCE_ASKS; /* behind the sum */
    first = first < count ? first : count;
    self->slice = (dt_range){first, (end < count ? end : count) - first};
}

static dt_status allocate(dt_reduce *self, dt_error *error)
{
    size_t ranks = (size_t)self->comm->host_size, depth = (size_t)self->plan.depth;
    if ((self->sums = dt_calloc(depth, sizeof *self->sums, error)) &&
        (!has_own(self) || (self->own = dt_calloc(own_floats(self), sizeof *self->own, error))) &&
        (self->rank_nodes = dt_calloc(ranks, sizeof *self->rank_nodes, error)) &&
        (self->progress = dt_calloc(ranks, sizeof *self->progress, error)))
        return DT_OK;
    return error->status;
}

/* Computes who adds up what; takes no memory for vectors. */
static dt_status plan(dt_reduce *self, int virtual_ranks, uint64_t count, size_t section_size,
                      dt_error *error)
{
    if (self->kind == DT_ALLREDUCE_MPI)
        count += DT_REDUCE_ASKS;
    if (count > INT_MAX)
        return dt_fail(error, DT_ERR_CONFIG,
                       "a network of %llu parameters: expected at most %d; use smaller layers",
                       (unsigned long long)count, INT_MAX);
    dt_status status = reduce_plan_make(self->comm, virtual_ranks, (size_t)count, section_size,
                                        &self->plan, error);
    if (self->kind == DT_ALLREDUCE_MPI && self->plan.depth == 0)
        self->plan.depth = 1; /* the zeros of a rank that plays no virtual rank */
    return status;
}

static dt_status share_vectors(dt_reduce *self, dt_error *error)
{
    const dt_comm *comm = self->comm;
    self->first_vectors = count_shared(self);
    MPI_Allgather(&self->plan.own.node_count, 1, MPI_INT, self->rank_nodes, 1, MPI_INT, comm->host);
    MPI_Bcast(&self->first_vectors, 1, MPI_INT, 0, comm->host);
    return dt_shared_create(self->comm, shared_bytes(self), &self->shared, error);
}

dt_status dt_reduce_need(dt_comm *comm, dt_allreduce kind, int virtual_ranks, uint64_t count,
                         uint64_t *shared, uint64_t *own, dt_error *error)
{
    dt_reduce of = {.comm = comm, .kind = kind};
    dt_status status = plan(&of, virtual_ranks, count, 0, error);
    *shared = *own = 0;
    if (!status) {
        *shared = shared_bytes(&of);
        *own = own_floats(&of) * sizeof(float);
        if (has_hosts(&of))
            *own += reduce_hosts_floats(&of.plan) * sizeof(float);
    }
    reduce_plan_free(&of.plan);
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
    if (!status)
        status = allocate(self, error);
    if (!status && has_hosts(self))
        status = reduce_hosts_create(&self->plan, &self->hosts, error);
    status = dt_comm_agree(comm, status, error);
    if (!status)
        status = dt_comm_agree(comm, share_vectors(self, error), error);
    if (status) {
        dt_reduce_destroy(self);
        return status;
    }
    place_vectors(self);
    find_slice(self);
    *out = self;
    return DT_OK;
}

void dt_reduce_destroy(dt_reduce *self)
{
    if (!self)
        return;
    dt_shared_destroy(self->shared);
    reduce_hosts_destroy(self->hosts);
    reduce_plan_free(&self->plan);
    dt_free(self->own);
    dt_free(self->sums);
    dt_free(self->rank_nodes);
    dt_free(self->progress);
    dt_free(self);
}
