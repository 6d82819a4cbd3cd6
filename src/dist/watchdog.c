#define _GNU_SOURCE /* pthread_setname_np */
#include "dist/watchdog.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/visible.h"
#include "comm_mpi.h"
#include "dist/shared.h"

/* A host's name is cut at NAME_SIZE - 1; a message lists so many ranks and hosts. */
enum { NAME_SIZE = 64, LISTED_RANKS = 8, LISTED_HOSTS = 4 };

/* Seconds that are left to a better placed rank: the first of a host before the others; a host that
 * is to blame before those that wait for it; one that has begun to speak before the next tries. */
static const double after_first_rank = 1, after_other_hosts = 5, after_claim = 5;

enum { PHASE_SHIFT = 8, PHASE_BITS = 0xff };

/* What a rank says of itself, in memory that its host shares. */
typedef struct post {
    _Alignas(DT_ALIGNMENT) _Atomic uint64_t beats;
    _Atomic uint64_t place; /* step << PHASE_SHIFT | phase */
    atomic_uint claims;     /* of the first rank's post: how many ranks have begun to speak */
} post;

/* What this rank's thread has seen of another. */
typedef struct sighting {
    uint64_t beats;
    long silent; /* ticks since that number was new */
} sighting;

struct dt_watchdog {
    const dt_comm *comm;
    double timeout, tick; /* seconds */
    dt_shared *shared;
    post *own;
    uint64_t beats;
    sighting *sightings;      /* [ranks of the host] */
    int *pids;                /* [ranks] */
    char (*names)[NAME_SIZE]; /* [hosts] */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool ended; /* under the lock */
    pthread_t thread;
    bool runs;
};

static post *post_of(const dt_watchdog *self, int host_rank)
{
    return dt_shared_segment(self->shared, host_rank);
}

static int host_of(const dt_watchdog *self)
{
    return self->comm->host_of[self->comm->rank];
}

static int rank_of(const dt_watchdog *self, int host, int host_rank)
{
    return self->comm->host_ranks[self->comm->host_begin[host] + host_rank];
}

static long ticks_of(const dt_watchdog *self, double seconds)
{
    return (long)ceil(seconds / self->tick);
}

/* What is to be said of a process's state; "" for one that runs or sleeps. */
static const char *state_of(int pid)
{
    char path[32], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (dt_read_start(path, line, sizeof line) == 0)
        return ", gone";
    const char *name_end = strrchr(line, ')'); /* the name may hold any character */
    switch (name_end && name_end[1] ? name_end[2] : 0) {
    case 'T':
        return ", stopped";
    case 't':
        return ", held by a debugger";
    case 'D':
        return ", waiting for a disk or file server";
    case 'Z':
    case 'X':
        return ", dead";
    default:
        return "";
    }
}

static void add_place(dt_text *text, const dt_watchdog *self, int host_rank)
{
    uint64_t place = atomic_load(&post_of(self, host_rank)->place);
    dt_text_add(text, " at step %lld, %s", (long long)(place >> PHASE_SHIFT),
                dt_phase_names[place & PHASE_BITS]);
}

/* Where the ranks of this host are. */
typedef struct standing {
    int last, first; /* a rank that is behind, one that is in front: host ranks */
    int behind;      /* ranks that have beaten as often as `last` */
} standing;

static standing look_at_posts(const dt_watchdog *self)
{
    const sighting *seen = self->sightings;
    standing found = {0};
    for (int h = 0; h < self->comm->host_size; h++) {
        if (seen[h].beats < seen[found.last].beats)
            found.last = h;
        if (seen[h].beats > seen[found.first].beats)
            found.first = h;
    }
    for (int h = 0; h < self->comm->host_size; h++)
        found.behind += seen[h].beats == seen[found.last].beats;
    return found;
}

static bool nobody_is_behind(const dt_watchdog *self, const standing *found)
{
    return found->behind == self->comm->host_size;
}

static bool waits_for_other_hosts(const dt_watchdog *self, const standing *found)
{
    uint64_t place = atomic_load(&post_of(self, found->last)->place);
    return self->comm->hosts > 1 && nobody_is_behind(self, found) &&
           (place & PHASE_BITS) == DT_PHASE_WAIT;
}

