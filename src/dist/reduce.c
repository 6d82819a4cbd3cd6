#include "dist/reduce.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "comm_mpi.h"
#include "data/partition.h"
#include "dist/shared.h"
#include "fold.h"

const char *const dt_allreduce_names[] = {"tree", "mpi", NULL};

struct dt_reduce {
    dt_comm *comm;
    dt_allreduce kind;
    int virtual_ranks;
    size_t count;
    dt_fold own;       /* virtual ranks to nodes of this rank */
    int depth;         /* vectors on the stack of `own` */
    float **sums;      /* [depth], in shared memory */
    dt_fold host;      /* nodes of the host's ranks to nodes of the host */
    dt_fold all;       /* nodes of the hosts to the sum: parts are slices of ours */
    int *part_hosts;   /* [all.part_count]: the host that each comes from */
    int *host_nodes;   /* [hosts]: nodes that each host forms */
    int *rank_nodes;   /* [host size]: nodes that each rank of this host forms */
    int first_depth;   /* vectors on the stack of this host's first rank */
    dt_shared *shared; /* the ranks' stacks; behind the stack of the first, the total */
    float *total;
    float *messages; /* slices of our host's nodes for other hosts' ranks, and theirs for us */
    MPI_Request *requests;
};

static size_t slice_first(const dt_reduce *self, int rank)
{
    /* Whole cache lines, so that no two ranks write to one. */
    enum { LINE = DT_ALIGNMENT / sizeof(float) };
    if (rank == self->comm->size)
        return self->count;
    return self->count / LINE * (size_t)rank / (size_t)self->comm->size * LINE;
}

static size_t slice_size(const dt_reduce *self, int rank)
{
    return slice_first(self, rank + 1) - slice_first(self, rank);
}

static size_t stride(const dt_reduce *self)
{
    enum { LINE = DT_ALIGNMENT / sizeof(float) };
    return (self->count + LINE - 1) / LINE * LINE;
}

/* The nodes that one rank's virtual ranks form. */
static dt_status fold_rank(const dt_reduce *self, int rank, dt_fold *out, int *depth,
                           dt_error *error)
{
    dt_range own = dt_partition(self->virtual_ranks, self->comm->size, rank);
    dt_status status = dt_fold_open(out, (int)own.count, error);
    for (int i = 0; i < own.count && !status; i++)
        out->nodes[out->part_count++] = (dt_node){(int)own.first + i, (int)own.first + i + 1};
    return status ? status : dt_fold_close(out, self->virtual_ranks, depth, error);
}

/* The nodes that the ranks of a host form together. */
static dt_status fold_host(const dt_reduce *self, int host, dt_fold *out, dt_error *error)
{
    const dt_comm *comm = self->comm;
    int depth = 0, room = 0;
    for (int r = 0; r < comm->size; r++)
        if (comm->host_of[r] == host)
            room += (int)dt_partition(self->virtual_ranks, comm->size, r).count;
    dt_status status = dt_fold_open(out, room, error);
    for (int r = 0; r < comm->size && !status; r++) {
        dt_fold rank = {0};
        if (comm->host_of[r] != host)
            continue;
        status = fold_rank(self, r, &rank, &depth, error);
        if (!status)
            dt_fold_append(out, &rank);
        dt_fold_free(&rank);
    }
    return status ? status : dt_fold_close(out, self->virtual_ranks, &depth, error);
}

/* The sum from the hosts' nodes, ascending whatever host they come from. */
static dt_status fold_all(dt_reduce *self, dt_error *error)
{
    const dt_comm *comm = self->comm;
    int depth = 0;
    size_t room = (size_t)self->virtual_ranks;
    dt_status status = dt_fold_open(&self->all, self->virtual_ranks, error);
    self->part_hosts = status ? NULL : dt_calloc(room, sizeof *self->part_hosts, error);
    self->host_nodes =
        self->part_hosts ? dt_calloc((size_t)comm->hosts, sizeof *self->host_nodes, error) : NULL;
    if (!self->host_nodes)
        return error->status;
    for (int h = 0; h < comm->hosts && !status; h++) {
        dt_fold host = {0};
        status = fold_host(self, h, &host, error);
        self->host_nodes[h] = host.node_count;
        for (int i = 0; i < host.node_count && !status; i++) {
            int place = self->all.part_count++;
            for (; place > 0 && self->all.nodes[place - 1].lo > host.nodes[i].lo; place--) {
                self->all.nodes[place] = self->all.nodes[place - 1];
                self->part_hosts[place] = self->part_hosts[place - 1];
            }
            self->all.nodes[place] = host.nodes[i];
            self->part_hosts[place] = h;
        }
        dt_fold_free(&host);
    }
    return status ? status : dt_fold_close(&self->all, self->virtual_ranks, &depth, error);
}

