#include "dist/reduce.h"

#include <string.h>

#include "base/memory.h"
#include "comm_mpi.h"
#include "data/partition.h"

/* Most subtrees that cover a contiguous range of 2^31 leaves. */
enum { NODES_MAX = 64 };

typedef struct node {
    int lo, hi; /* the virtual ranks whose sum it is */
    float *sum;
} node;

struct dt_reduce {
    dt_comm *comm;
    int virtual_ranks;
    size_t count;
    int next_virtual_rank, first_virtual_rank;
    /* The subtrees complete so far, from left to right; the one being filled is behind them. */
    int node_count;
    node nodes[NODES_MAX];
    /* Buffers that no node uses. */
    int spare_count;
    float *spare[NODES_MAX];
    /* Between ranks: MPI's counts and displacements by rank, and the messages. */
    int *tables;
    int *send_counts, *send_places, *receive_counts, *receive_places, *slice_sizes, *slice_places;
    float *send, *receive, *total;
};

static int middle(int lo, int hi)
{
    return lo + (hi - lo) / 2;
}

/* Writes the largest complete subtrees of [lo, hi) that lie within [first, end), left to right;
 * returns how many. */
static int cover(int lo, int hi, int first, int end, node *nodes)
{
    if (end <= lo || hi <= first)
        return 0;
    if (first <= lo && hi <= end) {
        nodes[0] = (node){.lo = lo, .hi = hi};
        return 1;
    }
    int mid = middle(lo, hi);
    int left = cover(lo, mid, first, end, nodes);
    return left + cover(mid, hi, first, end, nodes + left);
}

static int nodes_of_rank(const dt_reduce *self, int rank, node *nodes)
{
    dt_range own = dt_partition(self->virtual_ranks, self->comm->size, rank);
    return cover(0, self->virtual_ranks, (int)own.first, (int)(own.first + own.count), nodes);
}

/* The place of rank's slice in the vector: [slice_first(rank), slice_first(rank + 1)). */
static size_t slice_first(const dt_reduce *self, int rank)
{
    return self->count * (size_t)rank / (size_t)self->comm->size;
}

static size_t slice_size(const dt_reduce *self, int rank)
{
    return slice_first(self, rank + 1) - slice_first(self, rank);
}

static dt_status prepare_exchange(dt_reduce *self, dt_error *error)
{
    size_t ranks = (size_t)self->comm->size;
    int *tables = self->tables = dt_calloc(6 * ranks, sizeof *tables, error);
    if (!tables)
        return error->status;
    self->send_counts = tables;
    self->send_places = tables + ranks;
    self->receive_counts = tables + 2 * ranks;
    self->receive_places = tables + 3 * ranks;
    self->slice_sizes = tables + 4 * ranks;
    self->slice_places = tables + 5 * ranks;

    node nodes[NODES_MAX];
    size_t send = 0, receive = 0;
    size_t own_nodes = (size_t)nodes_of_rank(self, self->comm->rank, nodes);
    size_t own_slice = slice_size(self, self->comm->rank);
    for (int r = 0; r < self->comm->size; r++) {
        size_t theirs = (size_t)nodes_of_rank(self, r, nodes);
        self->slice_sizes[r] = (int)slice_size(self, r);
        self->slice_places[r] = (int)slice_first(self, r);
        self->send_places[r] = (int)send;
        self->receive_places[r] = (int)receive;
        self->send_counts[r] = (int)(own_nodes * slice_size(self, r));
        self->receive_counts[r] = (int)(theirs * own_slice);
        send += own_nodes * slice_size(self, r);
        receive += theirs * own_slice;
    }
    if (send > INT32_MAX || receive > INT32_MAX)
        return dt_fail(error, DT_ERR_CONFIG,
                       "a network of %zu parameters on %d ranks needs messages beyond 2^31 values",
                       self->count, self->comm->size);
    self->send = dt_calloc(send, sizeof *self->send, error);
    self->receive = self->send ? dt_calloc(receive, sizeof *self->receive, error) : NULL;
    self->total = self->receive ? dt_calloc(self->count, sizeof *self->total, error) : NULL;
    return self->total ? DT_OK : error->status;
}

static dt_status allocate_spare(dt_reduce *self, dt_error *error)
{
    /* Walk through the virtual ranks once to see how many buffers are in use at most. */
    node nodes[NODES_MAX];
    dt_range own = dt_partition(self->virtual_ranks, self->comm->size, self->comm->rank);
    int first = (int)own.first, most = 1;
    for (int done = 1; done < own.count; done++) {
        int in_use = cover(0, self->virtual_ranks, first, first + done, nodes) + 1;
        most = in_use > most ? in_use : most;
    }
    for (int i = 0; i < most; i++) {
        self->spare[i] = dt_calloc(self->count, sizeof(float), error);
        if (!self->spare[i])
            return error->status;
        self->spare_count++;
    }
    return DT_OK;
}

