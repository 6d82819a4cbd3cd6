/* Ranks agree on failures, bytes get where they belong, and nobody leaves a barrier early. */
#include "dist/comm.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "dist/shared.h"
#include "draw.h"
#include "harness.h"

enum { MOST_BYTES = 3000, BARRIERS = 10000, MOST_RANKS = 64 };

static uint8_t byte_of(int rank, int draw, size_t i)
{
    return (uint8_t)(rank * 31 + draw * 7 + (int)i * 13 + 1);
}

static void fill(uint8_t *bytes, size_t size, int rank, int draw)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_of(rank, draw, i);
}

static void check_bytes(const char *what, const uint8_t *bytes, size_t size, int rank, int draw)
{
    for (size_t i = 0; i < size; i++)
        if (!check(bytes[i] == byte_of(rank, draw, i),
                   "%s: byte %zu of %zu of rank %d: expected %d, found %d", what, i, size, rank,
                   byte_of(rank, draw, i), bytes[i]))
            return;
}

/* The lowest rank that fails speaks for all; `set` are those that fail. */
static void test_agreement(dt_comm *comm, unsigned set)
{
    static const dt_status statuses[] = {DT_ERR_DATA, DT_ERR_IO, DT_STOPPED, DT_ERR_CONFIG};
    int rank = dt_comm_rank(comm), ranks = dt_comm_size(comm), lowest = 0;
    char expected[200];
    dt_error error = {.message = "untouched"};
    dt_status status = DT_OK;
    if (set >> rank & 1)
        status = dt_fail(&error, statuses[rank % 4], "of rank %d", rank);
    dt_status found = dt_comm_agree(comm, status, &error);
    if (set == 0) {
        check(found == DT_OK && strcmp(error.message, "untouched") == 0,
              "none fails: expected status 0 and 'untouched', found %d and '%s'", found,
              error.message);
        return;
    }
    while (!(set >> lowest & 1))
        lowest++;
    snprintf(expected, sizeof expected, "rank %d of %d: of rank %d", lowest, ranks, lowest);
    if (lowest == 0)
        snprintf(expected, sizeof expected, "of rank 0");
    check(found == statuses[lowest % 4] && error.status == found &&
              strcmp(error.message, expected) == 0,
          "ranks %#x fail: expected status %d, '%s', found %d (%d), '%s'", set,
          statuses[lowest % 4], expected, found, error.status, error.message);
}

static void test_bytes(dt_comm *comm, int draw, dt_random_sequence *random)
{
    int rank = dt_comm_rank(comm), ranks = dt_comm_size(comm);
    size_t size = (size_t)(draw < 2 ? draw : draw_int(random, 0, MOST_BYTES));
    int from = draw % ranks;
    uint8_t own[MOST_BYTES], to[MOST_BYTES + 1];
    uint8_t *all = harness_alloc((size_t)ranks * size + 1, 1);

    fill(own, size, rank, draw);
    memset(to, 0xee, sizeof to);
    dt_comm_bring(comm, from, own, to, size);
    check_bytes("dt_comm_bring, sender", own, size, rank, draw);
    check_bytes("dt_comm_bring", to, rank ? 0 : size, from, draw);
    for (size_t i = rank ? 0 : size; i < sizeof to; i++)
        check(to[i] == 0xee, "dt_comm_bring: wrote byte %zu beside its %zu", i, size);

    all[(size_t)ranks * size] = 0xee;
    dt_comm_all_gather(comm, own, size, all);
    for (int r = 0; r < ranks; r++)
        check_bytes("dt_comm_all_gather", all + (size_t)r * size, size, r, draw);
    check(all[(size_t)ranks * size] == 0xee, "dt_comm_all_gather: wrote past its end");

    dt_comm_broadcast(comm, own, size);
    check_bytes("dt_comm_broadcast", own, size, 0, draw);
    dt_free(all);
}

typedef struct host {
    int rank, size;
} host;

/* This rank's host, by what the ranks say of themselves: numbers of a host run from 0. */
static host test_hosts(dt_comm *comm)
{
    int ranks = dt_comm_size(comm), numbers[MOST_RANKS], first = 0, sum = 0;
    int own = dt_comm_host_rank(comm);
    dt_comm_all_gather(comm, &own, sizeof own, numbers);
    for (int r = 0; r < ranks; r++)
        first += numbers[r] == 0;
    check(dt_comm_hosts(comm) == first, "hosts: expected %d, found %d", first, dt_comm_hosts(comm));
    check_same("number of hosts", &first, sizeof first);

    /* The segment of a host's first rank counts its ranks. */
    dt_shared *shared;
    dt_error error = {0};
    if (!check(!dt_shared_create(comm, sizeof(int), &shared, &error), "%s", error.message))
        return (host){own, 1};
    __atomic_fetch_add((int *)dt_shared_segment(shared, 0), 1, __ATOMIC_RELAXED);
    dt_shared_barrier(shared);
    int size = *(int *)dt_shared_segment(shared, 0);
    check(own < size, "number on the host: expected below %d, found %d", size, own);
    dt_shared_destroy(shared);
    int firsts = own == 0 ? size : 0, sizes[MOST_RANKS];
    dt_comm_all_gather(comm, &firsts, sizeof firsts, sizes);
    for (int r = 0; r < ranks; r++)
        sum += sizes[r];
    check(sum == ranks, "ranks of all hosts: expected %d, found %d", ranks, sum);
    return (host){own, size};
}

