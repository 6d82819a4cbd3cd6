#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "hdf5_internal.h"

#define SHAPE_SIZE 200

typedef struct dataset {
    const char *path;
    hid_t id, type, space;
    int rank;
    hsize_t dims[DT_HDF5_RANK_MAX];
} dataset;

static void close_dataset(dataset *self)
{
    if (self->space >= 0)
        H5Sclose(self->space);
    if (self->type >= 0)
        H5Tclose(self->type);
    if (self->id >= 0)
        H5Dclose(self->id);
}

/* *self is always set; end it with close_dataset. */
static dt_status open_dataset(const dt_hdf5_reader *reader, const char *path, dataset *self,
                              dt_error *error)
{
    *self = (dataset){path, H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, 0, {0}};
    size_t i = 0;
    while (i < reader->count && strcmp(reader->objects[i].path, path) != 0)
        i++;
    if (i == reader->count || reader->objects[i].group)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a dataset, found %s", path,
                       i == reader->count ? "none" : "a group");
    self->id = H5Dopen2(reader->file, path, H5P_DEFAULT);
    if (self->id >= 0 && (self->type = H5Dget_type(self->id)) >= 0 &&
        (self->space = H5Dget_space(self->id)) >= 0) {
        self->rank = H5Sget_simple_extent_ndims(self->space);
        if (self->rank >= 0 && self->rank <= DT_HDF5_RANK_MAX &&
            H5Sget_simple_extent_dims(self->space, self->dims, NULL) >= 0)
            return DT_OK;
    }
    return hdf5_unreadable(error, path, "open the dataset");
}

static const char *shape_text(int rank, const hsize_t *dims, char text[SHAPE_SIZE])
{
    dt_text out = {.text = text, .size = SHAPE_SIZE};
    dt_text_add(&out, "[");
    for (int i = 0; i < rank; i++)
        dt_text_add(&out, "%s%llu", i > 0 ? " x " : "", (unsigned long long)dims[i]);
    dt_text_add(&out, "]");
    return text;
}

/* All of its values, `width` bytes each, are in the file. */
static dt_status check_storage(const dt_hdf5_reader *reader, const dataset *self, size_t width,
                               dt_error *error)
{
    uint64_t expected = width;
    bool too_large = false;
    for (int i = 0; i < self->rank; i++)
        too_large |= __builtin_mul_overflow(expected, (uint64_t)self->dims[i], &expected);
    char shape[SHAPE_SIZE];
    if (too_large || expected > reader->size)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected values that fit into the file (%zu bytes), found shape %s of "
                       "%zu bytes each",
                       self->path, reader->size, shape_text(self->rank, self->dims, shape), width);
    uint64_t found = H5Dget_storage_size(self->id);
    if (found != expected)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected %llu bytes of values for shape %s, found %llu", self->path,
                       (unsigned long long)expected, shape_text(self->rank, self->dims, shape),
                       (unsigned long long)found);
    return DT_OK;
}

static dt_status open_floats(const dt_hdf5_reader *reader, const char *path, dataset *self,
                             dt_error *error)
{
    dt_status status = open_dataset(reader, path, self, error);
    char type[HDF5_TYPE_SIZE];
    if (status == DT_OK && H5Tequal(self->type, H5T_IEEE_F32LE) <= 0)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected little-endian 32-bit floats, found %s",
                         path, hdf5_type_text(self->type, type));
    return status;
}

dt_status dt_hdf5_reader_shape(dt_hdf5_reader *reader, const char *path, int *rank,
                               int64_t shape[DT_HDF5_RANK_MAX], dt_error *error)
{
    dataset opened;
    dt_status status = open_floats(reader, path, &opened, error);
    if (status == DT_OK)
        status = check_storage(reader, &opened, sizeof(float), error);
    if (status == DT_OK) {
        *rank = opened.rank;
        for (int i = 0; i < opened.rank; i++)
            shape[i] = (int64_t)opened.dims[i];
    }
    close_dataset(&opened);
    return status;
}

static dt_status check_shape(const dataset *self, int rank, const int64_t *shape, dt_error *error)
{
    hsize_t dims[DT_HDF5_RANK_MAX] = {0};
    if (rank < 0 || rank > DT_HDF5_RANK_MAX)
        return dt_fail(error, DT_ERR_INTERNAL, "%s: expected rank 0 to %d to ask for, found %d",
                       self->path, DT_HDF5_RANK_MAX, rank);
    for (int i = 0; i < rank; i++)
        dims[i] = (hsize_t)shape[i];
    char expected[SHAPE_SIZE], found[SHAPE_SIZE];
    if (rank != self->rank || memcmp(dims, self->dims, (size_t)rank * sizeof *dims) != 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected shape %s, found %s", self->path,
                       shape_text(rank, dims, expected), shape_text(self->rank, self->dims, found));
    return DT_OK;
}

dt_status dt_hdf5_reader_floats(dt_hdf5_reader *reader, const char *path, int rank,
                                const int64_t *shape, float *values, dt_error *error)
{
    dataset opened;
    dt_status status = open_floats(reader, path, &opened, error);
    if (status == DT_OK)
        status = check_shape(&opened, rank, shape, error);
    if (status == DT_OK)
        status = check_storage(reader, &opened, sizeof(float), error);
    if (status == DT_OK &&
        H5Dread(opened.id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        status = hdf5_unreadable(error, path, "read the values");
    close_dataset(&opened);
    return status;
}

static dt_status check_text(const dt_hdf5_reader *reader, const dataset *self, dt_error *error)
{
    char found[HDF5_TYPE_SIZE];
    if (H5Tget_class(self->type) != H5T_STRING || H5Tis_variable_str(self->type) != 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a fixed-length string, found %s",
                       self->path, hdf5_type_text(self->type, found));
    if (self->rank != 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected one string, found %d dimensions of them",
                       self->path, self->rank);
    return check_storage(reader, self, H5Tget_size(self->type), error);
}

static dt_status read_text(const dataset *self, char **text, size_t *length, dt_error *error)
{
    size_t width = H5Tget_size(self->type);
    char *bytes = dt_calloc(width + 1, 1, error);
    if (!bytes)
        return DT_ERR_INTERNAL;
    dt_status status = DT_OK;
    if (H5Dread(self->id, self->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0)
        status = hdf5_unreadable(error, self->path, "read the text");
    size_t end = strlen(bytes);
    for (size_t i = end; status == DT_OK && i < width; i++)
        if (bytes[i] != '\0')
            status = dt_fail(error, DT_ERR_DATA,
                             "%s: expected a text of %zu bytes, found a 0 at byte %zu", self->path,
                             width, end);
    if (status != DT_OK) {
        dt_free(bytes);
        return status;
    }
    *text = bytes;
    *length = end;
    return DT_OK;
}

dt_status dt_hdf5_reader_text(dt_hdf5_reader *reader, const char *path, char **text, size_t *length,
                              dt_error *error)
{
    *text = NULL;
    *length = 0;
    dataset opened;
    dt_status status = open_dataset(reader, path, &opened, error);
    if (status == DT_OK)
        status = check_text(reader, &opened, error);
    if (status == DT_OK)
        status = read_text(&opened, text, length, error);
    close_dataset(&opened);
    return status;
}
