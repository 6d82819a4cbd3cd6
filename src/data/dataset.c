#include "data/dataset.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "data/sampler.h"

const char *const dt_split_names[] = {"standard", "random", NULL};
const char *const dt_subset_names[] = {"train", "val", "test", NULL};

static int64_t limited(int64_t count, int64_t limit)
{
    return limit > 0 && limit < count ? limit : count;
}

static dt_status allocate_members(dt_subset *subset, int64_t count, dt_error *error)
{
    subset->count = count;
    subset->members = dt_calloc((size_t)count, sizeof *subset->members, error);
    return subset->members ? DT_OK : error->status;
}

/* members[i] becomes from[members[i]]. */
static void look_up(dt_subset *subset, const int32_t *from)
{
    for (int64_t i = 0; i < subset->count; i++)
        subset->members[i] = from[subset->members[i]];
}

static dt_status choose_members(dt_dataset *self, const dt_source *source,
                                const dt_dataset_spec *spec, dt_error *error)
{
    int64_t train = limited(source->count[DT_TRAIN], spec->train_limit);
    int64_t test = limited(source->count[DT_TEST], spec->test_limit);
    if (train + test > INT32_MAX || source->count[DT_TRAIN] > INT32_MAX - test)
        return dt_fail(error, DT_ERR_DATA, "%s: expected at most %d samples, found %lld",
                       source->name, INT32_MAX,
                       (long long)(source->count[DT_TRAIN] + source->count[DT_TEST]));
    int64_t pool = spec->split == DT_SPLIT_RANDOM ? train + test : train;
    int64_t val = (int64_t)((double)pool * spec->val_fraction + 0.5);
    if (spec->val_fraction > 0 && (val == 0 || val == pool))
        return dt_fail(error, DT_ERR_CONFIG,
                       "val_fraction %g of %lld samples leaves %lld for training and %lld for "
                       "validation; both need one at least",
                       spec->val_fraction, (long long)pool, (long long)(pool - val),
                       (long long)val);
    dt_subset *subsets = self->subsets;
    int32_t *numbers = dt_calloc((size_t)(train + test), sizeof *numbers, error);
    dt_status status = numbers ? DT_OK : error->status;
    if (!status)
        status = allocate_members(&subsets[DT_SUBSET_TRAIN], pool - val, error);
    if (!status)
        status = allocate_members(&subsets[DT_SUBSET_VAL], val, error);
    if (!status && spec->split == DT_SPLIT_STANDARD)
        status = allocate_members(&subsets[DT_SUBSET_TEST], test, error);
    if (!status) {
        for (int64_t i = 0; i < train + test; i++)
            numbers[i] = (int32_t)(i < train ? i : source->count[DT_TRAIN] + i - train);
        dt_sampler_split(spec->seed, pool, val, subsets[DT_SUBSET_TRAIN].members,
                         subsets[DT_SUBSET_VAL].members);
        look_up(&subsets[DT_SUBSET_TRAIN], numbers);
        look_up(&subsets[DT_SUBSET_VAL], numbers);
        for (int64_t i = 0; i < subsets[DT_SUBSET_TEST].count; i++)
            subsets[DT_SUBSET_TEST].members[i] = numbers[train + i];
    }
    dt_free(numbers);
    return status;
}

dt_status dt_dataset_create(const dt_source *source, const dt_dataset_spec *spec, dt_dataset **out,
                            dt_error *error)
{
    dt_dataset *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    dt_status status = choose_members(self, source, spec, error);
    if (status) {
        dt_dataset_destroy(self);
        return status;
    }
    *out = self;
    return DT_OK;
}

void dt_dataset_keep_only(dt_dataset *self, dt_subset_kind kind)
{
    for (int i = 0; i < DT_SUBSETS; i++)
        if (i != (int)kind) {
            dt_free(self->subsets[i].members);
            self->subsets[i] = (dt_subset){0};
        }
}

void dt_subset_release(dt_subset *subset)
{
    dt_free(subset->images);
    dt_free(subset->labels);
    subset->images = subset->labels = NULL;
}

void dt_dataset_destroy(dt_dataset *self)
{
    if (!self)
        return;
    for (int i = 0; i < DT_SUBSETS; i++) {
        dt_free(self->subsets[i].members);
        dt_subset_release(&self->subsets[i]);
    }
    dt_free(self);
}

/* Reads `count` members that all are in `part`, ascending, into images and labels: the stretch of
 * the source from the first to the last of them, then those that are members. */
static dt_status read_members(dt_source *source, dt_part part, const int32_t *members,
                              int64_t count, uint8_t *images, uint8_t *labels, dt_error *error)
{
    if (count == 0)
        return DT_OK;
    size_t size = (size_t)dt_shape_size(source->shape);
    int64_t part_first = part == DT_TRAIN ? 0 : source->count[DT_TRAIN];
    int64_t first = members[0] - part_first;
    int64_t stretch = members[count - 1] - members[0] + 1;
    if (stretch == count)
        return dt_source_read(source, part, first, count, images, labels, error);

    uint8_t *all_images = dt_calloc((size_t)stretch, size, error);
    uint8_t *all_labels = all_images ? dt_calloc((size_t)stretch, 1, error) : NULL;
    dt_status status =
        all_labels ? dt_source_read(source, part, first, stretch, all_images, all_labels, error)
                   : error->status;
    for (int64_t i = 0; i < count && !status; i++) {
        size_t from = (size_t)(members[i] - members[0]);
        memcpy(images + (size_t)i * size, all_images + from * size, size);
        labels[i] = all_labels[from];
    }
    dt_free(all_images);
    dt_free(all_labels);
    return status;
}

static dt_status load_subset(dt_subset *subset, dt_source *source, dt_error *error)
{
    size_t size = (size_t)dt_shape_size(source->shape);
    subset->images = dt_calloc((size_t)subset->held.count, size, error);
    subset->labels = subset->images ? dt_calloc((size_t)subset->held.count, 1, error) : NULL;
    if (!subset->labels)
        return error->status;
    const int32_t *members = subset->members + subset->held.first;
    int64_t in_train = 0;
    while (in_train < subset->held.count && members[in_train] < source->count[DT_TRAIN])
        in_train++;
    dt_status status =
        read_members(source, DT_TRAIN, members, in_train, subset->images, subset->labels, error);
    if (!status)
        status = read_members(source, DT_TEST, members + in_train, subset->held.count - in_train,
                              subset->images + (size_t)in_train * size, subset->labels + in_train,
                              error);
    return status;
}

dt_status dt_dataset_load(dt_dataset *self, dt_source *source, dt_error *error)
{
    for (int i = 0; i < DT_SUBSETS; i++)
        if (self->subsets[i].count > 0) {
            dt_status status = load_subset(&self->subsets[i], source, error);
            if (status)
                return status;
        }
    return DT_OK;
}

uint64_t dt_dataset_fingerprint(const dt_dataset *self, size_t image_size)
{
    uint64_t sum = 0;
    for (uint64_t kind = 0; kind < DT_SUBSETS; kind++) {
        const dt_subset *subset = &self->subsets[kind];
        for (int64_t i = 0; i < subset->held.count; i++) {
            uint64_t place = (uint64_t)(subset->held.first + i);
            uint64_t seed = (place * DT_SUBSETS + kind) << 8 | subset->labels[i];
            sum += dt_hash_seeded(subset->images + (size_t)i * image_size, image_size, seed);
        }
    }
    return sum;
}
