#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "file/record.h"

enum { LABEL_SIZE = 2 * DT_RECORD_PATH_SIZE };

static bool is_dataset(const dt_field *field)
{
    return field->kind > DT_FIELD_LIST;
}

char *dt_field_path(const dt_record *record, const dt_field *field, char path[DT_RECORD_PATH_SIZE])
{
    bool dataset = is_dataset(field);
    int length =
        snprintf(path, DT_RECORD_PATH_SIZE, "%s%s%s%s", record->group,
                 field->group ? field->group : "", dataset ? "/" : "", dataset ? field->name : "");
    if (length == 0)
        snprintf(path, DT_RECORD_PATH_SIZE, "/");
    return path;
}

static size_t count_of(const dt_record *record, const dt_field *field)
{
    size_t count = 1;
    for (int i = 0; i < field->rank; i++)
        count *= (size_t)record->sizes[field->sizes[i]].count;
    return count;
}

/* "attribute step of /", "/parameters" */
static const char *label(const dt_record *record, const dt_field *field, char text[LABEL_SIZE])
{
    char path[DT_RECORD_PATH_SIZE];
    dt_field_path(record, field, path);
    if (is_dataset(field))
        snprintf(text, LABEL_SIZE, "%s", path);
    else
        snprintf(text, LABEL_SIZE, "attribute %s of %s", field->name, path);
    return text;
}

static dt_status check_limits(const dt_record *record, const dt_field *field, int64_t value,
                              dt_error *error)
{
    char what[LABEL_SIZE], most[32] = "or more";
    bool any = field->least == 0 && field->most == 0;
    if (any || (value >= field->least && value <= field->most))
        return DT_OK;
    if (field->most < INT64_MAX)
        snprintf(most, sizeof most, "to %" PRId64, field->most);
    return dt_fail(error, DT_ERR_DATA, "%s: expected %" PRId64 " %s, found %" PRId64,
                   label(record, field, what), field->least, most, value);
}

dt_status dt_record_check(const dt_record *record, dt_error *error)
{
    dt_status status = DT_OK;
    for (size_t i = 0; i < record->count && !status; i++) {
        const dt_field *field = &record->fields[i];
        if (field->kind == DT_FIELD_INT || field->kind == DT_FIELD_INTEGER)
            status = check_limits(record, field, dt_record_integer(record, field), error);
        else if (field->kind == DT_FIELD_LIST || field->kind == DT_FIELD_WHOLE)
            for (size_t j = 0; j < count_of(record, field) && !status; j++)
                status = check_limits(record, field,
                                      (*(int64_t **)dt_record_member(record, field))[j], error);
    }
    return status;
}

/* The values of an array as floats: the caller's, if they are not the array itself. */
static float *floats_of(const dt_field *field, void *array, size_t count, dt_error *error)
{
    if (field->kind == DT_FIELD_FLOATS)
        return array;
    float *floats = dt_calloc(count, sizeof *floats, error);
    for (size_t i = 0; floats && i < count; i++)
        floats[i] = field->kind == DT_FIELD_WHOLE   ? (float)((const int64_t *)array)[i]
                    : field->kind == DT_FIELD_BYTES ? (float)((const uint8_t *)array)[i]
                                                    : (float)((const double *)array)[i];
    return floats;
}

static dt_status add_dataset(const dt_record *record, const dt_field *field, dt_hdf5_image *image,
                             dt_error *error)
{
    char path[DT_RECORD_PATH_SIZE];
    int64_t shape[2];
    void *array = *(void **)dt_record_member(record, field);
    if (!array && field->optional)
        return DT_OK;
    for (int i = 0; i < field->rank; i++)
        shape[i] = record->sizes[field->sizes[i]].count;
    float *floats = floats_of(field, array, count_of(record, field), error);
    dt_status status = floats ? dt_hdf5_image_add_floats(image, dt_field_path(record, field, path),
                                                         field->rank, shape, floats, error)
                              : DT_ERR_INTERNAL;
    if (floats != array)
        dt_free(floats);
    return status;
}

