#include "file/array_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zip.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/float_type.h"

enum { CHUNK = 1 << 16, HEADER_MAX = 4096, SHOWN = 300 };

/* A member on its way. */
typedef struct stream {
    zip_uint64_t index;
    zip_file_t *file; /* NULL: not open */
    int64_t begin;    /* of the values, in bytes of the member */
    int64_t position; /* in the values, in bytes */
    bool big_endian;
} stream;

typedef struct npz {
    dt_arrays arrays; /* first */
    dt_array_row rows[DT_ARRAYS_MAX];
    zip_t *zip;
    char shown[SHOWN];
    stream streams[DT_ARRAYS_MAX];
    uint8_t chunk[CHUNK];
} npz;

static dt_status fail_member(const npz *self, const char *name, const char *why, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA, "%s: %.60s: expected a whole array, found: %s", self->shown,
                   name, why);
}

/* What stands behind 'KEY': in the header; NULL: nothing. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    return at ? at + strlen(key) + strspn(at + strlen(key), " ") : NULL;
}

/* "{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }": what is no array of
 * numbers stays of no kind. source: NumPy, numpy.lib.format */
static void take_header(const char *header, dt_array_row *out, bool *big_endian)
{
    const char *descr = value_of(header, "'descr':"), *shape = value_of(header, "'shape':");
    const char *order = value_of(header, "'fortran_order':");
    if (!descr || !shape || !order || descr[0] != '\'' || shape[0] != '(' ||
        !strchr("<>|=", descr[1]))
        return;
    int width = atoi(descr + 3);
    bool good = strchr("biuf", descr[2]) && (width == 1 || width == 2 || width == 4 || width == 8);
    good = good && !(descr[2] == 'f' && width == 1);
    for (shape++; good && *shape != ')'; shape += strspn(shape, ", ")) {
        char *end;
        good = out->rank < DT_RANK_MAX && isdigit((unsigned char)*shape);
        if (!good)
            break;
        int64_t size = strtoll(shape, &end, 10);
        good = size <= INT32_MAX;
        out->shape[out->rank++] = size;
        shape = end;
    }
    *big_endian = descr[1] == '>';
    out->fortran = strncmp(order, "True", 4) == 0 && out->rank > 1;
    out->width = width;
    out->kind = good ? descr[2] : 0;
}

/* Opens the member, and reads the header. */
static dt_status begin(npz *self, int i, dt_error *error)
{
    stream *in = &self->streams[i];
    dt_array_row *array = &self->rows[i];
    uint8_t head[12];
    char header[HEADER_MAX + 1];
    if (in->file)
        zip_fclose(in->file);
    in->position = 0;
    in->file = zip_fopen_index(self->zip, in->index, 0);
    if (!in->file)
        return fail_member(self, array->name, zip_strerror(self->zip), error);
    if (zip_fread(in->file, head, 10) != 10 || memcmp(head, "\x93NUMPY", 6) != 0 || head[6] < 1 ||
        head[6] > 3)
        return fail_member(self, array->name, "no .npy file of version 1 to 3", error);
    size_t length = head[8] | (size_t)head[9] << 8;
    bool later = head[6] > 1;
    if (later && (zip_fread(in->file, head + 10, 2) != 2 || head[10] || head[11]))
        return fail_member(self, array->name, "a header that is too long", error);
    if (length > HEADER_MAX || zip_fread(in->file, header, length) != (zip_int64_t)length)
        return fail_member(self, array->name, "no whole header", error);
    header[length] = '\0';
    in->begin = (later ? 12 : 10) + (int64_t)length;
    dt_array_row found = {.packed = array->packed};
    memcpy(found.name, array->name, sizeof found.name);
    take_header(header, &found, &in->big_endian);
    *array = found;
    return DT_OK;
}

