#include <limits.h>

#include "base/stream.h"
#include "reduce_state.h"

/* Whether a rank has a stack of its own to work on, and hands on what others read of it. */
static bool has_own(const dt_comm *comm, dt_allreduce kind, uint64_t count)
{
    return kind == DT_ALLREDUCE_TREE && comm->host_size > 1 && count <= DT_STREAM_MOST;
}

/* Vectors of this rank in shared memory, without the total. */
static int count_shared(const reduction_plan *plan, bool has_own)
{
    return has_own ? plan->own.node_count : plan->depth;
}

/* Where messages bring the sum. On one host it takes the place of what is added up first. */
static bool has_total(const dt_comm *comm, dt_allreduce kind)
{
    return kind == DT_ALLREDUCE_TREE && comm->hosts > 1 && comm->host_rank == 0;
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

static size_t count_units(const dt_reduce *self)
{
    return (self->plan.count + DT_SLICE_UNIT - 1) / DT_SLICE_UNIT;
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
    size_t own = has_own(self->comm, self->kind, self->plan.count) ? depth : 0;
    if ((self->sums = dt_calloc(depth, sizeof *self->sums, error)) &&
        (own == 0 || (self->own = dt_calloc(own * reduce_plan_stride(&self->plan),
                                            sizeof *self->own, error))) &&
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
            reduce_plan_make(self->comm, virtual_ranks, count, section_size, &self->plan, error);
    if (self->kind == DT_ALLREDUCE_MPI && self->plan.depth == 0)
        self->plan.depth = 1; /* the zeros of a rank that plays no virtual rank */
    if (!status)
        status = allocate(self, error);
    if (!status && self->comm->hosts > 1 && self->kind == DT_ALLREDUCE_TREE)
        status = reduce_hosts_create(&self->plan, &self->hosts, error);
    return status;
}

static dt_status share_vectors(dt_reduce *self, dt_error *error)
{
    const dt_comm *comm = self->comm;
    self->first_vectors = count_shared(&self->plan, self->own);
    size_t vectors = (size_t)(self->first_vectors + has_total(comm, self->kind));
    MPI_Allgather(&self->plan.own.node_count, 1, MPI_INT, self->rank_nodes, 1, MPI_INT, comm->host);
    MPI_Bcast(&self->first_vectors, 1, MPI_INT, 0, comm->host);
    size_t bytes = vectors * reduce_plan_stride(&self->plan) * sizeof(float);
    if (comm->host_rank == 0)
        bytes += (count_units(self) + DT_REDUCE_REMARKS) * sizeof *self->notes;
    return dt_shared_create(self->comm, sizeof(progress) + bytes, &self->shared, error);
}

dt_status dt_reduce_need(dt_comm *comm, dt_allreduce kind, int virtual_ranks, uint64_t count,
                         uint64_t *shared, uint64_t *own, dt_error *error)
{
    reduction_plan of = {0};
    dt_status status = check_count(count, error);
    *shared = *own = 0;
    if (!status)
        status = reduce_plan_make(comm, virtual_ranks, (size_t)count, 0, &of, error);
    if (!status) {
        bool copies = has_own(comm, kind, count);
        uint64_t vector = reduce_plan_stride(&of) * sizeof(float);
        *shared = (uint64_t)(count_shared(&of, copies) + has_total(comm, kind)) * vector;
        *own = copies ? (uint64_t)of.depth * vector : 0;
        if (comm->host_rank == 0)
            *shared += count / DT_SLICE_UNIT * sizeof(double);
        if (comm->hosts > 1 && kind == DT_ALLREDUCE_TREE)
            *own += reduce_hosts_floats(&of) * sizeof(float);
    }
    reduce_plan_free(&of);
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
