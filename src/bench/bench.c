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
    EPOCHS_MOST = 1000, /* and calls: a repetition ends by its time before */
    CALLS_MOST = 1 << 30,
    REDUCTIONS_MOST = 1000, /* most of the time may be what is between them */
    SHUFFLE_BATCH = 512,
    VIRTUAL_RANKS = 8,
    LARGE_WIDTH = 2048,
    SAVES_MOST = 2
};

/* 100 MB of parameters, with 784 inputs. */
static const int save_widths[] = {4096, 5344};

const dt_bench_measure_info dt_bench_measures[] = {
    [DT_BENCH_TRAINING] = {"training", "samples/s"},
    [DT_BENCH_DENSE_CEILING] = {"dense ceiling", "samples/s"},
    [DT_BENCH_SPARSE_CEILING] = {"sparse ceiling", "samples/s"},
    [DT_BENCH_REDUCE_TREE] = {"reduction tree", "us"},
    [DT_BENCH_REDUCE_MPI] = {"reduction mpi", "us"},
    [DT_BENCH_WINDOW] = {"exchange of a window", "us"},
    [DT_BENCH_SHUFFLE] = {"shuffling of an epoch", "ms"},
    [DT_BENCH_SHUFFLE_SHARE] = {"shuffling share", "%"},
    [DT_BENCH_EVALUATION] = {"evaluation of test set", "ms"},
    [DT_BENCH_SAVE_STALL] = {"save: training waits", "ms"},
    [DT_BENCH_SAVE] = {"save: until on disk", "ms"},
    [DT_BENCH_START] = {"start to first step", "ms"},
};

enum { AS_CONFIGURED, VIRTUAL, LARGE, SAVED, SUBJECTS };

typedef struct bench {
    dt_comm *comm;
    const dt_bench_spec *spec;
    dt_bench_subject subjects[SUBJECTS]; /* those without a run are not measured */
    dt_reduce *reduces[2];               /* tree, mpi */
    int case_count;
    dt_bench_case cases[CASES_MAX];
    double *all_seconds; /* [ranks], scratch */
    double start;        /* seconds from the start of the process to the end of its first step */
} bench;

/* One repetition; the time of the slowest rank. */
static dt_status run_case(bench *self, const dt_bench_case *it, int64_t times, double *seconds,
                          double *amount, dt_error *error)
{
    double own = 0;
    *seconds = *amount = 0;
    dt_status status = it->function(self->comm, it, times, &own, amount, error);
    if (status)
        return status;
    dt_comm_all_gather(self->comm, &own, sizeof own, self->all_seconds);
    for (int r = 0; r < dt_comm_size(self->comm); r++)
        *seconds = fmax(*seconds, self->all_seconds[r]);
    return DT_OK;
}

/* Finds how often a repetition repeats its case; warms up. */
static dt_status calibrate(bench *self, dt_bench_case *it, dt_error *error)
{
    double seconds, amount;
    if (!it->function)
        return DT_OK;
    for (it->times = 1;; it->times *= 2) {
        if (it->times > it->most)
            it->times = it->most;
        dt_status status = run_case(self, it, it->times, &seconds, &amount, error);
        if (status)
            return status;
        if (seconds >= self->spec->seconds / 4 || it->times == it->most)
            break;
    }
    double times = (double)it->times * self->spec->seconds / fmax(seconds, 1e-9);
    it->times = times >= (double)it->most ? it->most : times < 1 ? 1 : (int64_t)times;
    return DT_OK;
}

static dt_status run_cases(bench *self, dt_error *error)
{
    dt_status status = DT_OK;
    for (int i = 0; !status && i < self->case_count; i++)
        status = calibrate(self, &self->cases[i], error);
    for (int repetition = 0; !status && repetition < self->spec->repetitions; repetition++) {
        dt_info("bench: repetition %d of %d", repetition + 1, self->spec->repetitions);
        for (int i = 0; !status && i < self->case_count; i++) {
            const dt_bench_case *it = &self->cases[i];
            double seconds, amount;
            if (!it->function)
                continue;
            status = run_case(self, it, it->times, &seconds, &amount, error);
            it->values[repetition] = it->unit > 0 ? it->unit * seconds / amount : amount / seconds;
        }
    }
    return status;
}

