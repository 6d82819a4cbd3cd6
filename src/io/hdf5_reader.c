#include "io/hdf5_reader.h"

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "hdf5_internal.h"

/* Superblock version 0. source: HDF5 File Format Specification 3.0, II.A. */
#define SIGNATURE       "\x89HDF\r\n\x1a\n"
#define SUPERBLOCK_SIZE 96
enum { AT_VERSION = 8, AT_OFFSET_SIZE = 13, AT_LENGTH_SIZE = 14, AT_BASE = 24, AT_END = 40 };

dt_status hdf5_unreadable(dt_error *error, const char *object, const char *what)
{
    char reason[HDF5_REASON_SIZE];
    return dt_fail(error, DT_ERR_DATA, "%s: cannot %s: %s", object, what, hdf5_reason(reason));
}

char *hdf5_type_text(hid_t type, char text[HDF5_TYPE_SIZE])
{
    size_t bits = 8 * H5Tget_size(type);
    H5T_class_t kind = H5Tget_class(type);
    const char *order = bits > 8 && H5Tget_order(type) == H5T_ORDER_BE ? "big-endian " : "";
    if (kind == H5T_FLOAT)
        snprintf(text, HDF5_TYPE_SIZE, "%s%zu-bit float", order, bits);
    else if (kind == H5T_INTEGER)
        snprintf(text, HDF5_TYPE_SIZE, "%s%zu-bit %s integer", order, bits,
                 H5Tget_sign(type) == H5T_SGN_NONE ? "unsigned" : "signed");
    else if (kind == H5T_STRING)
        snprintf(text, HDF5_TYPE_SIZE, "%s string",
                 H5Tis_variable_str(type) > 0 ? "variable-length" : "fixed-length");
    else
        snprintf(text, HDF5_TYPE_SIZE, "a type of class %d", (int)kind);
    return text;
}

static uint64_t little_endian(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static dt_status check_superblock(const uint8_t *bytes, size_t size, dt_error *error)
{
    if (size < SUPERBLOCK_SIZE || memcmp(bytes, SIGNATURE, sizeof SIGNATURE - 1) != 0)
        return dt_fail(error, DT_ERR_DATA, "expected an HDF5 file, found %s",
                       size < SUPERBLOCK_SIZE ? "less than one" : "something else");
    if (bytes[AT_VERSION] != 0)
        return dt_fail(error, DT_ERR_DATA,
                       "expected an HDF5 file with superblock version 0, found version %d; "
                       "h5repack --high=0 makes one",
                       bytes[AT_VERSION]);
    if (bytes[AT_OFFSET_SIZE] != 8 || bytes[AT_LENGTH_SIZE] != 8)
        return dt_fail(error, DT_ERR_DATA,
                       "expected an HDF5 file with offsets and lengths of 8 bytes, found %d and %d",
                       bytes[AT_OFFSET_SIZE], bytes[AT_LENGTH_SIZE]);
    uint64_t base = little_endian(bytes + AT_BASE), end = little_endian(bytes + AT_END);
    if (base != 0 || end > size || end < SUPERBLOCK_SIZE)
        return dt_fail(error, DT_ERR_DATA,
                       "expected an HDF5 file from byte 0 to at most %zu, found %llu to %llu", size,
                       (unsigned long long)base, (unsigned long long)end);
    return DT_OK;
}

/* Where the links of a group are collected. */
typedef struct walk {
    dt_hdf5_reader *reader;
    const char *group; /* its path; "": the root */
    dt_error *error;
    dt_status status;
} walk;

static const char *shown(const char *path)
{
    return path[0] == '\0' ? "/" : path;
}

static herr_t add_link(hid_t group, const char *name, const H5L_info_t *info, void *state)
{
    (void)group;
    walk *self = state;
    dt_hdf5_reader *reader = self->reader;
    if (info->type != H5L_TYPE_HARD)
        self->status = dt_fail(self->error, DT_ERR_DATA,
                               "%s/%.200s: expected a hard link, found %s link", self->group, name,
                               info->type == H5L_TYPE_SOFT       ? "a soft"
                               : info->type == H5L_TYPE_EXTERNAL ? "an external"
                                                                 : "a user-defined");
    else if (name[0] == '\0' || strchr(name, '/') || strcmp(name, ".") == 0)
        self->status =
            dt_fail(self->error, DT_ERR_DATA, "%s: expected names of objects, found '%s'",
                    shown(self->group), name);
    else if (reader->count == DT_HDF5_OBJECT_MAX)
        self->status = dt_fail(self->error, DT_ERR_DATA, "expected at most %d objects, found more",
                               DT_HDF5_OBJECT_MAX);
    else {
        char *path = reader->objects[reader->count++].path;
        int length = snprintf(path, DT_HDF5_PATH_SIZE, "%s/%s", self->group, name);
        if (length >= DT_HDF5_PATH_SIZE)
            self->status =
                dt_fail(self->error, DT_ERR_DATA, "%s...: expected a path below %d bytes, found %d",
                        path, DT_HDF5_PATH_SIZE, length);
    }
    return self->status == DT_OK ? 0 : -1;
}

static dt_status add_members(dt_hdf5_reader *reader, const char *path, dt_error *error)
{
    walk state = {.reader = reader, .group = path, .error = error};
    hid_t group = H5Gopen2(reader->file, shown(path), H5P_DEFAULT);
    herr_t walked = -1;
    if (group >= 0)
        walked = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_link, &state);
    if (walked < 0 && state.status == DT_OK)
        state.status = hdf5_unreadable(error, shown(path), "list the group");
    if (group >= 0)
        H5Gclose(group);
    H5Eclear2(H5E_DEFAULT);
    return state.status;
}

