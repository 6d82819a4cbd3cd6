#include "run/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "checkpoint_trailer.h"
#include "file/hdf5_file.h"
#include "file/hdf5_reader.h"

typedef enum field_kind {
    FIELD_TEXT,   /* const char * */
    FIELD_COUNT,  /* int64_t >= 0 */
    FIELD_NUMBER, /* int64_t */
    FIELD_REAL,   /* double */
    FIELD_HASH,   /* uint64_t */
    FIELD_STATUS  /* bool complete */
} field_kind;

/* An attribute, and where its value stands in a dt_checkpoint. */
typedef struct field {
    const char *object, *name;
    field_kind kind;
    size_t offset;
} field;

#define FIELD(object, name, kind, member)                                                          \
    {                                                                                              \
        object, name, kind, offsetof(dt_checkpoint, member)                                        \
    }

static const field fields[] = {
    FIELD("/", "version", FIELD_TEXT, version),
    FIELD("/", "status", FIELD_STATUS, complete),
    FIELD("/", "config", FIELD_TEXT, config),
    FIELD("/", "architecture", FIELD_TEXT, architecture),
    FIELD("/", "parameter_hash", FIELD_HASH, parameter_hash),
    FIELD("/", "virtual_ranks", FIELD_COUNT, virtual_ranks),
    FIELD("/", "seed", FIELD_NUMBER, seed),
    FIELD("/", "epoch", FIELD_COUNT, epoch),
    FIELD("/", "step", FIELD_COUNT, step),
    FIELD("/", "step_in_epoch", FIELD_COUNT, step_in_epoch),
    FIELD("/", "samples", FIELD_COUNT, samples),
    FIELD("/", "skipped", FIELD_COUNT, skipped),
    FIELD("/", "seconds", FIELD_REAL, seconds),
    FIELD("/optimizer", "kind", FIELD_TEXT, optimizer.kind),
    FIELD("/optimizer", "steps", FIELD_COUNT, optimizer.steps),
    FIELD("/running", "loss_sum", FIELD_REAL, running.loss_sum),
    FIELD("/running", "correct", FIELD_COUNT, running.correct),
    FIELD("/running", "samples", FIELD_COUNT, running.samples),
    FIELD("/running", "gradient_norm", FIELD_REAL, running.gradient_norm),
    FIELD("/best", "epoch", FIELD_COUNT, best.epoch),
    FIELD("/best", "step", FIELD_COUNT, best.step),
    FIELD("/best", "samples", FIELD_COUNT, best.samples),
    FIELD("/best", "val_accuracy", FIELD_REAL, best.val_accuracy),
    FIELD("/best", "val_loss", FIELD_REAL, best.val_loss),
    FIELD("/best", "test_accuracy", FIELD_REAL, best.test_accuracy),
    FIELD("/best", "test_loss", FIELD_REAL, best.test_loss),
    FIELD("/best", "epochs_since", FIELD_COUNT, best.epochs_since),
    FIELD("/data", "name", FIELD_TEXT, data.name),
    FIELD("/data", "fingerprint", FIELD_HASH, data.fingerprint),
    FIELD("/data", "train_samples", FIELD_COUNT, data.train_samples),
    FIELD("/data", "val_samples", FIELD_COUNT, data.val_samples),
    FIELD("/data", "test_samples", FIELD_COUNT, data.test_samples),
};

/* Of the group that is there where the history is not whole. */
static const char earlier_path[] = "/earlier";

static const field earlier_fields[] = {
    FIELD(earlier_path, "bytes", FIELD_COUNT, earlier),
    FIELD(earlier_path, "hash", FIELD_HASH, earlier_hash),
};

/* A dataset of floats; the first one is always there. */
typedef struct array {
    const char *path;
    size_t offset;
    bool of_samples; /* [train_samples]; else [parameter_count], all finite */
} array;

