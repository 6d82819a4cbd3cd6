#include "source_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/text.h"
#include "data/csv.h"
#include "file/image.h"
#include "file/image_fit.h"
#include "folder_list.h"

/* Bytes of a picture's file, at most; sides of images that nobody has asked for; levels of folders
 * that are looked into for pictures. */
#define BYTES_MOST ((size_t)1 << 28)
enum { SIDE_MOST = 1024, LEVELS = 5 };

/* A picture that was looked at. */
typedef struct sight {
    int64_t sample;
    int32_t part, height, width; /* height 0: none */
} sight;

/* What pictures have. No pointers: it can be sent to other ranks as bytes. */
typedef struct survey {
    sight first, other; /* the first of them, and the first one of another size */
    int64_t colour;     /* of one, at least */
} survey;

typedef struct state {
    folder_list list;
    bool numbers;    /* the names of the classes are labels */
    dt_shape stored; /* of images before they are transposed */
    dt_image_decoder *decoder;
} state;

bool source_folder_is(const char *path)
{
    return folder_is_one(path) && !dt_source_idx_is(path) &&
           folder_holds_picture(path, LEVELS, dt_csv_is(path));
}

static dt_status read_bytes(const state *self, dt_part part, int64_t sample, void **bytes,
                            size_t *size, dt_error *error)
{
    char path[PATH_MAX];
    return dt_read_file(folder_list_path(&self->list, part, sample, path), BYTES_MOST, bytes, size,
                        error);
}

static dt_status fail_in(const state *self, dt_part part, int64_t sample, dt_error *error)
{
    char path[PATH_MAX];
    return dt_fail_in(error, "%s", folder_list_path(&self->list, part, sample, path));
}

static dt_status read_picture(state *self, dt_part part, int64_t sample, uint8_t *pixels,
                              dt_error *error)
{
    void *bytes;
    size_t size;
    dt_image image;
    dt_status status = read_bytes(self, part, sample, &bytes, &size, error);
    if (status)
        return status;
    status = dt_image_decode(self->decoder, bytes, size, self->stored.channels, &image, error);
    if (!status)
        status = dt_image_fit(&image, &dt_image_form_mnist, DT_WAY_NONE, self->stored.height,
                              self->stored.width, pixels, error);
    dt_free(image.pixels);
    dt_free(bytes);
    return status ? fail_in(self, part, sample, error) : DT_OK;
}

static int32_t label_of(const state *self, dt_part part, int64_t sample)
{
    int class = folder_list_class(&self->list, part, sample);
    return self->numbers ? atoi(self->list.class_names[class]) : class;
}

static dt_status read_folder(dt_source *source, dt_part part, int64_t first, int64_t count,
                             uint8_t *images, int32_t *labels, dt_error *error)
{
    state *self = source->state;
    size_t size = (size_t)dt_shape_size(source->shape);
    dt_status status = DT_OK;
    for (int64_t i = 0; i < count && !status; i++) {
        labels[i] = label_of(self, part, first + i);
        if (images)
            status = read_picture(self, part, first + i, images + (size_t)i * size, error);
    }
    return status;
}

static void release_folder(dt_source *source)
{
    dt_image_decoder_rest(((state *)source->state)->decoder);
}

static void close_folder(dt_source *source)
{
    state *self = source->state;
    if (self) {
        dt_image_decoder_end(self->decoder);
        folder_list_free(&self->list);
    }
    dt_free(self);
    dt_free(source);
}

static bool are_numbers(const folder_list *list)
{
    for (int i = 0; i < list->classes; i++)
        if (!dt_class_is_number(list->class_names[i]))
            return false;
    return true;
}

static dt_status name_classes(const state *self, dt_source *source, dt_error *error)
{
    dt_text names = {.grows = true};
    dt_classes_of_number(source, self->list.classes);
    for (int i = 0; i < self->list.classes; i++)
        dt_text_add(&names, "%s%s", i > 0 ? "\n" : "", self->list.class_names[i]);
    source->class_names = names.text;
    dt_status status = dt_text_status(&names, error);
    if (!status && dt_class_names_check(source->class_names, source->classes, error))
        status = dt_fail_in(error, "%s", self->list.base[DT_TRAIN]);
    return status;
}

