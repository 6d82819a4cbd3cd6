#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "hdf5_internal.h"

/* HDF5 keeps less than 64 KiB in an object header, and Keras splits longer lists. */
#define ATTRIBUTE_SIZE_MAX 65536
#define LABEL_SIZE         400

typedef struct attribute {
    char label[LABEL_SIZE];
    const char *name;
    hid_t id, type, space;
    size_t count;
} attribute;

static void close_attribute(attribute *self)
{
    if (self->space >= 0)
        H5Sclose(self->space);
    if (self->type >= 0)
        H5Tclose(self->type);
    if (self->id >= 0)
        H5Aclose(self->id);
}

static dt_status check_extent(attribute *self, bool list, dt_error *error)
{
    H5S_class_t kind = H5Sget_simple_extent_type(self->space);
    int rank = H5Sget_simple_extent_ndims(self->space);
    if (kind != (list ? H5S_SIMPLE : H5S_SCALAR) || rank != (list ? 1 : 0))
        return dt_fail(error, DT_ERR_DATA, "%s: expected %s, found %s", self->label,
                       list ? "a one-dimensional list" : "one value",
                       kind == H5S_SCALAR   ? "one value"
                       : kind == H5S_SIMPLE ? "an array of another shape"
                                            : "no value");
    hssize_t count = H5Sget_simple_extent_npoints(self->space);
    hsize_t width = H5Tget_size(self->type);
    if (count < 0 || width == 0 || count > ATTRIBUTE_SIZE_MAX ||
        (hsize_t)count * width > ATTRIBUTE_SIZE_MAX)
        return dt_fail(
            error, DT_ERR_DATA, "%s: expected at most %d bytes, found %lld values of %llu bytes",
            self->label, ATTRIBUTE_SIZE_MAX, (long long)count, (unsigned long long)width);
    self->count = (size_t)count;
    return DT_OK;
}

/* *self is always set; end it with close_attribute. */
static dt_status open_attribute(const dt_hdf5_reader *reader, const char *object, const char *name,
                                bool list, attribute *self, dt_error *error)
{
    *self = (attribute){
        .name = name, .id = H5I_INVALID_HID, .type = H5I_INVALID_HID, .space = H5I_INVALID_HID};
    snprintf(self->label, sizeof self->label, "attribute %s of %s", name, object);
    if (!dt_hdf5_reader_has_attribute(reader, object, name))
        return dt_fail(error, DT_ERR_DATA, "%s: expected one, found none", self->label);
    self->id = H5Aopen_by_name(reader->file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (self->id < 0 || (self->type = H5Aget_type(self->id)) < 0 ||
        (self->space = H5Aget_space(self->id)) < 0)
        return hdf5_unreadable(error, self->label, "open it");
    return check_extent(self, list, error);
}

bool dt_hdf5_reader_has_attribute(const dt_hdf5_reader *reader, const char *object,
                                  const char *name)
{
    return dt_hdf5_reader_has(reader, object) &&
           H5Aexists_by_name(reader->file, object, name, H5P_DEFAULT) > 0;
}

static dt_status check_type(const attribute *self, hid_t expected, const char *text,
                            dt_error *error)
{
    char found[HDF5_TYPE_SIZE];
    if (H5Tequal(self->type, expected) > 0)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA, "%s: expected %s, found %s", self->label, text,
                   hdf5_type_text(self->type, found));
}

static dt_status read_number(const dt_hdf5_reader *reader, const char *object, const char *name,
                             hid_t expected, hid_t memory_type, const char *text, void *value,
                             dt_error *error)
{
    attribute opened;
    dt_status status = open_attribute(reader, object, name, false, &opened, error);
    if (status == DT_OK)
        status = check_type(&opened, expected, text, error);
    if (status == DT_OK && H5Aread(opened.id, memory_type, value) < 0)
        status = hdf5_unreadable(error, opened.label, "read it");
    close_attribute(&opened);
    return status;
}

#define INTEGER_TEXT "a little-endian 64-bit signed integer"

dt_status dt_hdf5_reader_integer(dt_hdf5_reader *reader, const char *object, const char *name,
                                 int64_t *value, dt_error *error)
{
    return read_number(reader, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, INTEGER_TEXT, value,
                       error);
}

dt_status dt_hdf5_reader_real(dt_hdf5_reader *reader, const char *object, const char *name,
                              double *value, dt_error *error)
{
    return read_number(reader, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE,
                       "a little-endian 64-bit float", value, error);
}

dt_status dt_hdf5_reader_integers(dt_hdf5_reader *reader, const char *object, const char *name,
                                  size_t most, int64_t *values, size_t *count, dt_error *error)
{
    attribute opened;
    dt_status status = open_attribute(reader, object, name, true, &opened, error);
    if (status == DT_OK)
        status = check_type(&opened, H5T_STD_I64LE, INTEGER_TEXT "s", error);
    if (status == DT_OK && opened.count > most)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected at most %zu values, found %zu",
                         opened.label, most, opened.count);
    if (status == DT_OK && opened.count > 0 && H5Aread(opened.id, H5T_NATIVE_INT64, values) < 0)
        status = hdf5_unreadable(error, opened.label, "read it");
    if (status == DT_OK)
        *count = opened.count;
    close_attribute(&opened);
    return status;
}