static void add_those_behind(dt_text *text, const dt_watchdog *self, const standing *found)
{
    int host = host_of(self), listed = 0;
    for (int h = 0; h < self->comm->host_size && listed < LISTED_RANKS; h++) {
        const sighting *seen = &self->sightings[h];
        if (seen->beats != self->sightings[found->last].beats)
            continue;
        int rank = rank_of(self, host, h);
        dt_text_add(text, "%s rank %d (pid %d%s, silent for %.0f s)", listed++ ? "," : "", rank,
                    self->pids[rank], state_of(self->pids[rank]),
                    (double)seen->silent * self->tick);
    }
    if (found->behind > listed)
        dt_text_add(text, " and %d more", found->behind - listed);
    add_place(text, self, found->last);
}

/* Those that this host may wait for. */
static void add_other_hosts(dt_text *text, const dt_watchdog *self)
{
    const dt_comm *comm = self->comm;
    int own = host_of(self), listed = 0;
    dt_text_add(text, "; probably they wait for");
    for (int host = 0; host < comm->hosts && listed < LISTED_HOSTS; host++) {
        if (host == own)
            continue;
        dt_text_add(text, "%s host %s (", listed++ ? "," : "", self->names[host]);
        for (int h = 0; h < comm->host_sizes[host] && h < LISTED_RANKS; h++) {
            int rank = rank_of(self, host, h);
            dt_text_add(text, "%srank %d pid %d", h ? ", " : "", rank, self->pids[rank]);
        }
        dt_text_add(text, comm->host_sizes[host] > LISTED_RANKS ? ", ...)" : ")");
    }
    if (comm->hosts - 1 > listed)
        dt_text_add(text, " and %d more", comm->hosts - 1 - listed);
}

/* Not with stdio: the thread that stands still may hold the lock of stderr. */
static void write_line(const char *line, size_t length)
{
    enum { PATIENCE_MS = 1000 };
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&out, 1, PATIENCE_MS) > 0 && write(STDERR_FILENO, line, length) < 0)
        return; /* nobody listens; the exit code tells */
}

static void report(const dt_watchdog *self, const standing *found)
{
    char line[4096];
    dt_text text = {.text = line, .size = sizeof line - 1};
    dt_text_add(&text, "dist-train: no step for %g s on host %s:", self->timeout,
                self->names[host_of(self)]);
    add_those_behind(&text, self, found);
    if (!nobody_is_behind(self, found)) {
        dt_text_add(&text, "; the %s",
                    found->behind + 1 == self->comm->host_size ? "other" : "others");
        add_place(&text, self, found->first);
    }
    if (waits_for_other_hosts(self, found))
        add_other_hosts(&text, self);
    dt_text_add(&text, "; ending the job: run again with --resume auto");
    char shown[sizeof line];
    dt_visible(line, shown, sizeof shown - 1);
    size_t length = strlen(shown);
    shown[length] = '\n';
    write_line(shown, length + 1);
}

static void look(dt_watchdog *self)
{
    for (int h = 0; h < self->comm->host_size; h++) {
        uint64_t beats = atomic_load_explicit(&post_of(self, h)->beats, memory_order_acquire);
        sighting *seen = &self->sightings[h];
        seen->silent = beats == seen->beats ? seen->silent + 1 : 0;
        seen->beats = beats;
    }
}

/* True for one rank of a host that stands still; for another if that one does not go on either. */
static bool is_mine_to_report(dt_watchdog *self, const standing *found)
{
    post *first = post_of(self, 0);
    unsigned claims = atomic_load(&first->claims);
    double patience = self->timeout + after_claim * claims;
    if (self->comm->host_rank > 0)
        patience += after_first_rank;
    if (waits_for_other_hosts(self, found))
        patience += after_other_hosts;
    return self->sightings[self->comm->host_rank].silent >= ticks_of(self, patience) &&
           atomic_compare_exchange_strong(&first->claims, &claims, claims + 1);
}

/* Sleeps for a tick of this process's own running time: one that was suspended meanwhile counts the
 * whole time as one. False when it is time to end. */
static bool sleep_for_a_tick(dt_watchdog *self)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double end = (double)until.tv_nsec * 1e-9 + self->tick;
    until.tv_sec += (time_t)end;
    until.tv_nsec = (long)((end - floor(end)) * 1e9);
    pthread_mutex_lock(&self->lock);
    while (!self->ended && pthread_cond_timedwait(&self->wake, &self->lock, &until) == 0)
        continue;
    bool goes_on = !self->ended;
    pthread_mutex_unlock(&self->lock);
    return goes_on;
}

