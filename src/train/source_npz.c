#include "source_npz.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "file/npz_array.h"

enum { IMAGES, LABELS, KINDS, PIECE = 1 << 16, SIDE_MAX = 4096, LISTED_MOST = 4, NONE = -1 };

typedef struct state {
    dt_npz *npz;
    int arrays[DT_PARTS][KINDS]; /* numbers of arrays; NONE */
    bool unit[DT_PARTS];         /* images of 0 to 1, which become 0 to 255 */
    int one_hot[DT_PARTS];       /* columns of the labels; 1: integers */
    double *values;              /* [PIECE] */
} state;

static const char *const part_words[] = {"train", "training", "test", "testing", NULL};
static const char *const kind_words[] = {"x",      "images", "image",   "imgs",   "data",    "y",
                                         "labels", "label",  "targets", "target", "classes", NULL};
enum { TEST_WORD = 2, LABELS_WORD = 5 };

bool source_npz_is_named(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcasecmp(path + length - 4, ".npz") == 0;
}

static const dt_npz_array *array_of(const state *self, dt_part part, int kind)
{
    int count, i = self->arrays[part][kind];
    return i == NONE ? NULL : &dt_npz_arrays(self->npz, &count)[i];
}

static int find_word(const char *text, size_t length, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == length && strncasecmp(text, words[i], length) == 0)
            return i;
    return NONE;
}

/* Whether the name says what the array is: a word of a kind, and one of a part or none. */
static bool find_role(const char *name, dt_part *part, int *kind)
{
    int part_word = NONE, kind_word = NONE;
    for (const char *at = name; *at; at += strspn(at, "_-. ")) {
        size_t length = strcspn(at, "_-. ");
        int as_part = find_word(at, length, part_words),
            as_kind = find_word(at, length, kind_words);
        if ((as_part == NONE && as_kind == NONE) || (as_part != NONE && part_word != NONE) ||
            (as_kind != NONE && kind_word != NONE))
            return false;
        part_word = as_part != NONE ? as_part : part_word;
        kind_word = as_kind != NONE ? as_kind : kind_word;
        at += length;
    }
    *part = part_word >= TEST_WORD ? DT_TEST : DT_TRAIN;
    *kind = kind_word >= LABELS_WORD ? LABELS : IMAGES;
    return kind_word != NONE;
}

static dt_status choose_by_name(const char *path, state *self, dt_error *error)
{
    int count;
    const dt_npz_array *arrays = dt_npz_arrays(self->npz, &count);
    for (int i = 0; i < count; i++) {
        dt_part part;
        int kind;
        if (!find_role(arrays[i].name, &part, &kind))
            continue;
        int *place = &self->arrays[part][kind];
        if (*place != NONE)
            return dt_fail(error, DT_ERR_DATA,
                           "%.300s: expected one array of a kind, found %s and %s; say which with "
                           "--keys",
                           path, arrays[*place].name, arrays[i].name);
        *place = i;
    }
    return DT_OK;
}

static dt_status choose_by_keys(const char *path, const char *keys, state *self, dt_error *error)
{
    int count, names = 1, key = 0;
    const dt_npz_array *arrays = dt_npz_arrays(self->npz, &count);
    for (const char *at = keys; (at = strchr(at, ',')); at++)
        names++;
    if (names != KINDS && names != DT_PARTS * KINDS)
        return dt_fail(error, DT_ERR_CONFIG,
                       "keys: expected 2 or 4 names, IMAGES,LABELS or IMAGES,LABELS,TEST_IMAGES,"
                       "TEST_LABELS, found %d in '%.300s'",
                       names, keys);
    for (const char *at = keys; key < names; key++) {
        at += strspn(at, " ");
        size_t length = strcspn(at, ",");
        int found = NONE;
        for (int i = 0; i < count; i++)
            if (strlen(arrays[i].name) == length && strncmp(arrays[i].name, at, length) == 0)
                found = i;
        if (found == NONE)
            return dt_fail(error, DT_ERR_CONFIG,
                           "keys: expected names of arrays of %.300s, found '%.*s'", path,
                           (int)length, at);
        self->arrays[key / KINDS][key % KINDS] = found;
        at += length + (at[length] == ',');
    }
    return DT_OK;
}

