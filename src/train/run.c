#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "host_load.h"
#include "train/need.h"
#include "train/track.h"

/* Of each rank: 24 MB. */
enum { TIMELINE_SPANS = 1000000 };

/* True when it fell to synthetic digits. */
static bool resolve_data(dt_config *config)
{
    if (strcmp(config->data, "auto") != 0)
        return false;
    const char *named = getenv("DIST_TRAIN_DATA");
    const char *data = "synthetic";
    if (named && *named && strcmp(named, "auto") != 0)
        data = named;
    else if (dt_source_idx_present("data/mnist"))
        data = "data/mnist";
    snprintf(config->data, sizeof config->data, "%s", data);
    return strcmp(data, "synthetic") == 0;
}

dt_status dt_run_settle(dt_comm *comm, const dt_config *asked, dt_config *config, dt_error *error)
{
    dt_status status = DT_OK;
    *config = *asked;
    if (dt_comm_rank(comm) == 0) {
        status = dt_config_resolve(config, error);
        if (!status && resolve_data(config))
            dt_info("no MNIST here: using synthetic digits (for MNIST: scripts/get-mnist.sh)");
    }
    status = dt_comm_agree(comm, status, error);
    if (!status)
        dt_comm_broadcast(comm, config, sizeof *config);
    return status;
}

static dt_status open_source(dt_run *run, dt_error *error)
{
    const dt_config *config = &run->config;
    dt_status status;
    if (strcmp(config->data, "synthetic") == 0)
        status = dt_source_open_synthetic((uint64_t)config->synthetic_seed, &run->source, error);
    else
        status = dt_source_open_idx(config->data, config->classes, &run->source, error);
    if (status)
        return status;
    if (run->source->classes != config->classes)
        return dt_fail(error, DT_ERR_CONFIG, "classes: the %s have %d classes, found %d",
                       run->source->name, run->source->classes, config->classes);
    return DT_OK;
}

static dt_dataset_spec dataset_spec(const dt_config *config)
{
    return (dt_dataset_spec){.split = (dt_split)config->split,
                             .val_fraction = config->val_fraction,
                             .train_limit = config->train_limit,
                             .test_limit = config->test_limit,
                             .seed = (uint64_t)config->seed};
}

/* What is to be built, and with what. */
typedef struct build {
    const dt_network_spec *model; /* NULL: the one that the settings mean */
    dt_subset_kind only;          /* the subset that is evaluated; DT_SUBSETS: a training, of all */
    uint64_t freed;
} build;

/* Not collective. */
static dt_status find_need(dt_run *run, const build *what, dt_error *error)
{
    int64_t counts[DT_SUBSETS];
    dt_dataset_spec dataset = dataset_spec(&run->config);
    dt_network_spec model;
    dt_status status = dt_dataset_count(run->source, &dataset, counts, error);
    if (status)
        return status;
    if (what->model) {
        dt_need_of_evaluation(run, what->model, counts, what->only, &run->need);
        return DT_OK;
    }
    status = dt_model_specify(&run->config, run->source->shape, &model, error);
    return status ? status : dt_need_of_training(run, &model, counts, &run->need, error);
}

/* Collective. */
static dt_status check_room(dt_run *run, const build *what, dt_error *error)
{
    dt_status status = dt_comm_agree(run->comm, find_need(run, what, error), error);
    if (status)
        return status;
    dt_need need = run->need;
    need.network -= what->freed < need.network ? what->freed : need.network;
    return dt_room_check(run->comm, &need, error);
}

static dt_status create_dataset(dt_run *run, const build *what, dt_error *error)
{
    dt_dataset_spec spec = dataset_spec(&run->config);
    dt_status status = dt_dataset_create(run->source, &spec, &run->dataset, error);
    if (!status && what->only != DT_SUBSETS)
        dt_dataset_keep_only(run->dataset, what->only);
    return status;
}

/* Hosts may have files of their own: they must be the same for what follows to fit together.
 * Collective; the ranks may differ in the status. */