static void *watch(void *state)
{
    dt_watchdog *self = state;
    while (sleep_for_a_tick(self)) {
        look(self);
        if (self->sightings[self->comm->host_rank].silent < ticks_of(self, self->timeout))
            continue;
        standing found = look_at_posts(self);
        if (is_mine_to_report(self, &found)) {
            report(self, &found);
            _exit(DT_ERR_STALLED);
        }
    }
    return NULL;
}

/* The thread takes no signals: they are for the one that trains. */
static dt_status start_thread(dt_watchdog *self, dt_error *error)
{
    pthread_condattr_t clock;
    sigset_t all, before;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&self->wake, &clock);
    pthread_condattr_destroy(&clock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&self->thread, NULL, watch, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code)
        return dt_fail(error, DT_ERR_INTERNAL, "watchdog: no thread: %s", strerror(code));
    pthread_setname_np(self->thread, "watchdog");
    self->runs = true;
    return DT_OK;
}

static void end_thread(dt_watchdog *self)
{
    pthread_mutex_lock(&self->lock);
    self->ended = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
}

void dt_watchdog_stop(dt_watchdog *self)
{
    if (!self)
        return;
    if (self->shared)
        dt_shared_barrier(self->shared);
    if (self->runs)
        end_thread(self);
    dt_shared_destroy(self->shared);
    dt_free(self->sightings);
    dt_free(self->pids);
    dt_free(self->names);
    dt_free(self);
}

/* Who is who. names: room for [ranks]. Collective. */
static void introduce(dt_watchdog *self, dt_comm *comm, char (*names)[NAME_SIZE])
{
    char name[NAME_SIZE];
    int pid = (int)getpid();
    snprintf(name, sizeof name, "%.*s", NAME_SIZE - 1, comm->host_name);
    dt_comm_all_gather(comm, &pid, sizeof pid, self->pids);
    dt_comm_all_gather(comm, name, sizeof name, names);
    for (int r = 0; r < comm->size; r++)
        memcpy(self->names[comm->host_of[r]], names[r], NAME_SIZE);
}

static dt_status allocate(dt_watchdog *self, dt_comm *comm, char (**names)[NAME_SIZE],
                          dt_error *error)
{
    size_t ranks = (size_t)comm->size;
    self->sightings = dt_calloc((size_t)comm->host_size, sizeof *self->sightings, error);
    self->pids = self->sightings ? dt_calloc(ranks, sizeof *self->pids, error) : NULL;
    self->names = self->pids ? dt_calloc((size_t)comm->hosts, sizeof *self->names, error) : NULL;
    *names = self->names ? dt_calloc(ranks, sizeof **names, error) : NULL;
    return *names ? DT_OK : error->status;
}

dt_status dt_watchdog_start(dt_comm *comm, double timeout_seconds, dt_watchdog **out,
                            dt_error *error)
{
    *out = NULL;
    if (timeout_seconds == 0)
        return DT_OK;
    char(*names)[NAME_SIZE] = NULL;
    dt_watchdog *self = dt_calloc(1, sizeof *self, error);
    dt_status status = self ? allocate(self, comm, &names, error) : error->status;
    status = dt_comm_agree(comm, status, error);
    if (!status) {
        self->comm = comm;
        self->timeout = timeout_seconds;
        self->tick = fmin(1, timeout_seconds / 10);
        introduce(self, comm, names);
        status = dt_shared_create(comm, sizeof(post), &self->shared, error);
        if (!status) {
            self->own = post_of(self, comm->host_rank);
            atomic_store(&self->own->place, DT_PHASE_OTHER);
            status = start_thread(self, error);
        }
        status = dt_comm_agree(comm, status, error);
    }
    dt_free(names);
    if (status)
        dt_watchdog_stop(self);
    else
        *out = self;
    return status;
}

void dt_watchdog_beat(dt_watchdog *self, int64_t step, dt_phase phase)
{
    if (!self)
        return;
    uint64_t place = (uint64_t)step << PHASE_SHIFT | (uint64_t)phase;
    atomic_store_explicit(&self->own->place, place, memory_order_relaxed);
    atomic_store_explicit(&self->own->beats, ++self->beats, memory_order_release);
}
