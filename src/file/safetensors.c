#include "file/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "file/atomic_file.h"
#include "file/json.h"
#include "file/float_type.h"

#define LENGTH_SIZE 8
#define ALIGNMENT   8

static void add_array(const dt_array *array, size_t begin, dt_text *to)
{
    dt_json_add_text(to, array->name);
    dt_text_add(to, ":{\"dtype\":\"F32\",\"shape\":[");
    for (int i = 0; i < array->rank; i++)
        dt_text_add(to, "%s%" PRId64, i > 0 ? "," : "", array->shape[i]);
    dt_text_add(to, "],\"data_offsets\":[%zu,%zu]}", begin,
                begin + dt_array_count(array) * sizeof(float));
}

/* Returns the bytes of all values. */
static size_t add_header(const dt_bundle *bundle, dt_text *to)
{
    dt_text_add(to, "{");
    for (size_t i = 0; i < bundle->text_count; i++) {
        dt_text_add(to, i == 0 ? "\"__metadata__\":{" : ",");
        dt_json_add_text(to, bundle->texts[i].name);
        dt_text_add(to, ":");
        dt_json_add_text(to, bundle->texts[i].text);
        dt_text_add(to, i + 1 == bundle->text_count ? "}" : "");
    }
    size_t size = 0;
    for (size_t i = 0; i < bundle->array_count; i++) {
        dt_text_add(to, i > 0 || bundle->text_count > 0 ? "," : "");
        add_array(&bundle->arrays[i], size, to);
        size += dt_array_count(&bundle->arrays[i]) * sizeof(float);
    }
    dt_text_add(to, "}");
    return size;
}

