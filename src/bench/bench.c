#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "measure.h"

enum {
    CASES_MAX = 8 * DT_BENCH_BATCHES_MAX + DT_BENCH_MEASURES,
    CALLS_MOST = 1 << 30, /* a repetition ends by its time before */
    SHUFFLE_BATCH = 512,
    VIRTUAL_RANKS = 8,
    LARGE_WIDTH = 2048
};

/* 100 MB of parameters, with 784 inputs. */
static const int save_widths[] = {4096, 5344};

const dt_bench_measure_info dt_bench_measures[] = {
    [DT_BENCH_TRAINING] = {"training", "samples/s"},
    [DT_BENCH_DENSE_CEILING] = {"dense ceiling", "samples/s"},
    [DT_BENCH_SPARSE_CEILING] = {"sparse ceiling", "samples/s"},
    [DT_BENCH_REDUCE_TREE] = {"reduction tree", "us"},
    [DT_BENCH_REDUCE_MPI] = {"reduction mpi", "us"},
    [DT_BENCH_MEETING] = {"meeting of a host's ranks", "us"},
    [DT_BENCH_WINDOW] = {"exchange of a window", "us"},
    [DT_BENCH_SHUFFLE] = {"shuffling of an epoch", "ms"},
    [DT_BENCH_SHUFFLE_SHARE] = {"shuffling share", "%"},
    [DT_BENCH_EVALUATION] = {"evaluation of test set", "ms"},
    [DT_BENCH_SAVE_STALL] = {"save: training waits", "ms"},
    [DT_BENCH_SAVE] = {"save: until on disk", "ms"},
    [DT_BENCH_START] = {"start to first step", "ms"},
};

/* How a measure is taken. */
static const struct {
    measure_function *function; /* NULL: derived from others */
    double unit;                /* value = unit * seconds / amount; 0: amount / seconds */
    int64_t most;               /* times that a repetition has at most; 0: the steps of an epoch */
} ways[DT_BENCH_MEASURES] = {
    [DT_BENCH_TRAINING] = {measure_training, 0, 0},
    [DT_BENCH_DENSE_CEILING] = {measure_ceiling, 0, CALLS_MOST},
    [DT_BENCH_SPARSE_CEILING] = {measure_ceiling, 0, CALLS_MOST},
    /* Most of the time may be what is between reductions. */
    [DT_BENCH_REDUCE_TREE] = {measure_reduce, 1e6, 1000},
    [DT_BENCH_REDUCE_MPI] = {measure_reduce, 1e6, 1000},
    [DT_BENCH_MEETING] = {measure_meeting, 1e6, CALLS_MOST},
    [DT_BENCH_WINDOW] = {measure_window, 1e6, CALLS_MOST},
    [DT_BENCH_SHUFFLE] = {measure_shuffle, 1e3, 1000},
    [DT_BENCH_EVALUATION] = {measure_evaluation, 1e3, 1000},
    [DT_BENCH_SAVE_STALL] = {measure_save, 1e3, 2},
    [DT_BENCH_SAVE] = {measure_save, 1e3, 2},
};

enum { AS_CONFIGURED, VIRTUAL, LARGE, SAVED, SUBJECTS };

typedef struct bench {
    dt_comm *comm;
    const dt_bench_spec *spec;
    bench_subject subjects[SUBJECTS]; /* those without a run are not measured */
    int case_count;
    bench_case cases[CASES_MAX];
    double *values; /* [case_count][repetitions] */
    double *all;    /* [ranks], scratch */
    double start;   /* seconds from the start of the process to the end of its first step */
} bench;

/* The largest of the ranks' values, at least 0. */
static double largest(bench *self, double own)
{
    double most = 0;
    dt_comm_all_gather(self->comm, &own, sizeof own, self->all);
    for (int r = 0; r < dt_comm_size(self->comm); r++)
        most = fmax(most, self->all[r]);
    return most;
}

/* One repetition; the time of the slowest rank. */
static dt_status run_case(bench *self, bench_case *it, int64_t times, dt_error *error)
{
    it->seconds = 0;
    it->amount = (double)times;
    dt_status status = ways[it->measure].function(it, times, error);
    if (!status)
        it->seconds = largest(self, it->seconds);
    return status;
}