static const char *layout_text(H5D_layout_t layout)
{
    return layout == H5D_CHUNKED ? "chunks" : layout == H5D_VIRTUAL ? "virtual" : "another";
}

static dt_status check_creation(hid_t creation, const char *path, dt_error *error)
{
    H5D_layout_t layout = H5Pget_layout(creation);
    int filters = H5Pget_nfilters(creation);
    int external = H5Pget_external_count(creation);
    if (filters != 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected no filters (compression), found %d", path,
                       filters);
    if (external != 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected its values in this file, found %s", path,
                       "external storage");
    if (layout != H5D_CONTIGUOUS && layout != H5D_COMPACT)
        return dt_fail(error, DT_ERR_DATA, "%s: expected storage in one piece, found %s", path,
                       layout_text(layout));
    return DT_OK;
}

static dt_status check_dataset(const dt_hdf5_reader *reader, const char *path, dt_error *error)
{
    dt_status status = DT_OK;
    hid_t creation = H5I_INVALID_HID, space = H5I_INVALID_HID;
    hid_t dataset = H5Dopen2(reader->file, path, H5P_DEFAULT);
    if (dataset >= 0)
        creation = H5Dget_create_plist(dataset);
    if (creation < 0)
        status = hdf5_unreadable(error, path, "open the dataset");
    if (status == DT_OK)
        status = check_creation(creation, path, error);
    if (status == DT_OK) {
        space = H5Dget_space(dataset);
        int rank = H5Sget_simple_extent_ndims(space);
        H5S_class_t kind = H5Sget_simple_extent_type(space);
        if (kind != H5S_SIMPLE && kind != H5S_SCALAR)
            status = dt_fail(error, DT_ERR_DATA, "%s: expected a shape, found none", path);
        else if (rank > DT_HDF5_RANK_MAX)
            status = dt_fail(error, DT_ERR_DATA, "%s: expected at most %d dimensions, found %d",
                             path, DT_HDF5_RANK_MAX, rank);
    }
    if (space >= 0)
        H5Sclose(space);
    if (creation >= 0)
        H5Pclose(creation);
    if (dataset >= 0)
        H5Dclose(dataset);
    return status;
}

