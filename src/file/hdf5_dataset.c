#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "hdf5_format.h"

#define SHAPE_SIZE 200

/* IV.A.2.i */
enum { LAYOUT_COMPACT, LAYOUT_CONTIGUOUS, LAYOUT_CHUNKED, LAYOUT_VIRTUAL };
#define NOWHERE UINT64_MAX

typedef struct dataset {
    const char *path;
    datatype type;
    dataspace space;
    span values; /* as stored */
} dataset;

static dt_status read_layout(span file, span body, dataset *out, dt_error *error)
{
    static const char *const names[] = {"compact", "contiguous", "chunks", "virtual"};
    int version = body.size >= 2 ? body.at[0] : 0;
    int class = version == 3 || version == 4 ? body.at[1] : -1;
    if (class != LAYOUT_COMPACT && class != LAYOUT_CONTIGUOUS)
        return dt_fail(error, DT_ERR_DATA, "%s: expected storage in one piece, found %s", out->path,
                       class == LAYOUT_CHUNKED || class == LAYOUT_VIRTUAL ? names[class]
                                                                          : "another");
    size_t header = class == LAYOUT_COMPACT ? 4 : 18;
    bool inside = body.size >= header;
    if (inside && class == LAYOUT_COMPACT)
        inside = hdf5_span((span){body.at + 4, body.size - 4}, 0, hdf5_number(body.at + 2, 2),
                           &out->values);
    else if (inside && hdf5_number(body.at + 2, 8) != NOWHERE)
        inside = hdf5_span(file, hdf5_number(body.at + 2, 8), hdf5_number(body.at + 10, 8),
                           &out->values);
    if (!inside)
        return dt_fail(error, DT_ERR_DATA, "%s: expected its values within the file, found others",
                       out->path);
    return DT_OK;
}

/* The parts of a dataset that are messages of its header. */
typedef struct parts {
    message space, type, layout;
} parts;

static dt_status find_parts(span file, uint64_t address, const char *path, parts *out,
                            dt_error *error)
{
    header_pass pass;
    message found;
    bool more;
    *out = (parts){0};
    dt_status status = hdf5_header(file, address, path, &pass, error);
    while (!status && !(status = hdf5_next_message(&pass, &found, &more, error)) && more) {
        if (found.type == MESSAGE_FILTERS)
            return dt_fail(error, DT_ERR_DATA, "%s: expected no filters (compression), found some",
                           path);
        if (found.type == MESSAGE_EXTERNAL_FILES)
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected its values in this file, found external storage", path);
        if (found.type == MESSAGE_SPACE)
            out->space = found;
        if (found.type == MESSAGE_TYPE)
            out->type = found;
        if (found.type == MESSAGE_LAYOUT)
            out->layout = found;
    }
    if (status)
        return status;
    if (out->space.shared || out->type.shared || out->layout.shared)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a type of its own, found a named one",
                       path);
    return DT_OK;
}

static dt_status read_dataset(const dt_hdf5_reader *reader, size_t index, dataset *out,
                              dt_error *error)
{
    *out = (dataset){.path = reader->objects[index].path};
    parts found;
    dt_status status = find_parts(reader->file, reader->headers[index], out->path, &found, error);
    if (!status)
        status = hdf5_read_space(found.space.body, out->path, &out->space, error);
    if (!status)
        status = hdf5_read_type(found.type.body, out->path, &out->type, error);
    if (!status)
        status = read_layout(reader->file, found.layout.body, out, error);
    if (!status && out->space.none)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected a shape, found none", out->path);
    return status;
}

dt_status hdf5_check_dataset(const dt_hdf5_reader *reader, size_t index, dt_error *error)
{
    dataset found;
    return read_dataset(reader, index, &found, error);
}

static dt_status find_dataset(const dt_hdf5_reader *reader, const char *path, dataset *out,
                              dt_error *error)
{
    size_t index = hdf5_find(reader, path);
    if (index == reader->count || reader->objects[index].group)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a dataset, found %s", path,
                       index == reader->count ? "none" : "a group");
    return read_dataset(reader, index, out, error);
}

static const char *shape_text(int rank, const uint64_t *dims, char text[SHAPE_SIZE])
{
    dt_text out = {.text = text, .size = SHAPE_SIZE};
    dt_text_add(&out, "[");
    for (int i = 0; i < rank; i++)
        dt_text_add(&out, "%s%llu", i > 0 ? " x " : "", (unsigned long long)dims[i]);
    dt_text_add(&out, "]");
    return text;
}

