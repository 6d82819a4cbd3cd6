#include "session_data.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/classes.h"
#include "host_load.h"
#include "sources/session_source.h"
#include "sources/source_folder.h"
#include "train/need.h"

/* Of pictures. Collective. */
static dt_status settle_shape(dt_session *run, const session_build *what, dt_error *error)
{
    const dt_shape *network = what->model ? &what->model->architecture.input : NULL;
    if (run->source->shape.height > 0)
        return DT_OK;
    return dt_comm_agree(
        run->comm, source_folder_settle(run->comm, run->source, run->config.size, network, error),
        error);
}

/* The labels of this rank's share of the data. */
static dt_status read_labels(const dt_session *run, dt_label_set *set, dt_error *error)
{
    int ranks = dt_comm_size(run->comm), rank = dt_comm_rank(run->comm);
    dt_status status = DT_OK;
    for (dt_part part = 0; part < DT_PARTS && !status; part++) {
        dt_range own = dt_partition(run->source->count[part], ranks, rank);
        status = dt_label_set_read(set, run->source, part, own.first, own.count, error);
    }
    return status;
}

/* The set becomes that of all ranks. Collective. */
static dt_status unite(dt_comm *comm, dt_label_set *set, dt_error *error)
{
    int ranks = dt_comm_size(comm);
    dt_label_set *all = dt_calloc((size_t)ranks, sizeof *all, error);
    dt_status status = dt_comm_agree(comm, all ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status)
        dt_comm_all_gather(comm, set, sizeof *set, all);
    for (int r = 0; !status && r < ranks; r++)
        for (int i = 0; i < all[r].count; i++)
            dt_label_set_add(set, all[r].labels[i]);
    dt_free(all);
    return status;
}

/* Labels that fit to the layers that were given are numbers of classes, though some have no
 * samples. Collective. */
static dt_status count_classes(dt_session *run, bool goes_on, dt_error *error)
{
    const dt_config *config = &run->config;
    dt_label_set set = {0};
    dt_status status = dt_comm_agree(run->comm, read_labels(run, &set, error), error);
    if (!status)
        status = unite(run->comm, &set, error);
    if (status)
        return status;
    int outputs = dt_config_is_given(config, "layers") ? dt_layers_outputs(&config->layers) : 0;
    if (outputs == 0 || !dt_label_set_within(&set, outputs))
        status = dt_classes_of_labels(run->source, &set, error);
    else {
        dt_classes_of_number(run->source, outputs);
        if (set.count < outputs && dt_comm_rank(run->comm) == 0 && !goes_on)
            dt_warn("layers: %d outputs, but the data have labels of %d classes; if that is meant, "
                    "--classes %d says so",
                    outputs, set.count, outputs);
    }
    return dt_comm_agree(run->comm, status, error);
}

/* The names that rank 0 has; NULL: none. Collective. */
static dt_status share_names(dt_comm *comm, const char *own, char **names, dt_error *error)
{
    size_t size = dt_comm_rank(comm) == 0 && own ? strlen(own) + 1 : 0;
    dt_comm_broadcast(comm, &size, sizeof size);
    *names = size > 1 ? dt_calloc(size, 1, error) : NULL;
    dt_status status = dt_comm_agree(comm, size > 1 && !*names ? DT_ERR_INTERNAL : DT_OK, error);
    if (status || size <= 1)
        return status;
    if (dt_comm_rank(comm) == 0)
        memcpy(*names, own, size);
    dt_comm_broadcast(comm, *names, size);
    return DT_OK;
}

/* Which label is which class: as a network or a checkpoint has it, as the settings say, or as the
 * data have it. Collective. */
