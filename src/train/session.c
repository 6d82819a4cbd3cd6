#include "train/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "nn/matmul.h"
#include "session_data.h"
#include "sources/session_source.h"
#include "train/factored.h"
#include "train/resume.h"
#include "train/track.h"

/* Of each rank: 24 MB. */
enum { TIMELINE_SPANS = 1000000 };

/* Whether there is anything at all: a part of a data set is not passed over. */
static bool holds_something(const char *path)
{
    DIR *list = dt_directory_list(AT_FDCWD, path, DT_LINKS_FOLLOWED);
    if (!list)
        return errno != ENOENT;
    bool any = dt_directory_next(list) != NULL;
    closedir(list);
    return any;
}

/* *synthetic: it fell to synthetic digits. */
static dt_status resolve_data(dt_config *config, bool *synthetic, dt_error *error)
{
    *synthetic = false;
    if (strcmp(config->data, "auto") != 0)
        return DT_OK;
    const char *named = getenv("DIST_TRAIN_DATA");
    const char *data = "synthetic";
    if (named && *named && strcmp(named, "auto") != 0)
        data = named;
    else if (holds_something("data/mnist"))
        data = "data/mnist";
    else if (session_source_is("data"))
        data = "data";
    *synthetic = strcmp(data, "synthetic") == 0;
    dt_config named_here = *config;
    if (dt_config_set(&named_here, dt_setting_find("data"), data, error))
        return dt_fail_in(error, "environment DIST_TRAIN_DATA");
    memcpy(config->data, named_here.data, sizeof config->data);
    return DT_OK;
}

dt_status dt_session_settle(dt_comm *comm, const dt_config *asked, dt_config *config,
                            dt_error *error)
{
    dt_status status = DT_OK;
    *config = *asked;
    if (dt_comm_rank(comm) == 0) {
        bool synthetic = false;
        status = dt_config_resolve(config, error);
        if (!status)
            status = resolve_data(config, &synthetic, error);
        if (synthetic)
            dt_info("no MNIST here: using synthetic digits (for MNIST: scripts/get-mnist.sh)");
    }
    status = dt_comm_agree(comm, status, error);
    if (!status)
        dt_comm_broadcast(comm, config, sizeof *config);
    return status;
}

static dt_status build_network(dt_session *run, const dt_network_spec *spec, dt_error *error)
{
    dt_status status = dt_network_create(spec, &run->network, error);
    if (status)
        return status;
    run->parameter_count = dt_network_parameter_count(run->network);
    return DT_OK;
}

/* Collective. */
static dt_status share_parameters(dt_session *run, const dt_range *slice, dt_error *error)
{
    dt_status status = dt_replica_create(run->comm, run->parameter_count, DT_MATMUL_PAD, slice,
                                         &run->replica, error);
    if (status)
        return status;
    run->model = run->parameters = dt_replica_values(run->replica);
    dt_network_set_parameters(run->network, run->parameters);
    return DT_OK;
}

/* Collective. */
static dt_status build_average(dt_session *run, dt_error *error)
{
    if (run->config.ema == 0)
        return DT_OK;
    dt_status status = dt_replica_create(run->comm, run->parameter_count, DT_MATMUL_PAD,
                                         &run->slice, &run->average, error);
    if (!status)
        run->model = dt_replica_values(run->average);
    return status;
}

/* Rank 0 draws the parameters for all. Collective. */
static void initialise(dt_session *run)
{
    if (dt_comm_rank(run->comm) == 0)
        dt_network_initialise(run->network, (dt_init)run->config.init, (uint64_t)run->config.seed,
                              run->parameters);
    dt_replica_spread(run->replica);
    dt_session_begin_average(run);
}