static dt_status refuse_arrays(const char *path, const state *self, dt_error *error)
{
    char text[400] = "";
    dt_text seen = {.text = text, .size = sizeof text};
    int count;
    const dt_npz_array *arrays = dt_npz_arrays(self->npz, &count);
    for (int i = 0; i < count; i++)
        dt_text_add(&seen, "%s%s", i > 0 ? ", " : "", arrays[i].name);
    return dt_fail(error, DT_ERR_DATA,
                   "%.300s: expected arrays like x_train and y_train, with x_test and y_test or "
                   "without, found %s; say which with --keys IMAGES,LABELS",
                   path, count > 0 ? text : "none");
}

static dt_status refuse_shape(const char *path, const dt_npz_array *array, const char *expected,
                              dt_error *error)
{
    char text[128] = "";
    dt_text shape = {.text = text, .size = sizeof text};
    for (int i = 0; i < array->rank; i++)
        dt_text_add(&shape, "[%lld]", (long long)array->shape[i]);
    return dt_fail(error, DT_ERR_DATA, "%.300s: %s: expected %s, found %s%s%s", path, array->name,
                   expected, array->kind ? "numbers " : "no numbers", text,
                   array->fortran ? " in Fortran's order" : "");
}

static dt_status take_images(const char *path, const dt_npz_array *array, dt_shape *out,
                             dt_error *error)
{
    const int64_t *shape = array->shape;
    int64_t side = array->rank == 2 ? (int64_t)(sqrt((double)shape[1]) + 0.5) : 0;
    int64_t height = array->rank == 2 ? side : shape[1], width = array->rank == 2 ? side : shape[2];
    int64_t channels = array->rank == 4 ? shape[3] : 1;
    bool good = array->kind && array->kind != 'b' && !array->fortran && array->rank >= 2 &&
                shape[0] >= 1 && height >= 1 && width >= 1 && height <= SIDE_MAX &&
                width <= SIDE_MAX && (channels == 1 || channels == 3) &&
                (array->rank > 2 || side * side == shape[1]);
    *out = (dt_shape){(int)height, (int)width, (int)channels};
    return good ? DT_OK
                : refuse_shape(
                      path, array,
                      "images [n][height][width], [n][height][width][1 or 3], or [n][pixels] "
                      "of a square",
                      error);
}

static dt_status take_labels(const char *path, const dt_npz_array *array, int *one_hot,
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
    const dt_npz_array *images = array_of(self, part, IMAGES),
                       *labels = array_of(self, part, LABELS);
    dt_shape shape;
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
    snprintf(source->place[part], DT_PLACE_SIZE, "%.200s: %s", path, labels->name);
    return DT_OK;
}

/* Whether all images are of 0 to 1: then 1 is 255. Integers of a test part are as those of the
 * training part: a few of them may well be dark. */
static dt_status find_scale(dt_source *source, dt_part part, dt_error *error)
{
    state *self = source->state;
    const dt_npz_array *images = array_of(self, part, IMAGES);
    int64_t all = source->count[part] * dt_shape_size(source->shape);
    dt_status status = DT_OK;
    bool floats = images->kind == 'f',
         follows = part == DT_TEST && !floats && array_of(self, DT_TRAIN, IMAGES)->kind != 'f';
    self->unit[part] = !follows || self->unit[DT_TRAIN];
    if (follows)
        return DT_OK;
    for (int64_t at = 0; at < all && !status && self->unit[part]; at += PIECE) {
        int64_t count = all - at < PIECE ? all - at : PIECE;
        status = dt_npz_read(self->npz, self->arrays[part][IMAGES], at, count, self->values, error);
        for (int64_t i = 0; i < count && !status; i++)
            self->unit[part] = self->unit[part] && self->values[i] <= 1;
    }
    return status;
}

