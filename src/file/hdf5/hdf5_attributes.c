/* Attributes. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "hdf5_told.h"

#define LABEL_SIZE 400

static const told_attribute *find(const dt_hdf5_reader *reader, const char *object,
                                  const char *name)
{
    uint64_t number = strcmp(object, "/") == 0 ? WIRE_ROOT : told_find(reader, object);
    for (size_t i = 0; i < reader->attribute_count; i++)
        if (reader->attributes[i].head.object == number &&
            strcmp(reader->attributes[i].name, name) == 0)
            return &reader->attributes[i];
    return NULL;
}

bool dt_hdf5_reader_has_attribute(const dt_hdf5_reader *reader, const char *object,
                                  const char *name)
{
    return find(reader, object, name) != NULL;
}

/* The attribute, whose values are one, or a list, of that kind; an empty list may be of any. */
static dt_status find_values(const dt_hdf5_reader *reader, const char *object, const char *name,
                             bool list, wire_type kind, const told_attribute **out, dt_error *error)
{
    static const char *const names[][2] = {[WIRE_INTEGER] = {"an integer", "integers"},
                                           [WIRE_FLOAT] = {"a float", "floats"},
                                           [WIRE_TEXT] = {"a string", "strings"}};
    char label[LABEL_SIZE];
    snprintf(label, sizeof label, "attribute %s of %s", name, object);
    const told_attribute *found = *out = find(reader, object, name);
    if (!found)
        return dt_fail(error, DT_ERR_DATA, "%s: expected one, found none", label);
    const wire_attribute *head = &found->head;
    if (head->rank != (list ? 1 : 0))
        return dt_fail(error, DT_ERR_DATA, "%s: expected %s, found %s", label,
                       list ? "a one-dimensional list" : "one value",
                       head->rank < 0    ? "no value"
                       : head->rank == 0 ? "one value"
                                         : "an array of another shape");
    if (head->kind != (uint32_t)kind && (!list || head->count > 0))
        return dt_fail(error, DT_ERR_DATA, "%s: expected %s, found %s", label, names[kind][list],
                       head->type);
    if (!list && head->count != 1)
        return dt_fail(error, DT_ERR_DATA, "%s: expected one value, found none", label);
    return DT_OK;
}

dt_status dt_hdf5_reader_integer(const dt_hdf5_reader *reader, const char *object, const char *name,
                                 int64_t *value, dt_error *error)
{
    const told_attribute *found;
    dt_status status = find_values(reader, object, name, false, WIRE_INTEGER, &found, error);
    if (!status)
        memcpy(value, found->values, sizeof *value);
    return status;
}

dt_status dt_hdf5_reader_real(const dt_hdf5_reader *reader, const char *object, const char *name,
                              double *value, dt_error *error)
{
    const told_attribute *found;
    dt_status status = find_values(reader, object, name, false, WIRE_FLOAT, &found, error);
    if (!status)
        memcpy(value, found->values, sizeof *value);
    return status;
}

dt_status dt_hdf5_reader_integers(const dt_hdf5_reader *reader, const char *object,
                                  const char *name, size_t most, int64_t *values, size_t *count,
                                  dt_error *error)
{
    const told_attribute *found;
    dt_status status = find_values(reader, object, name, true, WIRE_INTEGER, &found, error);
    if (status)
        return status;
    if (found->head.count > most)
        return dt_fail(error, DT_ERR_DATA,
                       "attribute %s of %s: expected at most %zu values, found %llu", name, object,
                       most, (unsigned long long)found->head.count);
    *count = found->head.count;
    if (*count > 0)
        memcpy(values, found->values, *count * sizeof *values);
    return DT_OK;
}

dt_status dt_hdf5_reader_text_list(const dt_hdf5_reader *reader, const char *object,
                                   const char *name, char ***texts, size_t *count, dt_error *error)
{
    *texts = NULL;
    *count = 0;
    const told_attribute *found;
    dt_status status = find_values(reader, object, name, true, WIRE_TEXT, &found, error);
    if (status)
        return status;
    /* One block: the pointers, then the texts. */
    size_t pointers = found->head.count * sizeof **texts;
    char **block = dt_calloc(pointers + found->size + 1, 1, error);
    if (!block)
        return DT_ERR_INTERNAL;
    char *at = (char *)block + pointers;
    memcpy(at, found->values, found->size);
    for (size_t i = 0; i < found->head.count; i++) {
        block[i] = at;
        at += strlen(at) + 1;
    }
    *texts = block;
    *count = found->head.count;
    return DT_OK;
}

dt_status dt_hdf5_reader_text_attribute(const dt_hdf5_reader *reader, const char *object,
                                        const char *name, char **text, dt_error *error)
{
    *text = NULL;
    const told_attribute *found;
    dt_status status = find_values(reader, object, name, false, WIRE_TEXT, &found, error);
    if (!status && !(*text = dt_strdup(found->values, error)))
        status = DT_ERR_INTERNAL;
    return status;
}
