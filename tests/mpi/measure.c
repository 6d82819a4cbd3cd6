/* What the model of scripts/cost_model.py is fitted to, and what it is held against: seconds of
 * messages, reductions and exchanges, as rows of its CSV (without the header) on stdout of rank 0.
 *
 * Usage: measure LINK, under mpirun. LINK: the rows' name for what connects the hosts. What is
 * measured follows from the ranks: 1 rank: add; 2 ranks on 2 hosts: message; several ranks: reduce
 * and mpi; on several hosts: overlap and exchange.
 *
 * Hosts may be virtual, but all are one machine: the ranks look at the same clock. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/partition.h"
#include "dist/comm.h"
#include "dist/exchange.h"
#include "dist/reduce.h"
#include "dist/replica.h"
#include "dist/tree.h"

enum {
    WARM_UPS = 3,
    ROUNDS = 4,
    REPETITIONS_LEAST = 5, /* of a round */
    REPETITIONS_MOST = 200,
    PARAMETERS = 109386, /* of 784-128-64-10 */
    IMAGE_SIZE = 784,
    SET_SIZE = 12000,
    SAMPLES_MOST = 1024,
    MESSAGES_MOST = 100,
    MESSAGE_SMALL = 64 /* bytes */
};

static const double round_seconds = 0.06; /* as far as REPETITIONS_LEAST allows */

static const size_t vector_sizes[] = {16, 4096, 16384, PARAMETERS / 2, PARAMETERS, 4 * PARAMETERS};
static const size_t message_sizes[] = {8,     64,     512,    4096,   16384,  36462,  54694,
                                       65536, 109386, 145848, 218772, 437544, 1 << 20};
static const int message_counts[] = {2, 8, 32, MESSAGES_MOST};
static const int sample_counts[] = {16, 64, 256, SAMPLES_MOST};

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

typedef struct stopwatch {
    double begin, end;
} stopwatch;

/* One repetition: when this rank's part began and ended. Collective. */
typedef stopwatch repetition(void *what);

/* A row; `link`, hosts and ranks are the same for all. */
typedef struct row {
    const char *kind;
    size_t bytes;
    int count;
    double seconds;
} row;

typedef struct program {
    dt_comm *comm;
    const char *link;
} program;

static void print_row(const program *self, row it)
{
    if (dt_comm_rank(self->comm) > 0)
        return;
    printf("%s,%s,%d,%d,%zu,%d,%.4e\n", it.kind, self->link, dt_comm_hosts(self->comm),
           dt_comm_size(self->comm), it.bytes, it.count, it.seconds);
    fflush(stdout);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Warms up; the repetitions that fit into a round, the same for all ranks. */
static int count_repetitions(dt_comm *comm, repetition *repeat, void *what)
{
    double begin = 0;
    for (int i = 0; i <= WARM_UPS; i++) {
        begin = dt_clock();
        repeat(what);
    }
    double fit = round_seconds / (dt_clock() - begin);
    int count = (int)fmin(fmax(fit, REPETITIONS_LEAST), REPETITIONS_MOST);
    dt_comm_broadcast(comm, &count, sizeof count);
    return count;
}

/* Seconds of a repetition until the last rank ends: the median of a round, the least of the rounds
 * (the others were disturbed). From when the last rank begins, before which none can be done; but
 * from when the first does, where ranks that share a processor begin one after the other, and those
 * before the last have done their part by then. Rank 0's result counts. */
static double measure(dt_comm *comm, repetition *repeat, void *what)
{
    double begins[REPETITIONS_MOST], ends[REPETITIONS_MOST], least = (double)INFINITY;
    double all_begin[REPETITIONS_MOST] = {0}, last_ends[REPETITIONS_MOST] = {0};
    int count = count_repetitions(comm, repeat, what);
    MPI_Op of_begins = dt_comm_host_has_room(comm) ? MPI_MAX : MPI_MIN;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < count; i++) {
            stopwatch time = repeat(what);
            begins[i] = time.begin;
            ends[i] = time.end;
        }
        MPI_Reduce(begins, all_begin, count, MPI_DOUBLE, of_begins, 0, MPI_COMM_WORLD);
        MPI_Reduce(ends, last_ends, count, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
        for (int i = 0; i < count; i++)
            last_ends[i] -= all_begin[i];
        qsort(last_ends, (size_t)count, sizeof *last_ends, compare);
        least = fmin(least, last_ends[count / 2]);
    }
    return least;
}

typedef struct addition {
    size_t count;
    float *parts[2], *sum;
} addition;

static stopwatch add(void *what)
{
    const addition *self = what;
    const float *parts[] = {self->parts[0], self->parts[1]};
    stopwatch time = {.begin = dt_clock()};
    dt_tree_add(2, parts, (int[]){0, 1}, self->count, self->sum);
    time.end = dt_clock();
    return time;
}

