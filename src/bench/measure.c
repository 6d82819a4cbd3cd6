#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "train/evaluate.h"
#include "train/feed.h"
#include "train/step.h"

static void reset_parameters(const bench_subject *of)
{
    dt_session *run = of->run;
    if (dt_comm_rank(run->comm) == 0)
        memcpy(run->parameters, of->initial, run->parameter_count * sizeof(float));
    dt_replica_spread(run->replica);
}

static dt_status open_feed(const bench_subject *of, int64_t batch, dt_feed **out, dt_error *error)
{
    dt_session *run = of->run;
    run->plan.batch_size = batch;
    dt_status status = dt_feed_create(&run->plan, run->exchange, run->own_virtual_ranks,
                                      dt_comm_size(run->comm), out, error);
    status = dt_comm_agree(run->comm, status, error);
    dt_comm_barrier(run->comm);
    return status;
}

dt_status measure_training(bench_case *it, int64_t times, dt_error *error)
{
    dt_session *run = it->of->run;
    dt_feed *feed = NULL;
    reset_parameters(it->of);
    dt_status status = open_feed(it->of, it->batch, &feed, error);
    it->amount = 0;
    double begin = dt_clock();
    dt_plan_start_epoch(&run->plan, 0);
    double order = dt_clock() - begin;
    if (!status)
        status = dt_feed_start_epoch(feed, 0, error);
    for (dt_state at = {0}; !status && at.step < times; at.step++) {
        dt_step_result result;
        status = dt_step(run, feed, &at, (dt_request){0}, &result, error);
        it->amount += status ? 0 : (double)result.samples;
    }
    double share = it->amount / (double)run->plan.samples;
    it->seconds = dt_clock() - begin - (1 - share) * order;
    dt_feed_destroy(feed);
    return status;
}

dt_status measure_shuffle(bench_case *it, int64_t times, dt_error *error)
{
    dt_session *run = it->of->run;
    dt_feed *feed = NULL;
    dt_status status = open_feed(it->of, it->batch, &feed, error);
    double begin = dt_clock();
    for (int64_t epoch = 0; !status && epoch < times; epoch++) {
        dt_plan_start_epoch(&run->plan, (uint32_t)epoch);
        status = dt_feed_start_epoch(feed, 0, error);
        for (int64_t step = 0; !status && step < dt_plan_steps(&run->plan); step++) {
            dt_play play;
            status = dt_feed_step(feed, &play, error);
        }
    }
    it->seconds = dt_clock() - begin;
    dt_feed_destroy(feed);
    return status;
}

/* Samples of the order of epoch 0, for whoever needs some; the order goes round. */
typedef struct samples {
    dt_delivery delivery;
    int32_t *wanted;
} samples;

static void free_samples(samples *self)
{
    dt_free(self->wanted);
    dt_free(self->delivery.images);
    dt_free(self->delivery.labels);
}

static dt_status choose_samples(dt_session *run, int64_t count, samples *out, dt_error *error)
{
    *out = (samples){.delivery = {.count = count}};
    size_t size = (size_t)count;
    bool got = (out->wanted = dt_calloc(size, sizeof *out->wanted, error)) &&
               (out->delivery.images = dt_calloc(size, sizeof *out->delivery.images, error)) &&
               (out->delivery.labels = dt_calloc(size, 1, error));
    dt_status status = dt_comm_agree(run->comm, got ? DT_OK : DT_ERR_INTERNAL, error);
    if (status)
        return status;
    dt_plan_start_epoch(&run->plan, 0);
    int64_t first = dt_comm_rank(run->comm) * count;
    for (int64_t i = 0; i < count; i++)
        out->wanted[i] = run->plan.order[(first + i) % run->plan.samples];
    out->delivery.wanted = out->wanted;
    return DT_OK;
}

