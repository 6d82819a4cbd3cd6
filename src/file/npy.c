#include "file/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"
#include "file/float_type.h"

#define MAGIC     "\x93NUMPY"
#define ALIGNMENT 64
/* Magic, version and length of the header in version 1. */
enum { VERSION_AT = 6, LENGTH_AT = 8, PREFIX = 10, LATER_PREFIX = 12 };
#define SHAPE_SIZE 128

/* ---- writing ---- */

/* Begins a file of `values` bytes of values, which *at is for. */
static dt_status begin(const char *descr, const char *shape, size_t values, void **bytes,
                       size_t *size, uint8_t **at, dt_error *error)
{
    char header[SHAPE_SIZE + 80];
    int length = snprintf(header, sizeof header,
                          "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);
    size_t begin = (PREFIX + (size_t)length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    *size = begin + values;
    uint8_t *to = *bytes = dt_calloc(*size, 1, error);
    if (!to)
        return DT_ERR_INTERNAL;
    memcpy(to, MAGIC "\1\0", LENGTH_AT);
    to[LENGTH_AT] = (uint8_t)((begin - PREFIX) & 255);
    to[LENGTH_AT + 1] = (uint8_t)((begin - PREFIX) >> 8);
    memset(to + PREFIX, ' ', begin - PREFIX);
    memcpy(to + PREFIX, header, (size_t)length);
    to[begin - 1] = '\n';
    *at = to + begin;
    return DT_OK;
}

dt_status dt_npy_of_array(const dt_array *array, void **bytes, size_t *size, dt_error *error)
{
    char text[SHAPE_SIZE] = "";
    dt_text shape = {.text = text, .size = sizeof text};
    for (int i = 0; i < array->rank; i++)
        dt_text_add(&shape, "%s%" PRId64 "%s", i > 0 ? ", " : "", array->shape[i],
                    array->rank == 1 ? "," : "");
    size_t values = dt_array_count(array) * sizeof(float);
    uint8_t *at;
    dt_status status = begin("<f4", text, values, bytes, size, &at, error);
    if (!status)
        memcpy(at, array->values, values);
    return status;
}

dt_status dt_npy_of_text(const char *text, void **bytes, size_t *size, dt_error *error)
{
    size_t count = 0;
    for (const char *from = text; *from; count++)
        dt_utf8_next(&from);
    char descr[32];
    snprintf(descr, sizeof descr, "<U%zu", count > 0 ? count : 1);
    uint8_t *at;
    dt_status status = begin(descr, "", 4 * (count > 0 ? count : 1), bytes, size, &at, error);
    for (const char *from = text; !status && *from; at += 4) {
        uint32_t point = dt_utf8_next(&from);
        memcpy(at, &point, sizeof point);
    }
    return status;
}

/* ---- reading ---- */

typedef struct npy {
    char kind;     /* 'f', 'U'; 'i', 'u', 'b', 'c', 'S': what is neither */
    char text[16]; /* "<f4" */
    size_t width;  /* bytes of a value, or of the string */
    bool big, fortran;
    int rank;
    int64_t shape[DT_RANK_MAX];
    const uint8_t *values;
    size_t size; /* bytes of the values */
} npy;

/* Skips blanks, then `text`; false: something else stands there. */
static bool take(const char **at, const char *text)
{
    const char *from = *at + strspn(*at, " \n");
    if (strncmp(from, text, strlen(text)) != 0)
        return false;
    *at = from + strlen(text);
    return true;
}

/* A decimal number below 2^53. */
static bool take_number(const char **at, int64_t *out)
{
    *at += strspn(*at, " \n");
    size_t digits = strspn(*at, "0123456789");
    if (digits == 0 || digits > 15)
        return false;
    for (*out = 0; digits > 0; digits--)
        *out = *out * 10 + *(*at)++ - '0';
    return true;
}

static bool take_shape(const char **at, npy *out)
{
    if (!take(at, "("))
        return false;
    for (out->rank = 0; !take(at, ")"); out->rank++) {
        if (out->rank == DT_RANK_MAX || !take_number(at, &out->shape[out->rank]))
            return false;
        if (!take(at, ",") && (*at)[strspn(*at, " \n")] != ')')
            return false;
    }
    return true;
}

/* 'descr': '<f4' */
static bool take_descr(const char **at, npy *out)
{
    int64_t width;
    if (!take(at, "'") || **at == '\0' || !strchr("<>|", **at))
        return false;
    const char *text = *at;
    out->big = *(*at)++ == '>';
    if (**at == '\0' || !strchr("fUiubcS", **at))
        return false;
    out->kind = *(*at)++;
    if (!take_number(at, &width) || !take(at, "'") || width > 1 << 20)
        return false;
    snprintf(out->text, sizeof out->text, "%.*s", (int)(*at - text - 1), text);
    out->width = out->kind == 'U' ? 4 * (size_t)width : (size_t)width;
    return out->kind != 'f' || width == 2 || width == 4 || width == 8;
}

static bool take_header(const char *at, npy *out)
{
    bool descr = false, order = false, shape = false;
    if (!take(&at, "{"))
        return false;
    while (!take(&at, "}")) {
        bool again, good;
        if (take(&at, "'descr':"))
            again = descr, good = descr = take_descr(&at, out);
        else if (take(&at, "'shape':"))
            again = shape, good = shape = take_shape(&at, out);
        else if (take(&at, "'fortran_order':"))
            again = order, good = order = (out->fortran = take(&at, "True")) || take(&at, "False");
        else
            return false;
        if (again || !good || (!take(&at, ",") && at[strspn(at, " \n")] != '}'))
            return false;
    }
    return descr && order && shape && at[strspn(at, " \n")] == '\0';
}

#define HEADER_MAX 4096

static dt_status read_header(const uint8_t *bytes, size_t size, const char *name, npy *out,
                             dt_error *error)
{
    *out = (npy){0};
    if (size < LATER_PREFIX || memcmp(bytes, MAGIC, VERSION_AT) != 0 || bytes[VERSION_AT] < 1 ||
        bytes[VERSION_AT] > 3)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a .npy file of version 1 to 3, found none",
                       name);
    size_t prefix = bytes[VERSION_AT] == 1 ? PREFIX : LATER_PREFIX;
    size_t length = bytes[LENGTH_AT] | (size_t)bytes[LENGTH_AT + 1] << 8;
    if (prefix == LATER_PREFIX)
        length |= (size_t)bytes[LENGTH_AT + 2] << 16 | (size_t)bytes[LENGTH_AT + 3] << 24;
    if (length > size - prefix || length >= HEADER_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected a header below %d bytes within the file's %zu, found %zu",
                       name, HEADER_MAX, size, length);
    char header[HEADER_MAX];
    memcpy(header, bytes + prefix, length);
    header[length] = '\0';
    if (!take_header(header, out))
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected an array of floats or integers of at most %d dimensions, or "
                       "a text, found %.*s",
                       name, DT_RANK_MAX, (int)strcspn(header, "\n"), header);
    out->values = bytes + prefix + length;
    out->size = size - prefix - length;
    return DT_OK;
}