static dt_status check_same_data(const dt_run *run, dt_error *error)
{
    const dt_source *source = run->source;
    const int64_t own[] = {source->count[DT_TRAIN], source->count[DT_TEST], source->shape.height,
                           source->shape.width,     source->shape.channels, source->sequential};
    int64_t first[sizeof own / sizeof *own];
    memcpy(first, own, sizeof own);
    dt_comm_broadcast(run->comm, first, sizeof first);
    if (memcmp(own, first, sizeof own) == 0)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "%s on %s: expected what rank 0 has, %lld + %lld samples of %lld x %lld, %s; "
                   "found %lld + %lld of %lld x %lld, %s",
                   source->name, dt_comm_host(run->comm), (long long)first[0], (long long)first[1],
                   (long long)first[2], (long long)first[3], first[5] ? "packed" : "not packed",
                   (long long)own[0], (long long)own[1], (long long)own[2], (long long)own[3],
                   own[5] ? "packed" : "not packed");
}

/* Training samples are held where they are played, if all ranks play: --shuffle shard moves nothing
 * then. */
static int count_shards(const dt_run *run)
{
    int64_t ranks = dt_comm_size(run->comm), virtual_ranks = run->config.virtual_ranks;
    return (int)(virtual_ranks < ranks ? ranks : virtual_ranks);
}

dt_range dt_run_held(const dt_run *run, dt_subset_kind kind, int64_t count, bool trains)
{
    if (kind != DT_SUBSET_TRAIN || !trains)
        return dt_partition_parts(count, DT_EVALUATION_PARTS, run->own_parts);
    dt_range own =
        dt_partition(count_shards(run), dt_comm_size(run->comm), dt_comm_rank(run->comm));
    return dt_partition_parts(count, count_shards(run), own);
}

/* Makes room for the training samples where the ranks of a host can all see them. Collective. */
static dt_status build_exchange(dt_run *run, dt_error *error)
{
    dt_subset *train = &run->dataset->subsets[DT_SUBSET_TRAIN];
    dt_status status =
        dt_exchange_create(run->comm, train->count, count_shards(run),
                           (size_t)dt_shape_size(run->source->shape), &run->exchange, error);
    uint8_t *images, *labels;
    if (status)
        return status;
    dt_exchange_own(run->exchange, &images, &labels);
    dt_subset_place(train, images, labels);
    return DT_OK;
}

/* Collective; the ranks may differ in the status. */
static dt_status load_data(dt_run *run, dt_error *error)
{
    size_t image_size = (size_t)dt_shape_size(run->source->shape);
    dt_status status = dt_dataset_hold(run->dataset, image_size, error);
    status = dt_comm_agree(run->comm, status, error);
    if (!status)
        status = run->source->sequential ? dt_host_load(run->comm, run->source, run->dataset, error)
                                         : dt_dataset_load(run->dataset, run->source, error);
    if (!status)
        run->fingerprint = dt_dataset_fingerprint(run->dataset, image_size);
    return status;
}

/* Collective; all ranks have read their data. */
static dt_status add_fingerprints(dt_run *run, dt_error *error)
{
    int ranks = dt_comm_size(run->comm);
    uint64_t *all = dt_calloc((size_t)ranks, sizeof *all, error);
    dt_status status = dt_comm_agree(run->comm, all ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        dt_comm_all_gather(run->comm, &run->fingerprint, sizeof *all, all);
        run->fingerprint = 0;
        for (int r = 0; r < ranks; r++)
            run->fingerprint += all[r];
    }
    dt_free(all);
    return status;
}

static dt_status build_network(dt_run *run, const dt_network_spec *spec, dt_error *error)
{
    dt_status status = dt_network_create(spec, &run->network, error);
    if (status)
        return status;
    run->parameter_count = dt_network_parameter_count(run->network);
    run->parameters = dt_network_new_parameters(run->network, error);
    if (!run->parameters)
        return error->status;
    return DT_OK;
}

/* Every rank could draw them, but not every host's libm has the same last bits. Collective. */
static void initialise(dt_run *run)
{
    dt_network_initialise(run->network, (dt_init)run->config.init, (uint64_t)run->config.seed,
                          run->parameters);
    dt_comm_broadcast(run->comm, run->parameters, run->parameter_count * sizeof(float));
    dt_network_set_parameters(run->network, run->parameters);
}

static dt_status build_optimizer(dt_run *run, dt_error *error)
{
    const dt_config *config = &run->config;
    dt_optimizer_spec spec = {
        .kind = (dt_optimizer_kind)config->optimizer,
        .momentum = config->momentum,
        .alpha = config->alpha,
        .beta1 = config->beta1,
        .beta2 = config->beta2,
        .epsilon = config->epsilon,
        .weight_decay = config->weight_decay,
        .clip_norm = config->clip_norm,
    };
    return dt_optimizer_create(&spec, run->parameter_count, &run->optimizer, error);
}