/* Vectors that a core's own cache holds. */
static dt_status measure_add(const program *self, dt_error *error)
{
    addition what = {.count = 16384};
    float *block = dt_calloc(3 * what.count, sizeof *block, error);
    if (!block)
        return DT_ERR_INTERNAL;
    what.parts[0] = block;
    what.parts[1] = block + what.count;
    what.sum = block + 2 * what.count;
    double seconds = measure(self->comm, add, &what);
    print_row(self, (row){"add", what.count * sizeof *block, 1, seconds});
    dt_free(block);
    return DT_OK;
}

typedef struct message {
    char *bytes; /* [count][size] */
    size_t size;
    int count, rank;
} message;

static void send_or_receive(const message *self, int sender)
{
    MPI_Request requests[MESSAGES_MOST];
    for (int i = 0; i < self->count; i++) {
        char *bytes = self->bytes + (size_t)i * self->size;
        if (self->rank == sender)
            MPI_Isend(bytes, (int)self->size, MPI_BYTE, 1 - sender, 0, MPI_COMM_WORLD,
                      &requests[i]);
        else
            MPI_Irecv(bytes, (int)self->size, MPI_BYTE, sender, 0, MPI_COMM_WORLD, &requests[i]);
    }
    MPI_Waitall(self->count, requests, MPI_STATUSES_IGNORE);
}

/* There and back. Without a barrier: rank 1 is back from the last time before rank 0 is. */
static stopwatch send_back(void *what)
{
    const message *self = what;
    stopwatch time = {.begin = dt_clock()};
    send_or_receive(self, 0);
    send_or_receive(self, 1);
    time.end = dt_clock();
    return time;
}

static dt_status measure_message(const program *self, size_t size, int count, dt_error *error)
{
    message what = {dt_calloc((size_t)count, size, error), size, count, dt_comm_rank(self->comm)};
    dt_status status = dt_comm_agree(self->comm, what.bytes ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        double seconds = measure(self->comm, send_back, &what) / 2;
        print_row(self, (row){"message", size, count, seconds});
    }
    dt_free(what.bytes);
    return status;
}

static dt_status measure_messages(const program *self, dt_error *error)
{
    dt_status status = DT_OK;
    for (int i = 0; !status && i < LENGTH(message_sizes); i++)
        status = measure_message(self, message_sizes[i], 1, error);
    for (int i = 0; !status && i < LENGTH(message_counts); i++)
        status = measure_message(self, MESSAGE_SMALL, message_counts[i], error);
    return status;
}

typedef struct reduction {
    dt_comm *comm;
    dt_reduce *reduce;
    size_t count;
    dt_replica *replica; /* parameters, as many */
    int work;            /* microseconds */
} reduction;

static void sleep_until(double time)
{
    double left = time - dt_clock();
    if (left > 0)
        nanosleep(&(struct timespec){(time_t)left, (long)(1e9 * (left - floor(left)))}, NULL);
}

/* As a backward pass does it, to which all parameters cost the same. It sleeps instead: hosts have
 * cores of their own, virtual ones do not. */
static void work_and_announce(const reduction *self, double begin)
{
    size_t section = dt_reduce_section(self->reduce);
    size_t sections = section > 0 ? (self->count + section - 1) / section : 1;
    for (size_t i = 1; i <= sections; i++) {
        sleep_until(begin + 1e-6 * self->work * (double)i / (double)sections);
        if (i < sections)
            dt_reduce_announce(self->reduce, self->count - i * section);
    }
}

/* The vector was just written, as a gradient is; each rank makes its slice of it that of the
 * parameters, which go round. */
static stopwatch reduce(void *what)
{
    const reduction *self = what;
    dt_trace trace = {0};
    float *sums = dt_reduce_sums(self->reduce)[0];
    for (size_t i = 0; i < self->count; i++)
        sums[i] = (float)i;
    dt_comm_barrier(self->comm);
    stopwatch time = {.begin = dt_clock()};
    if (self->work > 0)
        work_and_announce(self, time.begin);
    dt_range slice = dt_reduce_slice(self->reduce);
    dt_reduced sum = dt_reduce_finish(self->reduce, &trace);
    if (!sum.whole)
        dt_reduce_add(self->reduce, (size_t)slice.first, (size_t)slice.count);
    memcpy(dt_replica_slice(self->replica), sum.values + slice.first,
           (size_t)slice.count * sizeof *sum.values);
    dt_replica_publish(self->replica, 0, (size_t)slice.count);
    dt_reduce_release(self->reduce, &trace);
    dt_replica_refresh(self->replica);
    time.end = dt_clock();
    return time;
}