dt_attribute dt_field_attribute(const dt_record *record, const dt_field *field,
                                char hash[DT_HASH_TEXT])
{
    const void *member = dt_record_member(record, field);
    switch (field->kind) {
    case DT_FIELD_TEXT:
        return dt_attribute_text(field->name, *(const char *const *)member);
    case DT_FIELD_FLAG:
        return dt_attribute_text(field->name, field->words[*(const bool *)member]);
    case DT_FIELD_INTEGER:
    case DT_FIELD_INT:
        return dt_attribute_integer(field->name, dt_record_integer(record, field));
    case DT_FIELD_REAL:
        return dt_attribute_real(field->name, *(const double *)member);
    case DT_FIELD_HASH:
        return dt_attribute_text(field->name, dt_hash_text(*(const uint64_t *)member, hash));
    case DT_FIELD_SHAPE:
        return dt_attribute_integers(field->name, 3, member);
    default:
        return dt_attribute_integers(field->name, count_of(record, field),
                                     *(const int64_t *const *)member);
    }
}

static dt_status add_attribute(const dt_record *record, const dt_field *field, dt_hdf5_image *image,
                               dt_error *error)
{
    char path[DT_RECORD_PATH_SIZE], hash[DT_HASH_TEXT];
    if (field->kind == DT_FIELD_TEXT && field->optional &&
        !*(char *const *)dt_record_member(record, field))
        return DT_OK;
    const dt_attribute attribute = dt_field_attribute(record, field, hash);
    return dt_hdf5_image_add_attribute(image, dt_field_path(record, field, path), &attribute,
                                       error);
}

dt_status dt_record_to_hdf5(const dt_record *record, dt_hdf5_image *image, dt_error *error)
{
    dt_status status = DT_OK;
    for (size_t i = 0; i < record->count && !status; i++) {
        const dt_field *field = &record->fields[i];
        if (!field->old)
            status = (is_dataset(field) ? add_dataset : add_attribute)(record, field, image, error);
    }
    return status;
}

/* Whether the array has the sizes that are known; those that are not become what was found. */
static dt_status take_sizes(const dt_record *record, const dt_field *field, int rank,
                            const int64_t *found, dt_error *error)
{
    char what[LABEL_SIZE], expected[128], other[256] = "one number";
    dt_text before = {.text = expected, .size = sizeof expected};
    dt_text after = {.text = other, .size = sizeof other};
    bool same = rank == field->rank;
    for (int i = 0; i < field->rank; i++) {
        const dt_size *size = &record->sizes[field->sizes[i]];
        bool known = size->count >= 0;
        dt_text_add(&before, known ? "[%" PRId64 " %s]" : "[%" PRId64 " or more %s]",
                    known ? size->count : 1, size->of);
        same = same && (known ? found[i] == size->count : found[i] >= 1 && found[i] <= size->most);
    }
    for (int i = 0; i < rank; i++)
        dt_text_add(&after, "[%" PRId64 "]", found[i]);
    for (int i = 0; same && i < rank; i++)
        record->sizes[field->sizes[i]].count = found[i];
    return same ? DT_OK
                : dt_fail(error, DT_ERR_DATA, "%s: expected %s, found %s",
                          label(record, field, what), expected, other);
}

/* Whole numbers within the limits of the field. */
static dt_status check_whole(const dt_field *field, const char *path, const float *values,
                             size_t count, dt_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!(values[i] >= (float)field->least && values[i] <= (float)field->most &&
              values[i] == truncf(values[i])))
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected whole numbers from %" PRId64 " to %" PRId64 ", found %g",
                           path, field->least, field->most, (double)values[i]);
    return DT_OK;
}

/* The array that has these values, which are whole if it has. Owned by the caller. */
static void *array_of(const dt_field *field, const float *floats, size_t count, dt_error *error)
{
    size_t size = field->kind == DT_FIELD_BYTES ? 1 : 8;
    void *array = dt_calloc(count, size, error);
    for (size_t i = 0; array && i < count; i++)
        if (field->kind == DT_FIELD_BYTES)
            ((uint8_t *)array)[i] = (uint8_t)floats[i];
        else if (field->kind == DT_FIELD_WHOLE)
            ((int64_t *)array)[i] = (int64_t)floats[i];
        else
            ((double *)array)[i] = (double)floats[i];
    return array;
}

