#include "dist/shared.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "comm_mpi.h"
#include "dist/room.h"

/* How ranks wait before they sleep, for it takes tens of microseconds to be woken: where each has a
 * processor to itself, it looks again and again; where they share processors, each lets the others
 * have theirs, and looks when it is its turn. Where a quota is what they share, that would be used
 * up: they sleep at once. */
enum { LOOKS = 2000 };                    /* about 50 microseconds */
static const double turns_seconds = 2e-3; /* and the turn that is under way then */

/* In front of the first rank's segment. */
typedef struct meeting {
    _Alignas(DT_ALIGNMENT) atomic_uint arrived;
    _Alignas(DT_ALIGNMENT) atomic_uint round;
    atomic_uint sleepers;
} meeting;

struct dt_shared {
    MPI_Win window;
    MPI_Comm world;
    bool many_hosts;
    int host_size;
    bool may_look, by_turns;
    meeting *meeting;
    char **segments; /* [host_size] */
};

static char *aligned(char *address)
{
    size_t past = (size_t)address % DT_ALIGNMENT;
    return past ? address + DT_ALIGNMENT - past : address;
}

/* Open MPI hangs when there is too little room: its first rank fails while the others wait for it.
 * A host of one rank gets ordinary memory. */
static bool fits(dt_comm *comm, size_t own, dt_error *error)
{
    unsigned long long mine = own, all, room = dt_room_shared(comm);
    MPI_Allreduce(&mine, &all, 1, MPI_UNSIGNED_LONG_LONG, MPI_SUM, comm->host);
    MPI_Bcast(&room, 1, MPI_UNSIGNED_LONG_LONG, 0, comm->host);
    all = dt_room_segment(all);
    if (all > room)
        dt_fail(error, DT_ERR_INTERNAL,
                "%s: expected %llu MB of shared memory to be free, found %llu MB; make /dev/shm "
                "larger (docker run --shm-size=1g) or use fewer ranks",
                comm->host_name, all >> 20, room >> 20);
    return all <= room;
}

static dt_status allocate(dt_shared *self, dt_comm *comm, size_t size, char **own, dt_error *error)
{
    MPI_Info info;
    MPI_Info_create(&info);
    MPI_Info_set(info, "alloc_shared_noncontig", "true"); /* pages near their rank */
    MPI_Comm_set_errhandler(comm->host, MPI_ERRORS_RETURN);
    int code = MPI_Win_allocate_shared((MPI_Aint)size, 1, info, comm->host, own, &self->window);
    MPI_Comm_set_errhandler(comm->host, MPI_ERRORS_ARE_FATAL);
    MPI_Info_free(&info);
    return code == MPI_SUCCESS
               ? DT_OK
               : dt_fail(error, DT_ERR_INTERNAL, "%s: no %zu bytes of shared memory",
                         comm->host_name, size);
}

dt_status dt_shared_create(dt_comm *comm, size_t size, dt_shared **out, dt_error *error)
{
    dt_shared *self = dt_calloc(1, sizeof *self, error);
    char **segments = self ? dt_calloc((size_t)comm->host_size, sizeof *segments, error) : NULL;
    int failed = segments == NULL, any_failed;
    MPI_Allreduce(&failed, &any_failed, 1, MPI_INT, MPI_MAX, comm->host);
    if (any_failed) {
        dt_free(self);
        dt_free(segments);
        return failed ? error->status
                      : dt_fail(error, DT_ERR_INTERNAL, "another rank of this host has no memory");
    }
    self->host_size = comm->host_size;
    self->world = comm->world;
    self->many_hosts = comm->hosts > 1;
    self->segments = segments;
    if (dt_comm_host_has_room(comm))
        self->may_look = true;
    else
        self->by_turns = comm->host_processors >= comm->host_cpus;

    size_t head = comm->host_rank == 0 ? sizeof(meeting) : 0;
    size_t own_size = head + size + DT_ALIGNMENT;
    char *own;
    if (!fits(comm, own_size, error) || allocate(self, comm, own_size, &own, error)) {
        dt_free(self);
        dt_free(segments);
        return error->status;
    }
    MPI_Win_lock_all(MPI_MODE_NOCHECK, self->window);
    memset(own, 0, own_size);
    for (int r = 0; r < self->host_size; r++) {
        MPI_Aint bytes;
        int unit;
        MPI_Win_shared_query(self->window, r, &bytes, &unit, &segments[r]);
        segments[r] = aligned(segments[r]) + (r == 0 ? sizeof(meeting) : 0);
    }
    self->meeting = (meeting *)(void *)(segments[0] - sizeof(meeting));
    MPI_Barrier(comm->host);
    *out = self;
    return DT_OK;
}

void dt_shared_destroy(dt_shared *self)
{
    if (!self)
        return;
    MPI_Win_unlock_all(self->window);
    MPI_Win_free(&self->window);
    dt_free(self->segments);
    dt_free(self);
}

void *dt_shared_segment(const dt_shared *self, int host_rank)
{
    return self->segments[host_rank];
}

static void futex(atomic_uint *word, int operation, unsigned value, const struct timespec *most)
{
    syscall(SYS_futex, word, operation, value, most, NULL, 0);
}

/* Sleeps until the round changes, but not long: MPI moves messages only inside its calls, and
 * another rank may wait for what this one has sent. */
static void sleep_in_round(dt_shared *self, unsigned round)
{
    static const struct timespec one_host = {.tv_nsec = 20000000},
                                 many_hosts = {.tv_nsec = 1000000};
    int found;
    futex(&self->meeting->round, FUTEX_WAIT, round, self->many_hosts ? &many_hosts : &one_host);
    if (atomic_load(&self->meeting->round) == round) /* in MPI a rank may give its turn away */
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, self->world, &found, MPI_STATUS_IGNORE);
}

static bool has_begun(const meeting *at, unsigned round)
{
    return atomic_load_explicit(&at->round, memory_order_acquire) != round;
}

/* Before it sleeps. True: the next round has begun. */
static bool wait_awake(const dt_shared *self, unsigned round)
{
    double end = self->by_turns ? dt_clock() + turns_seconds : 0;
    for (int i = 0; self->may_look && i < LOOKS; i++) {
        if (has_begun(self->meeting, round))
            return true;
#if defined __x86_64__ || defined __i386__
        __builtin_ia32_pause();
#endif
    }
    while (self->by_turns && dt_clock() < end) {
        sched_yield();
        if (has_begun(self->meeting, round))
            return true;
    }
    return false;
}

static void wait_for_next_round(dt_shared *self, unsigned round)
{
    meeting *at = self->meeting;
    if (wait_awake(self, round))
        return;
    atomic_fetch_add(&at->sleepers, 1);
    while (atomic_load(&at->round) == round)
        sleep_in_round(self, round);
    atomic_fetch_sub(&at->sleepers, 1);
}

void dt_shared_barrier(dt_shared *self)
{
    meeting *at = self->meeting;
    unsigned round = atomic_load(&at->round);
    if (atomic_fetch_add(&at->arrived, 1) + 1 < (unsigned)self->host_size) {
        wait_for_next_round(self, round);
        return;
    }
    atomic_store(&at->arrived, 0);
    atomic_store(&at->round, round + 1);
    if (atomic_load(&at->sleepers) > 0)
        futex(&at->round, FUTEX_WAKE, INT_MAX, NULL);
}
