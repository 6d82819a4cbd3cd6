#include "source_arrays.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array_roles.h"
#include "base/memory.h"
#include "base/text.h"

/* Values that are read at once, where a row has not more; the first of a part that say whether its
 * images are of 0 to 1; pixels from which on images with fractions are not of 0 to 1, and wrong. */
enum { PIECE = 1 << 16, LOOKED_AT = 1 << 24, OF_UNIT_MOST = 16, SIDE_MAX = 4096 };

typedef struct state {
    dt_arrays *arrays; /* NULL: nothing more is read */
    array_roles roles;
    bool unit;             /* images of 0 to 1, which become 0 to 255 */
    int64_t looked;        /* in so many training images no pixel says otherwise */
    int one_hot[DT_PARTS]; /* columns of the labels; 1: integers */
    double *values;        /* [PIECE], or a row */
} state;

static const dt_array_row *array_of(const state *self, dt_part part, int kind)
{
    int i = self->roles.of[part][kind];
    return i == ARRAY_NONE ? NULL : &self->arrays->rows[i];
}

static bool is_bytes(const dt_array_row *array)
{
    return array->kind == 'u' && array->width == 1;
}

static int64_t rows_at_once(int64_t row_size)
{
    return row_size < PIECE ? PIECE / row_size : 1;
}

static dt_status refuse_shape(const char *path, const dt_array_row *array, const char *expected,
                              dt_error *error)
{
    char text[128] = "";
    dt_text shape = {.text = text, .size = sizeof text};
    for (int i = 0; i < array->rank; i++)
        dt_text_add(&shape, "[%lld]", (long long)array->shape[i]);
    return dt_fail(error, DT_ERR_DATA, "%.300s: %s: expected %s, found %s%s%s", path, array->name,
                   expected,
                   array->kind       ? "numbers "
                   : array->other[0] ? array->other
                                     : "no numbers",
                   text, array->fortran ? " in Fortran's order" : "");
}

static dt_status take_images(const char *path, const dt_array_row *array, dt_shape *out,
                             dt_error *error)
{
    const int64_t *shape = array->shape;
    int64_t side = array->rank == 2 ? (int64_t)(sqrt((double)shape[1]) + 0.5) : 0;
    int64_t height = array->rank == 2 ? side : shape[1], width = array->rank == 2 ? side : shape[2];
    int64_t channels = array->rank == 4 ? shape[3] : 1;
    bool good = array->kind && !array->fortran && array->rank >= 2 && shape[0] >= 1 &&
                height >= 1 && width >= 1 && height <= SIDE_MAX && width <= SIDE_MAX &&
                (channels == 1 || channels == 3) && (array->rank > 2 || side * side == shape[1]);
    *out = (dt_shape){(int)height, (int)width, (int)channels};
    return good ? DT_OK
                : refuse_shape(
                      path, array,
                      "images [n][height][width], [n][height][width][1 or 3], or [n][pixels] "
                      "of a square",
                      error);
}

static dt_status take_labels(const char *path, const dt_array_row *array, int *one_hot,
                             dt_error *error)
{
    bool good = array->kind && !array->fortran && array->rank >= 1 && array->rank <= 2 &&
                (array->rank == 1 || (array->shape[1] >= 1 && array->shape[1] <= DT_CLASSES_MAX));
    *one_hot = array->rank == 2 ? (int)array->shape[1] : 1;
    return good ? DT_OK
                : refuse_shape(path, array, "labels [n], [n][1] or, one-hot, [n][classes]", error);
}

static dt_status check_part(const char *path, dt_source *source, dt_part part, dt_error *error)
{
    state *self = source->state;
    const dt_array_row *images = array_of(self, part, ARRAY_IMAGES),
                       *labels = array_of(self, part, ARRAY_LABELS);
    dt_shape shape;
    if (!images)
        return DT_OK;
    dt_status status = take_images(path, images, &shape, error);
    if (!status)
        status = take_labels(path, labels, &self->one_hot[part], error);
    if (status)
        return status;
    if (images->shape[0] != labels->shape[0])
        return dt_fail(error, DT_ERR_DATA,
                       "%.300s: %s: expected as many labels as %s has images, "
                       "%lld, found %lld",
                       path, labels->name, images->name, (long long)images->shape[0],
                       (long long)labels->shape[0]);
    if (part == DT_TEST && memcmp(&shape, &source->shape, sizeof shape) != 0)
        return refuse_shape(path, images, "images of the training part's shape", error);
    source->shape = shape;
    source->count[part] = images->shape[0];
    source->sequential = source->sequential || images->packed || labels->packed;
    snprintf(source->place[part], DT_PLACE_SIZE, "%.200s: %.80s", path, labels->name);
    return DT_OK;
}

