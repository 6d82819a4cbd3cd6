#include "dist/comm.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "comm_mpi.h"

static int count_hosts(const dt_comm *self)
{
    MPI_Comm host;
    int rank_on_host, leader, hosts;
    MPI_Comm_split_type(self->world, MPI_COMM_TYPE_SHARED, self->rank, MPI_INFO_NULL, &host);
    MPI_Comm_rank(host, &rank_on_host);
    MPI_Comm_free(&host);
    leader = rank_on_host == 0;
    MPI_Allreduce(&leader, &hosts, 1, MPI_INT, MPI_SUM, self->world);
    return hosts;
}

dt_status dt_comm_start(int *argc, char ***argv, dt_comm **out, dt_error *error)
{
    int provided, length;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return dt_fail(error, DT_ERR_INTERNAL, "MPI does not start");
    dt_comm *self = dt_calloc(1, sizeof *self, error);
    if (!self) {
        MPI_Abort(MPI_COMM_WORLD, DT_ERR_INTERNAL);
        return DT_ERR_INTERNAL;
    }
    MPI_Comm_dup(MPI_COMM_WORLD, &self->world);
    MPI_Comm_rank(self->world, &self->rank);
    MPI_Comm_size(self->world, &self->size);
    MPI_Get_processor_name(self->host, &length);
    self->hosts = count_hosts(self);
    *out = self;
    return DT_OK;
}

void dt_comm_finish(dt_comm *self)
{
    if (!self)
        return;
    MPI_Comm_free(&self->world);
    dt_free(self);
    MPI_Finalize();
}

int dt_comm_rank(const dt_comm *self)
{
    return self->rank;
}

int dt_comm_size(const dt_comm *self)
{
    return self->size;
}

int dt_comm_hosts(const dt_comm *self)
{
    return self->hosts;
}

const char *dt_comm_host(const dt_comm *self)
{
    return self->host;
}

dt_status dt_comm_agree(dt_comm *self, dt_status status, dt_error *error)
{
    int mine = status ? self->rank : INT_MAX, failed_rank;
    MPI_Allreduce(&mine, &failed_rank, 1, MPI_INT, MPI_MIN, self->world);
    if (failed_rank == INT_MAX)
        return DT_OK;
    if (status)
        error->status = status;
    MPI_Bcast(error, (int)sizeof *error, MPI_BYTE, failed_rank, self->world);
    if (failed_rank > 0)
        dt_fail_in(error, "rank %d of %d", failed_rank, self->size);
    return error->status;
}

void dt_comm_broadcast(dt_comm *self, void *bytes, size_t size)
{
    /* MPI counts are int. */
    char *next = bytes;
    while (size > 0) {
        size_t piece = size < INT_MAX ? size : INT_MAX;
        MPI_Bcast(next, (int)piece, MPI_BYTE, 0, self->world);
        next += piece;
        size -= piece;
    }
}

void dt_comm_barrier(dt_comm *self)
{
    MPI_Barrier(self->world);
}