static const array arrays[] = {
    {"/parameters", offsetof(dt_checkpoint, parameters), false},
    {"/optimizer/velocity", offsetof(dt_checkpoint, optimizer.velocity), false},
    {"/optimizer/square", offsetof(dt_checkpoint, optimizer.square), false},
    {"/best/parameters", offsetof(dt_checkpoint, best.parameters), false},
    {"/tracked/plays", offsetof(dt_checkpoint, tracked.plays), true},
    {"/tracked/gradient_norms", offsetof(dt_checkpoint, tracked.gradient_norms), true},
    {"/tracked/margins", offsetof(dt_checkpoint, tracked.margins), true},
};

static const char *const groups[] = {"/optimizer", "/running", "/best", "/data", "/tracked"};

static const char history_path[] = "/history";

#define COUNT_OF(list) (sizeof(list) / sizeof *(list))

static const void *member(const dt_checkpoint *checkpoint, size_t offset)
{
    return (const char *)checkpoint + offset;
}

static const float *array_of(const dt_checkpoint *checkpoint, size_t i)
{
    return *(const float *const *)member(checkpoint, arrays[i].offset);
}

static int64_t length_of(const dt_checkpoint *checkpoint, size_t i)
{
    return arrays[i].of_samples ? checkpoint->data.train_samples
                                : (int64_t)checkpoint->parameter_count;
}

static dt_status check_field(const dt_checkpoint *checkpoint, const field *what, dt_error *error)
{
    if (what->kind != FIELD_COUNT)
        return DT_OK;
    int64_t count = *(const int64_t *)member(checkpoint, what->offset);
    if (count >= 0)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA, "attribute %s of %s: expected 0 or more, found %lld",
                   what->name, what->object, (long long)count);
}

static dt_status check_array(const char *path, const float *values, size_t count, dt_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return dt_fail(error, DT_ERR_DATA, "%s: expected finite numbers, found %g at %zu", path,
                           (double)values[i], i);
    return DT_OK;
}

static dt_status check_tracked(const dt_checkpoint *checkpoint, dt_error *error)
{
    const dt_checkpoint_tracked *tracked = &checkpoint->tracked;
    int there = !!tracked->plays + !!tracked->gradient_norms + !!tracked->margins;
    if (there == 0)
        return DT_OK;
    if (there < 3)
        return dt_fail(error, DT_ERR_DATA,
                       "/tracked: expected plays, gradient_norms and margins, or none of them, "
                       "found %d",
                       there);
    for (int64_t i = 0; i < checkpoint->data.train_samples; i++)
        if (!isfinite(tracked->plays[i]) || tracked->plays[i] < 0)
            return dt_fail(error, DT_ERR_DATA,
                           "/tracked/plays: expected 0 or more, found %g at %lld",
                           (double)tracked->plays[i], (long long)i);
    return DT_OK;
}

static dt_status check_hash(const dt_checkpoint *checkpoint, dt_error *error)
{
    uint64_t found = dt_hash(checkpoint->parameters, checkpoint->parameter_count * sizeof(float));
    char hash[DT_HASH_TEXT], expected[DT_HASH_TEXT];
    if (found == checkpoint->parameter_hash)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "/parameters: expected the parameter_hash %s, found %s: not the same parameters",
                   dt_hash_text(checkpoint->parameter_hash, expected), dt_hash_text(found, hash));
}