/* What the object `index` is, and that it has no other name. */
static dt_status check_object(dt_hdf5_reader *reader, size_t index, dt_error *error)
{
    const char *path = reader->objects[index].path;
    H5O_info_t info;
    if (H5Oget_info_by_name2(reader->file, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return hdf5_unreadable(error, path, "open the object");
    if (info.type != H5O_TYPE_GROUP && info.type != H5O_TYPE_DATASET)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a group or a dataset, found %s", path,
                       info.type == H5O_TYPE_NAMED_DATATYPE ? "a named type" : "something else");
    for (size_t i = 0; i < index; i++)
        if (reader->addresses[i] == info.addr)
            return dt_fail(error, DT_ERR_DATA, "%s: expected an object of its own, found %s again",
                           path, reader->objects[i].path);
    if (reader->addresses[DT_HDF5_OBJECT_MAX] == info.addr)
        return dt_fail(error, DT_ERR_DATA, "%s: expected an object of its own, found / again",
                       path);
    reader->addresses[index] = info.addr;
    reader->objects[index].group = info.type == H5O_TYPE_GROUP;
    return reader->objects[index].group ? DT_OK : check_dataset(reader, path, error);
}

static dt_status walk_objects(dt_hdf5_reader *reader, dt_error *error)
{
    H5O_info_t root;
    if (H5Oget_info_by_name2(reader->file, "/", &root, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
        root.type != H5O_TYPE_GROUP)
        return hdf5_unreadable(error, "/", "open the root");
    reader->addresses[DT_HDF5_OBJECT_MAX] = root.addr;
    dt_status status = add_members(reader, "", error);
    for (size_t i = 0; status == DT_OK && i < reader->count; i++) {
        status = check_object(reader, i, error);
        if (status == DT_OK && reader->objects[i].group)
            status = add_members(reader, reader->objects[i].path, error);
    }
    return status;
}

dt_status dt_hdf5_reader_open(const void *bytes, size_t size, dt_hdf5_reader **out, dt_error *error)
{
    *out = NULL;
    dt_status status = check_superblock(bytes, size, error);
    if (status != DT_OK)
        return status;
    dt_hdf5_reader *reader = dt_calloc(1, sizeof *reader, error);
    if (!reader)
        return DT_ERR_INTERNAL;
    reader->bytes = bytes;
    reader->size = size;
    reader->file = H5I_INVALID_HID;
    reader->objects = dt_calloc(DT_HDF5_OBJECT_MAX, sizeof *reader->objects, error);
    reader->addresses = dt_calloc(DT_HDF5_OBJECT_MAX + 1, sizeof *reader->addresses, error);
    if (!reader->objects || !reader->addresses)
        status = DT_ERR_INTERNAL;
    else if (H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0 || H5PLset_loading_state(0) < 0)
        status = dt_fail(error, DT_ERR_INTERNAL, "HDF5: cannot be set up");
    else
        status = hdf5_open_memory(bytes, size, &reader->file, error);
    if (status == DT_OK)
        status = walk_objects(reader, error);

    if (status != DT_OK) {
        dt_hdf5_reader_destroy(reader);
        return status;
    }
    *out = reader;
    return DT_OK;
}

void dt_hdf5_reader_destroy(dt_hdf5_reader *reader)
{
    if (!reader)
        return;
    if (reader->file >= 0)
        H5Fclose(reader->file);
    dt_free(reader->addresses);
    dt_free(reader->objects);
    dt_free(reader);
}

const dt_hdf5_object *dt_hdf5_reader_objects(const dt_hdf5_reader *reader, size_t *count)
{
    *count = reader->count;
    return reader->objects;
}

bool dt_hdf5_reader_has(const dt_hdf5_reader *reader, const char *path)
{
    if (strcmp(path, "/") == 0)
        return true;
    for (size_t i = 0; i < reader->count; i++)
        if (strcmp(reader->objects[i].path, path) == 0)
            return true;
    return false;
}