/* Finds how often a repetition repeats its case; warms up. */
static dt_status calibrate(bench *self, bench_case *it, dt_error *error)
{
    int64_t most = ways[it->measure].most;
    if (most == 0)
        most = (it->of->run->plan.samples + it->batch - 1) / it->batch;
    for (it->times = 1;; it->times *= 2) {
        it->times = it->times < most ? it->times : most;
        dt_status status = run_case(self, it, it->times, error);
        if (status)
            return status;
        if (it->seconds >= self->spec->seconds / 4 || it->times == most)
            break;
    }
    double times = (double)it->times * self->spec->seconds / fmax(it->seconds, 1e-9);
    it->times = times >= (double)most ? most : times < 1 ? 1 : (int64_t)times;
    return DT_OK;
}

static dt_status run_cases(bench *self, dt_error *error)
{
    dt_status status = DT_OK;
    for (int i = 0; !status && i < self->case_count; i++)
        if (ways[self->cases[i].measure].function)
            status = calibrate(self, &self->cases[i], error);
    for (int repetition = 0; !status && repetition < self->spec->repetitions; repetition++) {
        dt_info("bench: repetition %d of %d", repetition + 1, self->spec->repetitions);
        for (int i = 0; !status && i < self->case_count; i++) {
            bench_case *it = &self->cases[i];
            double unit = ways[it->measure].unit;
            if (!ways[it->measure].function)
                continue;
            status = run_case(self, it, it->times, error);
            it->values[repetition] =
                unit > 0 ? unit * it->seconds / it->amount : it->amount / it->seconds;
        }
    }
    return status;
}

static dt_status open_subject(bench *self, const dt_config *config, bench_subject *of,
                              dt_error *error)
{
    dt_config own = *config;
    own.track_samples = false;                        /* nobody collects */
    for (int i = 0; i < self->spec->batch_count; i++) /* the largest of all */
        if (i == 0 || self->spec->batches[i] > own.batch_size)
            own.batch_size = self->spec->batches[i];
    dt_status status = dt_session_open(self->comm, &own, NULL, &of->run, error);
    if (status)
        return status;
    size_t size = of->run->parameter_count * sizeof(float);
    of->initial = dt_calloc(size, 1, error);
    status = dt_comm_agree(self->comm, of->initial ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status)
        memcpy(of->initial, of->run->parameters, size);
    return status;
}

static bool has_batch(const dt_bench_spec *spec, int64_t batch)
{
    for (int i = 0; i < spec->batch_count; i++)
        if (spec->batches[i] == batch)
            return true;
    return false;
}

static dt_status check_batches(const bench *self, dt_error *error)
{
    int64_t count = self->subjects[AS_CONFIGURED].run->plan.samples;
    for (int i = 0; i < self->spec->batch_count; i++)
        if (self->spec->batches[i] > count)
            return dt_fail(error, DT_ERR_CONFIG,
                           "--batches: expected at most the %lld training samples, found %lld",
                           (long long)count, (long long)self->spec->batches[i]);
    return DT_OK;
}

/* The run as configured takes its first step at once: that is the program's start. */
static dt_status open_first(bench *self, const dt_config *config, dt_error *error)
{
    bench_subject *of = &self->subjects[AS_CONFIGURED];
    dt_status status = open_subject(self, config, of, error);
    if (!status)
        status = check_batches(self, error);
    if (!status)
        status = take_first_step(of, self->spec->batches[0], error);
    if (status)
        return status;
    self->start = largest(self, process_age());
    return make_ceiling(of, error);
}

/* The settings, with two hidden layers of these widths. */
static dt_status open_wide(bench *self, const dt_config *config, int first, int second,
                           bench_subject *of, dt_error *error)
{
    dt_config other = *config;
    char layers[64];
    snprintf(layers, sizeof layers, "%d, %d, %d", first, second,
             self->subjects[AS_CONFIGURED].run->source->classes);
    dt_status status = dt_config_set(&other, dt_setting_find("layers"), layers, error);
    return status ? status : open_subject(self, &other, of, error);
}