static dt_status refuse_pixel(const dt_source *source, dt_part part, int64_t image, double value,
                              dt_error *error)
{
    const state *self = source->state;
    char expected[96] = "0 to 255, or all of 0 to 1";
    if (self->unit)
        snprintf(expected, sizeof expected, "0 to 1, as in the first %lld images%s",
                 (long long)self->looked, part == DT_TEST ? " of the training part" : "");
    return dt_fail(error, DT_ERR_DATA,
                   "%s: %s: expected pixels of %s, found %g in image %lld (the first is 0)",
                   source->name, array_of(self, part, ARRAY_IMAGES)->name, expected, value,
                   (long long)image);
}

/* What the first images of a part have. */
typedef struct look {
    bool whole;     /* no fractions */
    double most;    /* the largest pixel, or one that is larger than OF_UNIT_MOST */
    int64_t image;  /* that has it */
    int64_t looked; /* images */
} look;

static dt_status look_at(dt_source *source, dt_part part, look *out, dt_error *error)
{
    const state *self = source->state;
    const dt_array_row *images = array_of(self, part, ARRAY_IMAGES);
    int64_t size = dt_shape_size(source->shape), step = rows_at_once(size);
    int64_t most = LOOKED_AT / size + 1, all = images->shape[0] < most ? images->shape[0] : most;
    dt_status status = DT_OK;
    *out = (look){.whole = true, .looked = all};
    for (int64_t at = 0; at < all && !status && out->most <= OF_UNIT_MOST; at += step) {
        int64_t count = all - at < step ? all - at : step;
        status = self->arrays->read(self->arrays, self->roles.of[part][ARRAY_IMAGES], at, count,
                                    self->values, error);
        for (int64_t i = 0; i < count * size && !status; i++) {
            double value = self->values[i];
            out->whole = out->whole && value == floor(value);
            if (value > out->most) {
                out->most = value;
                out->image = at + i / size;
            }
        }
    }
    return status;
}

/* Whether images are of 0 to 1, as the first of the training part say: then 1 is 255. Fractions
 * that reach a little further are of neither scale. A test part has the same scale: whole numbers
 * may well be dark, fractions of 0 to 1 alone are of another. */
static dt_status find_scale(dt_source *source, dt_part part, dt_error *error)
{
    state *self = source->state;
    const dt_array_row *images = array_of(self, part, ARRAY_IMAGES);
    look found;
    if (!images || (part == DT_TEST && (self->unit || is_bytes(images))))
        return DT_OK;
    dt_status status = look_at(source, part, &found, error);
    if (status)
        return status;
    if (part == DT_TEST && found.most <= 1 && !found.whole)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: %s: expected pixels of 0 to 255, as those of the training part, found "
                       "fractions of 0 to %g; bring both to one scale",
                       source->name, images->name, found.most);
    if (part == DT_TEST)
        return DT_OK;
    self->unit = found.most <= 1;
    self->looked = found.looked;
    return found.most > 1 && found.most <= OF_UNIT_MOST && !found.whole
               ? refuse_pixel(source, part, found.image, found.most, error)
               : DT_OK;
}

/* The values become bytes, of images from `first` on. */
static dt_status take_pixels(const dt_source *source, dt_part part, int64_t first, int64_t count,
                             uint8_t *pixels, dt_error *error)
{
    const state *self = source->state;
    const double scale = self->unit ? 255 : 1, *values = self->values;
    int bad = 0;
    for (int64_t i = 0; i < count; i++)
        bad |= !(values[i] * scale >= 0 && values[i] * scale <= 255);
    for (int64_t i = 0; bad && i < count; i++)
        if (!(values[i] * scale >= 0 && values[i] * scale <= 255))
            return refuse_pixel(source, part, first + i / dt_shape_size(source->shape), values[i],
                                error);
    for (int64_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)(int)(values[i] * scale + 0.5);
    return DT_OK;
}

/* The same for values that are bytes in their place. */
static dt_status widen_bytes(const dt_source *source, dt_part part, int64_t first, int64_t count,
                             uint8_t *pixels, dt_error *error)
{
    if (!((const state *)source->state)->unit)
        return DT_OK;
    for (int64_t i = 0; i < count; i++) {
        if (pixels[i] > 1)
            return refuse_pixel(source, part, first + i / dt_shape_size(source->shape),
                                (double)pixels[i], error);
        pixels[i] = pixels[i] ? 255 : 0;
    }
    return DT_OK;
}

/* The label that `columns` values say: a whole number, or the place of the only 1. */
static bool take_label(const double *values, int columns, int32_t *label)
{
    int ones = 0, zeros = 0;
    if (columns == 1) {
        *label = fabs(values[0]) < 1e9 ? (int32_t)values[0] : 0;
        return *label == values[0];
    }
    for (int i = 0; i < columns; i++) {
        zeros += values[i] == 0;
        ones += values[i] == 1;
        *label = values[i] == 1 ? i : *label;
    }
    return ones == 1 && zeros == columns - 1;
}