/* What holds for every checkpoint, to be written or just read. */
static dt_status check_content(const dt_checkpoint *checkpoint, dt_error *error)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (check_field(checkpoint, &fields[i], error) != DT_OK)
            return DT_ERR_DATA;
    if (checkpoint->virtual_ranks < 1)
        return dt_fail(error, DT_ERR_DATA,
                       "attribute virtual_ranks of /: expected 1 or more, found 0");
    if (!isfinite(checkpoint->seconds) || checkpoint->seconds < 0)
        return dt_fail(error, DT_ERR_DATA, "attribute seconds of /: expected 0 or more, found %g",
                       checkpoint->seconds);
    if (checkpoint->running.correct > checkpoint->running.samples)
        return dt_fail(error, DT_ERR_DATA,
                       "attribute correct of /running: expected at most %lld (samples), found %lld",
                       (long long)checkpoint->running.samples,
                       (long long)checkpoint->running.correct);
    if (checkpoint->parameter_count < 1)
        return dt_fail(error, DT_ERR_DATA, "/parameters: expected 1 or more, found none");
    for (size_t i = 0; i < COUNT_OF(arrays); i++) {
        const float *values = array_of(checkpoint, i);
        if (values && !arrays[i].of_samples &&
            check_array(arrays[i].path, values, checkpoint->parameter_count, error) != DT_OK)
            return DT_ERR_DATA;
    }
    if (check_tracked(checkpoint, error) != DT_OK)
        return DT_ERR_DATA;
    size_t length = checkpoint->history_length;
    if (length > 0 && memchr(checkpoint->history, '\0', length))
        return dt_fail(error, DT_ERR_DATA, "%s: expected a text, found a 0 in it", history_path);
    return check_hash(checkpoint, error);
}

static dt_status add_field(dt_hdf5_image *image, const dt_checkpoint *checkpoint, const field *what,
                           dt_error *error)
{
    const void *value = member(checkpoint, what->offset);
    char hash[DT_HASH_TEXT];
    dt_attribute attribute = {0};
    switch (what->kind) {
    case FIELD_TEXT:
        attribute = dt_attribute_text(what->name, *(const char *const *)value);
        break;
    case FIELD_COUNT:
    case FIELD_NUMBER:
        attribute = dt_attribute_integer(what->name, *(const int64_t *)value);
        break;
    case FIELD_REAL:
        attribute = dt_attribute_real(what->name, *(const double *)value);
        break;
    case FIELD_HASH:
        attribute = dt_attribute_text(what->name, dt_hash_text(*(const uint64_t *)value, hash));
        break;
    case FIELD_STATUS:
        attribute = dt_attribute_text(what->name, *(const bool *)value ? "complete" : "running");
        break;
    }
    return dt_hdf5_image_add_attribute(image, what->object, &attribute, error);
}

static dt_status add_content(dt_hdf5_image *image, const dt_checkpoint *checkpoint, dt_error *error)
{
    const dt_attribute format = dt_attribute_integer("format", DT_CHECKPOINT_FORMAT);
    dt_status status = dt_hdf5_image_add_attribute(image, "/", &format, error);
    for (size_t i = 0; status == DT_OK && i < COUNT_OF(groups); i++)
        status = dt_hdf5_image_add_group(image, groups[i], error);
    for (size_t i = 0; status == DT_OK && i < COUNT_OF(fields); i++)
        status = add_field(image, checkpoint, &fields[i], error);
    for (size_t i = 0; status == DT_OK && i < COUNT_OF(arrays); i++) {
        const float *values = array_of(checkpoint, i);
        const int64_t shape[] = {length_of(checkpoint, i)};
        if (values)
            status = dt_hdf5_image_add_floats(image, arrays[i].path, 1, shape, values, error);
    }
    if (status == DT_OK)
        status = dt_hdf5_image_add_text(image, history_path, checkpoint->history,
                                        checkpoint->history_length, error);
    if (status == DT_OK && checkpoint->earlier > 0)
        status = dt_hdf5_image_add_group(image, earlier_path, error);
    for (size_t i = 0; status == DT_OK && checkpoint->earlier > 0 && i < COUNT_OF(earlier_fields);
         i++)
        status = add_field(image, checkpoint, &earlier_fields[i], error);
    return status;
}