static dt_status check_size(const npy *self, const char *name, dt_error *error)
{
    size_t expected = self->width;
    bool huge = false;
    for (int i = 0; i < self->rank; i++)
        huge |= __builtin_mul_overflow(expected, (size_t)self->shape[i], &expected);
    if (huge || expected != self->size)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected as many bytes of values as its shape says, found %zu", name,
                       self->size);
    return DT_OK;
}

static dt_status add_text(const npy *self, const char *name, dt_bundle *to, dt_error *error)
{
    char *text = dt_calloc(self->size + 1, 1, error), *at = text;
    if (!text)
        return DT_ERR_INTERNAL;
    bool good = true, ended = false;
    for (size_t i = 0; i < self->size / 4 && good; i++) {
        uint32_t point;
        memcpy(&point, self->values + 4 * i, sizeof point);
        good = dt_utf8_is_point(point) && (point == 0 || !ended);
        ended |= point == 0;
        at += good && !ended ? dt_utf8_put(point, at) : 0;
    }
    dt_status status =
        good ? dt_bundle_add_text(to, name, text, error)
             : dt_fail(error, DT_ERR_DATA, "%s: expected Unicode text, found none", name);
    dt_free(text);
    return status;
}

/* Where the values of an array in Fortran's order, the first index running fastest, belong. */
static size_t place_of(const npy *self, size_t index)
{
    size_t place = 0, strides[DT_RANK_MAX], stride = 1;
    for (int i = self->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= (size_t)self->shape[i];
    }
    for (int i = 0; i < self->rank; i++) {
        place += index % (size_t)self->shape[i] * strides[i];
        index /= (size_t)self->shape[i];
    }
    return place;
}

static void read_value(const npy *self, dt_float_type type, size_t index, float *to)
{
    uint8_t turned[sizeof(double)];
    const uint8_t *from = self->values + index * self->width;
    for (size_t i = 0; i < self->width; i++)
        turned[i] = from[self->big ? self->width - 1 - i : i];
    dt_float_type_read(type, turned, 1, to);
}

static dt_status add_array(const npy *self, const char *name, dt_bundle *to, dt_error *error)
{
    static const dt_float_type types[] = {[2] = DT_FLOAT_16, [4] = DT_FLOAT_32, [8] = DT_FLOAT_64};
    static const char *const big[] = {[DT_FLOAT_16] = "big-endian F16",
                                      [DT_FLOAT_32] = "big-endian F32",
                                      [DT_FLOAT_64] = "big-endian F64"};
    float *values;
    size_t count = self->size / self->width;
    dt_float_type type = types[self->width];
    bool fortran = self->fortran && self->rank > 1;
    dt_status status = dt_bundle_add(to, name, self->rank, self->shape, &values, error);
    if (status)
        return status;
    if (self->big || type != DT_FLOAT_32)
        to->converted = self->big ? big[type] : dt_float_type_names[type];
    if (!self->big && !fortran)
        dt_float_type_read(type, self->values, count, values);
    for (size_t i = 0; (self->big || fortran) && i < count; i++)
        read_value(self, type, i, &values[fortran ? place_of(self, i) : i]);
    return DT_OK;
}

dt_status dt_npy_read(const uint8_t *bytes, size_t size, const char *name, dt_bundle *to,
                      dt_error *error)
{
    npy self;
    dt_status status = read_header(bytes, size, name, &self, error);
    if (!status)
        status = check_size(&self, name, error);
    if (status)
        return status;
    if (self.kind == 'f')
        return add_array(&self, name, to, error);
    bool text = self.kind == 'U' && !self.big && self.rank == 0;
    return text ? add_text(&self, name, to, error)
                : dt_bundle_add_other(to, name, self.text, error);
}