dt_status dt_reduce_create(dt_comm *comm, int virtual_ranks, size_t count, dt_reduce **out,
                           dt_error *error)
{
    dt_reduce *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->comm = comm;
    self->virtual_ranks = virtual_ranks;
    self->count = count;
    self->first_virtual_rank = (int)dt_partition(virtual_ranks, comm->size, comm->rank).first;
    self->next_virtual_rank = self->first_virtual_rank;
    dt_status status = allocate_spare(self, error);
    if (!status && comm->size > 1)
        status = prepare_exchange(self, error);
    if (status) {
        dt_reduce_destroy(self);
        return status;
    }
    *out = self;
    return DT_OK;
}

void dt_reduce_destroy(dt_reduce *self)
{
    if (!self)
        return;
    for (int i = 0; i < self->node_count; i++)
        dt_free(self->nodes[i].sum);
    for (int i = 0; i < self->spare_count; i++)
        dt_free(self->spare[i]);
    dt_free(self->tables);
    dt_free(self->send);
    dt_free(self->receive);
    dt_free(self->total);
    dt_free(self);
}

static void release_nodes(dt_reduce *self)
{
    while (self->node_count > 0)
        self->spare[self->spare_count++] = self->nodes[--self->node_count].sum;
}

float *dt_reduce_next(dt_reduce *self)
{
    if (self->next_virtual_rank == self->first_virtual_rank)
        release_nodes(self);
    float *vector = self->spare[self->spare_count - 1];
    return memset(vector, 0, self->count * sizeof *vector);
}

static void add_to(float *restrict sum, const float *restrict other, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += other[i];
}

/* True when `left` and `right` are the two children of one node of the tree. */
static int are_siblings(const dt_reduce *self, const node *left, const node *right)
{
    int lo = 0, hi = self->virtual_ranks;
    while (lo < left->lo || right->hi < hi) {
        int mid = middle(lo, hi);
        if (right->hi <= mid)
            hi = mid;
        else if (mid <= left->lo)
            lo = mid;
        else
            return 0; /* they lie in different halves of a larger node */
    }
    return middle(lo, hi) == left->hi;
}

void dt_reduce_add(dt_reduce *self)
{
    int v = self->next_virtual_rank++;
    self->nodes[self->node_count++] = (node){v, v + 1, self->spare[--self->spare_count]};
    while (self->node_count > 1) {
        node *left = &self->nodes[self->node_count - 2], *right = left + 1;
        if (!are_siblings(self, left, right))
            break;
        add_to(left->sum, right->sum, self->count);
        left->hi = right->hi;
        self->spare[self->spare_count++] = right->sum;
        self->node_count--;
    }
}

/* For each rank: its slice of each of our subtrees, one behind the other. */
static void pack(dt_reduce *self)
{
    float *to = self->send;
    for (int r = 0; r < self->comm->size; r++)
        for (int i = 0; i < self->node_count; i++) {
            size_t size = slice_size(self, r);
            memcpy(to, self->nodes[i].sum + slice_first(self, r), size * sizeof *to);
            to += size;
        }
}

/* The sum of node [lo, hi), added into its leftmost part. *next: the parts not used so far, each
 * `size` floats, from left to right. A node that one rank holds whole is a part. */
static float *add_parts(const dt_reduce *self, int lo, int hi, float **next, size_t size)
{
    int64_t leaves = self->virtual_ranks, ranks = self->comm->size;
    if (dt_partition_owner(leaves, ranks, lo) == dt_partition_owner(leaves, ranks, hi - 1)) {
        float *part = *next;
        *next += size;
        return part;
    }
    int mid = middle(lo, hi);
    float *left = add_parts(self, lo, mid, next, size);
    add_to(left, add_parts(self, mid, hi, next, size), size);
    return left;
}

const float *dt_reduce_finish(dt_reduce *self)
{
    self->next_virtual_rank = self->first_virtual_rank;
    if (self->comm->size == 1)
        return self->nodes[0].sum;
    pack(self);
    MPI_Alltoallv(self->send, self->send_counts, self->send_places, MPI_FLOAT, self->receive,
                  self->receive_counts, self->receive_places, MPI_FLOAT, self->comm->world);
    size_t size = slice_size(self, self->comm->rank);
    float *parts = self->receive;
    const float *sum = add_parts(self, 0, self->virtual_ranks, &parts, size);
    MPI_Allgatherv(sum, (int)size, MPI_FLOAT, self->total, self->slice_sizes, self->slice_places,
                   MPI_FLOAT, self->comm->world);
    return self->total;
}

static double add_totals(const double *values, int width, int lo, int hi)
{
    if (hi - lo == 1)
        return values[(ptrdiff_t)lo * width];
    int mid = middle(lo, hi);
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