/* All of its values are in the file. */
static dt_status check_storage(const dt_hdf5_reader *reader, const dataset *self, dt_error *error)
{
    uint64_t expected = self->type.width;
    bool too_large = false;
    for (int i = 0; i < self->space.rank; i++)
        too_large |= __builtin_mul_overflow(expected, self->space.dims[i], &expected);
    char shape[SHAPE_SIZE];
    shape_text(self->space.rank, self->space.dims, shape);
    if (too_large || expected > reader->file.size)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected values that fit into the file (%zu bytes), found shape %s of "
                       "%zu bytes each",
                       self->path, reader->file.size, shape, self->type.width);
    if (self->values.size != expected)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected %llu bytes of values for shape %s, found %zu", self->path,
                       (unsigned long long)expected, shape, self->values.size);
    return DT_OK;
}

static dt_status find_floats(const dt_hdf5_reader *reader, const char *path, dataset *out,
                             dt_error *error)
{
    dt_status status = find_dataset(reader, path, out, error);
    if (!status && out->type.kind != TYPE_FLOAT32)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected little-endian 32-bit floats, found %s",
                         path, out->type.text);
    return status;
}

dt_status dt_hdf5_reader_shape(const dt_hdf5_reader *reader, const char *path, int *rank,
                               int64_t shape[DT_HDF5_RANK_MAX], dt_error *error)
{
    dataset found;
    dt_status status = find_floats(reader, path, &found, error);
    if (!status)
        status = check_storage(reader, &found, error);
    if (status)
        return status;
    *rank = found.space.rank;
    for (int i = 0; i < found.space.rank; i++)
        shape[i] = (int64_t)found.space.dims[i];
    return DT_OK;
}

static dt_status check_shape(const dataset *self, int rank, const int64_t *shape, dt_error *error)
{
    uint64_t dims[DT_HDF5_RANK_MAX] = {0};
    if (rank < 0 || rank > DT_HDF5_RANK_MAX)
        return dt_fail(error, DT_ERR_INTERNAL, "%s: expected rank 0 to %d to ask for, found %d",
                       self->path, DT_HDF5_RANK_MAX, rank);
    for (int i = 0; i < rank; i++)
        dims[i] = (uint64_t)shape[i];
    char expected[SHAPE_SIZE], found[SHAPE_SIZE];
    if (rank != self->space.rank ||
        memcmp(dims, self->space.dims, (size_t)rank * sizeof *dims) != 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected shape %s, found %s", self->path,
                       shape_text(rank, dims, expected),
                       shape_text(self->space.rank, self->space.dims, found));
    return DT_OK;
}

dt_status dt_hdf5_reader_floats(const dt_hdf5_reader *reader, const char *path, int rank,
                                const int64_t *shape, float *values, dt_error *error)
{
    dataset found;
    dt_status status = find_floats(reader, path, &found, error);
    if (!status)
        status = check_shape(&found, rank, shape, error);
    if (!status)
        status = check_storage(reader, &found, error);
    if (!status && found.values.size > 0)
        memcpy(values, found.values.at, found.values.size);
    return status;
}

dt_status dt_hdf5_reader_text(const dt_hdf5_reader *reader, const char *path, char **text,
                              size_t *length, dt_error *error)
{
    *text = NULL;
    *length = 0;
    dataset found;
    dt_status status = find_dataset(reader, path, &found, error);
    if (status)
        return status;
    if (found.type.kind != TYPE_TEXT)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a fixed-length string, found %s", path,
                       found.type.text);
    if (found.space.rank != 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected one string, found %d dimensions of them",
                       path, found.space.rank);
    status = check_storage(reader, &found, error);
    if (status)
        return status;
    size_t end = strnlen((const char *)found.values.at, found.values.size);
    for (size_t i = end; i < found.values.size; i++)
        if (found.values.at[i] != '\0')
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected a text of %zu bytes, found a 0 at byte %zu", path,
                           found.values.size, end);
    *text = dt_calloc(end + 1, 1, error);
    if (!*text)
        return DT_ERR_INTERNAL;
    memcpy(*text, found.values.at, end);
    *length = end;
    return DT_OK;
}