dt_status dt_checkpoint_encode(const dt_checkpoint *checkpoint, void **bytes, size_t *size,
                               dt_error *error)
{
    *bytes = NULL;
    *size = 0;
    dt_hdf5_image *image = NULL;
    size_t length = 0;
    dt_status status = check_content(checkpoint, error);
    if (status == DT_OK)
        status = dt_hdf5_image_create(&image, error);
    if (status == DT_OK)
        status = add_content(image, checkpoint, error);
    if (status == DT_OK)
        status = dt_hdf5_image_finish_with_room(image, TRAILER_SIZE, bytes, &length, error);
    if (status == DT_OK) {
        *size = length + TRAILER_SIZE;
        trailer_write(*bytes, *size);
    }
    dt_hdf5_image_destroy(image);
    return status;
}

static dt_status read_hash(dt_hdf5_reader *reader, const field *what, uint64_t *value,
                           dt_error *error)
{
    char *text;
    dt_status status =
        dt_hdf5_reader_text_attribute(reader, what->object, what->name, &text, error);
    if (status != DT_OK)
        return status;
    unsigned long long hash = 0;
    char back[DT_HASH_TEXT] = "";
    if (sscanf(text, "%16llx", &hash) == 1)
        dt_hash_text(hash, back);
    if (strcmp(text, back) != 0)
        status = dt_fail(error, DT_ERR_DATA,
                         "attribute %s of %s: expected 16 hexadecimal digits, found '%.40s'",
                         what->name, what->object, text);
    *value = hash;
    dt_free(text);
    return status;
}

static dt_status read_status(dt_hdf5_reader *reader, const field *what, bool *complete,
                             dt_error *error)
{
    char *text;
    dt_status status =
        dt_hdf5_reader_text_attribute(reader, what->object, what->name, &text, error);
    if (status != DT_OK)
        return status;
    *complete = strcmp(text, "complete") == 0;
    if (!*complete && strcmp(text, "running") != 0)
        status = dt_fail(error, DT_ERR_DATA,
                         "attribute %s of %s: expected complete or running, found '%.40s'",
                         what->name, what->object, text);
    dt_free(text);
    return status;
}

static dt_status read_field(dt_hdf5_reader *reader, const field *what, void *value, dt_error *error)
{
    switch (what->kind) {
    case FIELD_TEXT:
        return dt_hdf5_reader_text_attribute(reader, what->object, what->name, value, error);
    case FIELD_COUNT:
    case FIELD_NUMBER:
        return dt_hdf5_reader_integer(reader, what->object, what->name, value, error);
    case FIELD_REAL:
        return dt_hdf5_reader_real(reader, what->object, what->name, value, error);
    case FIELD_HASH:
        return read_hash(reader, what, value, error);
    case FIELD_STATUS:
        return read_status(reader, what, value, error);
    }
    return DT_ERR_INTERNAL;
}

static dt_status check_format(dt_hdf5_reader *reader, dt_error *error)
{
    int64_t format = 0;
    dt_status status = dt_hdf5_reader_integer(reader, "/", "format", &format, error);
    if (status == DT_OK && format != DT_CHECKPOINT_FORMAT)
        status = dt_fail(error, DT_ERR_DATA,
                         "attribute format of /: expected %d, found %lld: a checkpoint of another "
                         "version of this program",
                         DT_CHECKPOINT_FORMAT, (long long)format);
    return status;
}

static bool is_expected(const dt_hdf5_object *object)
{
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        if (object->group && strcmp(object->path, groups[i]) == 0)
            return true;
    for (size_t i = 0; i < COUNT_OF(arrays); i++)
        if (!object->group && strcmp(object->path, arrays[i].path) == 0)
            return true;
    return strcmp(object->path, object->group ? earlier_path : history_path) == 0;
}

/* What is missing is noticed when it is read. */
static dt_status check_objects(const dt_hdf5_reader *reader, dt_error *error)
{
    size_t count;
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    for (size_t i = 0; i < count; i++)
        if (!is_expected(&objects[i]))
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected only what a checkpoint has, found this %s",
                           objects[i].path, objects[i].group ? "group" : "dataset");
    return DT_OK;
}

