#include "file/torch_pickle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "file/float_type.h"
#include "pickle.h"

#define PICKLE "/data.pkl"
enum { DEPTH_MAX = 16, ENTRIES_MAX = 16 * DT_BUNDLE_MAX };

/* As PyTorch's tensors hold values. other: no floats. */
static const struct {
    const char *class, *other;
    dt_float_type type;
} storages[] = {
    {"torch\nFloatStorage", NULL, DT_FLOAT_32},
    {"torch\nDoubleStorage", NULL, DT_FLOAT_64},
    {"torch\nHalfStorage", NULL, DT_FLOAT_16},
    {"torch\nBFloat16Storage", NULL, DT_FLOAT_B16},
    {"torch\nLongStorage", "I64", 0},
    {"torch\nIntStorage", "I32", 0},
    {"torch\nShortStorage", "I16", 0},
    {"torch\nCharStorage", "I8", 0},
    {"torch\nByteStorage", "U8", 0},
    {"torch\nBoolStorage", "BOOL", 0},
};

typedef struct reading {
    dt_zip *zip;
    char prefix[DT_BUNDLE_NAME]; /* "archive" */
    pickle what;
    size_t entries; /* of dictionaries, so far */
    dt_bundle *out;
} reading;

size_t dt_torch_find(const dt_zip *zip)
{
    size_t count = dt_zip_count(zip), suffix = strlen(PICKLE);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(dt_zip_name(zip, i));
        if (length > suffix && strcmp(dt_zip_name(zip, i) + length - suffix, PICKLE) == 0)
            return i;
    }
    return count;
}

/* What a tensor says of itself. */
typedef struct view {
    size_t storage; /* row of storages */
    const pickle_value *key;
    int64_t offset, size; /* of its values in the storage; values there */
    int rank;
    int64_t shape[DT_RANK_MAX], strides[DT_RANK_MAX];
} view;

static bool read_integers(const reading *self, const pickle_value *list, int64_t *to, int *count)
{
    if (!list || list->type != PICKLE_LIST || list->count > DT_RANK_MAX)
        return false;
    *count = (int)list->count;
    for (size_t i = 0; i < list->count; i++) {
        const pickle_value *value = pickle_element(&self->what, list, i);
        if (value->type != PICKLE_INTEGER || value->integer < 0)
            return false;
        to[i] = value->integer;
    }
    return true;
}

static bool read_view(const reading *self, const pickle_value *tensor, view *out)
{
    const pickle *what = &self->what;
    const pickle_value *storage = pickle_element(what, tensor, 0);
    const pickle_value *offset = pickle_element(what, tensor, 1);
    int strides = 0;
    *out = (view){0};
    if (storage->type != PICKLE_STORAGE || offset->type != PICKLE_INTEGER || offset->integer < 0 ||
        !read_integers(self, pickle_element(what, tensor, 2), out->shape, &out->rank) ||
        !read_integers(self, pickle_element(what, tensor, 3), out->strides, &strides) ||
        strides != out->rank)
        return false;
    const pickle_value *class = pickle_element(what, storage, 1);
    const pickle_value *size = pickle_element(what, storage, 4);
    out->key = pickle_element(what, storage, 2);
    out->offset = offset->integer;
    out->size = size->integer;
    while (out->storage < sizeof storages / sizeof *storages &&
           !pickle_is(class, storages[out->storage].class))
        out->storage++;
    return out->storage < sizeof storages / sizeof *storages && out->key->type == PICKLE_TEXT &&
           out->key->length < 32 && size->type == PICKLE_INTEGER && size->integer >= 0;
}

/* Whether all its values are in the storage, and it has no more of them. */
static bool lies_within(const view *self)
{
    int64_t last = self->offset, count = 1;
    for (int i = 0; i < self->rank; i++) {
        int64_t reach;
        if (self->shape[i] < 1 ||
            __builtin_mul_overflow(self->shape[i] - 1, self->strides[i], &reach) ||
            __builtin_add_overflow(last, reach, &last) ||
            __builtin_mul_overflow(count, self->shape[i], &count))
            return false;
    }
    return last < self->size && count <= self->size;
}

static void read_values(const view *self, const uint8_t *bytes, float *values)
{
    dt_float_type type = storages[self->storage].type;
    int64_t at[DT_RANK_MAX] = {0};
    size_t count = dt_value_count(self->rank, self->shape), width = dt_float_type_width(type);
    for (size_t i = 0; i < count; i++) {
        int64_t place = self->offset;
        for (int j = 0; j < self->rank; j++)
            place += at[j] * self->strides[j];
        dt_float_type_read(type, bytes + (size_t)place * width, 1, &values[i]);
        for (int j = self->rank - 1; j >= 0 && ++at[j] == self->shape[j]; j--)
            at[j] = 0;
    }
}