/* The rank of `host` that sends and receives slice `slice` when it is another host's. */
static int courier(const dt_comm *comm, int host, int slice)
{
    return comm->host_ranks[comm->host_begin[host] + slice % comm->host_sizes[host]];
}

static bool carries(const dt_reduce *self, int slice)
{
    const dt_comm *comm = self->comm;
    int host = comm->host_of[comm->rank];
    return comm->host_of[slice] != host && courier(comm, host, slice) == comm->rank;
}

static dt_status allocate_messages(dt_reduce *self, dt_error *error)
{
    const dt_comm *comm = self->comm;
    size_t size = (size_t)self->all.part_count * slice_size(self, comm->rank);
    for (int s = 0; s < comm->size; s++)
        if (carries(self, s))
            size += (size_t)self->host.node_count * slice_size(self, s);
    self->messages = dt_calloc(size, sizeof *self->messages, error);
    size_t requests = 2 * ((size_t)comm->size + (size_t)comm->hosts);
    self->requests = self->messages ? dt_calloc(requests, sizeof *self->requests, error) : NULL;
    return self->requests ? DT_OK : error->status;
}

static dt_status plan(dt_reduce *self, dt_error *error)
{
    const dt_comm *comm = self->comm;
    int host = comm->host_of[comm->rank];
    dt_status status = fold_rank(self, comm->rank, &self->own, &self->depth, error);
    if (!status)
        status = fold_host(self, host, &self->host, error);
    if (!status)
        status = fold_all(self, error);
    if (!status && comm->hosts > 1)
        status = allocate_messages(self, error);
    self->sums = status ? NULL : dt_calloc((size_t)self->depth, sizeof *self->sums, error);
    return self->sums ? DT_OK : error->status;
}

/* Finds the stacks of this host's ranks: a rank's nodes are the bottom of its stack. */
static void place_vectors(dt_reduce *self)
{
    const dt_comm *comm = self->comm;
    float *own = dt_shared_segment(self->shared, comm->host_rank);
    for (int i = 0; i < self->depth; i++)
        self->sums[i] = own + (size_t)i * stride(self);
    float *first = dt_shared_segment(self->shared, 0);
    self->total = first + (size_t)self->first_depth * stride(self);
    int part = 0;
    for (int r = 0; r < comm->host_size; r++)
        for (int i = 0; i < self->rank_nodes[r]; i++)
            self->host.parts[part++] =
                (float *)dt_shared_segment(self->shared, r) + (size_t)i * stride(self);
}

static dt_status share_vectors(dt_reduce *self, dt_error *error)
{
    const dt_comm *comm = self->comm;
    size_t vectors = (size_t)self->depth + (comm->host_rank == 0);
    dt_status status = DT_OK;
    self->rank_nodes = dt_calloc((size_t)comm->host_size, sizeof *self->rank_nodes, error);
    status = dt_comm_agree(self->comm, self->rank_nodes ? DT_OK : DT_ERR_INTERNAL, error);
    if (status)
        return status;
    MPI_Allgather(&self->own.node_count, 1, MPI_INT, self->rank_nodes, 1, MPI_INT, comm->host);
    self->first_depth = self->depth;
    MPI_Bcast(&self->first_depth, 1, MPI_INT, 0, comm->host);
    return dt_shared_create(self->comm, vectors * stride(self) * sizeof(float), &self->shared,
                            error);
}