static dt_status open_subjects(bench *self, const dt_config *config, dt_error *error)
{
    const dt_bench_spec *spec = self->spec;
    dt_status status = open_first(self, config, error);
    if (status)
        return status;
    bench_subject *first = &self->subjects[AS_CONFIGURED];
    dt_config other = *config;
    other.virtual_ranks = VIRTUAL_RANKS;
    if (first->run->config.virtual_ranks != VIRTUAL_RANKS &&
        dt_comm_size(self->comm) <= VIRTUAL_RANKS && (has_batch(spec, 64) || has_batch(spec, 512)))
        status = open_subject(self, &other, &self->subjects[VIRTUAL], error);
    if (!status && spec->large)
        status = open_wide(self, config, LARGE_WIDTH, LARGE_WIDTH, &self->subjects[LARGE], error);
    if (!status && spec->large)
        status = make_ceiling(&self->subjects[LARGE], error);
    if (!status && spec->large && dt_comm_size(self->comm) == 1) {
        bench_subject *saved = &self->subjects[SAVED];
        status = open_wide(self, config, save_widths[0], save_widths[1], saved, error);
        if (!status)
            status = open_saves(saved, error);
    }
    for (int kind = 0; !status && kind < 2; kind++)
        status = dt_reduce_create(self->comm, (dt_allreduce)kind, dt_comm_size(self->comm),
                                  first->run->parameter_count, 0, &first->reduces[kind], error);
    return status;
}

static void add_case(bench *self, dt_bench_measure measure, int subject, int64_t batch)
{
    self->cases[self->case_count++] =
        (bench_case){.measure = measure, .of = &self->subjects[subject], .batch = batch};
}

static void add_trainings(bench *self, int subject)
{
    const bench_subject *of = &self->subjects[subject];
    for (int i = 0; of->run && i < self->spec->batch_count; i++) {
        int64_t batch = self->spec->batches[i];
        bool is_telling = batch == 64 || batch == 512 || (subject == LARGE && batch == 2048);
        if (subject != AS_CONFIGURED && !is_telling)
            continue;
        add_case(self, DT_BENCH_TRAINING, subject, batch);
        if (of->ceiling) {
            add_case(self, DT_BENCH_DENSE_CEILING, subject, batch);
            add_case(self, DT_BENCH_SPARSE_CEILING, subject, batch);
        }
    }
}

static void add_cases(bench *self)
{
    const dt_bench_spec *spec = self->spec;
    /* One that training is measured at too. */
    int64_t shuffled =
        has_batch(spec, SHUFFLE_BATCH) ? SHUFFLE_BATCH : spec->batches[spec->batch_count - 1];
    for (int subject = 0; subject <= LARGE; subject++)
        add_trainings(self, subject);
    for (int m = DT_BENCH_REDUCE_TREE; m <= DT_BENCH_WINDOW; m++)
        add_case(self, (dt_bench_measure)m, AS_CONFIGURED, 0);
    add_case(self, DT_BENCH_SHUFFLE, AS_CONFIGURED, shuffled);
    add_case(self, DT_BENCH_SHUFFLE_SHARE, AS_CONFIGURED, shuffled);
    if (self->subjects[AS_CONFIGURED].run->dataset->subsets[DT_SUBSET_TEST].count > 0)
        add_case(self, DT_BENCH_EVALUATION, AS_CONFIGURED, 0);
    if (self->subjects[SAVED].saves) {
        add_case(self, DT_BENCH_SAVE_STALL, SAVED, 0);
        add_case(self, DT_BENCH_SAVE, SAVED, 0);
    }
}

