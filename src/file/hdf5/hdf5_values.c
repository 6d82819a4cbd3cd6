/* Datasets. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "hdf5_told.h"

#define SHAPE_SIZE 200

/* Bytes of floats that are asked for at once, where a row or a chunk has not more; the most that a
 * chunk may have to be read at once. */
#define ASKED_MOST ((size_t)16 << 20)
#define CHUNK_MOST ((size_t)256 << 20)

static dt_status find_dataset(const dt_hdf5_reader *reader, const char *path,
                              const wire_object **out, dt_error *error)
{
    size_t index = told_find(reader, path);
    const wire_object *told = *out = &reader->told[index];
    if (index == reader->count || told->object.group)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a dataset, found %s", path,
                       index == reader->count ? "none" : "a group");
    if (told->note[0] != '\0')
        return dt_fail(error, DT_ERR_DATA, "%s: expected a dataset with all its values, found %s",
                       path, told->note);
    return DT_OK;
}

static dt_status find_floats(const dt_hdf5_reader *reader, const char *path,
                             const wire_object **out, dt_error *error)
{
    dt_status status = find_dataset(reader, path, out, error);
    if (!status && (*out)->kind != WIRE_INTEGER && (*out)->kind != WIRE_FLOAT)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected numbers, found %s", path, (*out)->type);
    return status;
}

dt_status dt_hdf5_reader_shape(const dt_hdf5_reader *reader, const char *path, int *rank,
                               int64_t shape[DT_HDF5_RANK_MAX], dt_error *error)
{
    const wire_object *found;
    dt_status status = find_floats(reader, path, &found, error);
    if (status)
        return status;
    *rank = found->rank;
    for (int i = 0; i < found->rank; i++)
        shape[i] = (int64_t)found->shape[i];
    return DT_OK;
}

const char *dt_hdf5_reader_type(const dt_hdf5_reader *reader, const char *path)
{
    size_t index = told_find(reader, path);
    return index < reader->count ? reader->told[index].type : "";
}

static const char *shape_text(int rank, const uint64_t *shape, char text[SHAPE_SIZE])
{
    dt_text out = {.text = text, .size = SHAPE_SIZE};
    dt_text_add(&out, "[");
    for (int i = 0; i < rank; i++)
        dt_text_add(&out, "%s%llu", i > 0 ? " x " : "", (unsigned long long)shape[i]);
    dt_text_add(&out, "]");
    return text;
}

static dt_status check_shape(const wire_object *self, int rank, const int64_t *shape,
                             dt_error *error)
{
    uint64_t asked[DT_HDF5_RANK_MAX] = {0};
    const char *path = self->object.path;
    if (rank < 0 || rank > DT_HDF5_RANK_MAX)
        return dt_fail(error, DT_ERR_INTERNAL, "%s: expected rank 0 to %d to ask for, found %d",
                       path, DT_HDF5_RANK_MAX, rank);
    for (int i = 0; i < rank; i++)
        asked[i] = (uint64_t)shape[i];
    char expected[SHAPE_SIZE], found[SHAPE_SIZE];
    if (rank != self->rank || memcmp(asked, self->shape, (size_t)rank * sizeof *asked) != 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected shape %s, found %s", path,
                       shape_text(rank, asked, expected),
                       shape_text(self->rank, self->shape, found));
    return DT_OK;
}

/* Asks for rows: *head says how many bytes they are. */
static dt_status ask(const dt_hdf5_reader *reader, const wire_object *of, uint64_t first,
                     uint64_t rows, wire_form form, wire_head *head, dt_error *error)
{
    wire_request request = {(uint64_t)(of - reader->told), first, rows, form};
    dt_status status = dt_confined_send(reader->child, &request, sizeof request, error);
    if (!status)
        status = told_next(reader, head, error);
    if (!status && head->kind != WIRE_VALUES)
        status = dt_fail(error, DT_ERR_DATA, "expected values, found none");
    return status;
}

/* How many rows of `size` bytes to ask for: whole chunks. */
static uint64_t rows_at_once(const wire_object *self, size_t size)
{
    uint64_t rows = size < ASKED_MOST ? ASKED_MOST / size : 1;
    if (self->chunk_rows > 1 && self->chunk_rows <= CHUNK_MOST / size)
        rows = (rows + self->chunk_rows - 1) / self->chunk_rows * self->chunk_rows;
    return rows;
}