/* The values become bytes. */
static dt_status take_pixels(const dt_source *source, dt_part part, int64_t at, int64_t count,
                             uint8_t *pixels, dt_error *error)
{
    const state *self = source->state;
    double scale = self->unit[part] ? 255 : 1;
    for (int64_t i = 0; i < count; i++) {
        double value = self->values[i] * scale;
        if (!(value >= 0 && value <= 255))
            return dt_fail(error, DT_ERR_DATA,
                           "%s: %s: expected pixels of 0 to 255, or all of 0 to 1, found %g in "
                           "image %lld (the first is 0)",
                           source->name, array_of(self, part, IMAGES)->name, self->values[i],
                           (long long)((at + i) / dt_shape_size(source->shape)));
        pixels[i] = (uint8_t)(value + 0.5);
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
    int64_t at_a_time = PIECE / columns;
    dt_status status = DT_OK;
    for (int64_t done = 0; done < count && !status; done += at_a_time) {
        int64_t now = count - done < at_a_time ? count - done : at_a_time;
        status = dt_npz_read(self->npz, self->arrays[part][LABELS], (first + done) * columns,
                             now * columns, self->values, error);
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

static dt_status read_npz(dt_source *source, dt_part part, int64_t first, int64_t count,
                          uint8_t *images, int32_t *labels, dt_error *error)
{
    state *self = source->state;
    int64_t size = dt_shape_size(source->shape);
    dt_status status = read_labels(source, part, first, count, labels, error);
    for (int64_t done = 0; images && done < count * size && !status; done += PIECE) {
        int64_t now = count * size - done < PIECE ? count * size - done : PIECE;
        int64_t at = first * size + done;
        status = dt_npz_read(self->npz, self->arrays[part][IMAGES], at, now, self->values, error);
        if (!status)
            status = take_pixels(source, part, at, now, images + done, error);
    }
    return status;
}

static void close_npz(dt_source *source)
{
    state *self = source->state;
    if (self) {
        dt_npz_close(self->npz);
        dt_free(self->values);
    }
    dt_free(self);
    dt_free(source);
}

static dt_status open_arrays(const char *path, const char *keys, dt_source *source, dt_error *error)
{
    state *self = source->state;
    dt_status status = dt_npz_open(path, &self->npz, error);
    if (!status)
        status = strcmp(keys, "auto") == 0 ? choose_by_name(path, self, error)
                                           : choose_by_keys(path, keys, self, error);
    for (int part = 0; part < DT_PARTS && !status; part++) {
        int found = (self->arrays[part][IMAGES] != NONE) + (self->arrays[part][LABELS] != NONE);
        if (found == 1 || (found == 0 && part == DT_TRAIN))
            status = refuse_arrays(path, self, error);
        else if (found == 2)
            status = check_part(path, source, part, error);
        if (!status && found == 2)
            status = find_scale(source, part, error);
    }
    int columns = self->one_hot[DT_TRAIN];
    if (!status && columns > 1 &&
        (source->count[DT_TEST] == 0 || self->one_hot[DT_TEST] == columns))
        dt_classes_of_number(source, columns);
    return status;
}

static void note_scale(const dt_source *source, dt_text *note)
{
    const bool *unit = ((const state *)source->state)->unit;
    bool test = source->count[DT_TEST] > 0;
    if (unit[DT_TRAIN] || (test && unit[DT_TEST]))
        dt_text_add(note, "pixels of 0 to 1 become 0 to 255%s",
                    !test || unit[DT_TRAIN] == unit[DT_TEST] ? ""
                    : unit[DT_TRAIN]                         ? ", of the training part"
                                                             : ", of the test part");
}

static bool is_used(const state *self, int array)
{
    for (int i = 0; i < DT_PARTS * KINDS; i++)
        if (self->arrays[i / KINDS][i % KINDS] == array)
            return true;
    return false;
}

/* The arrays that are passed over since their names do not say what they are. */
static void note_rest(const state *self, dt_text *note)
{
    int count, rest = 0;
    const dt_npz_array *arrays = dt_npz_arrays(self->npz, &count);
    for (int i = 0; i < count; i++) {
        if (is_used(self, i))
            continue;
        if (rest < LISTED_MOST)
            dt_text_add(note, "%s%s",
                        rest > 0           ? ", "
                        : note->length > 0 ? "; without "
                                           : "without ",
                        arrays[i].name);
        rest++;
    }
    if (rest > LISTED_MOST)
        dt_text_add(note, " and %d more", rest - LISTED_MOST);
}

dt_status source_npz_open(const char *path, const char *keys, dt_source **out, dt_error *error)
{
    *out = NULL;
    dt_source *source = dt_calloc(1, sizeof *source, error);
    state *self = source ? dt_calloc(1, sizeof *self, error) : NULL;
    double *values = self ? dt_calloc(PIECE, sizeof *values, error) : NULL;
    if (!values) {
        dt_free(self);
        dt_free(source);
        return DT_ERR_INTERNAL;
    }
    *self = (state){.arrays = {{NONE, NONE}, {NONE, NONE}}, .values = values};
    snprintf(source->name, sizeof source->name, "arrays in %.200s", path);
    source->state = self;
    source->read = read_npz;
    source->close = close_npz;
    source->sequential = true;
    dt_status status = open_arrays(path, keys, source, error);
    if (status) {
        dt_source_close(source);
        return status;
    }
    dt_text note = {.text = source->note, .size = sizeof source->note};
    note_scale(source, &note);
    if (strcmp(keys, "auto") == 0)
        note_rest(self, &note);
    *out = source;
    return DT_OK;
}
