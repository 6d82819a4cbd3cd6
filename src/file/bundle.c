#include "file/bundle.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

void dt_bundle_destroy(dt_bundle *bundle)
{
    if (!bundle)
        return;
    for (size_t i = 0; i < bundle->array_count; i++)
        dt_free(bundle->arrays[i].values);
    for (size_t i = 0; i < bundle->text_count; i++)
        dt_free(bundle->texts[i].text);
    dt_free(bundle->arrays);
    for (size_t i = 0; i < bundle->other_count; i++)
        dt_free(bundle->others[i].text);
    dt_free(bundle->texts);
    dt_free(bundle->others);
    *bundle = (dt_bundle){0};
}

static bool is_plain(const char *name)
{
    for (size_t step; *name; name += step) {
        step = dt_utf8_length((const unsigned char *)name);
        if (step == 0 || (unsigned char)*name < 0x20 || *name == 0x7f)
            return false;
    }
    return true;
}

static dt_status check_name(const char *name, size_t count, const char *what, dt_error *error)
{
    size_t length = strlen(name);
    if (length == 0 || length >= DT_BUNDLE_NAME)
        return dt_fail(error, DT_ERR_DATA, "%s %.40s: expected a name of 1 to %d bytes, found %zu",
                       what, name, DT_BUNDLE_NAME - 1, length);
    if (!is_plain(name))
        return dt_fail(error, DT_ERR_DATA,
                       "%s %s: expected a name of well-formed UTF-8 without control characters",
                       what, name);
    if (count == DT_BUNDLE_MAX)
        return dt_fail(error, DT_ERR_DATA, "expected at most %d %ss, found more", DT_BUNDLE_MAX,
                       what);
    return DT_OK;
}

static dt_status twice(const char *what, const char *name, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA, "%s %s: expected once, found again", what, name);
}

static dt_status check_array(const dt_bundle *bundle, const char *name, int rank,
                             const int64_t *shape, size_t *count, dt_error *error)
{
    dt_status status = check_name(name, bundle->array_count, "array", error);
    if (status)
        return status;
    for (size_t i = 0; i < bundle->array_count; i++)
        if (strcmp(bundle->arrays[i].name, name) == 0)
            return twice("array", name, error);
    if (rank < 0 || rank > DT_RANK_MAX)
        return dt_fail(error, DT_ERR_DATA, "array %s: expected at most %d dimensions, found %d",
                       name, DT_RANK_MAX, rank);
    *count = 1;
    for (int i = 0; i < rank; i++)
        if (shape[i] < 1 || __builtin_mul_overflow(*count, (size_t)shape[i], count))
            return dt_fail(error, DT_ERR_DATA,
                           "array %s: expected sizes >= 1 of an array that fits into memory, "
                           "found %" PRId64,
                           name, shape[i]);
    return DT_OK;
}

dt_status dt_bundle_add(dt_bundle *bundle, const char *name, int rank, const int64_t *shape,
                        float **values, dt_error *error)
{
    size_t count = 0;
    dt_status status = check_array(bundle, name, rank, shape, &count, error);
    *values = NULL;
    if (status)
        return status;
    dt_array *arrays = dt_grow(bundle->arrays, &bundle->array_room, bundle->array_count + 1,
                               sizeof *arrays, error);
    if (!arrays)
        return DT_ERR_INTERNAL;
    bundle->arrays = arrays;
    if (!(*values = dt_calloc(count, sizeof **values, error)))
        return DT_ERR_INTERNAL;
    dt_array *array = &arrays[bundle->array_count++];
    *array = (dt_array){.rank = rank, .values = *values};
    memcpy(array->name, name, strlen(name));
    for (int i = 0; i < rank; i++)
        array->shape[i] = shape[i];
    return DT_OK;
}

/* Adds to a list of texts. */
static dt_status add_text(dt_named_text **list, size_t *count, size_t *room, const char *name,
                          const char *text, dt_error *error)
{
    dt_named_text *texts = dt_grow(*list, room, *count + 1, sizeof *texts, error);
    if (!texts)
        return DT_ERR_INTERNAL;
    *list = texts;
    char *copy = dt_strdup(text, error);
    if (!copy)
        return DT_ERR_INTERNAL;
    dt_named_text *to = &texts[(*count)++];
    *to = (dt_named_text){.text = copy};
    memcpy(to->name, name, strlen(name));
    return DT_OK;
}

dt_status dt_bundle_add_text(dt_bundle *bundle, const char *name, const char *text, dt_error *error)
{
    dt_status status = check_name(name, bundle->text_count, "text", error);
    if (!status && dt_bundle_text(bundle, name))
        status = twice("text", name, error);
    return status ? status
                  : add_text(&bundle->texts, &bundle->text_count, &bundle->text_room, name, text,
                             error);
}

dt_status dt_bundle_add_other(dt_bundle *bundle, const char *name, const char *what,
                              dt_error *error)
{
    dt_status status = check_name(name, bundle->other_count, "array", error);
    return status ? status
                  : add_text(&bundle->others, &bundle->other_count, &bundle->other_room, name, what,
                             error);
}

const char *dt_bundle_text(const dt_bundle *bundle, const char *name)
{
    for (size_t i = 0; i < bundle->text_count; i++)
        if (strcmp(bundle->texts[i].name, name) == 0)
            return bundle->texts[i].text;
    return NULL;
}
