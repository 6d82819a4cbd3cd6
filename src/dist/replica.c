#include "dist/replica.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/stream.h"
#include "comm_mpi.h"
#include "dist/shared.h"

struct dt_replica {
    dt_comm *comm;
    size_t count;
    dt_range slice;
    dt_shared *shared; /* the first rank has the array */
    float *common;     /* that array */
    float *copy;       /* this rank's, of all or of its slice; NULL: it has none */
    bool of_all;
    MPI_Comm leaders;     /* the first rank of each host; MPI_COMM_NULL on others */
    int *counts, *firsts; /* [ranks]: the slices */
};

/* Floats of this rank's copy. Where the array is small enough for caches, a rank updates its slice
 * in a copy, and hands it on (base/stream.h); where it has a processor, and so a cache, to itself,
 * it reads the rest in a copy too. */
static size_t copy_size(const dt_comm *comm, uint64_t count, size_t padding, int64_t updated,
                        bool *of_all)
{
    *of_all = dt_comm_host_has_room(comm);
    if (updated < 0 || comm->host_size == 1 || count > DT_STREAM_MOST)
        return 0;
    return *of_all ? (size_t)count + padding : (size_t)updated;
}

uint64_t dt_replica_need(const dt_comm *comm, uint64_t count, size_t padding, int64_t updated,
                         uint64_t *shared)
{
    bool of_all;
    *shared = comm->host_rank == 0 ? (count + padding) * sizeof(float) : 0;
    return copy_size(comm, count, padding, updated, &of_all) * sizeof(float);
}

static dt_status allocate(dt_replica *self, size_t padding, const dt_range *slice, dt_error *error)
{
    const dt_comm *comm = self->comm;
    size_t ranks = (size_t)comm->size, size = self->count + padding;
    size_t copied = copy_size(comm, self->count, padding, slice ? slice->count : -1, &self->of_all);
    self->counts = dt_calloc(2 * ranks, sizeof *self->counts, error);
    if (self->counts && copied > 0)
        self->copy = dt_calloc(copied, sizeof *self->copy, error);
    bool failed = !self->counts || (copied > 0 && !self->copy);
    dt_status status = dt_comm_agree(self->comm, failed ? DT_ERR_INTERNAL : DT_OK, error);
    if (status)
        return status;
    self->firsts = self->counts + ranks;
    self->of_all = self->of_all && self->copy;
    size_t bytes = comm->host_rank == 0 ? size * sizeof(float) : 0;
    status = dt_shared_create(self->comm, bytes, &self->shared, error);
    return dt_comm_agree(self->comm, status, error);
}

dt_status dt_replica_create(dt_comm *comm, size_t count, size_t padding, const dt_range *slice,
                            dt_replica **out, dt_error *error)
{
    dt_replica *self = dt_calloc(1, sizeof *self, error);
    if (self)
        self->leaders = MPI_COMM_NULL;
    dt_status status = dt_comm_agree(comm, self ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        self->comm = comm;
        self->count = count;
        self->slice = slice ? *slice : (dt_range){0, 0};
        status = allocate(self, padding, slice, error);
    }
    if (status) {
        dt_replica_destroy(self);
        return status;
    }
    int own_count = (int)self->slice.count, own_first = (int)self->slice.first;
    MPI_Allgather(&own_count, 1, MPI_INT, self->counts, 1, MPI_INT, comm->world);
    MPI_Allgather(&own_first, 1, MPI_INT, self->firsts, 1, MPI_INT, comm->world);
    MPI_Comm_split(comm->world, comm->host_rank == 0 ? 0 : MPI_UNDEFINED, comm->rank,
                   &self->leaders);
    self->common = dt_shared_segment(self->shared, 0);
    *out = self;
    return DT_OK;
}

void dt_replica_destroy(dt_replica *self)
{
    if (!self)
        return;
    if (self->leaders != MPI_COMM_NULL)
        MPI_Comm_free(&self->leaders);
    dt_shared_destroy(self->shared);
    dt_free(self->counts);
    dt_free(self->copy);
    dt_free(self);
}

float *dt_replica_values(const dt_replica *self)
{
    return self->of_all ? self->copy : self->common;
}

float *dt_replica_slice(const dt_replica *self)
{
    return self->copy && !self->of_all ? self->copy : dt_replica_values(self) + self->slice.first;
}

void dt_replica_spread(dt_replica *self)
{
    float *values = dt_replica_values(self);
    size_t bytes = self->count * sizeof *values;
    dt_shared_barrier(self->shared);
    if (self->leaders != MPI_COMM_NULL) {
        MPI_Bcast(values, (int)self->count, MPI_FLOAT, 0, self->leaders);
        if (values != self->common)
            memcpy(self->common, values, bytes);
    }
    dt_shared_barrier(self->shared);
    if (values != self->common)
        memcpy(values, self->common, bytes);
    else if (self->copy)
        memcpy(self->copy, values + self->slice.first, (size_t)self->slice.count * sizeof *values);
    dt_shared_barrier(self->shared);
}

void dt_replica_publish(dt_replica *self, size_t first, size_t end)
{
    if (!self->copy)
        return;
    dt_stream_copy(&self->comm->stream, self->common + (size_t)self->slice.first + first,
                   dt_replica_slice(self) + first, end - first);
    if (end == (size_t)self->slice.count)
        dt_stream_end();
}

void dt_replica_refresh(dt_replica *self)
{
    size_t first = (size_t)self->slice.first, end = first + (size_t)self->slice.count;
    if (!self->of_all)
        return;
    memcpy(self->copy, self->common, first * sizeof *self->copy);
    memcpy(self->copy + end, self->common + end, (self->count - end) * sizeof *self->copy);
}

void dt_replica_share(dt_replica *self)
{
    dt_replica_publish(self, 0, (size_t)self->slice.count);
    dt_shared_barrier(self->shared);
    dt_replica_refresh(self);
    dt_shared_barrier(self->shared);
}

void dt_replica_gather(dt_replica *self, const float *slice, float *whole)
{
    const dt_comm *comm = self->comm;
    for (int i = 0; i < comm->host_sizes[0]; i++) {
        int rank = comm->host_ranks[i];
        dt_comm_bring(self->comm, rank, slice, whole ? whole + self->firsts[rank] : NULL,
                      (size_t)self->counts[rank] * sizeof *slice);
    }
}

void dt_replica_scatter(dt_replica *self, const float *whole, float *slice)
{
    const dt_comm *comm = self->comm;
    if (comm->rank > 0)
        MPI_Recv(slice, self->counts[comm->rank], MPI_FLOAT, 0, 0, comm->world, MPI_STATUS_IGNORE);
    for (int r = 1; r < comm->size && comm->rank == 0; r++)
        MPI_Send(whole + self->firsts[r], self->counts[r], MPI_FLOAT, r, 0, comm->world);
    if (comm->rank == 0)
        memcpy(slice, whole + self->firsts[0], (size_t)self->counts[0] * sizeof *slice);
}