/* The texts texts[i][0 .. lengths[i]) as one block of pointers and zero-terminated copies. */
static char **pack_texts(const char *const *texts, const size_t *lengths, size_t count,
                         dt_error *error)
{
    size_t size = count * sizeof(char *);
    for (size_t i = 0; i < count; i++)
        size += lengths[i] + 1;
    char **block = dt_calloc(size, 1, error);
    if (!block)
        return NULL;
    char *end = (char *)(block + count);
    for (size_t i = 0; i < count; i++) {
        block[i] = end;
        if (lengths[i] > 0)
            memcpy(end, texts[i], lengths[i]);
        end += lengths[i] + 1;
    }
    return block;
}

static size_t padded_length(const char *text, size_t width, H5T_str_t padding)
{
    size_t length = strnlen(text, width);
    while (padding == H5T_STR_SPACEPAD && length > 0 && text[length - 1] == ' ')
        length--;
    return length;
}

/* pointers, lengths: scratch [count]. */
static dt_status read_fixed(const attribute *self, const char **pointers, size_t *lengths,
                            char ***texts, dt_error *error)
{
    size_t width = H5Tget_size(self->type);
    char *values = dt_calloc(self->count * width, 1, error);
    if (!values)
        return DT_ERR_INTERNAL;
    dt_status status = DT_OK;
    if (self->count > 0 && H5Aread(self->id, self->type, values) < 0)
        status = hdf5_unreadable(error, self->label, "read it");
    H5T_str_t padding = H5Tget_strpad(self->type);
    for (size_t i = 0; status == DT_OK && i < self->count; i++) {
        pointers[i] = values + i * width;
        lengths[i] = padded_length(pointers[i], width, padding);
    }
    if (status == DT_OK && !(*texts = pack_texts(pointers, lengths, self->count, error)))
        status = DT_ERR_INTERNAL;
    dt_free(values);
    return status;
}

/* The bytes of the attribute stand in the object's header as they are, and HDF5 can read them. */
static dt_status check_plain(const dt_hdf5_reader *reader, const char *object,
                             const attribute *self, dt_error *error)
{
    H5O_info_t info;
    if (H5Oget_info_by_name2(reader->file, object, &info, H5O_INFO_META_SIZE, H5P_DEFAULT) < 0)
        return hdf5_unreadable(error, object, "open the object");
    bool dense = info.meta_size.attr.heap_size > 0 || info.meta_size.attr.index_size > 0;
    if (dense || H5Tcommitted(self->type) != 0)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected a fixed-length string, found a variable-length one %s",
                       self->label, dense ? "in dense storage" : "of a named type");
    return hdf5_check_strings(reader, self->name, self->count, self->label, error);
}

static dt_status read_variable(const dt_hdf5_reader *reader, const char *object,
                               const attribute *self, const char **pointers, size_t *lengths,
                               char ***texts, dt_error *error)
{
    dt_status status = check_plain(reader, object, self, error);
    if (status != DT_OK)
        return status;
    if (self->count > 0 && H5Aread(self->id, self->type, pointers) < 0)
        return hdf5_unreadable(error, self->label, "read it");
    for (size_t i = 0; i < self->count; i++)
        lengths[i] = pointers[i] ? strlen(pointers[i]) : 0;
    *texts = pack_texts(pointers, lengths, self->count, error);
    if (self->count > 0)
        H5Dvlen_reclaim(self->type, self->space, H5P_DEFAULT, pointers);
    return *texts ? DT_OK : DT_ERR_INTERNAL;
}

static dt_status read_texts(const dt_hdf5_reader *reader, const char *object, const char *name,
                            bool list, char ***texts, size_t *count, dt_error *error)
{
    attribute opened;
    const char **pointers = NULL;
    size_t *lengths = NULL;
    char found[HDF5_TYPE_SIZE];
    dt_status status = open_attribute(reader, object, name, list, &opened, error);
    if (status == DT_OK && H5Tget_class(opened.type) != H5T_STRING)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected %s, found %s", opened.label,
                         list ? "strings" : "a string", hdf5_type_text(opened.type, found));
    if (status != DT_OK)
        goto cleanup;
    status = DT_ERR_INTERNAL;
    pointers = dt_calloc(opened.count, sizeof *pointers, error);
    lengths = dt_calloc(opened.count, sizeof *lengths, error);
    if (!pointers || !lengths)
        goto cleanup;
    if (H5Tis_variable_str(opened.type) > 0)
        status = read_variable(reader, object, &opened, pointers, lengths, texts, error);
    else
        status = read_fixed(&opened, pointers, lengths, texts, error);
    *count = opened.count;
cleanup:
    dt_free(lengths);
    dt_free(pointers);
    close_attribute(&opened);
    return status;
}

dt_status dt_hdf5_reader_text_list(dt_hdf5_reader *reader, const char *object, const char *name,
                                   char ***texts, size_t *count, dt_error *error)
{
    *texts = NULL;
    *count = 0;
    return read_texts(reader, object, name, true, texts, count, error);
}

dt_status dt_hdf5_reader_text_attribute(dt_hdf5_reader *reader, const char *object,
                                        const char *name, char **text, dt_error *error)
{
    *text = NULL;
    char **texts = NULL;
    size_t count;
    dt_status status = read_texts(reader, object, name, false, &texts, &count, error);
    if (status == DT_OK && !(*text = dt_strdup(texts[0], error)))
        status = DT_ERR_INTERNAL;
    dt_free(texts);
    return status;
}
