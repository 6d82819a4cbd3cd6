#include "train/need.h"

#include <sys/stat.h>

#include "nn/matmul.h"
#include "train/factored.h"
#include "train/feed.h"

/* One array of them. */
static uint64_t parameter_bytes(const dt_network_size *size)
{
    return (size->parameters + DT_MATMUL_PAD) * sizeof(float);
}

/* An image and its label. */
static uint64_t sample_bytes(const dt_session *run)
{
    return (uint64_t)dt_shape_size(run->source->shape) + 1;
}

/* Members of all subsets, and of the pool from which they are chosen; a piece that is read. */
static uint64_t dataset_bytes(const dt_session *run, const int64_t counts[DT_SUBSETS])
{
    uint64_t samples = 0;
    for (int i = 0; i < DT_SUBSETS; i++)
        samples += (uint64_t)counts[i];
    return 2 * samples * sizeof(int32_t) +
           (uint64_t)dt_dataset_piece(sample_bytes(run) - 1) * sample_bytes(run);
}

/* Evaluation: pointers to the images; and the outputs, if they are to be kept. */
static uint64_t evaluation_bytes(const dt_session *run, uint64_t samples)
{
    uint64_t outputs = run->config.report ? (uint64_t)run->source->classes * sizeof(float) : 0;
    return samples * (sizeof(uint8_t *) + outputs);
}

/* The order of an epoch, and two windows of it. */
static uint64_t feed_bytes(const dt_session *run, int64_t samples)
{
    int64_t batch = dt_plan_largest_batch(samples, run->config.batch_size);
    uint64_t window = (uint64_t)(batch / dt_comm_size(run->comm)) + DT_FEED_WINDOW;
    return (uint64_t)samples * sizeof(int32_t) +
           2 * window * (sizeof(int32_t) + sizeof(uint8_t *) + 1);
}

static uint64_t augment_bytes(const dt_session *run, const dt_network_size *size)
{
    return dt_augment_is_some(&run->config.augment)
               ? dt_augmented_bytes(&run->config.augment, run->source->shape, size->tile_samples)
               : 0;
}

/* What is learned of each sample (train/track.h): on every rank of those it plays; on rank 0 the
 * sums of all, another rank's, and while it saves a copy and the file. */
static uint64_t track_bytes(const dt_session *run, int64_t samples)
{
    const uint64_t a_sample = sizeof(int32_t) + sizeof(dt_tracked);
    if (!run->config.track_samples)
        return 0;
    uint64_t played = (uint64_t)(samples / dt_comm_size(run->comm) + 1);
    bool first = dt_comm_rank(run->comm) == 0;
    return a_sample * (first ? 2 * played + 3 * (uint64_t)samples : played);
}

dt_status dt_need_of_training(const dt_session *run, const dt_network_spec *spec,
                              const int64_t counts[DT_SUBSETS], dt_need *out, dt_error *error)
{
    dt_network_size size = dt_network_measure(spec);
    uint64_t parameters = parameter_bytes(&size), shared_parameters, shared_sums, own_sums;
    uint64_t shared_factors,
        factors = dt_factored_need(run, spec, counts[DT_SUBSET_TRAIN], &shared_factors);
    uint64_t slice = size.parameters / (uint64_t)dt_comm_host_size(run->comm) + DT_SLICE_UNIT;
    uint64_t own_parameters = dt_replica_need(run->comm, size.parameters, DT_MATMUL_PAD,
                                              (int64_t)slice, &shared_parameters);
    uint64_t replicas = run->config.ema > 0 ? 2 : 1; /* of the average too */
    uint64_t state = (uint64_t)dt_optimizer_arrays(run->config.optimizer);
    dt_status status = dt_reduce_need(
        run->comm, (dt_allreduce)run->config.allreduce, (int)run->config.virtual_ranks,
        size.parameters + DT_STEP_TOTALS, &shared_sums, &own_sums, error);
    if (status)
        return status;
    uint64_t notes = dt_comm_host_rank(run->comm) == 0
                         ? dt_optimizer_notes_bytes(run->config.optimizer, size.parameters)
                         : 0;
    shared_parameters *= replicas;
    out->network = replicas * own_parameters + shared_parameters + own_sums + shared_sums +
                   factors + size.bytes + state * slice * sizeof(float) + notes;
    if (dt_comm_rank(run->comm) == 0)
        out->network += 2 * (replicas + state) * parameters;
    if (dt_comm_rank(run->comm) == 0 && counts[DT_SUBSET_VAL] > 0)
        out->network += 2 * parameters;

    uint64_t held[DT_SUBSETS];
    for (dt_subset_kind kind = 0; kind < DT_SUBSETS; kind++)
        held[kind] = (uint64_t)dt_session_held(run, kind, counts[kind], true).count;
    uint64_t train = held[DT_SUBSET_TRAIN] * sample_bytes(run);
    uint64_t others = held[DT_SUBSET_VAL] + held[DT_SUBSET_TEST];
    out->data = train + others * sample_bytes(run) + evaluation_bytes(run, others) +
                dataset_bytes(run, counts) + feed_bytes(run, counts[DT_SUBSET_TRAIN]) +
                augment_bytes(run, &size) + track_bytes(run, counts[DT_SUBSET_TRAIN]);
    out->shared = shared_parameters + shared_sums + shared_factors + notes + train;
    return DT_OK;
}

void dt_need_of_evaluation(const dt_session *run, const dt_network_spec *spec,
                           const int64_t counts[DT_SUBSETS], dt_subset_kind kind, dt_need *out)
{
    dt_network_size size = dt_network_measure(spec);
    uint64_t held = (uint64_t)dt_session_held(run, kind, counts[kind], false).count;
    uint64_t shared, own = dt_replica_need(run->comm, size.parameters, DT_MATMUL_PAD, -1, &shared);
    *out = (dt_need){.network = own + shared + size.bytes,
                     .data = held * sample_bytes(run) + evaluation_bytes(run, held) +
                             dataset_bytes(run, counts),
                     .shared = shared};
}

dt_status dt_need_check_file(const char *path, int times, dt_error *error)
{
    struct stat file;
    if (stat(path, &file) || !S_ISREG(file.st_mode))
        return DT_OK;
    dt_need need = {.network = (uint64_t)file.st_size * (uint64_t)times};
    dt_error found = {0};
    dt_status status = dt_room_check_alone(&need, &found);
    return status ? dt_fail(error, status, "%s: %s", path, found.message) : DT_OK;
}

dt_status dt_need_check_network(const dt_network_spec *spec, dt_error *error)
{
    dt_network_size size = dt_network_measure(spec);
    dt_need need = {.network = parameter_bytes(&size) + size.bytes};
    return dt_room_check_alone(&need, error);
}