static dt_status read_dataset(const dt_record *record, const dt_field *field,
                              const dt_hdf5_reader *reader, dt_error *error)
{
    char path[DT_RECORD_PATH_SIZE];
    void **member = dt_record_member(record, field);
    int rank;
    int64_t shape[DT_HDF5_RANK_MAX];
    dt_field_path(record, field, path);
    if (field->optional && !dt_hdf5_reader_has(reader, path))
        return DT_OK;
    dt_status status = dt_hdf5_reader_shape(reader, path, &rank, shape, error);
    if (!status)
        status = take_sizes(record, field, rank, shape, error);
    if (status)
        return status;
    size_t count = count_of(record, field);
    float *floats = dt_calloc(count, sizeof *floats, error);
    status =
        floats ? dt_hdf5_reader_floats(reader, path, rank, shape, floats, error) : DT_ERR_INTERNAL;
    if (field->kind == DT_FIELD_FLOATS) {
        *member = floats;
        return status;
    }
    if (!status && field->kind != DT_FIELD_DOUBLES)
        status = check_whole(field, path, floats, count, error);
    if (!status && !(*member = array_of(field, floats, count, error)))
        status = DT_ERR_INTERNAL;
    dt_free(floats);
    return status;
}

/* A text that is one of those that the field may have, or a hash. */
static dt_status read_word(const dt_field *field, const dt_hdf5_reader *reader, const char *object,
                           void *member, dt_error *error)
{
    char *text;
    dt_status status = dt_hdf5_reader_text_attribute(reader, object, field->name, &text, error);
    if (status)
        return status;
    if (field->kind == DT_FIELD_FLAG) {
        bool set = *(bool *)member = strcmp(text, field->words[1]) == 0;
        if (!set && strcmp(text, field->words[0]) != 0)
            status =
                dt_fail(error, DT_ERR_DATA, "attribute %s of %s: expected %s or %s, found '%.40s'",
                        field->name, object, field->words[1], field->words[0], text);
    } else if (!dt_hash_parse(text, member)) {
        status = dt_fail(error, DT_ERR_DATA,
                         "attribute %s of %s: expected 16 hexadecimal digits, found '%.40s'",
                         field->name, object, text);
    }
    dt_free(text);
    return status;
}

static dt_status read_list(const dt_record *record, const dt_field *field,
                           const dt_hdf5_reader *reader, const char *object, dt_error *error)
{
    const dt_size *size = &record->sizes[field->sizes[0]];
    const size_t most = (size_t)(size->count < 0 ? size->most : size->count);
    int64_t *list = dt_calloc(most, sizeof *list, error);
    *(int64_t **)dt_record_member(record, field) = list;
    if (!list)
        return DT_ERR_INTERNAL;
    size_t count;
    dt_status status =
        dt_hdf5_reader_integers(reader, object, field->name, most, list, &count, error);
    return status ? status : take_sizes(record, field, 1, &(int64_t){(int64_t)count}, error);
}

static dt_status read_shape(const dt_field *field, const dt_hdf5_reader *reader, const char *object,
                            int64_t shape[3], dt_error *error)
{
    size_t count;
    dt_status status =
        dt_hdf5_reader_integers(reader, object, field->name, 3, shape, &count, error);
    if (!status && count != 3)
        status = dt_fail(error, DT_ERR_DATA,
                         "attribute %s of %s: expected height, width and channels, found %zu "
                         "numbers",
                         field->name, object, count);
    return status;
}

static dt_status read_attribute(const dt_record *record, const dt_field *field,
                                const dt_hdf5_reader *reader, dt_error *error)
{
    void *member = dt_record_member(record, field);
    char object[DT_RECORD_PATH_SIZE];
    int64_t integer;
    dt_status status;
    dt_field_path(record, field, object);
    if (field->optional && !dt_hdf5_reader_has_attribute(reader, object, field->name))
        return DT_OK;
    switch (field->kind) {
    case DT_FIELD_TEXT:
        return dt_hdf5_reader_text_attribute(reader, object, field->name, member, error);
    case DT_FIELD_INTEGER:
    case DT_FIELD_INT:
        status = dt_hdf5_reader_integer(reader, object, field->name, &integer, error);
        if (!status)
            status = check_limits(record, field, integer, error);
        if (!status)
            dt_record_set_integer(record, field, integer);
        return status;
    case DT_FIELD_REAL:
        return dt_hdf5_reader_real(reader, object, field->name, member, error);
    case DT_FIELD_FLAG:
    case DT_FIELD_HASH:
        return read_word(field, reader, object, member, error);
    case DT_FIELD_SHAPE:
        return read_shape(field, reader, object, member, error);
    default:
        return read_list(record, field, reader, object, error);
    }
}

dt_status dt_record_of_hdf5(const dt_record *record, const dt_hdf5_reader *reader, dt_error *error)
{
    dt_status status = DT_OK;
    for (size_t i = 0; i < record->count && !status; i++) {
        const dt_field *field = &record->fields[i];
        status = (is_dataset(field) ? read_dataset : read_attribute)(record, field, reader, error);
    }
    return status;
}