static int64_t bytes_of(const dt_array_row *array)
{
    int64_t size = array->width;
    for (int i = 0; i < array->rank; i++)
        if (__builtin_mul_overflow(size, array->shape[i], &size))
            return -1;
    return size;
}

static dt_status add_member(npz *self, zip_uint64_t index, dt_error *error)
{
    zip_stat_t info;
    zip_stat_init(&info);
    zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(self->zip, index, 0, &info) != 0 || (info.valid & needed) != needed)
        return fail_member(self, "a member", zip_strerror(self->zip), error);
    size_t length = strlen(info.name);
    if (length < 5 || strcmp(info.name + length - 4, ".npy") != 0)
        return DT_OK;
    int i = self->arrays.count++;
    dt_array_row *array = &self->rows[i];
    snprintf(array->name, sizeof array->name, "%.*s", (int)length - 4, info.name);
    self->streams[i].index = index;
    array->packed = info.comp_method != ZIP_CM_STORE;
    dt_status status = begin(self, i, error);
    int64_t size = bytes_of(array), there = (int64_t)info.size - self->streams[i].begin;
    if (!status && array->kind && size != there)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: %.60s: expected %lld bytes of values, as its shape says, found %lld",
                       self->shown, array->name, (long long)size, (long long)there);
    return status;
}

/* Goes to a byte of the values: at once, or by passing over what lies before it. */
static dt_status go_to(npz *self, int i, int64_t position, dt_error *error)
{
    stream *in = &self->streams[i];
    dt_status status = DT_OK;
    if (position != in->position && !self->rows[i].packed &&
        zip_fseek(in->file, in->begin + position, SEEK_SET) == 0) {
        in->position = position;
        return DT_OK;
    }
    if (position < in->position)
        status = begin(self, i, error);
    while (!status && in->position < position) {
        int64_t left = position - in->position;
        zip_int64_t got =
            zip_fread(in->file, self->chunk, (zip_uint64_t)(left < CHUNK ? left : CHUNK));
        if (got <= 0)
            return fail_member(self, self->rows[i].name, zip_file_strerror(in->file), error);
        in->position += got;
    }
    return status;
}

/* Turns the bytes of each value round. */
static void turn(uint8_t *bytes, int64_t count, int width)
{
    for (int64_t i = 0; i < count; i++, bytes += width)
        for (int low = 0, high = width - 1; low < high; low++, high--) {
            uint8_t byte = bytes[low];
            bytes[low] = bytes[high];
            bytes[high] = byte;
        }
}

#define TAKE(kind, type)                                                                           \
    static void take_##kind(const uint8_t *bytes, int64_t count, double *values)                   \
    {                                                                                              \
        for (int64_t i = 0; i < count; i++) {                                                      \
            type value;                                                                            \
            memcpy(&value, bytes + i * (int64_t)sizeof value, sizeof value);                       \
            values[i] = (double)value;                                                             \
        }                                                                                          \
    }
TAKE(u1, uint8_t)
TAKE(u2, uint16_t)
TAKE(u4, uint32_t)
TAKE(u8, uint64_t)
TAKE(i1, int8_t)
TAKE(i2, int16_t)
TAKE(i4, int32_t)
TAKE(i8, int64_t)
TAKE(f4, float)
TAKE(f8, double)

static void take_f2(const uint8_t *bytes, int64_t count, double *values)
{
    for (int64_t i = 0; i < count; i++) {
        float value;
        dt_float_type_read(DT_FLOAT_16, bytes + 2 * i, 1, &value);
        values[i] = (double)value;
    }
}

/* By width: 1, 2, 4, 8 bytes. */
static void take_numbers(const dt_array_row *array, const uint8_t *bytes, int64_t count,
                         double *values)
{
    typedef void take(const uint8_t *, int64_t, double *);
    static take *const of_floats[] = {[2] = take_f2, [4] = take_f4, [8] = take_f8};
    static take *const of_signed[] = {[1] = take_i1, [2] = take_i2, [4] = take_i4, [8] = take_i8};
    static take *const of_unsigned[] = {[1] = take_u1, [2] = take_u2, [4] = take_u4, [8] = take_u8};
    take *const *by_width = array->kind == 'f'   ? of_floats
                            : array->kind == 'i' ? of_signed
                                                 : of_unsigned;
    by_width[array->width](bytes, count, values);
}

