#include "io/metrics_read.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "metrics_columns.h"

/* Of a file: 10^7 rows. */
#define SIZE_MAX_BYTES ((size_t)1 << 31)
#define CELL_SHOWN     30

/* `text` up to `end`, which is a separator: strtoll and strtod stop there at the latest. */
static bool read_count(const char *text, const char *end, int64_t *value)
{
    char *stop;
    errno = 0;
    long long count = strtoll(text, &stop, 10);
    *value = count;
    return stop == end && text < end && errno == 0 && text[0] >= '-';
}

static bool read_real(const char *text, const char *end, double *value)
{
    char *stop = (char *)end;
    *value = text < end ? strtod(text, &stop) : (double)NAN;
    return stop == end && (text == end || text[0] > ' ');
}

static bool read_hash(const char *text, const char *end, char value[DT_HASH_TEXT])
{
    size_t length = (size_t)(end - text);
    if (length >= DT_HASH_TEXT || strspn(text, "0123456789abcdef") < length)
        return false;
    memcpy(value, text, length);
    value[length] = '\0';
    return true;
}

static bool read_cell(const dt_metrics_column *column, const char *text, const char *end,
                      dt_metrics_row *row)
{
    void *cell = (char *)row + column->offset;
    switch (column->cell) {
    case DT_CELL_COUNT:
        return read_count(text, end, cell);
    case DT_CELL_REAL:
        return read_real(text, end, cell);
    case DT_CELL_HASH:
        return read_hash(text, end, cell);
    }
    return false;
}

/* The row from `text` up to `end`, where its '\n' stands. */
static dt_status read_row(const char *text, const char *end, dt_metrics_row *row, dt_error *error)
{
    for (int i = 0; i < DT_METRICS_COLUMN_COUNT; i++) {
        bool last = i == DT_METRICS_COLUMN_COUNT - 1;
        const char *comma = memchr(text, ',', (size_t)(end - text));
        if ((comma == NULL) != last)
            return dt_fail(error, DT_ERR_DATA, "expected %d cells, found %s",
                           DT_METRICS_COLUMN_COUNT, last ? "more" : "fewer");
        const char *cell_end = last ? end : comma;
        if (!read_cell(&dt_metrics_columns[i], text, cell_end, row)) {
            long length = cell_end - text;
            return dt_fail(error, DT_ERR_DATA, "cell %d: expected a number, found '%.*s'", i + 1,
                           length < CELL_SHOWN ? (int)length : CELL_SHOWN, text);
        }
        text = cell_end + 1;
    }
    return DT_OK;
}

static size_t count_lines(const char *text, const char *end)
{
    size_t count = 0;
    while ((text = memchr(text, '\n', (size_t)(end - text)))) {
        count++;
        text++;
    }
    return count;
}

/* `text` up to `end`, where a 0 stands; lines without their '\n' are left out. */
static dt_status read_rows(const char *text, const char *end, dt_metrics_table *out,
                           dt_error *error)
{
    const size_t header_length = sizeof dt_metrics_header - 1;
    size_t found = (size_t)(end - text), compared = found < header_length ? found : header_length;
    if (memcmp(text, dt_metrics_header, compared) != 0)
        return dt_fail(error, DT_ERR_DATA, "line 1: expected the columns %.*s, found %.*s",
                       (int)header_length - 1, dt_metrics_header, (int)strcspn(text, "\r\n"), text);
    if (found < header_length)
        return DT_OK;
    text += header_length;
    size_t count = count_lines(text, end);
    out->rows = dt_calloc(count, sizeof *out->rows, error);
    if (!out->rows)
        return DT_ERR_INTERNAL;
    for (; out->count < count; out->count++) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        if (read_row(text, line_end, &out->rows[out->count], error))
            return dt_fail_in(error, "line %zu", out->count + 2);
        text = line_end + 1;
    }
    return DT_OK;
}

dt_status dt_metrics_read(const char *path, dt_metrics_table *out, dt_error *error)
{
    void *bytes;
    size_t size;
    dt_error own = {0};
    *out = (dt_metrics_table){0};
    dt_status status = dt_read_file(path, SIZE_MAX_BYTES, &bytes, &size, error);
    if (status)
        return status;
    status = read_rows(bytes, (const char *)bytes + size, out, &own);
    dt_free(bytes);
    if (status) {
        dt_metrics_table_destroy(out);
        return dt_fail(error, status, "%s: %s", path, own.message);
    }
    return DT_OK;
}

void dt_metrics_table_destroy(dt_metrics_table *table)
{
    if (!table)
        return;
    dt_free(table->rows);
    *table = (dt_metrics_table){0};
}