static dt_status settle_classes(dt_session *run, const session_build *what, dt_error *error)
{
    dt_config *config = &run->config;
    dt_source *source = run->source;
    char *names;
    dt_status status = share_names(run->comm, what->class_names, &names, error);
    if (status)
        return status;
    if (names || (what->model && source->class_names))
        status = dt_classes_of_names(source, names, names ? dt_class_count(names) : config->classes,
                                     error);
    else if (what->model)
        dt_classes_of_number(source, config->classes);
    else if (config->classes > 0 && source->classes > 0 && config->classes != source->classes)
        status = dt_fail(error, DT_ERR_CONFIG, "classes: the %s have %d classes, found %d",
                         source->name, source->classes, config->classes);
    else if (config->classes > 0 && source->classes == 0)
        dt_classes_of_number(source, config->classes);
    else if (source->classes == 0)
        status = count_classes(run, what->goes_on, error);
    dt_free(names);
    if (!status)
        dt_config_set_outputs(config, source->classes);
    return dt_comm_agree(run->comm, status, error);
}

static dt_dataset_spec dataset_spec(const dt_config *config)
{
    return (dt_dataset_spec){.split = (dt_split)config->split,
                             .val_fraction = config->val_fraction,
                             .train_limit = config->train_limit,
                             .test_limit = config->test_limit,
                             .seed = (uint64_t)dt_config_val_seed(config)};
}

dt_status session_specify(const dt_session *run, dt_network_spec *out, dt_error *error)
{
    dt_status status =
        dt_model_specify(&run->config, run->source->shape, run->source->classes, out, error);
    int64_t ranks = dt_comm_size(run->comm);
    if (!status)
        out->at_once = (run->config.batch_size + ranks - 1) / ranks;
    if (!status && run->config.accumulate > 1)
        out->at_most = (out->at_once + run->config.accumulate - 1) / run->config.accumulate;
    return status;
}

/* Not collective. */
static dt_status find_need(dt_session *run, const session_build *what, dt_error *error)
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
    status = session_specify(run, &model, error);
    return status ? status : dt_need_of_training(run, &model, counts, &run->need, error);
}

/* Collective. */
static dt_status check_room(dt_session *run, const session_build *what, dt_error *error)
{
    dt_status status = dt_comm_agree(run->comm, find_need(run, what, error), error);
    if (status)
        return status;
    dt_need need = run->need;
    need.network -= what->freed < need.network ? what->freed : need.network;
    return dt_room_check(run->comm, &need, error);
}

static dt_status create_dataset(dt_session *run, const session_build *what, dt_error *error)
{
    dt_dataset_spec spec = dataset_spec(&run->config);
    dt_status status = dt_dataset_create(run->source, &spec, &run->dataset, error);
    if (!status && what->only != DT_SUBSETS)
        dt_dataset_keep_only(run->dataset, what->only);
    return status;
}

/* What ranks compare, in words. */
static void describe(const int64_t *of, char *text, size_t size)
{
    dt_text to = {.text = text, .size = size};
    dt_text_add(&to, "%lld + %lld samples of %lld x %lld, %s, ", (long long)of[0], (long long)of[1],
                (long long)of[2], (long long)of[3], of[5] ? "packed" : "not packed");
    if (of[7] > 0)
        dt_text_add(&to, "labels of %lld classes", (long long)of[7]);
    else
        dt_text_add(&to, "labels that are numbers");
}

/* Hosts may have files of their own: they must be the same for what follows to fit together.
 * Collective; the ranks may differ in the status. */
