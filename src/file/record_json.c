#include <inttypes.h>

#include <jansson.h>

#include "base/hash.h"
#include "base/memory.h"
#include "file/json.h"
#include "file/record.h"

static void add_field(const dt_record *record, const dt_field *field, dt_text *to)
{
    const void *member = dt_record_member(record, field);
    const int64_t *sizes = member;
    int64_t integer;
    char hash[DT_HASH_TEXT];
    switch (field->kind) {
    case DT_FIELD_TEXT:
        dt_json_add_text(to, *(const char *const *)member);
        break;
    case DT_FIELD_INTEGER:
    case DT_FIELD_INT:
        integer = dt_record_integer(record, field);
        dt_text_add(to, integer == -1 ? "null" : "%" PRId64, integer);
        break;
    case DT_FIELD_REAL:
        dt_json_add_real(to, *(const double *)member);
        break;
    case DT_FIELD_HASH:
        dt_hash_text(*(const uint64_t *)member, hash);
        dt_json_add_text(to, *(const uint64_t *)member ? hash : NULL);
        break;
    case DT_FIELD_SHAPE:
        dt_text_add(to, "[%" PRId64 ", %" PRId64 ", %" PRId64 "]", sizes[0], sizes[1], sizes[2]);
        break;
    default: /* not in JSON */
        break;
    }
}

void dt_record_to_json(const dt_record *record, dt_text *to)
{
    for (size_t i = 0; i < record->count; i++) {
        dt_text_add(to, "%s\n  \"%s\": ", i == 0 ? "{" : ",", record->fields[i].name);
        add_field(record, &record->fields[i], to);
    }
    dt_text_add(to, "\n}\n");
}

static bool read_shape(const json_t *value, int64_t shape[3])
{
    for (size_t i = 0; i < 3; i++) {
        const json_t *size = json_array_get(value, i);
        shape[i] = json_integer_value(size);
        if (!json_is_integer(size))
            return false;
    }
    return json_array_size(value) == 3;
}

/* value: NULL: none. found: what it is, for messages. */
static dt_status read_field(const dt_record *record, const dt_field *field, const json_t *value,
                            const char *found, dt_error *error)
{
    static const char *const expected[DT_FIELD_KINDS] = {
        [DT_FIELD_TEXT] = "a text",
        [DT_FIELD_INTEGER] = "an integer",
        [DT_FIELD_INT] = "an integer",
        [DT_FIELD_REAL] = "a number",
        [DT_FIELD_HASH] = "16 hexadecimal digits",
        [DT_FIELD_SHAPE] = "height, width and channels as [28, 28, 1]",
    };
    void *member = dt_record_member(record, field);
    bool is_integer = field->kind == DT_FIELD_INTEGER || field->kind == DT_FIELD_INT;
    if (field->kind == DT_FIELD_TEXT && json_is_string(value))
        return (*(char **)member = dt_strdup(json_string_value(value), error)) ? DT_OK
                                                                               : DT_ERR_INTERNAL;
    if (is_integer && json_is_integer(value))
        dt_record_set_integer(record, field, json_integer_value(value));
    else if (field->kind == DT_FIELD_REAL && json_is_number(value))
        *(double *)member = json_number_value(value);
    else if (!(field->kind == DT_FIELD_HASH && json_is_string(value) &&
               dt_hash_parse(json_string_value(value), member)) &&
             !(field->kind == DT_FIELD_SHAPE && read_shape(value, member)))
        return dt_fail(error, DT_ERR_DATA, "%s: expected %s, found %.40s", field->name,
                       expected[field->kind], found);
    return DT_OK;
}

static const char *kind_of(const json_t *value)
{
    return json_is_string(value)   ? "a text"
           : json_is_number(value) ? "another number"
                                   : "another value";
}

dt_status dt_record_of_json(const char *name, const void *bytes, size_t size,
                            const dt_record *record, dt_error *error)
{
    json_error_t why;
    dt_record_clear(record);
    json_t *object = json_loadb(bytes, size, 0, &why);
    if (!object)
        return dt_fail(error, DT_ERR_DATA, "%s:%d: expected a JSON object: %s", name, why.line,
                       why.text);
    dt_status status = DT_OK;
    if (!json_is_object(object))
        status = dt_fail(error, DT_ERR_DATA, "%s:1: expected a JSON object, found a list", name);
    for (size_t i = 0; i < record->count && !status; i++) {
        const json_t *value = json_object_get(object, record->fields[i].name);
        if (value && !json_is_null(value) &&
            (status = read_field(record, &record->fields[i], value, kind_of(value), error)))
            dt_fail_in(error, "%s", name);
    }
    json_decref(object);
    if (status) {
        dt_record_free(record);
        dt_record_clear(record);
    }
    return status;
}

char *dt_field_to_text(const dt_record *record, const dt_field *field, dt_error *error)
{
    if (field->kind == DT_FIELD_TEXT)
        return dt_strdup(*(const char *const *)dt_record_member(record, field), error);
    dt_text text = {.grows = true};
    add_field(record, field, &text);
    if (!dt_text_status(&text, error))
        return text.text;
    dt_free(text.text);
    return NULL;
}

dt_status dt_field_of_text(const dt_record *record, const dt_field *field, const char *text,
                           dt_error *error)
{
    char **member = dt_record_member(record, field);
    if (field->kind == DT_FIELD_TEXT && text)
        return (*member = dt_strdup(text, error)) ? DT_OK : DT_ERR_INTERNAL;
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    dt_status status = read_field(record, field, value, text ? text : "none", error);
    json_decref(value);
    return status;
}
