#include "file/json_reader.h"

#include <jansson.h>

static const json_t *value_of(const dt_json *node)
{
    return (const json_t *)node;
}

dt_status dt_json_read(const void *bytes, size_t size, dt_json **out, dt_error *error)
{
    json_error_t why;
    *out = (dt_json *)json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
    return *out ? DT_OK
                : dt_fail(error, DT_ERR_DATA, "expected JSON, found at byte %d: %s", why.position,
                          why.text);
}

void dt_json_destroy(dt_json *root)
{
    json_decref((json_t *)root);
}

bool dt_json_is(const dt_json *node)
{
    return node && !json_is_null(value_of(node));
}

const dt_json *dt_json_member(const dt_json *node, const char *name)
{
    return (const dt_json *)json_object_get(value_of(node), name);
}

const dt_json *dt_json_element(const dt_json *node, size_t index)
{
    if (!json_is_object(value_of(node)))
        return (const dt_json *)json_array_get(value_of(node), index);
    void *at = json_object_iter((json_t *)node);
    while (at && index-- > 0)
        at = json_object_iter_next((json_t *)node, at);
    return at ? (const dt_json *)json_object_iter_value(at) : NULL;
}

size_t dt_json_count(const dt_json *node)
{
    return json_is_object(value_of(node)) ? json_object_size(value_of(node))
                                          : json_array_size(value_of(node));
}

const char *dt_json_text(const dt_json *node)
{
    return json_string_value(value_of(node));
}

bool dt_json_number(const dt_json *node, double *out)
{
    *out = json_number_value(value_of(node));
    return json_is_number(value_of(node));
}

bool dt_json_bool(const dt_json *node, bool otherwise)
{
    return json_is_boolean(value_of(node)) ? json_is_true(value_of(node)) : otherwise;
}