/* Collective. */
static dt_status build_optimizer(dt_session *run, dt_error *error)
{
    const dt_config *config = &run->config;
    dt_optimizer_spec spec = {
        .kind = config->optimizer,
        .momentum = config->momentum,
        .trust = config->trust,
        .alpha = config->alpha,
        .beta1 = config->beta1,
        .beta2 = config->beta2,
        .epsilon = config->epsilon,
        .weight_decay = config->weight_decay,
        .decay_all = config->decay_all,
        .clip_norm = config->clip_norm,
        .clip_value = config->clip_value,
    };
    dt_optimizer_part part = {.first = (size_t)run->slice.first, .count = (size_t)run->slice.count};
    part.tensors = dt_network_tensors(run->network, &part.tensor_count);
    dt_status status = dt_optimizer_create(&spec, &part, &run->optimizer, error);
    status = dt_comm_agree(run->comm, status, error);
    if (status || dt_optimizer_notes(run->optimizer) == 0)
        return status;
    bool first = dt_comm_host_rank(run->comm) == 0;
    size_t size = first ? dt_optimizer_notes(run->optimizer) * sizeof(double) : 0;
    return dt_comm_agree(run->comm, dt_shared_create(run->comm, size, &run->notes, error), error);
}

static dt_status build_plan(dt_session *run, dt_error *error)
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
                                  .lr = dt_config_peak_lr(config),
                                  .lr_min = config->lr_min,
                                  .gamma = config->gamma,
                                  .power = config->power,
                                  .pct_start = config->pct_start,
                                  .div_factor = config->div_factor,
                                  .final_div_factor = config->final_div_factor,
                                  .anneal = (dt_anneal)config->anneal,
                                  .cycle_momentum = config->cycle_momentum,
                                  .base_momentum = config->base_momentum,
                                  .max_momentum = config->max_momentum,
                                  .plateau_patience = config->plateau_patience,
                                  .plateau_threshold = config->plateau_threshold,
                                  .step_epochs = config->step_epochs,
                                  .warmup_epochs = config->warmup_epochs,
                                  .steps_an_epoch = steps,
                                  .total_steps = steps * config->epochs};
    return DT_OK;
}

static dt_status build_augmented(dt_session *run, dt_error *error)
{
    int most = dt_network_measure(dt_network_spec_of(run->network)).tile_samples;
    return dt_augmented_create(&run->config.augment, run->source->shape, run->plan.seed, most,
                               &run->augmented, error);
}

static dt_status allocate_scratch(dt_session *run, dt_error *error)
{
    size_t own = (size_t)run->own_virtual_ranks.count;
    size_t spans = strcmp(run->config.timeline, "none") != 0 ? TIMELINE_SPANS : 0;
    if (dt_trace_create(&run->trace, spans, error))
        return error->status;
    if (dt_augment_is_some(&run->config.augment) && build_augmented(run, error))
        return error->status;
    run->segments = dt_calloc(own, sizeof *run->segments, error);
    run->losses = run->segments ? dt_calloc(own, sizeof *run->losses, error) : NULL;
    return run->losses ? DT_OK : error->status;
}

