#include "dist/room.h"

#include <stdio.h>
#include <sys/statvfs.h>

#include "base/available.h"
#include "base/memory.h"
#include "comm_mpi.h"

static const char place[] = "/dev/shm";

typedef struct seen {
    dt_need need;
    uint64_t group_id;
} seen;

uint64_t dt_room_shared(const dt_comm *comm)
{
    struct statvfs system;
    if (comm->host_size == 1 || statvfs(place, &system) != 0)
        return UINT64_MAX;
    return (uint64_t)system.f_bavail * system.f_frsize;
}

/* Adds to the message who needs what, and what helps. */
static dt_status explain(const dt_need *all, int ranks, dt_error *error)
{
    char network[DT_BYTES_TEXT], data[DT_BYTES_TEXT], who[32] = "";
    const dt_error found = *error;
    if (ranks > 1)
        snprintf(who, sizeof who, " for %d ranks", ranks);
    return dt_fail(error, DT_ERR_CONFIG,
                   "%s (needed%s: network %s, data %s); use %s, or more memory", found.message,
                   who, dt_bytes_text(all->network, network), dt_bytes_text(all->data, data),
                   all->network > all->data ? "a smaller network, fewer ranks a host"
                                            : "less of the data (--train-limit), more hosts");
}

static dt_status check_shared(const dt_comm *comm, const dt_need *all, dt_error *error)
{
    char needed[DT_BYTES_TEXT], found[DT_BYTES_TEXT];
    uint64_t shared = dt_room_segment(all->shared), room = dt_room_shared(comm);
    if (shared <= room)
        return DT_OK;
    return dt_fail(error, DT_ERR_CONFIG,
                   "%s on %s: expected %s of shared memory, found %s free; make it larger (docker "
                   "run --shm-size=1g), use fewer ranks, or less of the data (--train-limit)",
                   place, comm->host_name, dt_bytes_text(shared, needed),
                   dt_bytes_text(room, found));
}

static dt_status check_host(const dt_comm *comm, const dt_available *there, const seen *ranks,
                            dt_error *error)
{
    const dt_need *own = &ranks[comm->host_rank].need;
    dt_need all = {0};
    dt_available needed = {0};
    for (int r = 0; r < comm->host_size; r++) {
        const dt_need *it = &ranks[r].need;
        all.network += it->network;
        all.data += it->data;
        all.shared += it->shared;
        needed.group += ranks[r].group_id == there->group_id ? it->network + it->data : 0;
    }
    needed.machine = all.network + all.data;
    needed.address_space = needed.data = own->network + own->data;
    if (comm->host_size > 1) { /* every rank maps what all share */
        needed.address_space += all.shared - own->shared;
        needed.data -= own->shared;
    }
    dt_status status = check_shared(comm, &all, error);
    if (status || !(status = dt_available_check(there, &needed, error)))
        return status;
    dt_fail_in(error, "%s", comm->host_name);
    return explain(&all, comm->host_size, error);
}

dt_status dt_room_check(dt_comm *comm, const dt_need *need, dt_error *error)
{
    dt_available there;
    dt_available_look(&there);
    seen own = {*need, there.group_id};
    seen *ranks = dt_calloc((size_t)comm->host_size, sizeof *ranks, error);
    dt_status status = dt_comm_agree(comm, ranks ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        MPI_Allgather(&own, sizeof own, MPI_BYTE, ranks, sizeof own, MPI_BYTE, comm->host);
        status = dt_comm_agree(comm, check_host(comm, &there, ranks, error), error);
    }
    dt_free(ranks);
    return status;
}

dt_status dt_room_check_alone(const dt_need *need, dt_error *error)
{
    dt_available there;
    uint64_t bytes = need->network + need->data;
    const dt_available needed = {bytes, bytes, 0, bytes, bytes};
    dt_error found = {0};
    dt_available_look(&there);
    dt_status status = dt_available_check(&there, &needed, &found);
    return status ? dt_fail(error, status, "%s; use a machine with more memory", found.message)
                  : DT_OK;
}