static dt_status check_same_data(const dt_session *run, dt_error *error)
{
    const dt_source *source = run->source;
    const int64_t own[] = {source->count[DT_TRAIN], source->count[DT_TEST], source->shape.height,
                           source->shape.width,     source->shape.channels, source->sequential,
                           (int64_t)source->order,  source->classes};
    int64_t first[sizeof own / sizeof *own];
    memcpy(first, own, sizeof own);
    dt_comm_broadcast(run->comm, first, sizeof first);
    if (memcmp(own, first, sizeof own) == 0)
        return DT_OK;
    if (own[6] && first[6])
        return dt_fail(
            error, DT_ERR_DATA,
            "%s on %s: expected the same names as on rank 0's host, where there are %lld "
            "+ %lld, found others, %lld + %lld",
            source->name, dt_comm_host(run->comm), (long long)first[0], (long long)first[1],
            (long long)own[0], (long long)own[1]);
    char expected[160], found[160];
    describe(first, expected, sizeof expected);
    describe(own, found, sizeof found);
    return dt_fail(error, DT_ERR_DATA, "%s on %s: expected what rank 0 has, %s; found %s",
                   source->name, dt_comm_host(run->comm), expected, found);
}

/* Training samples are held where they are played, if all ranks play: --shuffle shard moves nothing
 * then. */
static int count_shards(const dt_session *run)
{
    int64_t ranks = dt_comm_size(run->comm), virtual_ranks = run->config.virtual_ranks;
    return (int)(virtual_ranks < ranks ? ranks : virtual_ranks);
}

dt_range dt_session_held(const dt_session *run, dt_subset_kind kind, int64_t count, bool trains)
{
    if (kind != DT_SUBSET_TRAIN || !trains)
        return dt_partition_parts(count, DT_EVALUATION_PARTS, run->own_parts);
    dt_range own =
        dt_partition(count_shards(run), dt_comm_size(run->comm), dt_comm_rank(run->comm));
    return dt_partition_parts(count, count_shards(run), own);
}

/* Makes room for the training samples where the ranks of a host can all see them. Collective. */
static dt_status build_exchange(dt_session *run, dt_error *error)
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
static dt_status load_data(dt_session *run, dt_error *error)
{
    size_t image_size = (size_t)dt_shape_size(run->source->shape);
    dt_status status = dt_dataset_hold(run->dataset, image_size, error);
    status = dt_comm_agree(run->comm, status, error);
    if (!status)
        status = run->source->sequential ? load_on_host(run->comm, run->source, run->dataset, error)
                                         : dt_dataset_load(run->dataset, run->source, error);
    if (!status)
        run->fingerprint = dt_dataset_fingerprint(run->dataset, image_size);
    dt_source_release(run->source);
    return status;
}

/* Collective; all ranks have read their data. */
static dt_status add_fingerprints(dt_session *run, dt_error *error)
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

static void settle_virtual_ranks(dt_session *run)
{
    int ranks = dt_comm_size(run->comm), rank = dt_comm_rank(run->comm);
    if (run->config.virtual_ranks == 0)
        run->config.virtual_ranks = ranks;
    run->own_virtual_ranks = dt_partition(run->config.virtual_ranks, ranks, rank);
    run->own_parts = dt_partition(DT_EVALUATION_PARTS, ranks, rank);
}

static void share_data(dt_session *run, bool trains)
{
    for (dt_subset_kind kind = 0; kind < DT_SUBSETS; kind++) {
        dt_subset *subset = &run->dataset->subsets[kind];
        subset->held = dt_session_held(run, kind, subset->count, trains);
    }
}

dt_status session_begin(dt_comm *comm, const dt_config *config, const session_build *what,
                        dt_session **out, dt_error *error)
{
    bool trains = what->only == DT_SUBSETS;
    dt_session *run = *out = dt_calloc(1, sizeof *run, error);
    dt_status status = dt_comm_agree(comm, run ? DT_OK : DT_ERR_INTERNAL, error);
    if (status)
        return status;
    run->comm = comm;
    run->config = *config;
    settle_virtual_ranks(run);
    status = dt_comm_agree(comm, session_open_source(&run->config, &run->source, error), error);
    if (!status)
        status = dt_comm_agree(comm, check_same_data(run, error), error);
    if (!status)
        status = settle_shape(run, what, error);
    if (!status)
        status = settle_classes(run, what, error);
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
    if (!status && trains)
        status = session_measure_form(run, error);
    return status;
}
