#include "file/npz_array.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zip.h>

#include "base/file.h"
#include "base/memory.h"
#include "float_type.h"

enum { CHUNK = 1 << 16, HEADER_MAX = 4096, SHOWN = 300 };

/* A member on its way. */
typedef struct stream {
    zip_uint64_t index;
    zip_file_t *file; /* NULL: not open */
    int64_t begin;    /* of the values, in bytes of the member */
    int64_t position; /* in the values, in bytes */
    bool stored;      /* it can be read from anywhere */
} stream;

struct dt_npz {
    zip_t *zip;
    char shown[SHOWN];
    int count;
    dt_npz_array arrays[DT_NPZ_ARRAYS_MAX];
    stream streams[DT_NPZ_ARRAYS_MAX];
    uint8_t chunk[CHUNK];
};

static dt_status fail_member(const dt_npz *self, const char *name, const char *why, dt_error *error)
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
static void take_header(const char *header, dt_npz_array *out)
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
        good = out->rank < DT_NPZ_RANK_MAX && isdigit((unsigned char)*shape);
        if (!good)
            break;
        int64_t size = strtoll(shape, &end, 10);
        good = size <= INT32_MAX;
        out->shape[out->rank++] = size;
        shape = end;
    }
    out->big_endian = descr[1] == '>';
    out->fortran = strncmp(order, "True", 4) == 0 && out->rank > 1;
    out->width = width;
    out->kind = good ? descr[2] : 0;
}

/* Opens the member, and reads the header. */
static dt_status begin(dt_npz *self, int i, dt_error *error)
{
    stream *in = &self->streams[i];
    dt_npz_array *array = &self->arrays[i];
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
    dt_npz_array found = {0};
    memcpy(found.name, array->name, sizeof found.name);
    take_header(header, &found);
    *array = found;
    return DT_OK;
}

static int64_t bytes_of(const dt_npz_array *array)
{
    int64_t size = array->width;
    for (int i = 0; i < array->rank; i++)
        if (__builtin_mul_overflow(size, array->shape[i], &size))
            return -1;
    return size;
}

static dt_status add_member(dt_npz *self, zip_uint64_t index, dt_error *error)
{
    zip_stat_t info;
    zip_stat_init(&info);
    zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(self->zip, index, 0, &info) != 0 || (info.valid & needed) != needed)
        return fail_member(self, "a member", zip_strerror(self->zip), error);
    size_t length = strlen(info.name);
    if (length < 5 || strcmp(info.name + length - 4, ".npy") != 0)
        return DT_OK;
    int i = self->count++;
    dt_npz_array *array = &self->arrays[i];
    snprintf(array->name, sizeof array->name, "%.*s", (int)length - 4, info.name);
    self->streams[i].index = index;
    self->streams[i].stored = info.comp_method == ZIP_CM_STORE;
    dt_status status = begin(self, i, error);
    int64_t size = bytes_of(array), there = (int64_t)info.size - self->streams[i].begin;
    if (!status && array->kind && size != there)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: %.60s: expected %lld bytes of values, as its shape says, found %lld",
                       self->shown, array->name, (long long)size, (long long)there);
    return status;
}

dt_status dt_npz_open(const char *path, dt_npz **out, dt_error *error)
{
    int fd, why = 0;
    *out = NULL;
    dt_status status = dt_file_open(path, DT_OPEN_READ, &fd, error);
    if (status)
        return status;
    dt_npz *self = dt_calloc(1, sizeof *self, error);
    if (!self) {
        close(fd);
        return DT_ERR_INTERNAL;
    }
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
    if (count > DT_NPZ_ARRAYS_MAX)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected at most %d arrays, found %lld",
                         self->shown, DT_NPZ_ARRAYS_MAX, (long long)count);
    for (zip_int64_t i = 0; i < count && !status; i++)
        status = add_member(self, (zip_uint64_t)i, error);
    if (status) {
        dt_npz_close(self);
        return status;
    }
    *out = self;
    return DT_OK;
}

const dt_npz_array *dt_npz_arrays(const dt_npz *self, int *count)
{
    *count = self->count;
    return self->arrays;
}

/* Goes to a byte of the values: at once, or by passing over what lies before it. */
static dt_status go_to(dt_npz *self, int i, int64_t position, dt_error *error)
{
    stream *in = &self->streams[i];
    dt_status status = DT_OK;
    if (position != in->position && in->stored &&
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
            return fail_member(self, self->arrays[i].name, zip_file_strerror(in->file), error);
        in->position += got;
    }
    return status;
}

static double number_of(const dt_npz_array *array, const uint8_t *bytes)
{
    uint8_t value[8] = {0};
    for (int i = 0; i < array->width; i++)
        value[i] = bytes[array->big_endian ? array->width - 1 - i : i];
    uint64_t whole = 0;
    for (int i = array->width - 1; i >= 0; i--)
        whole = whole << 8 | value[i];
    if (array->kind == 'f' && array->width == 8) {
        double number;
        memcpy(&number, &whole, sizeof number);
        return number;
    }
    if (array->kind == 'f') {
        float number;
        float_type_read(array->width == 2 ? FLOAT_16 : FLOAT_32, value, 1, &number);
        return (double)number;
    }
    int unused = 64 - 8 * array->width;
    return array->kind == 'i' ? (double)((int64_t)(whole << unused) >> unused) : (double)whole;
}

dt_status dt_npz_read(dt_npz *self, int i, int64_t first, int64_t count, double *values,
                      dt_error *error)
{
    stream *in = &self->streams[i];
    const dt_npz_array *array = &self->arrays[i];
    int64_t at_a_time = CHUNK / array->width, all = bytes_of(array);
    dt_status status = go_to(self, i, first * array->width, error);
    for (int64_t done = 0; done < count && !status; done += at_a_time) {
        int64_t now = count - done < at_a_time ? count - done : at_a_time;
        zip_int64_t size = now * array->width;
        if (zip_fread(in->file, self->chunk, (zip_uint64_t)size) != size)
            return fail_member(self, array->name, zip_file_strerror(in->file), error);
        in->position += size;
        for (int64_t j = 0; j < now; j++)
            values[done + j] = number_of(array, self->chunk + j * array->width);
    }
    char end;
    /* The read at the end is the one that checks the CRC. */
    if (!status && in->position == all && zip_fread(in->file, &end, 1) != 0)
        return fail_member(self, array->name, zip_file_strerror(in->file), error);
    return status;
}

void dt_npz_close(dt_npz *self)
{
    if (!self)
        return;
    for (int i = 0; i < self->count; i++)
        if (self->streams[i].file)
            zip_fclose(self->streams[i].file);
    if (self->zip)
        zip_discard(self->zip);
    dt_free(self);
}