static dt_status allocate_values(bench *self, dt_error *error)
{
    size_t each = (size_t)self->spec->repetitions;
    self->values = dt_calloc((size_t)self->case_count * each, sizeof *self->values, error);
    for (int i = 0; self->values && i < self->case_count; i++)
        self->cases[i].values = self->values + (size_t)i * each;
    return dt_comm_agree(self->comm, self->values ? DT_OK : DT_ERR_INTERNAL, error);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Repetition by repetition: the time of shuffling as a share of that of training, at its batch. */
static void derive_share(bench *self)
{
    bench_case *share = self->cases;
    while (share->measure != DT_BENCH_SHUFFLE_SHARE)
        share++;
    const bench_case *shuffle = share - 1, *training = self->cases;
    while (training->measure != DT_BENCH_TRAINING || training->batch != shuffle->batch)
        training++;
    double samples = (double)shuffle->of->run->plan.samples;
    for (int i = 0; i < self->spec->repetitions; i++)
        share->values[i] = 100 * 1e-3 * shuffle->values[i] * training->values[i] / samples;
}

/* Adds the row of a case; values[count] become sorted. */
static void add_row(const bench_case *it, double *values, int count, dt_bench_result *result)
{
    dt_bench_row *row = &result->rows[result->row_count++];
    const dt_session *run = it->of->run;
    *row = (dt_bench_row){.measure = it->measure, .batch = it->batch, .repetitions = count};
    if (it->measure < DT_BENCH_REDUCE_TREE || it->measure > DT_BENCH_MEETING)
        row->virtual_ranks = (int)run->config.virtual_ranks;
    dt_architecture_text(&dt_network_spec_of(run->network)->architecture, row->network,
                         sizeof row->network);
    qsort(values, (size_t)count, sizeof *values, compare);
    row->median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    row->least = values[0];
    row->greatest = values[count - 1];
}

static dt_status fill_result(bench *self, dt_bench_result *result, dt_error *error)
{
    result->rows = dt_calloc((size_t)self->case_count + 1, sizeof *result->rows, error);
    dt_status status = dt_comm_agree(self->comm, result->rows ? DT_OK : DT_ERR_INTERNAL, error);
    if (status)
        return status;
    const bench_subject *first = &self->subjects[AS_CONFIGURED];
    snprintf(result->data, sizeof result->data, "%s", first->run->source->name);
    derive_share(self);
    for (int i = 0; i < self->case_count; i++)
        add_row(&self->cases[i], self->cases[i].values, self->spec->repetitions, result);
    bench_case start = {.measure = DT_BENCH_START, .of = first};
    double milliseconds = 1e3 * self->start;
    add_row(&start, &milliseconds, 1, result);
    return DT_OK;
}

static void destroy(bench *self)
{
    if (!self)
        return;
    for (int i = 0; i < SUBJECTS; i++) {
        bench_subject *of = &self->subjects[i];
        close_saves(of);
        ceiling_destroy(of->ceiling);
        dt_reduce_destroy(of->reduces[0]);
        dt_reduce_destroy(of->reduces[1]);
        dt_free(of->initial);
        dt_session_close(of->run);
    }
    dt_free(self->values);
    dt_free(self->all);
    dt_free(self);
}

dt_status dt_bench(dt_comm *comm, const dt_config *config, const dt_bench_spec *spec,
                   dt_bench_result *result, dt_error *error)
{
    *result = (dt_bench_result){0};
    bench *self = dt_calloc(1, sizeof *self, error);
    if (self) {
        self->comm = comm;
        self->spec = spec;
        self->all = dt_calloc((size_t)dt_comm_size(comm), sizeof *self->all, error);
    }
    bool got = self && self->all;
    dt_status status = dt_comm_agree(comm, got ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status)
        status = open_subjects(self, config, error);
    if (!status) {
        add_cases(self);
        status = allocate_values(self, error);
    }
    if (!status)
        status = run_cases(self, error);
    if (!status)
        status = fill_result(self, result, error);
    destroy(self);
    return status;
}

void dt_bench_destroy(dt_bench_result *result)
{
    dt_free(result->rows);
    *result = (dt_bench_result){0};
}

double dt_bench_share(const dt_bench_result *result, const dt_bench_row *training,
                      dt_bench_measure ceiling)
{
    for (int i = 0; i < result->row_count && training->measure == DT_BENCH_TRAINING; i++) {
        const dt_bench_row *row = &result->rows[i];
        if (row->measure == ceiling && row->batch == training->batch &&
            strcmp(row->network, training->network) == 0)
            return training->median / row->median;
    }
    return (double)NAN;
}
