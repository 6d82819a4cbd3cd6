/* What dt_bench measures: one function a kind of work. */
#ifndef DT_BENCH_MEASURE_H
#define DT_BENCH_MEASURE_H

#include <stdint.h>

#include "base/status.h"
#include "bench/bench.h"
#include "ceiling.h"
#include "dist/reduce.h"
#include "train/session.h"

/* Checkpoints that are saved to be timed. */
typedef struct bench_saves bench_saves;

/* A run that is measured. */
typedef struct bench_subject {
    dt_session *run;
    float *initial;        /* parameters: every repetition of a training does the same work */
    step_ceiling *ceiling; /* these three: NULL where it is not asked for */
    bench_saves *saves;
    dt_reduce *reduces[2]; /* tree, MPI; of as many virtual ranks as there are ranks */
} bench_subject;

typedef struct bench_case {
    dt_bench_measure measure;
    const bench_subject *of;
    int64_t batch;
    int64_t times;  /* that a repetition has */
    double *values; /* [repetitions] */
    /* Of the last repetition. */
    double seconds; /* what it took on this rank */
    double amount;  /* how much it was, in samples of all ranks (training, ceilings) or in calls */
} bench_case;

/* Does the case's work `times` times, and adds up its seconds, which are 0 before; sets its amount,
 * where that is other than `times`. Collective; errors are the same on all ranks. */
typedef dt_status measure_function(bench_case *it, int64_t times, dt_error *error);

/* Steps of an epoch, at most all; of the time for its order the share that they play. */
measure_function measure_training;
/* Epochs without gradients and updates: what is done before a sample is touched. */
measure_function measure_shuffle;
/* Deliveries of DT_FEED_WINDOW samples to each rank, in the order of an epoch. */
measure_function measure_window;
/* Raw steps of this rank's share of the batch: dense or sparse, as it->measure says. */
measure_function measure_ceiling;
/* Sums of the ranks' gradients, which they have just written, and which all begin together; then
 * the parameters go to all, as they are. */
measure_function measure_reduce;
/* Meetings of the ranks of a host that do nothing else. */
measure_function measure_meeting;
/* Passes over the test set. */
measure_function measure_evaluation;
/* Checkpoints: what they hold the training up, or what they take behind its back, as it->measure
 * says. On one rank. */
measure_function measure_save;

/* Makes of->saves, in a directory of its own below the working directory. On one rank. */
dt_status open_saves(bench_subject *of, dt_error *error);
void close_saves(bench_subject *of);

/* Seconds since this process began; NaN where the system does not say. Not collective. */
double process_age(void);

/* Takes one step of the first epoch. Collective. */
dt_status take_first_step(const bench_subject *of, int64_t batch, dt_error *error);

/* Makes of->ceiling, from the samples that this rank would play. Collective. */
dt_status make_ceiling(bench_subject *of, dt_error *error);

#endif