static dt_status open_subject(bench *self, const dt_config *config, dt_bench_subject *of,
                              dt_error *error)
{
    dt_config own = *config;
    own.track_samples = false; /* nobody collects */
    dt_status status = dt_run_open(self->comm, &own, 0, &of->run, error);
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
    dt_bench_subject *of = &self->subjects[AS_CONFIGURED];
    dt_status status = open_subject(self, config, of, error);
    if (!status)
        status = check_batches(self, error);
    if (!status)
        status = dt_bench_first_step(of, self->spec->batches[0], error);
    double age = dt_bench_process_age();
    if (status)
        return status;
    dt_comm_all_gather(self->comm, &age, sizeof age, self->all_seconds);
    for (int r = 0; r < dt_comm_size(self->comm); r++)
        self->start = fmax(self->start, self->all_seconds[r]);
    return dt_bench_make_ceiling(of, error);
}

/* The settings, with two hidden layers of these widths. */
static dt_config wide(const dt_config *config, int first, int second)
{
    dt_config other = *config;
    char layers[64];
    snprintf(layers, sizeof layers, "%d, %d, %d", first, second, config->classes);
    (void)dt_config_set(&other, dt_setting_find("layers"), layers, NULL);
    return other;
}

static dt_status open_subjects(bench *self, const dt_config *config, dt_error *error)
{
    const dt_bench_spec *spec = self->spec;
    dt_status status = open_first(self, config, error);
    if (status)
        return status;
    const dt_run *first = self->subjects[AS_CONFIGURED].run;
    dt_config other = *config;
    other.virtual_ranks = VIRTUAL_RANKS;
    if (first->config.virtual_ranks != VIRTUAL_RANKS && dt_comm_size(self->comm) <= VIRTUAL_RANKS &&
        (has_batch(spec, 64) || has_batch(spec, 512)))
        status = open_subject(self, &other, &self->subjects[VIRTUAL], error);
    if (!status && spec->large) {
        other = wide(config, LARGE_WIDTH, LARGE_WIDTH);
        status = open_subject(self, &other, &self->subjects[LARGE], error);
        if (!status)
            status = dt_bench_make_ceiling(&self->subjects[LARGE], error);
    }
    if (!status && spec->large && dt_comm_size(self->comm) == 1) {
        other = wide(config, save_widths[0], save_widths[1]);
        status = open_subject(self, &other, &self->subjects[SAVED], error);
        if (!status)
            status = dt_bench_open_saves(&self->subjects[SAVED], error);
    }
    for (int kind = 0; !status && kind < 2; kind++)
        status = dt_reduce_create(self->comm, (dt_allreduce)kind, dt_comm_size(self->comm),
                                  first->parameter_count, 0, &self->reduces[kind], error);
    return status;
}

static void add_case(bench *self, dt_bench_case it)
{
    self->cases[self->case_count++] = it;
}

static bool is_measured(int which, int64_t batch)
{
    bool is_telling = batch == 64 || batch == 512;
    return which == AS_CONFIGURED || is_telling || (which == LARGE && batch == 2048);
}

static void add_trainings(bench *self, int which)
{
    const dt_bench_subject *of = &self->subjects[which];
    for (int i = 0; of->run && i < self->spec->batch_count; i++) {
        int64_t batch = self->spec->batches[i];
        if (!is_measured(which, batch))
            continue;
        add_case(self, (dt_bench_case){.measure = DT_BENCH_TRAINING,
                                       .function = dt_measure_training,
                                       .of = of,
                                       .batch = batch,
                                       .most = (of->run->plan.samples + batch - 1) / batch});
        for (int m = DT_BENCH_DENSE_CEILING; of->ceiling && m <= DT_BENCH_SPARSE_CEILING; m++)
            add_case(self, (dt_bench_case){.measure = (dt_bench_measure)m,
                                           .function = dt_measure_ceiling,
                                           .of = of,
                                           .batch = batch,
                                           .most = CALLS_MOST});
    }
}

/* The batch at which shuffling is measured: one that training is measured at too. */
static int64_t shuffle_batch(const dt_bench_spec *spec)
{
    return has_batch(spec, SHUFFLE_BATCH) ? SHUFFLE_BATCH : spec->batches[spec->batch_count - 1];
}