/* What moves results between ranks. Collective. */
static dt_status build_motion(dt_session *run, dt_error *error)
{
    int virtual_ranks = (int)run->config.virtual_ranks;
    dt_status status =
        dt_reduce_create(run->comm, (dt_allreduce)run->config.allreduce, virtual_ranks,
                         run->parameter_count + DT_STEP_TOTALS, 0, &run->reduce, error);
    if (!status)
        status = dt_factored_create(run, &run->factored, error);
    if (!status && run->config.track_samples)
        status = dt_track_create(run->comm, &run->plan, run->own_virtual_ranks, &run->track, error);
    if (status)
        return status;
    int64_t count = (int64_t)run->parameter_count;
    dt_range slice = dt_reduce_slice(run->reduce); /* also of what stands behind the parameters */
    int64_t end = slice.first + slice.count;
    run->slice.first = slice.first < count ? slice.first : count;
    run->slice.count = (end < count ? end : count) - run->slice.first;
    status = share_parameters(run, &run->slice, error);
    return status ? status : build_average(run, error);
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

/* lr is scaled before the data are known, and then for good: batch_size may be of another run of
 * more samples. */
static void warn_of_scaling(const dt_session *run)
{
    long long batch = run->config.batch_size,
              largest = dt_plan_largest_batch(run->plan.samples, batch);
    if (run->config.lr_scaling != DT_LR_AS_IT_IS && largest < batch)
        dt_warn("lr_scaling: lr is scaled for batch_size = %lld, but a batch has the %lld training "
                "samples that there are; --batch-size %lld scales it for these",
                batch, largest, largest);
}

dt_status dt_session_open(dt_comm *comm, const dt_config *config, const dt_resume *from,
                          dt_session **out, dt_error *error)
{
    session_build what = {.only = DT_SUBSETS};
    if (from && from->file[0]) {
        what.goes_on = true;
        what.freed = dt_resume_bytes(from);
        what.class_names = from->checkpoint.data.class_names;
    }
    dt_session *run;
    warn_of_surplus(comm, config);
    dt_status status = session_begin(comm, config, &what, &run, error);
    if (!status) {
        dt_network_spec spec;
        status = session_specify(run, &spec, error);
        if (!status)
            status = build_network(run, &spec, error);
        if (!status)
            status = build_plan(run, error);
        if (!status)
            status = allocate_scratch(run, error);
        status = dt_comm_agree(comm, status, error);
        if (!status)
            status = build_motion(run, error);
        if (!status)
            status = build_optimizer(run, error);
        if (!status) {
            initialise(run);
            if (!what.goes_on)
                warn_of_scaling(run);
            dt_trace_start(&run->trace, dt_comm_moment(comm));
        }
    }
    if (status) {
        dt_session_close(run);
        return status;
    }
    *out = run;
    return DT_OK;
}

static dt_status check_shape(const dt_session *run, dt_shape expected, dt_error *error)
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

dt_status dt_session_take_model(dt_session *run, const dt_model *model, dt_error *error)
{
    dt_replica_destroy(run->replica);
    dt_network_destroy(run->network);
    run->replica = NULL;
    run->network = NULL;
    dt_status status = dt_comm_agree(run->comm, build_network(run, &model->spec, error), error);
    if (!status)
        status = share_parameters(run, NULL, error);
    if (status)
        return status;
    if (dt_comm_rank(run->comm) == 0)
        memcpy(run->parameters, model->file.parameters, run->parameter_count * sizeof(float));
    dt_replica_spread(run->replica);
    return DT_OK;
}

dt_status dt_session_open_model(dt_comm *comm, const dt_config *config, const dt_model *model,
                                dt_subset_kind kind, dt_session **out, dt_error *error)
{
    const dt_network_spec *spec = &model->spec;
    dt_config fixed = *config;
    fixed.virtual_ranks = 0; /* nobody trains */
    fixed.report = true;     /* the outputs are kept */
    const session_build what = {
        .model = spec, .only = kind, .class_names = model->file.facts.class_names};
    dt_session *run;
    dt_status status = session_begin(comm, &fixed, &what, &run, error);
    if (!status) {
        status = dt_comm_agree(comm, check_shape(run, spec->architecture.input, error), error);
        if (!status)
            status = dt_session_take_model(run, model, error);
    }
    if (status) {
        dt_session_close(run);
        return status;
    }
    *out = run;
    return DT_OK;
}

void dt_session_begin_average(dt_session *run)
{
    if (run->average)
        memcpy(dt_replica_slice(run->average), dt_replica_slice(run->replica),
               (size_t)run->slice.count * sizeof(float));
}

void dt_session_gather(dt_session *run, dt_optimizer_state whole)
{
    dt_optimizer_state own = dt_optimizer_get_state(run->optimizer);
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        if (own.arrays[i])
            dt_replica_gather(run->replica, own.arrays[i], whole.arrays[i]);
}

void dt_session_close(dt_session *run)
{
    if (!run)
        return;
    dt_watchdog_stop(run->watchdog);
    dt_track_destroy(run->track);
    dt_augmented_destroy(run->augmented);
    dt_factored_destroy(run->factored);
    dt_reduce_destroy(run->reduce);
    dt_plan_destroy(&run->plan);
    dt_shared_destroy(run->notes);
    dt_optimizer_destroy(run->optimizer);
    dt_trace_destroy(&run->trace);
    for (int kind = 0; kind < DT_SUBSETS; kind++)
        dt_free(run->outputs[kind]);
    dt_free(run->segments);
    dt_free(run->losses);
    dt_replica_destroy(run->average);
    dt_replica_destroy(run->replica);
    dt_network_destroy(run->network);
    dt_dataset_destroy(run->dataset);
    dt_exchange_destroy(run->exchange);
    dt_source_close(run->source);
    dt_free(run);
}
