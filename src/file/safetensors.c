#include "file/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "file/atomic_file.h"
#include "file/json.h"

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