static dt_status build_plan(dt_run *run, dt_error *error)
{
    const dt_config *config = &run->config;
    run->plan.shuffle = (dt_shuffle)config->shuffle;
    run->plan.seed = (uint64_t)config->seed;
    run->plan.batch_size = config->batch_size;
    run->plan.virtual_ranks = (int)config->virtual_ranks;
    dt_status status =
        dt_plan_create(&run->plan, run->dataset->subsets[DT_SUBSET_TRAIN].count, error);
    if (status)
        return status;
    int64_t steps = dt_plan_steps(&run->plan);
    if (__builtin_mul_overflow(steps, config->epochs, &run->total_steps))
        return dt_fail(error, DT_ERR_CONFIG, "epochs: %lld epochs of %lld steps are too many",
                       (long long)config->epochs, (long long)steps);
    if (config->max_steps >= 0 && config->max_steps < run->total_steps)
        run->total_steps = config->max_steps;
    run->schedule = (dt_schedule){.kind = (dt_schedule_kind)config->schedule,
                                  .lr = config->lr,
                                  .lr_min = config->lr_min,
                                  .gamma = config->gamma,
                                  .step_epochs = config->step_epochs,
                                  .warmup_epochs = config->warmup_epochs,
                                  .steps_an_epoch = steps,
                                  .total_steps = steps * config->epochs};
    return DT_OK;
}

static dt_status allocate_scratch(dt_run *run, dt_error *error)
{
    size_t own = (size_t)run->own_virtual_ranks.count;
    size_t spans = strcmp(run->config.timeline, "none") != 0 ? TIMELINE_SPANS : 0;
    if (dt_trace_create(&run->trace, spans, error))
        return error->status;
    run->segments = dt_calloc(own, sizeof *run->segments, error);
    run->losses = run->segments ? dt_calloc(own, sizeof *run->losses, error) : NULL;
    return run->losses ? DT_OK : error->status;
}

/* What moves results between ranks. Collective. */
static dt_status build_motion(dt_run *run, dt_error *error)
{
    int virtual_ranks = (int)run->config.virtual_ranks;
    dt_status status =
        dt_reduce_create(run->comm, (dt_allreduce)run->config.allreduce, virtual_ranks,
                         run->parameter_count + DT_STEP_TOTALS, 0, &run->reduce, error);
    if (!status && run->config.track_samples)
        status = dt_track_create(run->comm, &run->plan, run->own_virtual_ranks, &run->track, error);
    return status;
}

static void settle_virtual_ranks(dt_run *run)
{
    int ranks = dt_comm_size(run->comm), rank = dt_comm_rank(run->comm);
    if (run->config.virtual_ranks == 0)
        run->config.virtual_ranks = ranks;
    run->own_virtual_ranks = dt_partition(run->config.virtual_ranks, ranks, rank);
    run->own_parts = dt_partition(DT_EVALUATION_PARTS, ranks, rank);
}

static void warn_of_surplus(dt_comm *comm, const dt_config *config)
{
    int ranks = dt_comm_size(comm);
    long long virtual_ranks = config->virtual_ranks, surplus = ranks - virtual_ranks;
    if (virtual_ranks > 0 && surplus > 0)
        dt_warn("%lld of the %d ranks only evaluate%s and wait%s: each batch is cut among %lld "
                "virtual rank%s; --virtual-ranks %d gives every rank a share, and is another "
                "trajectory",
                surplus, ranks, surplus == 1 ? "s" : "", surplus == 1 ? "s" : "", virtual_ranks,
                virtual_ranks == 1 ? "" : "s", ranks);
}

static void share_data(dt_run *run, bool trains)
{
    for (dt_subset_kind kind = 0; kind < DT_SUBSETS; kind++) {
        dt_subset *subset = &run->dataset->subsets[kind];
        subset->held = dt_run_held(run, kind, subset->count, trains);
    }
}

/* A run that has its data (of a training, in the exchange where it can be), and nothing else. The
 * caller owns *out, also after an error. Collective. */
