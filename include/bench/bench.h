/* How fast training is, and how fast it could be.
 *
 * Every case is measured `repetitions` times; the repetitions of all cases take turns, so that a
 * machine that changes its pace meanwhile changes it for all. A repetition repeats its case until
 * about `seconds` are over; its time is that of the slowest rank. */
#ifndef DT_BENCH_BENCH_H
#define DT_BENCH_BENCH_H

#include <stdint.h>

#include "base/status.h"
#include "config/config.h"
#include "dist/comm.h"

#define DT_BENCH_BATCHES_MAX 32

typedef struct dt_bench_spec {
    int repetitions; /* >= 1 */
    double seconds;  /* > 0 */
    int batch_count; /* >= 1 */
    int64_t batches[DT_BENCH_BATCHES_MAX];
    bool large; /* a network of two hidden layers of 2048 too, at the batches 64, 512, 2048 of
                   these; on one rank, also saves of one of 100 MB, to the working directory */
} dt_bench_spec;

typedef enum dt_bench_measure {
    DT_BENCH_TRAINING,       /* the training loop, samples/s: order, samples, gradients, their sum,
                                update */
    DT_BENCH_DENSE_CEILING,  /* samples/s if a step were its matrix products and w -= lr g alone */
    DT_BENCH_SPARSE_CEILING, /* the same without the products of columns that are zero in a tile */
    DT_BENCH_REDUCE_TREE,    /* us: the sum of all ranks' gradients, and the parameters to all */
    DT_BENCH_REDUCE_MPI,     /* us: the same by MPI_Allreduce */
    DT_BENCH_MEETING,        /* us: all ranks of a host wait for each other, twice a step: where
                                they outnumber the processors, each sleeps and is woken */
    DT_BENCH_WINDOW,  /* us: bringing DT_FEED_WINDOW samples to each rank, in the order of an epoch
                       */
    DT_BENCH_SHUFFLE, /* ms an epoch: its order, and bringing the samples of its steps */
    DT_BENCH_SHUFFLE_SHARE, /* % of the time of an epoch at the same batch size */
    DT_BENCH_EVALUATION,    /* ms: loss and accuracy of the test set */
    DT_BENCH_SAVE_STALL,    /* ms: what saving a checkpoint holds the training up */
    DT_BENCH_SAVE,          /* ms: until it is safe on disk */
    DT_BENCH_START,         /* ms: from the start of the process to the end of its first step */
    DT_BENCH_MEASURES
} dt_bench_measure;

typedef struct dt_bench_measure_info {
    const char *name, *unit;
} dt_bench_measure_info;

/* [DT_BENCH_MEASURES] */
extern const dt_bench_measure_info dt_bench_measures[];

/* What was measured, in the unit of the measure. */
typedef struct dt_bench_row {
    dt_bench_measure measure;
    char network[64];  /* "784-128-64-10" */
    int64_t batch;     /* samples of a step, all ranks together; 0: does not matter */
    int virtual_ranks; /* 0: does not matter */
    int repetitions;   /* behind the values */
    double median, least, greatest;
} dt_bench_row;

typedef struct dt_bench_result {
    char data[256]; /* name of the data */
    int row_count;
    dt_bench_row *rows; /* by subject: network, virtual ranks; then by batch */
} dt_bench_result;

/* Measures with the settings of `config` (resolved), but for its batch size, and without tracking
 * samples. The training is also measured with 8 virtual ranks, at the batches 64 and 512 of those
 * asked for, if that is not what it has anyway. The same result on all ranks; the caller owns it,
 * also after an error: dt_bench_destroy. Collective.
 * Errors, the same on all ranks: DT_ERR_CONFIG for a batch larger than the training set, and those
 * of dt_session_open, dt_step and dt_evaluate. */
dt_status dt_bench(dt_comm *comm, const dt_config *config, const dt_bench_spec *spec,
                   dt_bench_result *result, dt_error *error);

/* A zeroed result is allowed. */
void dt_bench_destroy(dt_bench_result *result);

/* The training's share of a ceiling at the same network and batch: median / median. NaN when the
 * row is no training or the ceiling is not among the rows. */
double dt_bench_share(const dt_bench_result *result, const dt_bench_row *training,
                      dt_bench_measure ceiling);

#endif