static dt_status read_array(dt_hdf5_reader *reader, size_t i, dt_checkpoint *out, dt_error *error)
{
    const char *path = arrays[i].path;
    int rank;
    int64_t found[DT_HDF5_RANK_MAX], shape[] = {length_of(out, i)};
    dt_status status = dt_hdf5_reader_shape(reader, path, &rank, found, error);
    if (status != DT_OK)
        return status;
    if (rank != 1 || found[0] != shape[0])
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected %lld numbers, as many as %s, found %lld in %d dimensions",
                       path, (long long)shape[0],
                       arrays[i].of_samples ? "training samples" : "parameters",
                       (long long)(rank > 0 ? found[0] : 1), rank);
    float *values = dt_calloc((size_t)shape[0], sizeof *values, error);
    *(float **)member(out, arrays[i].offset) = values;
    return values ? dt_hdf5_reader_floats(reader, path, 1, shape, values, error) : DT_ERR_INTERNAL;
}

static dt_status read_arrays(dt_hdf5_reader *reader, dt_checkpoint *out, dt_error *error)
{
    int rank;
    int64_t shape[DT_HDF5_RANK_MAX];
    dt_status status = dt_hdf5_reader_shape(reader, arrays[0].path, &rank, shape, error);
    if (status == DT_OK && (rank != 1 || shape[0] < 1))
        status = dt_fail(error, DT_ERR_DATA,
                         "%s: expected one dimension of 1 or more parameters, found %d dimensions",
                         arrays[0].path, rank);
    if (status == DT_OK)
        out->parameter_count = (size_t)shape[0];
    for (size_t i = 0; status == DT_OK && i < COUNT_OF(arrays); i++)
        if (i == 0 || dt_hdf5_reader_has(reader, arrays[i].path))
            status = read_array(reader, i, out, error);
    return status;
}

dt_status dt_checkpoint_decode(const void *bytes, size_t size, dt_checkpoint *out, dt_error *error)
{
    *out = (dt_checkpoint){0};
    dt_status status = trailer_check(bytes, size, error);
    if (status != DT_OK)
        return status;
    dt_hdf5_reader *reader;
    status = dt_hdf5_reader_open(bytes, size - TRAILER_SIZE, &reader, error);
    if (status == DT_OK)
        status = check_format(reader, error);
    if (status == DT_OK)
        status = check_objects(reader, error);
    for (size_t i = 0; status == DT_OK && i < COUNT_OF(fields); i++)
        status = read_field(reader, &fields[i], (char *)out + fields[i].offset, error);
    const bool has_earlier = status == DT_OK && dt_hdf5_reader_has(reader, earlier_path);
    for (size_t i = 0; status == DT_OK && has_earlier && i < COUNT_OF(earlier_fields); i++)
        status =
            read_field(reader, &earlier_fields[i], (char *)out + earlier_fields[i].offset, error);
    if (status == DT_OK)
        status = check_field(out, &earlier_fields[0], error);
    if (status == DT_OK)
        status = read_arrays(reader, out, error);
    char *history = NULL;
    if (status == DT_OK)
        status = dt_hdf5_reader_text(reader, history_path, &history, &out->history_length, error);
    out->history = history;
    if (status == DT_OK)
        status = check_content(out, error);
    dt_hdf5_reader_destroy(reader);
    return status;
}

void dt_checkpoint_destroy(dt_checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (fields[i].kind == FIELD_TEXT)
            dt_free(*(void *const *)member(checkpoint, fields[i].offset));
    for (size_t i = 0; i < COUNT_OF(arrays); i++)
        dt_free(*(void *const *)member(checkpoint, arrays[i].offset));
    dt_free(*(void *const *)member(checkpoint, offsetof(dt_checkpoint, history)));
    *checkpoint = (dt_checkpoint){0};
}
