/* The facts of a weights file as texts of a bundle. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "file/json.h"
#include "weights_facts.h"

#define NUMBERS_SIZE 80
#define HASH_NAME    DT_WEIGHTS_PREFIX "parameter_hash"

/* The fact as text, in `numbers` unless it is one; NULL: it is missing. */
static const char *fact_text(const fact *what, const void *value, char numbers[NUMBERS_SIZE])
{
    dt_text text = {.text = numbers, .size = NUMBERS_SIZE};
    const int64_t *integers = value;
    switch (what->kind) {
    case FACT_TEXT:
        return what->optional && !**(char *const *)value ? NULL : *(char *const *)value;
    case FACT_INTEGER:
        dt_text_add(&text, "%" PRId64, *integers);
        return what->optional && *integers == -1 ? NULL : numbers;
    case FACT_REAL:
        dt_json_add_real(&text, *(const double *)value);
        return what->optional && isnan(*(const double *)value) ? NULL : numbers;
    case FACT_SHAPE:
        dt_text_add(&text, "[%" PRId64 ", %" PRId64 ", %" PRId64 "]", integers[0], integers[1],
                    integers[2]);
        return numbers;
    }
    return NULL;
}

dt_status weights_facts_to_texts(const dt_weights_file *file, dt_bundle *to, dt_error *error)
{
    char numbers[NUMBERS_SIZE], hash[DT_HASH_TEXT];
    dt_status status =
        dt_bundle_add_text(to, HASH_NAME, dt_hash_text(file->parameter_hash, hash), error);
    for (size_t i = 0; i < DT_WEIGHTS_FACTS && status == DT_OK; i++) {
        const fact *what = &weights_facts[i];
        const char *text = fact_text(what, (const char *)&file->facts + what->offset, numbers);
        if (text && !what->old)
            status = dt_bundle_add_text(to, what->name, text, error);
    }
    return status;
}

static bool parse_integer(const char **text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(*text, &end, 10);
    bool good = end != *text && errno == 0;
    *text = end;
    return good;
}

static bool parse_shape(const char *text, int64_t shape[3])
{
    static const char *const before[] = {"[", ", ", ", "};
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(before[i]);
        if (strncmp(text, before[i], length) != 0)
            return false;
        text += length;
        if (!parse_integer(&text, &shape[i]))
            return false;
    }
    return strcmp(text, "]") == 0;
}

static bool parse(const fact *what, const char *text, void *value)
{
    char *end;
    switch (what->kind) {
    case FACT_TEXT:
        return true;
    case FACT_INTEGER:
        return parse_integer(&text, value) && *text == '\0';
    case FACT_REAL:
        *(double *)value = strtod(text, &end);
        return end != text && *end == '\0';
    case FACT_SHAPE:
        return parse_shape(text, value);
    }
    return false;
}

static dt_status read_fact(const dt_bundle *from, const fact *what, void *value, dt_error *error)
{
    static const char *const expected[] = {"a text", "an integer", "a number",
                                           "height, width and channels as [28, 28, 1]"};
    const char *text = dt_bundle_text(from, what->name);
    if (!text && what->optional)
        return weights_fact_missing(what, value, error);
    if (!text || !parse(what, text, value))
        return dt_fail(error, DT_ERR_DATA, "text %s: expected %s, found %.40s", what->name,
                       expected[what->kind], text ? text : "none");
    if (what->kind == FACT_TEXT)
        return (*(char **)value = dt_strdup(text, error)) ? DT_OK : DT_ERR_INTERNAL;
    return DT_OK;
}

dt_status weights_facts_from_texts(const dt_bundle *from, dt_weights_file *to, dt_error *error)
{
    const char *hash = dt_bundle_text(from, HASH_NAME);
    to->own = hash != NULL;
    if (!hash)
        return DT_OK;
    dt_status status = weights_hash_check(hash, to->parameter_hash, error);
    for (size_t i = 0; i < DT_WEIGHTS_FACTS && status == DT_OK; i++)
        status =
            read_fact(from, &weights_facts[i], (char *)&to->facts + weights_facts[i].offset, error);
    return status == DT_OK ? weights_facts_check(&to->facts, error) : status;
}