/* Of the names that the order of the samples, and their classes, follow from. */
static uint64_t hash_names(const folder_list *list)
{
    uint64_t hash = dt_hash(list->first, sizeof list->first);
    for (int i = 0; i < list->classes; i++)
        hash = dt_hash_seeded(list->class_names[i], strlen(list->class_names[i]), hash);
    for (size_t i = 0; i < list->files.count; i++) {
        const char *name = folder_names_at(&list->files, i);
        hash = dt_hash_seeded(name, strlen(name), hash);
    }
    return hash;
}

static dt_status open_folder(const char *path, dt_source *source, dt_error *error)
{
    state *self = source->state;
    dt_status status = folder_list_read(path, &self->list, error);
    if (status)
        return status;
    for (int part = 0; part < DT_PARTS; part++) {
        const int64_t *first = self->list.first[part];
        source->count[part] = first[self->list.classes] - first[0];
        if (self->list.base[part])
            snprintf(source->place[part], DT_PLACE_SIZE, "%.290s", self->list.base[part]);
    }
    source->order = hash_names(&self->list);
    self->numbers = are_numbers(&self->list);
    if (!self->numbers)
        status = name_classes(self, source, error);
    return status ? status : dt_image_decoder_begin(&self->decoder, error);
}

dt_status source_folder_open(const char *path, dt_source **out, dt_error *error)
{
    *out = NULL;
    dt_source *source = dt_calloc(1, sizeof *source, error);
    state *self = source ? dt_calloc(1, sizeof *self, error) : NULL;
    if (!self) {
        dt_free(source);
        return DT_ERR_INTERNAL;
    }
    snprintf(source->name, sizeof source->name, "pictures in %.200s", path);
    source->state = self;
    source->read = read_folder;
    source->release = release_folder;
    source->close = close_folder;
    source->whole = true;
    dt_status status = open_folder(path, source, error);
    if (status)
        dt_source_close(source);
    else
        *out = source;
    return status;
}

static bool same_size(const sight *a, const sight *b)
{
    return a->height == b->height && a->width == b->width;
}

static bool is_before(const sight *a, const sight *b)
{
    return a->part != b->part ? a->part < b->part : a->sample < b->sample;
}

static void add_sight(survey *to, const sight *seen)
{
    if (seen->height == 0)
        return;
    if (to->first.height == 0)
        to->first = *seen;
    else if (!same_size(seen, &to->first) && (to->other.height == 0 || is_before(seen, &to->other)))
        to->other = *seen;
}

static dt_status look_at(state *self, dt_part part, int64_t sample, survey *to, dt_error *error)
{
    void *bytes;
    size_t size;
    dt_image image;
    dt_status status = read_bytes(self, part, sample, &bytes, &size, error);
    if (status)
        return status;
    status = dt_image_look(self->decoder, bytes, size, !to->colour, &image, error);
    dt_free(bytes);
    if (status)
        return fail_in(self, part, sample, error);
    add_sight(to, &(sight){sample, (int32_t)part, image.height, image.width});
    to->colour = to->colour || image.channels == 3;
    return DT_OK;
}

/* This rank's share. A size that was given need not be found out. */
static dt_status look_at_share(dt_comm *comm, dt_source *source, bool sizes, survey *to,
                               dt_error *error)
{
    int ranks = dt_comm_size(comm), rank = dt_comm_rank(comm);
    dt_status status = DT_OK;
    for (dt_part part = 0; part < DT_PARTS; part++) {
        dt_range own = dt_partition(source->count[part], ranks, rank);
        for (int64_t i = 0; i < own.count && !status && (sizes || !to->colour); i++)
            status = look_at(source->state, part, own.first + i, to, error);
    }
    return status;
}