static dt_status read_values(npz *self, int i, void *bytes, int64_t size, dt_error *error)
{
    stream *in = &self->streams[i];
    const dt_array_row *array = &self->rows[i];
    if (zip_fread(in->file, bytes, (zip_uint64_t)size) != size)
        return fail_member(self, array->name, zip_file_strerror(in->file), error);
    in->position += size;
    char end;
    /* The read at the end is the one that checks the CRC. */
    if (in->position == bytes_of(array) && zip_fread(in->file, &end, 1) != 0)
        return fail_member(self, array->name, zip_file_strerror(in->file), error);
    return DT_OK;
}

static dt_status read_bytes(dt_arrays *arrays, int i, int64_t first, int64_t count, uint8_t *bytes,
                            dt_error *error)
{
    npz *self = arrays->state;
    int64_t row = dt_array_row_size(&self->rows[i]);
    dt_status status = go_to(self, i, first * row, error);
    return status ? status : read_values(self, i, bytes, count * row, error);
}

static dt_status read_numbers(dt_arrays *arrays, int i, int64_t first, int64_t count,
                              double *values, dt_error *error)
{
    npz *self = arrays->state;
    const dt_array_row *array = &self->rows[i];
    int64_t row = dt_array_row_size(array), all = count * row, at_a_time = CHUNK / array->width;
    dt_status status = go_to(self, i, first * row * array->width, error);
    for (int64_t done = 0; done < all && !status; done += at_a_time) {
        int64_t now = all - done < at_a_time ? all - done : at_a_time;
        status = read_values(self, i, self->chunk, now * array->width, error);
        if (!status && self->streams[i].big_endian)
            turn(self->chunk, now, array->width);
        if (!status)
            take_numbers(array, self->chunk, now, values + done);
    }
    return status;
}

static void close_npz(dt_arrays *arrays)
{
    npz *self = arrays->state;
    for (int i = 0; i < arrays->count; i++)
        if (self->streams[i].file)
            zip_fclose(self->streams[i].file);
    if (self->zip)
        zip_discard(self->zip);
    dt_free(self);
}

dt_status dt_npz_open(const char *path, dt_arrays **out, dt_error *error)
{
    int fd, why = 0;
    *out = NULL;
    dt_status status = dt_file_open(path, DT_OPEN_READ, &fd, error);
    if (status)
        return status;
    npz *self = dt_calloc(1, sizeof *self, error);
    if (!self) {
        close(fd);
        return DT_ERR_INTERNAL;
    }
    self->arrays = (dt_arrays){.rows = self->rows,
                               .state = self,
                               .read = read_numbers,
                               .read_bytes = read_bytes,
                               .close = close_npz};
    snprintf(self->shown, sizeof self->shown, "%.*s", SHOWN - 1, path);
    self->zip = zip_fdopen(fd, 0, &why);
    if (!self->zip) {
        close(fd);
        status = dt_fail(error, DT_ERR_DATA,
                         "%s: expected a .npz file, a whole ZIP archive, found "
                         "none",
                         self->shown);
    }
    zip_int64_t count = status ? 0 : zip_get_num_entries(self->zip, 0);
    if (count > DT_ARRAYS_MAX)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected at most %d arrays, found %lld",
                         self->shown, DT_ARRAYS_MAX, (long long)count);
    for (zip_int64_t i = 0; i < count && !status; i++)
        status = add_member(self, (zip_uint64_t)i, error);
    if (status) {
        close_npz(&self->arrays);
        return status;
    }
    *out = &self->arrays;
    return DT_OK;
}
