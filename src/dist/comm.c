#define _GNU_SOURCE /* sched_getaffinity, SCHED_BATCH */
#include "dist/comm.h"

#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/visible.h"
#include "comm_mpi.h"
#include "dist/launcher.h"

static dt_status map_hosts(dt_comm *self, dt_error *error)
{
    size_t ranks = (size_t)self->size;
    int *tables = self->host_of = dt_calloc(5 * ranks, sizeof *tables, error);
    if (!tables)
        return error->status;
    self->host_rank_of = tables + ranks;
    self->host_sizes = tables + 2 * ranks;
    self->host_begin = tables + 3 * ranks;
    self->host_ranks = tables + 4 * ranks;
    int lowest;
    MPI_Allreduce(&self->rank, &lowest, 1, MPI_INT, MPI_MIN, self->host);
    MPI_Allgather(&lowest, 1, MPI_INT, self->host_of, 1, MPI_INT, self->world);
    /* host_of holds the lowest rank of each rank's host; number the hosts in their place. */
    for (int r = 0; r < self->size; r++) {
        int host = self->host_of[r] == r ? self->hosts++ : self->host_of[self->host_of[r]];
        self->host_of[r] = host;
        self->host_rank_of[r] = self->host_sizes[host]++;
    }
    for (int h = 1; h < self->hosts; h++)
        self->host_begin[h] = self->host_begin[h - 1] + self->host_sizes[h - 1];
    for (int r = 0; r < self->size; r++)
        self->host_ranks[self->host_begin[self->host_of[r]] + self->host_rank_of[r]] = r;
    return DT_OK;
}

enum { MASK_BITS = 8 * sizeof(unsigned long), MASK_WORDS = 8192 / MASK_BITS };

typedef struct mask {
    unsigned long words[MASK_WORDS]; /* a bit for each processor that a rank may run on */
} mask;

static int count_bits(const mask *self)
{
    int count = 0;
    for (int i = 0; i < MASK_WORDS; i++)
        count += __builtin_popcountl(self->words[i]);
    return count;
}

static bool lies_within(const mask *self, const mask *other)
{
    bool within = true;
    for (int i = 0; i < MASK_WORDS; i++)
        within &= (self->words[i] & ~other->words[i]) == 0;
    return within;
}

/* The processors of a rank's mask, for all ranks if they were as crowded as those that have no
 * others than these. */
static double share_of(const mask *self, const mask *masks, int ranks)
{
    int within = 0;
    for (int r = 0; r < ranks; r++)
        within += lies_within(&masks[r], self);
    return (double)count_bits(self) * ranks / within;
}

/* Ranks that are bound to one processor each have as many as there are ranks; if all are bound to
 * the same one they have that; if some crowd on a few, others do not help them. Collective over the
 * host. */
static dt_status count_processors(dt_comm *self, dt_error *error)
{
    mask own = {{0}}, all = {{0}};
    double quota = dt_cgroup_processors("/proc/self"), least;
    mask *masks = dt_calloc((size_t)self->host_size, sizeof *masks, error);
    if (!masks)
        return error->status;
    sched_getaffinity(0, sizeof own, (cpu_set_t *)own.words);
    MPI_Allgather(&own, sizeof own, MPI_BYTE, masks, sizeof own, MPI_BYTE, self->host);
    MPI_Allreduce(&quota, &least, 1, MPI_DOUBLE, MPI_MIN, self->host);
    for (int r = 0; r < self->host_size; r++)
        for (int i = 0; i < MASK_WORDS; i++)
            all.words[i] |= masks[r].words[i];
    int count = count_bits(&all);
    self->host_cpus = count > 0 ? count : (int)sysconf(_SC_NPROCESSORS_ONLN);
    self->host_processors = fmin(self->host_cpus, least);
    for (int r = 0; r < self->host_size && count > 0; r++)
        self->host_processors =
            fmin(self->host_processors, share_of(&masks[r], masks, self->host_size));
    dt_free(masks);
    return DT_OK;
}

/* A launcher ends the job when the first process fails: the one that speaks has to be heard. */
static dt_status check_launcher(int mpi_size, dt_error *error)
{
    dt_status status = dt_launcher_check(getenv, dt_launcher_mpi(), mpi_size, error);
    if (status && !error->message[0])
        sleep(1);
    return status;
}