dt_status dt_reduce_create(dt_comm *comm, dt_allreduce kind, int virtual_ranks, size_t count,
                           dt_reduce **out, dt_error *error)
{
    dt_reduce *self = dt_calloc(1, sizeof *self, error);
    dt_status status = self ? DT_OK : DT_ERR_INTERNAL;
    if (self) {
        self->comm = comm;
        self->kind = kind;
        self->virtual_ranks = virtual_ranks;
        self->count = count;
        if (count > INT_MAX)
            status = dt_fail(error, DT_ERR_CONFIG, "a network of %zu parameters: at most %d", count,
                             INT_MAX);
        else
            status = plan(self, error);
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
    dt_fold_free(&self->own);
    dt_fold_free(&self->host);
    dt_fold_free(&self->all);
    dt_free(self->part_hosts);
    dt_free(self->host_nodes);
    dt_free(self->rank_nodes);
    dt_free(self->sums);
    dt_free(self->messages);
    dt_free(self->requests);
    dt_free(self);
}

const int *dt_reduce_merges(const dt_reduce *self)
{
    return self->own.merges;
}

float *const *dt_reduce_sums(const dt_reduce *self)
{
    return self->sums;
}

/* Slices of the nodes of our host go to the ranks of other hosts that finish them, and theirs of
 * our slice come to us; then `all.parts` has our slice of every host's nodes. */
static void exchange_nodes(dt_reduce *self)
{
    const dt_comm *comm = self->comm;
    MPI_Comm world = comm->world;
    int requests = 0, own_host = comm->host_of[comm->rank];
    size_t size = slice_size(self, comm->rank);
    float *next = self->messages;
    for (int h = 0; h < comm->hosts; h++) {
        float *slices = next;
        int nodes = self->host_nodes[h];
        if (h != own_host)
            MPI_Irecv(slices, (int)((size_t)nodes * size), MPI_FLOAT, courier(comm, h, comm->rank),
                      0, world, &self->requests[requests++]);
        else
            for (int i = 0; i < nodes; i++)
                dt_fold_add(&self->host, i, slice_first(self, comm->rank), size,
                            slices + (size_t)i * size);
        for (int i = 0; i < self->all.part_count; i++)
            if (self->part_hosts[i] == h) {
                self->all.parts[i] = next;
                next += size;
            }
    }
    for (int s = 0; s < comm->size; s++) {
        if (!carries(self, s))
            continue;
        size_t theirs = slice_size(self, s);
        for (int i = 0; i < self->host.node_count; i++)
            dt_fold_add(&self->host, i, slice_first(self, s), theirs, next + (size_t)i * theirs);
        size_t length = (size_t)self->host.node_count * theirs;
        MPI_Isend(next, (int)length, MPI_FLOAT, s, 0, world, &self->requests[requests++]);
        next += length;
    }
    MPI_Waitall(requests, self->requests, MPI_STATUSES_IGNORE);
}

/* Our finished slice goes to every other host, and their ranks' slices come into our total. */
static void exchange_totals(dt_reduce *self)
{
    const dt_comm *comm = self->comm;
    int requests = 0, own_host = comm->host_of[comm->rank];
    for (int s = 0; s < comm->size; s++)
        if (carries(self, s))
            MPI_Irecv(self->total + slice_first(self, s), (int)slice_size(self, s), MPI_FLOAT, s, 1,
                      comm->world, &self->requests[requests++]);
    for (int h = 0; h < comm->hosts; h++)
        if (h != own_host)
            MPI_Isend(self->total + slice_first(self, comm->rank),
                      (int)slice_size(self, comm->rank), MPI_FLOAT, courier(comm, h, comm->rank), 1,
                      comm->world, &self->requests[requests++]);
    MPI_Waitall(requests, self->requests, MPI_STATUSES_IGNORE);
}

static const float *reduce_with_mpi(dt_reduce *self)
{
    float *sum = self->sums[0];
    for (int node = 1; node < self->own.node_count; node++)
        for (size_t i = 0; i < self->count; i++)
            sum[i] += self->sums[node][i];
    MPI_Allreduce(MPI_IN_PLACE, sum, (int)self->count, MPI_FLOAT, MPI_SUM, self->comm->world);
    return sum;
}

const float *dt_reduce_finish(dt_reduce *self, dt_trace *trace)
{
    if (self->kind == DT_ALLREDUCE_MPI) {
        const float *sum = reduce_with_mpi(self);
        dt_trace_lap(trace, DT_PHASE_REDUCE);
        return sum;
    }
    if (self->comm->size == 1)
        return self->sums[0];
    size_t first = slice_first(self, self->comm->rank), size = slice_size(self, self->comm->rank);
    dt_shared_barrier(self->shared);
    dt_trace_lap(trace, DT_PHASE_WAIT);
    if (self->comm->hosts == 1) {
        dt_fold_add(&self->host, 0, first, size, self->total + first);
    } else {
        exchange_nodes(self);
        dt_fold_add(&self->all, 0, 0, size, self->total + first);
        exchange_totals(self);
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
