/* What dt_bench measures: one function a kind of work. */
#ifndef DT_BENCH_MEASURE_H
#define DT_BENCH_MEASURE_H

#include <stdint.h>

#include "base/status.h"
#include "bench/bench.h"
#include "ceiling.h"
#include "dist/comm.h"
#include "dist/reduce.h"
#include "train/run.h"

/* Checkpoints that are saved to be timed. */
typedef struct dt_bench_saves dt_bench_saves;

/* A run that is measured. */
typedef struct dt_bench_subject {
    dt_run *run;
    float *initial;        /* parameters: every repetition of a training does the same work */
    dt_ceiling *ceiling;   /* NULL when it is not asked for */
    dt_bench_saves *saves; /* likewise */
} dt_bench_subject;

typedef struct dt_bench_case dt_bench_case;

/* Does the case's work `times` times. *seconds: what it took on this rank; *amount: how much it
 * was, in samples of all ranks (training, ceilings) or in calls. Collective; errors are the same on
 * all ranks. */
typedef dt_status dt_measure_function(dt_comm *comm, const dt_bench_case *it, int64_t times,
                                      double *seconds, double *amount, dt_error *error);

struct dt_bench_case {
    dt_bench_measure measure;
    dt_measure_function *function; /* NULL: derived from others */
    const dt_bench_subject *of;
    int64_t batch;
    dt_reduce *reduce; /* of as many virtual ranks as there are ranks; dt_measure_reduce */
    double unit;       /* value = unit * seconds / amount; 0: amount / seconds */
    int64_t most;      /* times that a repetition has at most */
    int64_t times;     /* that a repetition has */
    double *values;    /* [repetitions] */
};

/* Steps of an epoch, at most all; of the time for its order the share that they play. */
dt_measure_function dt_measure_training;
/* Epochs without gradients and updates: what is done before a sample is touched. */
dt_measure_function dt_measure_shuffle;
/* Deliveries of 4096 samples to each rank, in the order of an epoch. */
dt_measure_function dt_measure_window;
/* Raw steps of this rank's share of the batch: dense or sparse, as it->measure says. */
dt_measure_function dt_measure_ceiling;
/* Sums of the ranks' gradients, which they have just written, and which all begin together. */
dt_measure_function dt_measure_reduce;
/* Passes over the test set. */
dt_measure_function dt_measure_evaluation;

/* Checkpoints: what they hold the training up, or what they take behind its back, as it->measure
 * says. On one rank. */
dt_measure_function dt_measure_save;

/* Makes of->saves, in a directory of its own below the working directory. On one rank. */
dt_status dt_bench_open_saves(dt_bench_subject *of, dt_error *error);
void dt_bench_close_saves(dt_bench_subject *of);

/* Seconds since this process began; NaN where the system does not say. Not collective. */
double dt_bench_process_age(void);

/* Takes one step of the first epoch. Collective. */
dt_status dt_bench_first_step(const dt_bench_subject *of, int64_t batch, dt_error *error);

/* Makes of->ceiling, from the samples that this rank would play. Collective. */
dt_status dt_bench_make_ceiling(dt_bench_subject *of, dt_error *error);

#endif