/* No word of the others can be waited for. */
static void give_up(const dt_error *error)
{
    dt_print(stderr, "dist-train: %s\n", error->message);
    MPI_Abort(MPI_COMM_WORLD, DT_ERR_INTERNAL);
}

/* Ranks that share processors wake each other at every step: one that is woken does not interrupt
 * one that works. */
static void let_others_work(void)
{
    const struct sched_param none = {0};
    if (sched_getscheduler(0) == SCHED_OTHER)
        sched_setscheduler(0, SCHED_BATCH, &none);
}

dt_status dt_comm_start(int *argc, char ***argv, dt_comm **out, dt_error *error)
{
    int length;
    dt_status status = check_launcher(0, error);
    if (!status)
        status = dt_launcher_start(argc, argv, error);
    if (status)
        return status;
    dt_comm *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        give_up(error);
    MPI_Comm_dup(MPI_COMM_WORLD, &self->world);
    MPI_Comm_rank(self->world, &self->rank);
    MPI_Comm_size(self->world, &self->size);
    status = check_launcher(self->size, error);
    if (status) {
        MPI_Comm_free(&self->world);
        dt_free(self);
        MPI_Finalize();
        return status;
    }
    MPI_Comm_split_type(self->world, MPI_COMM_TYPE_SHARED, self->rank, MPI_INFO_NULL, &self->host);
    MPI_Comm_rank(self->host, &self->host_rank);
    MPI_Comm_size(self->host, &self->host_size);
    MPI_Get_processor_name(self->host_name, &length);
    if (count_processors(self, error) || map_hosts(self, error))
        give_up(error);
    if (!dt_comm_host_has_room(self))
        let_others_work();
    *out = self;
    return DT_OK;
}

void dt_comm_finish(dt_comm *self)
{
    if (!self)
        return;
    MPI_Comm_free(&self->host);
    MPI_Comm_free(&self->world);
    dt_free(self->host_of);
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

int dt_comm_host_rank(const dt_comm *self)
{
    return self->host_rank;
}

int dt_comm_host_size(const dt_comm *self)
{
    return self->host_size;
}

int dt_comm_hosts(const dt_comm *self)
{
    return self->hosts;
}

bool dt_comm_host_has_room(const dt_comm *self)
{
    return self->host_size <= self->host_processors;
}

double dt_comm_host_processors(const dt_comm *self)
{
    return self->host_processors;
}

const char *dt_comm_host(const dt_comm *self)
{
    return self->host_name;
}

/* Of "Open MPI v4.1.4, package: ...", or "MPICH Version:\t4.0.2\nMPICH Release date: ...". */
void dt_comm_library(char *text, size_t size)
{
    char all[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length;
    MPI_Get_library_version(all, &length);
    char *first = strtok(all, ",\n"), *word = first ? strtok(first, " \t") : NULL;
    dt_text library = {.text = text, .size = size};
    dt_text_add(&library, "%s", word ? word : "unknown");
    while (word && (word = strtok(NULL, " \t")))
        if (strcmp(word, "Version:") != 0)
            dt_text_add(&library, " %s", word);
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

void dt_comm_bring(dt_comm *self, int from, const void *bytes, void *to, size_t size)
{
    if (self->rank == 0 && from == 0) {
        memcpy(to, bytes, size);
        return;
    }
    if (self->rank != 0 && self->rank != from)
        return;
    for (size_t done = 0; done < size;) {
        int piece = size - done < INT_MAX ? (int)(size - done) : INT_MAX;
        if (self->rank == 0)
            MPI_Recv((char *)to + done, piece, MPI_BYTE, from, 0, self->world, MPI_STATUS_IGNORE);
        else
            MPI_Send((const char *)bytes + done, piece, MPI_BYTE, 0, 0, self->world);
        done += (size_t)piece;
    }
}

void dt_comm_barrier(dt_comm *self)
{
    MPI_Barrier(self->world);
}

double dt_comm_moment(dt_comm *self)
{
    dt_comm_barrier(self);
    double now = dt_clock();
    MPI_Bcast(&now, 1, MPI_DOUBLE, 0, self->host);
    return now;
}

void dt_comm_all_gather(dt_comm *self, const void *bytes, size_t size, void *all)
{
    MPI_Allgather(bytes, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, self->world);
}
