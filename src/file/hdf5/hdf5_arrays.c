#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/array_file.h"
#include "hdf5_told.h"

enum { SHOWN = 300 };

typedef struct hdf5_arrays {
    dt_arrays arrays; /* first */
    dt_array_row rows[DT_ARRAYS_MAX];
    size_t objects[DT_ARRAYS_MAX]; /* numbers in the reader */
    int fd;
    dt_hdf5_reader *reader;
    char shown[SHOWN];
} hdf5_arrays;

/* 'i' and 'u' are one kind here but for bytes: both are read as they are. */
static void take_type(const wire_object *told, dt_array_row *out)
{
    snprintf(out->other, sizeof out->other, "%.119s", told->note[0] ? told->note : told->type);
    bool good = told->note[0] == '\0' && told->rank >= 1 && told->rank <= DT_RANK_MAX &&
                told->width >= 1 && told->width <= 8;
    for (int i = 0; i < told->rank && good; i++)
        good = told->shape[i] <= INT32_MAX;
    if (!good || told->kind < WIRE_INTEGER || told->kind > WIRE_FLOAT)
        return;
    out->kind = told->kind == WIRE_FLOAT         ? 'f'
                : told->kind == WIRE_BOOLEAN     ? 'b'
                : strstr(told->type, "unsigned") ? 'u'
                                                 : 'i';
    out->width = (int)told->width;
    out->rank = told->rank;
    for (int i = 0; i < told->rank; i++)
        out->shape[i] = (int64_t)told->shape[i];
}

static dt_status list_arrays(hdf5_arrays *self, dt_error *error)
{
    for (size_t i = 0; i < self->reader->count; i++) {
        const wire_object *told = &self->reader->told[i];
        if (told->object.group)
            continue;
        int number = self->arrays.count++;
        if (number == DT_ARRAYS_MAX) {
            self->arrays.count--;
            return dt_fail(error, DT_ERR_DATA, "%s: expected at most %d datasets, found more",
                           self->shown, DT_ARRAYS_MAX);
        }
        dt_array_row *row = &self->rows[number];
        if (snprintf(row->name, sizeof row->name, "%s", told->object.path + 1) <
            (int)sizeof row->name)
            take_type(told, row);
        self->objects[number] = i;
    }
    return DT_OK;
}

static dt_status read_rows(hdf5_arrays *self, int array, int64_t first, int64_t count,
                           wire_form form, void *values, dt_error *error)
{
    dt_error own = {0};
    const wire_object *from = &self->reader->told[self->objects[array]];
    if (count == 0 ||
        !told_rows(self->reader, from, (uint64_t)first, (uint64_t)count, form, values, &own))
        return DT_OK;
    return dt_fail(error, own.status, "%s: %s: %s", self->shown, self->rows[array].name,
                   own.message);
}

static dt_status read_bytes(dt_arrays *arrays, int array, int64_t first, int64_t count,
                            uint8_t *bytes, dt_error *error)
{
    return read_rows(arrays->state, array, first, count, WIRE_BYTES, bytes, error);
}

/* Floats that fit into 32 bits come as such: bfloat16 is nothing else for HDF5. */
static dt_status read_numbers(dt_arrays *arrays, int array, int64_t first, int64_t count,
                              double *values, dt_error *error)
{
    const dt_array_row *row = &arrays->rows[array];
    if (row->kind != 'f' || row->width > 4)
        return read_rows(arrays->state, array, first, count, WIRE_DOUBLES, values, error);
    int64_t size = count * dt_array_row_size(row);
    dt_status status = read_rows(arrays->state, array, first, count, WIRE_FLOATS, values, error);
    for (int64_t i = size - 1; i >= 0 && !status; i--) { /* they lie in the front half */
        float value;
        memcpy(&value, (const char *)values + i * (int64_t)sizeof value, sizeof value);
        values[i] = (double)value;
    }
    return status;
}

static void close_arrays(dt_arrays *arrays)
{
    hdf5_arrays *self = arrays->state;
    dt_hdf5_reader_destroy(self->reader);
    close(self->fd);
    dt_free(self);
}

dt_status dt_hdf5_arrays_open(const char *path, dt_arrays **out, dt_error *error)
{
    int fd;
    int64_t size = 0;
    dt_error own = {0};
    *out = NULL;
    dt_status status = dt_file_open(path, DT_OPEN_READ, &fd, error);
    if (status)
        return status;
    hdf5_arrays *self = dt_calloc(1, sizeof *self, error);
    if (!self) {
        close(fd);
        return DT_ERR_INTERNAL;
    }
    self->fd = fd;
    self->arrays = (dt_arrays){.rows = self->rows,
                               .state = self,
                               .read = read_numbers,
                               .read_bytes = read_bytes,
                               .close = close_arrays};
    snprintf(self->shown, sizeof self->shown, "%.*s", SHOWN - 1, path);
    status = dt_file_size(fd, self->shown, &size, error);
    if (!status && dt_hdf5_reader_open_file(fd, (size_t)size, &self->reader, &own))
        status = dt_fail(error, own.status, "%s: %s", self->shown, own.message);
    if (!status)
        status = list_arrays(self, error);
    if (status)
        close_arrays(&self->arrays);
    else
        *out = &self->arrays;
    return status;
}