static dt_status begin_run(dt_comm *comm, const dt_config *config, const build *what, dt_run **out,
                           dt_error *error)
{
    bool trains = what->only == DT_SUBSETS;
    dt_run *run = *out = dt_calloc(1, sizeof *run, error);
    dt_status status = dt_comm_agree(comm, run ? DT_OK : DT_ERR_INTERNAL, error);
    if (status)
        return status;
    run->comm = comm;
    run->config = *config;
    settle_virtual_ranks(run);
    status = dt_comm_agree(comm, open_source(run, error), error);
    if (!status)
        status = dt_comm_agree(comm, check_same_data(run, error), error);
    if (!status)
        status = check_room(run, what, error);
    if (!status)
        status = dt_comm_agree(comm, create_dataset(run, what, error), error);
    if (!status)
        share_data(run, trains);
    if (!status && trains)
        status = build_exchange(run, error);
    if (!status)
        status = dt_comm_agree(comm, load_data(run, error), error);
    if (!status && trains)
        dt_exchange_publish(run->exchange);
    if (!status)
        status = add_fingerprints(run, error);
    return status;
}

dt_status dt_run_open(dt_comm *comm, const dt_config *config, uint64_t freed, dt_run **out,
                      dt_error *error)
{
    const build what = {.only = DT_SUBSETS, .freed = freed};
    dt_run *run;
    warn_of_surplus(comm, config);
    dt_status status = begin_run(comm, config, &what, &run, error);
    if (!status) {
        dt_network_spec spec;
        status = dt_model_specify(config, run->source->shape, &spec, error);
        if (!status)
            status = build_network(run, &spec, error);
        if (!status)
            status = build_optimizer(run, error);
        if (!status)
            status = build_plan(run, error);
        if (!status)
            status = allocate_scratch(run, error);
        status = dt_comm_agree(comm, status, error);
        if (!status)
            status = build_motion(run, error);
        if (!status) {
            initialise(run);
            dt_comm_barrier(comm); /* one time zero */
            dt_trace_start(&run->trace);
        }
    }
    if (status) {
        dt_run_close(run);
        return status;
    }
    *out = run;
    return DT_OK;
}

static dt_status check_shape(const dt_run *run, dt_shape expected, dt_error *error)
{
    dt_shape found = run->source->shape;
    if (memcmp(&expected, &found, sizeof found) == 0)
        return DT_OK;
    return dt_fail(error, DT_ERR_CONFIG,
                   "%s: expected images of %d x %d x %d, as the network takes them, found "
                   "%d x %d x %d",
                   run->source->name, expected.height, expected.width, expected.channels,
                   found.height, found.width, found.channels);
}

dt_status dt_run_open_model(dt_comm *comm, const dt_config *config, const dt_network_spec *spec,
                            const float *parameters, dt_subset_kind kind, dt_run **out,
                            dt_error *error)
{
    dt_config fixed = *config;
    fixed.virtual_ranks = 0; /* nobody trains */
    fixed.report = true;     /* the outputs are kept */
    const build what = {.model = spec, .only = kind};
    dt_run *run;
    dt_status status = begin_run(comm, &fixed, &what, &run, error);
    if (!status) {
        status = check_shape(run, spec->architecture.input, error);
        if (!status)
            status = build_network(run, spec, error);
        status = dt_comm_agree(comm, status, error);
    }
    if (status) {
        dt_run_close(run);
        return status;
    }
    size_t size = run->parameter_count * sizeof(float);
    if (dt_comm_rank(comm) == 0)
        memcpy(run->parameters, parameters, size);
    dt_comm_broadcast(comm, run->parameters, size);
    dt_network_set_parameters(run->network, run->parameters);
    *out = run;
    return DT_OK;
}

void dt_run_close(dt_run *run)
{
    if (!run)
        return;
    dt_watchdog_stop(run->watchdog);
    dt_track_destroy(run->track);
    dt_reduce_destroy(run->reduce);
    dt_plan_destroy(&run->plan);
    dt_optimizer_destroy(run->optimizer);
    dt_trace_destroy(&run->trace);
    for (int kind = 0; kind < DT_SUBSETS; kind++)
        dt_free(run->outputs[kind]);
    dt_free(run->segments);
    dt_free(run->losses);
    dt_free(run->parameters);
    dt_network_destroy(run->network);
    dt_dataset_destroy(run->dataset);
    dt_exchange_destroy(run->exchange);
    dt_source_close(run->source);
    dt_free(run);
}