static bool is_byte(const wire_object *self)
{
    return self->kind == WIRE_INTEGER && self->width == 1;
}

dt_status told_rows(const dt_hdf5_reader *reader, const wire_object *from, uint64_t first,
                    uint64_t rows, wire_form form, void *values, dt_error *error)
{
    static const size_t sizes[] = {sizeof(float), sizeof(double), 1};
    size_t size = sizes[form];
    for (int i = 1; i < from->rank; i++)
        size *= (size_t)from->shape[i];
    /* As they are in the file they need not pass through the child. */
    bool as_it_is = is_byte(from) ? form == WIRE_BYTES : form == WIRE_FLOATS;
    if (as_it_is && from->offset != WIRE_NOWHERE &&
        told_bytes(&reader->file, from->offset + first * size, rows * size, values))
        return DT_OK;
    wire_head head;
    dt_status status = ask(reader, from, first, rows, form, &head, error);
    if (!status && head.size != rows * size)
        status = dt_fail(error, DT_ERR_DATA, "expected %llu bytes of values, found %llu",
                         (unsigned long long)(rows * size), (unsigned long long)head.size);
    return status ? status : dt_confined_receive(reader->child, values, head.size, error);
}

static dt_status receive_floats(const dt_hdf5_reader *reader, const wire_object *from, size_t count,
                                float *values, dt_error *error)
{
    const uint64_t rows = from->rank > 0 ? from->shape[0] : 1;
    const size_t row = count / rows * sizeof *values;
    const uint64_t step = rows_at_once(from, row);
    dt_status status = DT_OK;
    for (uint64_t first = 0; first < rows && !status; first += step) {
        uint64_t asked = rows - first < step ? rows - first : step;
        status =
            told_rows(reader, from, first, asked, WIRE_FLOATS, (char *)values + first * row, error);
    }
    return status;
}

dt_status dt_hdf5_reader_floats(const dt_hdf5_reader *reader, const char *path, int rank,
                                const int64_t *shape, float *values, dt_error *error)
{
    const wire_object *found;
    dt_error own = {0};
    dt_status status = find_floats(reader, path, &found, error);
    if (!status)
        status = check_shape(found, rank, shape, error);
    if (status)
        return status;
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)shape[i];
    if (count == 0)
        return DT_OK;
    if (receive_floats(reader, found, count, values, &own))
        return dt_fail(error, own.status, "%s: %s", path, own.message);
    return DT_OK;
}

dt_status dt_hdf5_reader_text(const dt_hdf5_reader *reader, const char *path, char **text,
                              size_t *length, dt_error *error)
{
    *text = NULL;
    *length = 0;
    const wire_object *found;
    wire_head head;
    dt_error own = {0};
    dt_status status = find_dataset(reader, path, &found, error);
    if (status)
        return status;
    if (found->kind != WIRE_TEXT && found->kind != WIRE_VARIABLE_TEXT)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a string, found %s", path, found->type);
    if (found->rank != 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected one string, found %d dimensions of them",
                       path, found->rank);
    status = ask(reader, found, 0, 1, WIRE_FLOATS, &head, &own);
    if (!status && head.size > reader->file.size)
        status = dt_fail(&own, DT_ERR_DATA, "expected a string within the file, found %llu bytes",
                         (unsigned long long)head.size);
    char *block = status ? NULL : dt_calloc(head.size + 1, 1, &own);
    if (block)
        status = dt_confined_receive(reader->child, block, head.size, &own);
    if (!block || status) {
        dt_free(block);
        return dt_fail(error, own.status, "%s: %s", path, own.message);
    }
    size_t end = strnlen(block, head.size), size = head.size;
    while (found->padding == ' ' && end > 0 && block[end - 1] == ' ')
        block[size = --end] = '\0';
    for (size_t i = end; i < size; i++)
        if (block[i] != '\0') {
            dt_free(block);
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected a text of %llu bytes, found a 0 at byte %zu", path,
                           (unsigned long long)head.size, end);
        }
    *text = block;
    *length = end;
    return DT_OK;
}
