#include "data/dataset.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/sampler.h"

/* Read at a time. */
enum { PIECE_BYTES = 4 << 20 };

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

dt_status dt_dataset_count(const dt_source *source, const dt_dataset_spec *spec,
                           int64_t counts[DT_SUBSETS], dt_error *error)
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
    counts[DT_SUBSET_TRAIN] = pool - val;
    counts[DT_SUBSET_VAL] = val;
    counts[DT_SUBSET_TEST] = spec->split == DT_SPLIT_RANDOM ? 0 : test;
    return DT_OK;
}

static dt_status choose_members(dt_dataset *self, const dt_source *source,
                                const dt_dataset_spec *spec, dt_error *error)
{
    int64_t counts[DT_SUBSETS];
    dt_status status = dt_dataset_count(source, spec, counts, error);
    if (status)
        return status;
    int64_t train = limited(source->count[DT_TRAIN], spec->train_limit);
    int64_t test = limited(source->count[DT_TEST], spec->test_limit);
    int64_t val = counts[DT_SUBSET_VAL], pool = counts[DT_SUBSET_TRAIN] + val;
    dt_subset *subsets = self->subsets;
    int32_t *numbers = dt_calloc((size_t)(train + test), sizeof *numbers, error);
    status = numbers ? DT_OK : error->status;
    for (int i = 0; i < DT_SUBSETS && !status; i++)
        if (i != DT_SUBSET_TEST || counts[i] > 0)
            status = allocate_members(&subsets[i], counts[i], error);
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

void dt_subset_place(dt_subset *subset, uint8_t *images, uint8_t *labels)
{
    subset->images = images;
    subset->labels = labels;
    subset->borrowed = true;
}

void dt_dataset_destroy(dt_dataset *self)
{
    if (!self)
        return;
    for (int i = 0; i < DT_SUBSETS; i++) {
        dt_subset *subset = &self->subsets[i];
        dt_free(subset->members);
        if (!subset->borrowed) {
            dt_free(subset->images);
            dt_free(subset->labels);
        }
    }
    dt_free(self);
}

int64_t dt_dataset_piece(size_t image_size)
{
    size_t samples = PIECE_BYTES / (image_size + 1);
    return samples > 1 ? (int64_t)samples : 1;
}

dt_status dt_dataset_hold(dt_dataset *self, size_t image_size, dt_error *error)
{
    for (int i = 0; i < DT_SUBSETS; i++) {
        dt_subset *subset = &self->subsets[i];
        if (subset->count == 0 || subset->borrowed)
            continue;
        subset->images = dt_calloc((size_t)subset->held.count, image_size, error);
        subset->labels = subset->images ? dt_calloc((size_t)subset->held.count, 1, error) : NULL;
        if (!subset->labels)
            return error->status;
    }
    return DT_OK;
}

/* The number in the pool of the first sample of a part. */
static int64_t first_of(const dt_source *source, dt_part part)
{
    return part == DT_TRAIN ? 0 : source->count[DT_TRAIN];
}

bool dt_dataset_wants(const dt_dataset *self, const dt_source *source, dt_part part)
{
    int64_t begin = first_of(source, part), end = begin + source->count[part];
    for (int i = 0; i < DT_SUBSETS; i++) {
        const dt_subset *subset = &self->subsets[i];
        for (int64_t j = 0; j < subset->count; j++)
            if (subset->members[j] >= begin && subset->members[j] < end)
                return true;
    }
    return false;
}

/* Of the members that this rank holds, how many come before `pooled`. */
static int64_t held_before(const dt_subset *subset, int64_t pooled)
{
    const int32_t *members = subset->members + subset->held.first;
    int64_t lo = 0, hi = subset->held.count;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (members[mid] < pooled)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void dt_dataset_take(dt_dataset *self, const dt_source *source, dt_part part, int64_t first,
                     int64_t count, const uint8_t *images, const uint8_t *labels)
{
    size_t size = (size_t)dt_shape_size(source->shape);
    int64_t begin = first_of(source, part) + first;
    for (int i = 0; i < DT_SUBSETS; i++) {
        dt_subset *subset = &self->subsets[i];
        const int32_t *members = subset->members + subset->held.first;
        int64_t end = held_before(subset, begin + count);
        for (int64_t to = held_before(subset, begin); to < end; to++) {
            size_t from = (size_t)(members[to] - begin);
            memcpy(subset->images + (size_t)to * size, images + from * size, size);
            subset->labels[to] = labels[from];
        }
    }
}

/* The samples of a part from the first to the last that this rank holds. */
static dt_range range_of(const dt_dataset *self, const dt_source *source, dt_part part)
{
    int64_t begin = first_of(source, part), end = begin + source->count[part];
    int64_t least = end, behind = begin;
    for (int i = 0; i < DT_SUBSETS; i++) {
        const dt_subset *subset = &self->subsets[i];
        const int32_t *members = subset->members + subset->held.first;
        int64_t first = held_before(subset, begin), last = held_before(subset, end) - 1;
        if (last < first)
            continue;
        least = members[first] < least ? members[first] : least;
        behind = members[last] + 1 > behind ? members[last] + 1 : behind;
    }
    return (dt_range){least - begin, least < behind ? behind - least : 0};
}

dt_status dt_dataset_load(dt_dataset *self, dt_source *source, dt_error *error)
{
    size_t size = (size_t)dt_shape_size(source->shape);
    int64_t piece = dt_dataset_piece(size);
    uint8_t *images = dt_calloc((size_t)piece, size + 1, error);
    dt_status status = images ? DT_OK : error->status;
    uint8_t *labels = images + (size_t)piece * size;
    for (dt_part part = 0; part < DT_PARTS; part++) {
        dt_range range = range_of(self, source, part);
        for (int64_t done = 0; !status && done < range.count; done += piece) {
            int64_t first = range.first + done, left = range.count - done;
            int64_t count = left < piece ? left : piece;
            status = dt_source_read(source, part, first, count, images, labels, error);
            if (!status)
                dt_dataset_take(self, source, part, first, count, images, labels);
        }
    }
    dt_free(images);
    return status;
}

char *dt_dataset_counts(const dt_dataset *self, char text[DT_DATASET_COUNTS])
{
    static const char *const names[DT_SUBSETS] = {"training", "validation", "test"};
    dt_text out = {.text = text, .size = DT_DATASET_COUNTS};
    for (int i = 0; i < DT_SUBSETS; i++)
        if (self->subsets[i].count > 0)
            dt_text_add(&out, "%s%lld %s", out.length > 0 ? ", " : "",
                        (long long)self->subsets[i].count, names[i]);
    return text;
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
