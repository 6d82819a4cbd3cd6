#include "run/metrics_read.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "metrics_columns.h"

/* Bytes that are read at once. A line is shorter. */
#define BUFFER_SIZE ((size_t)1 << 17)
#define CELL_SHOWN  30

struct dt_metrics_reader {
    char *path;
    int file;
    int64_t offset; /* in the file, of the buffer's first byte */
    size_t line;    /* in the buffer, of the line that was read last */
    size_t next;    /* behind it */
    size_t length;  /* of what is in the buffer; a 0 stands behind it */
    int64_t count;  /* of lines, the header too */
    dt_metrics_row row;
    char buffer[BUFFER_SIZE + 1];
};

/* The number at `text` as strtod reads it, if it is one of those that take no more than a
 * multiplication or division of two exact doubles, which is rounded once: at most 15 digits and a
 * power of ten up to 22. Returns its end; NULL: another number, or none.
 * source: W. D. Clinger, How to Read Floating Point Numbers Accurately, 1990 */
static const char *read_short_real(const char *text, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    enum { DIGITS_MOST = 15, POWER_MOST = 22 };
    const bool negative = *text == '-';
    const char *at = text += negative;
    uint64_t digits = 0;
    unsigned digit;
    for (; (digit = (unsigned)*at - '0') < 10; at++)
        digits = 10 * digits + digit;
    long count = at - text, power = 0;
    if (*at == '.') {
        const char *point = at++;
        for (; (digit = (unsigned)*at - '0') < 10; at++)
            digits = 10 * digits + digit;
        power = point + 1 - at;
        count -= power;
    }
    if (count == 0 || count > DIGITS_MOST)
        return NULL;
    if (*at == 'e') {
        const bool down = at[1] == '-';
        const char *begin = at += at[1] == '-' || at[1] == '+' ? 2 : 1;
        long exponent = 0;
        for (; (digit = (unsigned)*at - '0') < 10 && at - begin < 3; at++)
            exponent = 10 * exponent + (long)digit;
        if (at == begin)
            return NULL;
        power += down ? -exponent : exponent;
    }
    if (power < -POWER_MOST || power > POWER_MOST)
        return NULL;
    double result = (double)digits;
    result = power < 0 ? result / powers[-power] : result * powers[power];
    *value = negative ? -result : result;
    return at;
}

/* Likewise for a count of at most 18 digits. */
static const char *read_short_count(const char *text, int64_t *value)
{
    const char *at = text;
    int64_t result = 0;
    unsigned digit;
    for (; (digit = (unsigned)*at - '0') < 10 && at - text < 18; at++)
        result = 10 * result + (int64_t)digit;
    *value = result;
    return at > text ? at : NULL;
}

/* Up to 16 hexadecimal digits. */
static const char *read_hash(const char *text, uint64_t *value)
{
    const char *at = text;
    *value = 0;
    for (; at - text < DT_HASH_TEXT - 1; at++) {
        unsigned digit = (unsigned)*at - '0', letter = (unsigned)*at - 'a';
        if (digit >= 10 && letter >= 6)
            break;
        *value = *value << 4 | (digit < 10 ? digit : letter + 10);
    }
    return at;
}

/* Reads a cell of the form that the program writes, which ends at `end`. Returns that place; NULL:
 * it has another form. */
static const char *read_cell(dt_field_kind kind, const char *text, char end, void *value)
{
    const char *stop = text;
    if (kind == DT_FIELD_INTEGER)
        stop = read_short_count(text, value);
    else if (kind == DT_FIELD_HASH)
        stop = read_hash(text, value);
    else if (*text == end)
        *(double *)value = (double)NAN;
    else
        stop = read_short_real(text, value);
    return stop && *stop == end ? stop : NULL;
}

/* Reads any other cell, from `text` up to `end`, a separator: strtoll and strtod stop there at the
 * latest. */
static bool read_odd_cell(dt_field_kind kind, const char *text, const char *end, void *value)
{
    char *stop = NULL;
    if (text == end || kind == DT_FIELD_HASH)
        return false;
    errno = 0;
    if (kind == DT_FIELD_INTEGER)
        *(int64_t *)value = strtoll(text, &stop, 10);
    else
        *(double *)value = strtod(text, &stop);
    return stop == end && (kind == DT_FIELD_INTEGER ? errno == 0 && text[0] >= '-' : text[0] > ' ');
}