dt_status measure_window(bench_case *it, int64_t times, dt_error *error)
{
    dt_session *run = it->of->run;
    samples chosen;
    dt_status status = choose_samples(run, DT_FEED_WINDOW, &chosen, error);
    dt_comm_barrier(run->comm);
    double begin = dt_clock();
    for (int64_t i = 0; !status && i < times; i++) {
        status = dt_exchange_begin(run->exchange, 0, &chosen.delivery, error);
        dt_exchange_end(run->exchange, 0);
    }
    it->seconds = dt_clock() - begin;
    free_samples(&chosen);
    return status;
}

dt_status measure_ceiling(bench_case *it, int64_t times, dt_error *error)
{
    (void)error;
    const dt_session *run = it->of->run;
    dt_range own = dt_partition_parts(it->batch, run->plan.virtual_ranks, run->own_virtual_ranks);
    ceiling_prepare(it->of->ceiling, own.count, it->measure == DT_BENCH_SPARSE_CEILING);
    dt_comm_barrier(run->comm);
    double begin = dt_clock();
    for (int64_t i = 0; i < times; i++)
        ceiling_step(it->of->ceiling);
    it->seconds = dt_clock() - begin;
    it->amount = (double)(times * it->batch);
    return DT_OK;
}

dt_status measure_reduce(bench_case *it, int64_t times, dt_error *error)
{
    (void)error;
    dt_session *run = it->of->run;
    dt_reduce *reduce = it->of->reduces[it->measure == DT_BENCH_REDUCE_MPI];
    for (int64_t i = 0; i < times; i++) {
        memset(dt_reduce_sums(reduce)[0], 0, run->parameter_count * sizeof(float));
        dt_comm_barrier(run->comm);
        double begin = dt_clock();
        dt_range slice = dt_reduce_slice(reduce);
        if (!dt_reduce_finish(reduce, &run->trace).whole)
            dt_reduce_add(reduce, (size_t)slice.first, (size_t)slice.count);
        dt_replica_publish(run->replica, 0, (size_t)run->slice.count);
        dt_reduce_release(reduce, &run->trace);
        dt_replica_refresh(run->replica);
        it->seconds += dt_clock() - begin;
    }
    return DT_OK;
}

dt_status measure_meeting(bench_case *it, int64_t times, dt_error *error)
{
    (void)error;
    dt_session *run = it->of->run;
    double begin = dt_clock();
    for (int64_t i = 0; i < times; i++)
        dt_reduce_meet(it->of->reduces[0], true, &run->trace);
    it->seconds = dt_clock() - begin;
    return DT_OK;
}

dt_status measure_evaluation(bench_case *it, int64_t times, dt_error *error)
{
    dt_session *run = it->of->run;
    dt_status status = DT_OK;
    reset_parameters(it->of);
    dt_comm_barrier(run->comm);
    double begin = dt_clock();
    for (int64_t i = 0; !status && i < times; i++) {
        dt_evaluation evaluation;
        status = dt_evaluate(run, DT_SUBSET_TEST, &evaluation, error);
    }
    it->seconds = dt_clock() - begin;
    return status;
}

dt_status take_first_step(const bench_subject *of, int64_t batch, dt_error *error)
{
    bench_case first = {.of = of, .batch = batch};
    return measure_training(&first, 1, error);
}

dt_status make_ceiling(bench_subject *of, dt_error *error)
{
    dt_session *run = of->run;
    samples chosen;
    dt_status status = choose_samples(run, CEILING_IMAGES, &chosen, error);
    if (!status) {
        status = dt_exchange_begin(run->exchange, 0, &chosen.delivery, error);
        dt_exchange_end(run->exchange, 0);
    }
    if (!status) {
        status = ceiling_create(run->network, chosen.delivery.images, &of->ceiling, error);
        status = dt_comm_agree(run->comm, status, error);
    }
    free_samples(&chosen);
    return status;
}

double process_age(void)
{
    char text[1024];
    dt_read_start("/proc/self/stat", text, sizeof text);
    /* Behind the name in parentheses: fields 3, 4, ...; the start is field 22, in clock ticks. */
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    struct timespec now;
    if (!at || clock_gettime(CLOCK_BOOTTIME, &now))
        return (double)NAN;
    double start = strtod(at, NULL) / (double)sysconf(_SC_CLK_TCK);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - start;
}