static dt_status add_tensor(reading *self, const char *name, const pickle_value *tensor,
                            dt_error *error)
{
    view it;
    char member[2 * DT_BUNDLE_NAME];
    void *bytes = NULL;
    size_t size = 0;
    float *values;
    if (!read_view(self, tensor, &it) || !lies_within(&it))
        return dt_fail(error, DT_ERR_DATA,
                       "array %s: expected a tensor of at most %d dimensions within its storage, "
                       "found another",
                       name, DT_RANK_MAX);
    if (storages[it.storage].other)
        return dt_bundle_add_other(self->out, name, storages[it.storage].other, error);
    snprintf(member, sizeof member, "%s/data/%.*s", self->prefix, (int)it.key->length,
             it.key->text);
    size_t index = dt_zip_find(self->zip, member);
    if (index == dt_zip_count(self->zip))
        return dt_fail(error, DT_ERR_DATA, "array %s: expected its values in %s, found none", name,
                       member);
    dt_float_type type = storages[it.storage].type;
    dt_status status = dt_zip_read(self->zip, index, &bytes, &size, error);
    if (!status && size / dt_float_type_width(type) < (size_t)it.size)
        status =
            dt_fail(error, DT_ERR_DATA, "array %s: expected %" PRId64 " values in %s, found %zu",
                    name, it.size, member, size / dt_float_type_width(type));
    if (!status)
        status = dt_bundle_add(self->out, name, it.rank, it.shape, &values, error);
    if (!status)
        read_values(&it, bytes, values);
    if (!status && type != DT_FLOAT_32)
        self->out->converted = dt_float_type_names[type];
    dt_free(bytes);
    return status;
}

/* What training needs, and the network does not. */
static bool is_beside(const pickle_value *key)
{
    static const char *const words[] = {"optim", "sched", "scaler"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (size_t j = 0; j + strlen(words[i]) <= key->length; j++)
            if (memcmp(key->text + j, words[i], strlen(words[i])) == 0)
                return true;
    return false;
}

static dt_status add_dict(reading *self, const char *prefix, const pickle_value *dict, int depth,
                          dt_error *error)
{
    dt_status status = DT_OK;
    if (dict->type != PICKLE_DICT || depth > DEPTH_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "expected a dictionary of tensors, a state_dict, found another; in PyTorch, "
                       "torch.save(model.state_dict(), \"model.pt\")");
    for (size_t i = 0; i + 1 < dict->count && !status; i += 2) {
        const pickle_value *key = pickle_element(&self->what, dict, i);
        const pickle_value *value = pickle_element(&self->what, dict, i + 1);
        char name[2 * DT_BUNDLE_NAME];
        if (key->type != PICKLE_TEXT || ++self->entries > ENTRIES_MAX)
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected names of tensors, at most %d, found others",
                           prefix[0] ? prefix : "the pickle", ENTRIES_MAX);
        int length = snprintf(name, sizeof name, "%s%s%.*s", prefix, prefix[0] ? "." : "",
                              (int)(key->length < 200 ? key->length : 200), key->text);
        if (length >= DT_BUNDLE_NAME)
            return dt_fail(error, DT_ERR_DATA, "array %.60s...: expected a name below %d bytes",
                           name, DT_BUNDLE_NAME);
        if (depth == 0 && is_beside(key))
            status = dt_bundle_add_other(self->out, name, "an optimizer", error);
        else if (value->type == PICKLE_TENSOR)
            status = add_tensor(self, name, value, error);
        else if (value->type == PICKLE_DICT)
            status = add_dict(self, name, value, depth + 1, error);
        else
            status = dt_bundle_add_other(self->out, name, "no tensor", error);
    }
    return status;
}

static dt_status check_order(reading *self, dt_error *error)
{
    char member[2 * DT_BUNDLE_NAME];
    void *bytes;
    size_t size;
    snprintf(member, sizeof member, "%s/byteorder", self->prefix);
    size_t index = dt_zip_find(self->zip, member);
    if (index == dt_zip_count(self->zip))
        return DT_OK;
    dt_status status = dt_zip_read(self->zip, index, &bytes, &size, error);
    if (!status && strncmp(bytes, "little", 6) != 0)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected little, found another", member);
    dt_free(bytes);
    return status;
}

dt_status dt_torch_read(dt_zip *zip, size_t index, dt_bundle *out, dt_error *error)
{
    reading self = {.zip = zip, .out = out};
    const char *name = dt_zip_name(zip, index);
    void *bytes;
    size_t size, length = strlen(name) - strlen(PICKLE);
    *out = (dt_bundle){.ordered = true};
    if (length >= sizeof self.prefix)
        return dt_fail(error, DT_ERR_DATA, "%.40s...: expected a name below %d bytes", name,
                       DT_BUNDLE_NAME);
    memcpy(self.prefix, name, length);
    dt_status status = dt_zip_read(zip, index, &bytes, &size, error);
    if (!status)
        status = check_order(&self, error);
    if (!status)
        status = pickle_read(bytes, size, &self.what, error);
    if (!status)
        status = add_dict(&self, "", &self.what.values[self.what.root], 0, error);
    pickle_destroy(&self.what);
    dt_free(bytes);
    return status;
}