static void test_segments(dt_comm *comm, host at, int draw)
{
    dt_shared *shared;
    dt_error error = {0};
    size_t size = (size_t)((at.rank * 1237 + draw * 501) % MOST_BYTES) * (size_t)(at.rank != 1);
    if (!check(!dt_shared_create(comm, size, &shared, &error), "%s", error.message))
        return;
    uint8_t *own = dt_shared_segment(shared, at.rank);
    check((uintptr_t)own % DT_ALIGNMENT == 0, "segment at %p: expected an aligned one",
          (void *)own);
    for (size_t i = 0; i < size; i++)
        check(own[i] == 0, "byte %zu of a new segment: expected 0, found %d", i, own[i]);
    fill(own, size, at.rank, draw);
    dt_shared_barrier(shared);
    for (int r = 0; r < at.size; r++) {
        size_t theirs = (size_t)((r * 1237 + draw * 501) % MOST_BYTES) * (size_t)(r != 1);
        check_bytes("segment", dt_shared_segment(shared, r), theirs, r, draw);
    }
    dt_shared_destroy(shared);
}

/* A rank writes the number of each round before the barrier, to one of two places in turn, and
 * reads it of all ranks behind it: a rank let through early finds an older number, one left behind
 * a newer one. Some come late. */
static void test_barrier(dt_comm *comm, host at, int rounds)
{
    dt_shared *shared;
    dt_error error = {0};
    if (!check(!dt_shared_create(comm, 2 * sizeof(int), &shared, &error), "%s", error.message))
        return;
    volatile int *own = dt_shared_segment(shared, at.rank);
    for (int round = 1; round <= rounds; round++) {
        if (round % 256 == 0 && round / 256 % at.size == at.rank)
            harness_sleep(500);
        own[round % 2] = round;
        dt_shared_barrier(shared);
        for (int r = 0; r < at.size; r++) {
            int found = ((volatile int *)dt_shared_segment(shared, r))[round % 2];
            check(found == round, "rank %d of the host behind barrier %d: expected %d, found %d", r,
                  round, round, found);
        }
    }
    dt_shared_destroy(shared);
}

/* The barrier of all ranks, with clocks that all ranks of the machine share. */
static void test_world_barrier(dt_comm *comm)
{
    int rank = dt_comm_rank(comm), ranks = dt_comm_size(comm);
    double times[2], all[MOST_RANKS][2];
    for (int late = 0; late < ranks; late++) {
        if (rank == late)
            harness_sleep(2000);
        times[0] = dt_clock();
        dt_comm_barrier(comm);
        times[1] = dt_clock();
        dt_comm_all_gather(comm, times, sizeof times, all);
        check(times[1] >= all[late][0], "left the barrier %g s before rank %d came",
              all[late][0] - times[1], late);
    }
}

/* A rank without memory is an error on its host, and on no other. */
static void test_failures(dt_comm *comm, host at)
{
    for (int n = 1; n <= 2; n++)
        for (int victim = 0; victim < at.size; victim++) {
            dt_shared *shared = NULL;
            dt_error error = {0};
            if (at.rank == victim)
                dt_memory_fail_at(n);
            dt_status status = dt_shared_create(comm, 100, &shared, &error);
            dt_memory_fail_at(0);
            check(status == DT_ERR_INTERNAL && error.status == status && error.message[0],
                  "allocation %d of number %d fails: expected status %d, found %d", n, victim,
                  DT_ERR_INTERNAL, status);
            if (!status)
                dt_shared_destroy(shared);
        }
}

static void test(dt_comm *comm)
{
    int ranks = dt_comm_size(comm);
    dt_random_sequence random = draw_begin(4);
    unsigned all = (1u << ranks) - 1;
    test_agreement(comm, 0);
    test_agreement(comm, all);
    for (int r = 0; r < ranks; r++)
        test_agreement(comm, 1u << r);
    for (int draw = 0; draw < 40; draw++)
        test_agreement(comm, dt_random_next(&random) & all);
    for (int draw = 0; draw < 40; draw++)
        test_bytes(comm, draw, &random);
    test_world_barrier(comm);

    host at = test_hosts(comm);
    for (int draw = 0; draw < 5; draw++)
        test_segments(comm, at, draw);
    test_failures(comm, at);
    int rounds = dt_comm_hosts(comm) == 1 ? BARRIERS : BARRIERS / 10;
    test_barrier(comm, at, rounds);
}

int main(int argc, char **argv)
{
    return harness_run(argc, argv, test);
}