/* The row from `text` up to `end`, where its '\n' stands. */
static dt_status read_row(const char *text, const char *end, dt_metrics_row *row, dt_error *error)
{
    for (int i = 0; i < METRICS_COLUMN_COUNT; i++) {
        const bool last = i == METRICS_COLUMN_COUNT - 1;
        const dt_field_kind kind = metrics_columns[i].kind;
        void *value = (char *)row + metrics_columns[i].offset;
        const char *stop = read_cell(kind, text, last ? '\n' : ',', value);
        if (!stop) {
            const char *comma = memchr(text, ',', (size_t)(end - text));
            if ((comma == NULL) != last)
                return dt_fail(error, DT_ERR_DATA, "expected %d cells, found %s",
                               METRICS_COLUMN_COUNT, last ? "more" : "fewer");
            stop = last ? end : comma;
            long length = stop - text;
            if (!read_odd_cell(kind, text, stop, value))
                return dt_fail(error, DT_ERR_DATA, "cell %d: expected a number, found '%.*s'",
                               i + 1, length < CELL_SHOWN ? (int)length : CELL_SHOWN, text);
        }
        text = stop + 1;
    }
    return DT_OK;
}

dt_status dt_metrics_reader_open(const char *path, dt_metrics_reader **out, dt_error *error)
{
    *out = NULL;
    dt_metrics_reader *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return DT_ERR_INTERNAL;
    self->file = -1;
    self->path = dt_strdup(path, error);
    dt_status status =
        self->path ? dt_file_open(path, DT_OPEN_READ, &self->file, error) : DT_ERR_INTERNAL;
    if (status) {
        int reason = errno;
        dt_metrics_reader_close(self);
        errno = reason;
        return status;
    }
    *out = self;
    return DT_OK;
}

/* Reads on, and keeps the line that was read last. */
static dt_status fill(dt_metrics_reader *self, size_t *got, dt_error *error)
{
    memmove(self->buffer, self->buffer + self->line, self->length - self->line);
    self->offset += (int64_t)self->line;
    self->next -= self->line;
    self->length -= self->line;
    self->line = 0;
    if (!dt_read_at(self->file, self->buffer + self->length, BUFFER_SIZE - self->length,
                    self->offset + (int64_t)self->length, got))
        return dt_fail(error, DT_ERR_IO, "cannot read: %m");
    self->length += *got;
    self->buffer[self->length] = '\0';
    return DT_OK;
}

/* The first line may still be on its way, but no other may. */
static dt_status check_header(const dt_metrics_reader *self, dt_error *error)
{
    const size_t whole = METRICS_HEADER_SIZE;
    if (memcmp(self->buffer, metrics_header, self->length < whole ? self->length : whole) == 0)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA, "expected the columns %.*s, found %.*s", (int)whole - 1,
                   metrics_header, (int)strcspn(self->buffer, "\r\n"), self->buffer);
}

/* The next whole line, header or row; *end: its '\n', NULL when there is none yet. */
static dt_status next_line(dt_metrics_reader *self, const char **end, dt_error *error)
{
    size_t got = 1;
    for (;;) {
        const char *begin = self->buffer + self->next;
        *end = memchr(begin, '\n', self->length - self->next);
        if (*end || got == 0)
            break;
        dt_status status = fill(self, &got, error);
        if (!status && self->count == 0)
            status = check_header(self, error);
        if (status)
            return status;
        if (got == 0 && self->length == BUFFER_SIZE)
            return dt_fail(error, DT_ERR_DATA,
                           "expected a row, found a line of more than %zu bytes",
                           self->length - self->next);
    }
    if (*end) {
        self->line = self->next;
        self->next = (size_t)(*end + 1 - self->buffer);
        self->count++;
    }
    return DT_OK;
}

dt_status dt_metrics_reader_next(dt_metrics_reader *self, const dt_metrics_row **row,
                                 dt_error *error)
{
    const char *end;
    dt_error own = {0};
    *row = NULL;
    dt_status status = next_line(self, &end, &own);
    if (!status && self->count == 1 && end)
        status = next_line(self, &end, &own);
    if (status)
        return dt_fail(error, status, "%s: line %lld: %s", self->path, (long long)self->count + 1,
                       own.message);
    if (!end)
        return DT_OK;
    status = read_row(self->buffer + self->line, end, &self->row, &own);
    if (status)
        return dt_fail(error, status, "%s: line %lld: %s", self->path, (long long)self->count,
                       own.message);
    *row = &self->row;
    return DT_OK;
}

bool dt_metrics_reader_holds(const dt_metrics_reader *self)
{
    struct stat here, there;
    char line[METRICS_ROW_SIZE];
    size_t length = self->next - self->line, got;
    length = length < sizeof line ? length : sizeof line;
    const size_t begin = self->next - length;
    return fstat(self->file, &here) == 0 && stat(self->path, &there) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino &&
           dt_read_at(self->file, line, length, self->offset + (int64_t)begin, &got) &&
           got == length && memcmp(line, self->buffer + begin, length) == 0;
}

void dt_metrics_reader_close(dt_metrics_reader *self)
{
    if (!self)
        return;
    if (self->file >= 0)
        close(self->file);
    dt_free(self->path);
    dt_free(self);
}