static void add_cases(bench *self)
{
    const dt_bench_subject *of = &self->subjects[AS_CONFIGURED];
    for (int which = 0; which <= LARGE; which++)
        add_trainings(self, which);
    dt_bench_case it = {
        .of = of, .most = REDUCTIONS_MOST, .unit = 1e6, .function = dt_measure_reduce};
    for (int kind = 0; kind < 2; kind++) {
        it.measure = kind == DT_ALLREDUCE_TREE ? DT_BENCH_REDUCE_TREE : DT_BENCH_REDUCE_MPI;
        it.reduce = self->reduces[kind];
        add_case(self, it);
    }
    it.measure = DT_BENCH_WINDOW;
    it.most = CALLS_MOST;
    it.function = dt_measure_window;
    add_case(self, it);
    it.measure = DT_BENCH_SHUFFLE;
    it.function = dt_measure_shuffle;
    it.unit = 1e3;
    it.most = EPOCHS_MOST;
    it.batch = shuffle_batch(self->spec);
    add_case(self, it);
    it.measure = DT_BENCH_SHUFFLE_SHARE;
    it.function = NULL; /* derived */
    add_case(self, it);
    it.measure = DT_BENCH_EVALUATION;
    it.function = dt_measure_evaluation;
    it.batch = 0;
    if (of->run->dataset->subsets[DT_SUBSET_TEST].count > 0)
        add_case(self, it);
    it.of = &self->subjects[SAVED];
    it.function = dt_measure_save;
    it.most = SAVES_MOST;
    for (int m = DT_BENCH_SAVE_STALL; it.of->saves && m <= DT_BENCH_SAVE; m++) {
        it.measure = (dt_bench_measure)m;
        add_case(self, it);
    }
}

static dt_status allocate_values(bench *self, dt_error *error)
{
    bool got = true;
    for (int i = 0; got && i < self->case_count; i++) {
        dt_bench_case *it = &self->cases[i];
        it->values = dt_calloc((size_t)self->spec->repetitions, sizeof *it->values, error);
        got = it->values != NULL;
    }
    return dt_comm_agree(self->comm, got ? DT_OK : DT_ERR_INTERNAL, error);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Repetition by repetition: the time of shuffling as a share of that of training, at its batch. */
static void derive_share(bench *self)
{
    dt_bench_case *share = self->cases;
    while (share->measure != DT_BENCH_SHUFFLE_SHARE)
        share++;
    const dt_bench_case *shuffle = share - 1, *training = self->cases;
    while (training->measure != DT_BENCH_TRAINING || training->batch != shuffle->batch)
        training++;
    double samples = (double)shuffle->of->run->plan.samples;
    for (int i = 0; i < self->spec->repetitions; i++)
        share->values[i] = 100 * 1e-3 * shuffle->values[i] * training->values[i] / samples;
}

/* Adds the row of a case; values[count] become sorted. */
static void add_row(const dt_bench_case *it, double *values, int count, dt_bench_result *result)
{
    dt_bench_row *row = &result->rows[result->row_count++];
    const dt_run *run = it->of->run;
    *row = (dt_bench_row){.measure = it->measure, .batch = it->batch, .repetitions = count};
    if (it->measure != DT_BENCH_REDUCE_TREE && it->measure != DT_BENCH_REDUCE_MPI)
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
    const dt_bench_subject *first = &self->subjects[AS_CONFIGURED];
    snprintf(result->data, sizeof result->data, "%s", first->run->source->name);
    derive_share(self);
    for (int i = 0; i < self->case_count; i++)
        add_row(&self->cases[i], self->cases[i].values, self->spec->repetitions, result);
    dt_bench_case start = {.measure = DT_BENCH_START, .of = first};
    double milliseconds = 1e3 * self->start;
    add_row(&start, &milliseconds, 1, result);
    return DT_OK;
}

static void destroy(bench *self)
{
    if (!self)
        return;
    for (int i = 0; i < self->case_count; i++)
        dt_free(self->cases[i].values);
    for (int kind = 0; kind < 2; kind++)
        dt_reduce_destroy(self->reduces[kind]);
    for (int i = 0; i < SUBJECTS; i++) {
        dt_bench_close_saves(&self->subjects[i]);
        dt_ceiling_destroy(self->subjects[i].ceiling);
        dt_free(self->subjects[i].initial);
        dt_run_close(self->subjects[i].run);
    }
    dt_free(self->all_seconds);
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
        self->all_seconds = dt_calloc((size_t)dt_comm_size(comm), sizeof *self->all_seconds, error);
    }
    bool got = self && self->all_seconds;
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