dt_status dt_safetensors_write(const char *path, const dt_bundle *bundle, dt_error *error)
{
    dt_text header = {0};
    size_t values = add_header(bundle, &header);
    size_t padded = (header.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t size = LENGTH_SIZE + padded + values;
    uint8_t *bytes = dt_calloc(size + 1, 1, error);
    if (!bytes)
        return DT_ERR_INTERNAL;

    uint64_t length = padded;
    memcpy(bytes, &length, sizeof length);
    header = (dt_text){.text = (char *)bytes + LENGTH_SIZE, .size = padded + 1};
    add_header(bundle, &header);
    memset(header.text + header.length, ' ', padded - header.length);
    uint8_t *at = bytes + LENGTH_SIZE + padded;
    for (size_t i = 0; i < bundle->array_count; i++) {
        size_t part = dt_array_count(&bundle->arrays[i]) * sizeof(float);
        memcpy(at, bundle->arrays[i].values, part);
        at += part;
    }
    dt_status status = dt_atomic_write(path, bytes, size, error);
    dt_free(bytes);
    return status;
}

/* What the header says of an array. */
typedef struct entry {
    const char *name;  /* of the JSON */
    const char *other; /* the dtype of what is no float; NULL: `type` is the dtype */
    dt_float_type type;
    size_t width; /* bytes of a value */
    int rank;
    int64_t shape[DT_RANK_MAX];
    uint64_t begin, end;
    size_t count;
} entry;

typedef struct reading {
    json_t *header;
    entry *entries; /* [count] in the order of the file's bytes */
    size_t count;
    const uint8_t *values;
    size_t size; /* bytes of all values */
} reading;

bool dt_safetensors_is(const void *bytes, size_t size)
{
    return size > LENGTH_SIZE && ((const char *)bytes)[LENGTH_SIZE] == '{';
}

static dt_status open_header(const uint8_t *bytes, size_t size, reading *out, dt_error *error)
{
    uint64_t length = 0;
    if (size >= LENGTH_SIZE)
        memcpy(&length, bytes, sizeof length);
    if (size < LENGTH_SIZE || length > size - LENGTH_SIZE || length > DT_SAFETENSORS_HEADER_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "expected a safetensors header of at most %zu bytes within the file's %zu, "
                       "found one of %" PRIu64 " (another kind of file?)",
                       DT_SAFETENSORS_HEADER_MAX, size, length);
    json_error_t why;
    out->header =
        json_loadb((const char *)bytes + LENGTH_SIZE, length, JSON_REJECT_DUPLICATES, &why);
    if (!out->header)
        return dt_fail(error, DT_ERR_DATA,
                       "expected a safetensors header in JSON, found at byte %d: %s", why.position,
                       why.text);
    if (!json_is_object(out->header))
        return dt_fail(error, DT_ERR_DATA,
                       "expected a safetensors header that is a JSON object, "
                       "found something else");
    out->values = bytes + LENGTH_SIZE + length;
    out->size = size - LENGTH_SIZE - length;
    return DT_OK;
}

/* A list of at most `most` integers >= 0. */
static bool read_integers(const json_t *list, size_t most, int64_t *values, size_t *count)
{
    *count = json_array_size(list);
    if (!json_is_array(list) || *count > most)
        return false;
    for (size_t i = 0; i < *count; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return false;
        values[i] = json_integer_value(value);
    }
    return true;
}

/* What no weights are. */
static const struct {
    const char *name;
    size_t width;
} others[] = {{"I64", 8}, {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U64", 8},
              {"U32", 4}, {"U16", 2}, {"U8", 1},  {"BOOL", 1}};

static dt_status read_type(const char *name, const json_t *value, entry *out, dt_error *error)
{
    const char *type = json_string_value(value);
    for (out->type = 0; out->type < DT_FLOAT_TYPES; ++out->type)
        if (type && strcmp(type, dt_float_type_names[out->type]) == 0) {
            out->width = dt_float_type_width(out->type);
            return DT_OK;
        }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (type && strcmp(type, others[i].name) == 0) {
            out->other = others[i].name;
            out->width = others[i].width;
            return DT_OK;
        }
    return dt_fail(error, DT_ERR_DATA,
                   "array %.100s: expected dtype F32, F64, F16 or BF16, found %.20s", name,
                   type ? type : "none");
}

static dt_status read_entry(const char *name, const json_t *value, uint64_t size, entry *out,
                            dt_error *error)
{
    *out = (entry){.name = name, .count = 1};
    size_t rank, pair;
    int64_t offsets[2];
    dt_status status = read_type(name, json_object_get(value, "dtype"), out, error);
    if (status)
        return status;
    if (!read_integers(json_object_get(value, "shape"), DT_RANK_MAX, out->shape, &rank) ||
        !read_integers(json_object_get(value, "data_offsets"), 2, offsets, &pair) || pair != 2 ||
        json_object_size(value) != 3)
        return dt_fail(error, DT_ERR_DATA,
                       "array %.100s: expected dtype, shape of at most %d integers >= 0 and "
                       "data_offsets of two, found others",
                       name, DT_RANK_MAX);
    out->rank = (int)rank;
    out->begin = (uint64_t)offsets[0];
    out->end = (uint64_t)offsets[1];
    size_t bytes = out->width;
    bool huge = false;
    for (size_t i = 0; i < rank; i++) {
        huge |= __builtin_mul_overflow(bytes, (size_t)out->shape[i], &bytes);
        out->count *= (size_t)out->shape[i];
    }
    if (huge || out->begin > out->end || out->end > size || bytes != out->end - out->begin)
        return dt_fail(error, DT_ERR_DATA,
                       "array %.100s: expected data_offsets within the %" PRIu64
                       " bytes of values, "
                       "as far apart as its shape and dtype say, found %" PRIu64 " and %" PRIu64,
                       name, size, out->begin, out->end);
    return DT_OK;
}

static int by_begin(const void *a, const void *b)
{
    const entry *left = a, *right = b;
    return (left->begin > right->begin) - (left->begin < right->begin);
}

static dt_status check_places(const reading *self, dt_error *error)
{
    uint64_t end = 0;
    for (size_t i = 0; i < self->count; i++) {
        const entry *it = &self->entries[i];
        if (it->begin != end)
            return dt_fail(error, DT_ERR_DATA,
                           "array %.100s: expected values from byte %" PRIu64
                           " on, where those before end, found %" PRIu64,
                           it->name, end, it->begin);
        end = it->end;
    }
    if (end != self->size)
        return dt_fail(error, DT_ERR_DATA,
                       "expected values up to the end of the file, byte %zu, found %" PRIu64,
                       self->size, end);
    return DT_OK;
}

static dt_status read_texts(const json_t *metadata, dt_bundle *out, dt_error *error)
{
    if (!json_is_object(metadata))
        return dt_fail(error, DT_ERR_DATA, "__metadata__: expected texts by name, found none");
    dt_status status = DT_OK;
    for (void *at = json_object_iter((json_t *)metadata); at && !status;
         at = json_object_iter_next((json_t *)metadata, at)) {
        const char *name = json_object_iter_key(at);
        const char *text = json_string_value(json_object_iter_value(at));
        status = text ? dt_bundle_add_text(out, name, text, error)
                      : dt_fail(error, DT_ERR_DATA,
                                "__metadata__: %.100s: expected a text, found none", name);
    }
    return status;
}

static dt_status read_header(reading *self, dt_bundle *out, dt_error *error)
{
    size_t size = json_object_size(self->header);
    if (size > DT_BUNDLE_MAX + 1)
        return dt_fail(error, DT_ERR_DATA, "expected at most %d arrays, found %zu", DT_BUNDLE_MAX,
                       size);
    self->entries = dt_calloc(size, sizeof *self->entries, error);
    dt_status status = self->entries ? DT_OK : DT_ERR_INTERNAL;
    for (void *at = json_object_iter(self->header); at && !status;
         at = json_object_iter_next(self->header, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        if (strcmp(name, "__metadata__") == 0)
            status = read_texts(value, out, error);
        else
            status = read_entry(name, value, self->size, &self->entries[self->count++], error);
    }
    if (status)
        return status;
    qsort(self->entries, self->count, sizeof *self->entries, by_begin);
    return check_places(self, error);
}

dt_status dt_safetensors_decode(const void *bytes, size_t size, dt_bundle *out, dt_error *error)
{
    *out = (dt_bundle){0};
    reading self = {0};
    dt_status status = open_header(bytes, size, &self, error);
    if (!status)
        status = read_header(&self, out, error);
    for (size_t i = 0; i < self.count && !status; i++) {
        const entry *it = &self.entries[i];
        float *values;
        if (it->other) {
            status = dt_bundle_add_other(out, it->name, it->other, error);
            continue;
        }
        status = dt_bundle_add(out, it->name, it->rank, it->shape, &values, error);
        if (!status)
            dt_float_type_read(it->type, self.values + it->begin, it->count, values);
        if (it->type != DT_FLOAT_32)
            out->converted = dt_float_type_names[it->type];
    }
    dt_free(self.entries);
    json_decref(self.header);
    return status;
}