static dt_status read_labels(dt_source *source, dt_part part, int64_t first, int64_t count,
                             int32_t *labels, dt_error *error)
{
    state *self = source->state;
    int columns = self->one_hot[part];
    int64_t step = rows_at_once(columns);
    dt_status status = DT_OK;
    for (int64_t done = 0; done < count && !status; done += step) {
        int64_t now = count - done < step ? count - done : step;
        status = self->arrays->read(self->arrays, self->roles.of[part][ARRAY_LABELS], first + done,
                                    now, self->values, error);
        for (int64_t i = 0; i < now && !status; i++)
            if (!take_label(self->values + i * columns, columns, &labels[done + i]))
                status = dt_fail(error, DT_ERR_DATA,
                                 "%s: expected %s, found %g at sample %lld (the first is 0)",
                                 source->place[part],
                                 columns == 1 ? "whole numbers as labels" : "one 1 among zeros",
                                 self->values[i * columns], (long long)(first + done + i));
    }
    return status;
}

static dt_status read_images(dt_source *source, dt_part part, int64_t first, int64_t count,
                             uint8_t *images, dt_error *error)
{
    state *self = source->state;
    dt_arrays *arrays = self->arrays;
    int array = self->roles.of[part][ARRAY_IMAGES];
    int64_t size = dt_shape_size(source->shape), step = rows_at_once(size);
    dt_status status = DT_OK;
    if (is_bytes(&arrays->rows[array])) {
        status = arrays->read_bytes(arrays, array, first, count, images, error);
        return status ? status : widen_bytes(source, part, first, count * size, images, error);
    }
    for (int64_t done = 0; done < count && !status; done += step) {
        int64_t now = count - done < step ? count - done : step;
        status = arrays->read(arrays, array, first + done, now, self->values, error);
        if (!status)
            status =
                take_pixels(source, part, first + done, now * size, images + done * size, error);
    }
    return status;
}

static dt_status read_arrays(dt_source *source, dt_part part, int64_t first, int64_t count,
                             uint8_t *images, int32_t *labels, dt_error *error)
{
    dt_status status = read_labels(source, part, first, count, labels, error);
    return status || !images ? status : read_images(source, part, first, count, images, error);
}

static void release_arrays(dt_source *source)
{
    state *self = source->state;
    dt_arrays_close(self->arrays);
    dt_free(self->values);
    self->arrays = NULL;
    self->values = NULL;
}

static void close_arrays(dt_source *source)
{
    if (source->state)
        release_arrays(source);
    dt_free(source->state);
    dt_free(source);
}

static dt_status check_arrays(const char *path, const char *keys, dt_source *source,
                              dt_error *error)
{
    state *self = source->state;
    dt_status status = array_roles_find(path, self->arrays, keys, &self->roles, error);
    for (int part = 0; part < DT_PARTS && !status; part++)
        status = check_part(path, source, part, error);
    if (status)
        return status;
    int64_t size = dt_shape_size(source->shape);
    self->values = dt_calloc((size_t)(size > PIECE ? size : PIECE), sizeof *self->values, error);
    if (!self->values)
        return DT_ERR_INTERNAL;
    for (int part = 0; part < DT_PARTS && !status; part++)
        status = find_scale(source, part, error);
    int columns = self->one_hot[DT_TRAIN];
    if (!status && columns > 1 &&
        (source->count[DT_TEST] == 0 || self->one_hot[DT_TEST] == columns))
        dt_classes_of_number(source, columns);
    return status;
}

static void note_scale(const dt_source *source, dt_text *note)
{
    if (((const state *)source->state)->unit)
        dt_text_add(note, "%spixels of 0 to 1 become 0 to 255", note->length > 0 ? "; " : "");
}

dt_status source_arrays_open(dt_arrays *arrays, const char *what, const char *path,
                             const char *keys, dt_source **out, dt_error *error)
{
    *out = NULL;
    dt_source *source = dt_calloc(1, sizeof *source, error);
    state *self = source ? dt_calloc(1, sizeof *self, error) : NULL;
    if (!self) {
        dt_arrays_close(arrays);
        dt_free(source);
        return DT_ERR_INTERNAL;
    }
    self->arrays = arrays;
    snprintf(source->name, sizeof source->name, "%s in %.200s", what, path);
    source->state = self;
    source->read = read_arrays;
    source->release = release_arrays;
    source->close = close_arrays;
    dt_status status = check_arrays(path, keys, source, error);
    if (status) {
        dt_source_close(source);
        return status;
    }
    dt_text note = {.text = source->note, .size = sizeof source->note};
    dt_text_add(&note, "%s", arrays->note);
    note_scale(source, &note);
    if (strcmp(keys, "auto") == 0)
        array_roles_note_rest(&self->roles, arrays, &note);
    *out = source;
    return DT_OK;
}