static dt_status measure_reduce(const program *self, dt_allreduce kind, size_t count,
                                dt_error *error)
{
    reduction what = {.comm = self->comm, .count = count};
    dt_status status =
        dt_reduce_create(self->comm, kind, dt_comm_size(self->comm), count, 0, &what.reduce, error);
    if (status)
        return status;
    dt_range slice = dt_reduce_slice(what.reduce);
    status = dt_replica_create(self->comm, count, 0, &slice, &what.replica, error);
    if (!status) {
        double seconds = measure(self->comm, reduce, &what);
        const char *name = kind == DT_ALLREDUCE_TREE ? "reduce" : "mpi";
        print_row(self, (row){name, count * sizeof(float), 1, seconds});
        what.work = (int)(1e6 * seconds);
        dt_comm_broadcast(self->comm, &what.work, sizeof what.work);
        if (dt_reduce_section(what.reduce) > 0) {
            seconds = measure(self->comm, reduce, &what);
            print_row(self, (row){"overlap", count * sizeof(float), what.work, seconds});
        }
    }
    dt_replica_destroy(what.replica);
    dt_reduce_destroy(what.reduce);
    return status;
}

static dt_status measure_reduces(const program *self, dt_error *error)
{
    dt_status status = DT_OK;
    for (int i = 0; !status && i < LENGTH(vector_sizes); i++)
        status = measure_reduce(self, DT_ALLREDUCE_TREE, vector_sizes[i], error);
    return status ? status : measure_reduce(self, DT_ALLREDUCE_MPI, PARAMETERS, error);
}

typedef struct delivery {
    dt_comm *comm;
    dt_exchange *exchange;
    uint32_t state; /* of the drawing of samples */
    int count;
    int32_t wanted[SAMPLES_MOST];
    const uint8_t *images[SAMPLES_MOST];
    uint8_t labels[SAMPLES_MOST];
    dt_error *error;
    dt_status status; /* of the repetitions, the first error */
} delivery;

static stopwatch bring(void *what)
{
    delivery *self = what;
    dt_delivery list = {self->count, self->wanted, self->images, self->labels};
    for (int i = 0; i < self->count; i++) {
        self->state = self->state * 1664525u + 1013904223u;
        self->wanted[i] = (int32_t)((self->state >> 8) % SET_SIZE);
    }
    dt_comm_barrier(self->comm);
    stopwatch time = {.begin = dt_clock()};
    if (!self->status)
        self->status = dt_exchange_begin(self->exchange, 0, &list, self->error);
    dt_exchange_end(self->exchange, 0);
    time.end = dt_clock();
    return time;
}

/* A set of which each rank holds an equal part. The caller owns *out. Collective. */
static dt_status create_exchange(dt_comm *comm, dt_exchange **out, dt_error *error)
{
    dt_status status =
        dt_exchange_create(comm, SET_SIZE, dt_comm_size(comm), IMAGE_SIZE, out, error);
    if (!status)
        dt_exchange_publish(*out);
    return status;
}

static dt_status measure_exchanges(const program *self, dt_error *error)
{
    delivery what = {
        .comm = self->comm, .state = (uint32_t)dt_comm_rank(self->comm) + 1, .error = error};
    dt_status status = create_exchange(self->comm, &what.exchange, error);
    for (int i = 0; !status && i < LENGTH(sample_counts); i++) {
        what.count = sample_counts[i];
        double seconds = measure(self->comm, bring, &what);
        status = what.status;
        if (!status)
            print_row(self, (row){"exchange", (size_t)what.count * (IMAGE_SIZE + 1), what.count,
                                  seconds});
    }
    dt_exchange_destroy(what.exchange);
    return status;
}

static dt_status measure_all(const program *self, dt_error *error)
{
    int size = dt_comm_size(self->comm), hosts = dt_comm_hosts(self->comm);
    if (size == 1)
        return measure_add(self, error);
    dt_status status = DT_OK;
    if (size == 2 && hosts == 2)
        status = measure_messages(self, error);
    if (!status)
        status = measure_reduces(self, error);
    if (!status && hosts > 1)
        status = measure_exchanges(self, error);
    return status;
}

int main(int argc, char **argv)
{
    program self = {0};
    dt_error error = {0};
    dt_status status = dt_comm_start(&argc, &argv, &self.comm, &error);
    if (!status && argc != 2)
        status = dt_fail(&error, DT_ERR_USAGE, "expected LINK, found %d arguments", argc - 1);
    if (!status) {
        self.link = argv[1];
        status = measure_all(&self, &error);
    }
    if (status && (!self.comm || dt_comm_rank(self.comm) == 0))
        fprintf(stderr, "measure: %s\n", error.message);
    dt_comm_finish(self.comm);
    return status;
}
