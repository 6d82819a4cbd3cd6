/* What the model of scripts/cost_model.py is fitted to, and what it is held against: seconds of
 * messages, reductions and exchanges, as rows of its CSV (without the header) on stdout of rank 0.
 *
 * Usage: measure LINK, under mpirun. LINK: the rows' name for what connects the hosts. What is
 * measured follows from the ranks: 1 rank: add; 2 ranks on 2 hosts: message; several ranks: reduce
 * and mpi; on several hosts: exchange.
 *
 * Hosts may be virtual, but all are one machine: the ranks look at the same clock. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "data/partition.h"
#include "dist/comm.h"
#include "dist/exchange.h"
#include "dist/reduce.h"
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
static const size_t message_sizes[] = {8,      64,     512,    4096,   16384,   36462,  54694,
                                       65536,  109386, 145848, 218772, 437544, 1 << 20};
static const int message_counts[] = {2, 8, 32, MESSAGES_MOST};
static const int sample_counts[] = {16, 64, 256, SAMPLES_MOST};

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

typedef struct stopwatch {
    double begin, end;
} stopwatch;

/* One repetition. Collective; a rank's work begins and ends at its times of the clock. */
typedef stopwatch repetition(void *what);

typedef struct row_key {
    const char *kind;
    size_t bytes;
    int count;
} row_key;

static dt_comm *comm_of_all;