/* What all ranks have seen. Collective. */
static dt_status unite(dt_comm *comm, survey *own, dt_error *error)
{
    int ranks = dt_comm_size(comm);
    survey *all = dt_calloc((size_t)ranks, sizeof *all, error);
    dt_status status = dt_comm_agree(comm, all ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        dt_comm_all_gather(comm, own, sizeof *own, all);
        *own = (survey){0};
        for (int r = 0; r < ranks; r++) {
            add_sight(own, &all[r].first);
            add_sight(own, &all[r].other);
            own->colour = own->colour || all[r].colour;
        }
    }
    dt_free(all);
    return status;
}

static const char *path_of(const state *self, const sight *of, char path[PATH_MAX])
{
    return folder_list_path(&self->list, (dt_part)of->part, of->sample, path);
}

/* The size that all pictures have. */
static dt_status take_size(state *self, const survey *of, dt_error *error)
{
    char paths[2][PATH_MAX];
    const sight *first = &of->first, *other = &of->other;
    self->stored = (dt_shape){first->height, first->width, 1};
    if (other->height > 0)
        return dt_fail(
            error, DT_ERR_DATA,
            "size: expected pictures that all have the same size, found %dx%d pixels, "
            "%.400s, and %dx%d, %.400s; give one that they are scaled to, as --size 64x48",
            first->width, first->height, path_of(self, first, paths[0]), other->width,
            other->height, path_of(self, other, paths[1]));
    if (first->height > SIDE_MOST || first->width > SIDE_MOST)
        return dt_fail(error, DT_ERR_DATA,
                       "size: expected pictures of at most %d pixels a side, found %dx%d, %.400s; "
                       "give a size that they are scaled to, as --size 64x48",
                       SIDE_MOST, first->width, first->height, path_of(self, first, paths[0]));
    return DT_OK;
}

/* What people should know of the images. */
static void take_notes(const state *self, bool scaled, dt_source *source)
{
    const folder_list *list = &self->list;
    dt_text note = {.text = source->note, .size = sizeof source->note};
    dt_text_add(&note, "pictures %s", self->stored.channels == 1 ? "in grey" : "in colour");
    if (scaled)
        dt_text_add(&note, ", each scaled as a whole (means over areas)");
    for (int i = 0; i < list->other_count; i++)
        dt_text_add(&note, "%s%.60s", i > 0 ? ", " : "; without ", list->other_names[i]);
    if (list->others > list->other_count)
        dt_text_add(&note, " and the like, %lld in all", (long long)list->others);
}

dt_status source_folder_settle(dt_comm *comm, dt_source *source, const int size[2],
                               const dt_shape *network, dt_error *error)
{
    state *self = source->state;
    bool scaled = network || size[0] > 0;
    survey seen = {0};
    dt_status status = DT_OK;
    self->stored = (dt_shape){size[1], size[0], 1};
    if (network) {
        self->stored = *network;
    } else {
        status = look_at_share(comm, source, !scaled, &seen, error);
        status = dt_comm_agree(comm, status, error);
        if (!status)
            status = unite(comm, &seen, error);
    }
    if (!status && !scaled)
        status = take_size(self, &seen, error);
    if (status)
        return status;
    if (!network)
        self->stored.channels = seen.colour ? 3 : 1;
    source->shape = self->stored;
    if (source->transposed) {
        dt_shape *turned = network ? &self->stored : &source->shape;
        *turned = (dt_shape){turned->width, turned->height, turned->channels};
    }
    take_notes(self, scaled, source);
    if (self->stored.channels != 1 && self->stored.channels != 3)
        return dt_fail(error, DT_ERR_CONFIG,
                       "%s: expected a network of images with 1 or 3 channels, found %d",
                       source->name, self->stored.channels);
    if (self->list.classes < 2 && !network)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected folders of pictures of 2 or more classes, found one, %s",
                       self->list.base[DT_TRAIN], self->list.class_names[0]);
    return DT_OK;
}
