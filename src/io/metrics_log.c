#include "io/metrics_log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/atomic_file.h"
#include "metrics_columns.h"

#define FIRST_SIZE 4096

struct dt_metrics_log {
    char *path;
    int file;
    char *text; /* header and rows, and a 0 */
    size_t length, size;
    size_t in_file; /* of the length */
};

static dt_status add_text(dt_metrics_log *log, const char *text, size_t length, dt_error *error)
{
    if (length >= log->size - log->length) {
        size_t size = log->size + (length > log->size ? length : log->size) + FIRST_SIZE;
        char *larger = dt_calloc(size, 1, error);
        if (!larger)
            return DT_ERR_INTERNAL;
        if (log->length > 0)
            memcpy(larger, log->text, log->length);
        dt_free(log->text);
        log->text = larger;
        log->size = size;
    }
    memcpy(log->text + log->length, text, length);
    log->length += length;
    log->text[log->length] = '\0';
    return DT_OK;
}

/* Writes what is not in the file yet: whole rows or none. */
static dt_status catch_up(dt_metrics_log *log, dt_error *error)
{
    dt_status status = dt_append_all(log->file, log->path, log->text + log->in_file,
                                     log->length - log->in_file, error);
    if (status == DT_OK)
        log->in_file = log->length;
    return status;
}

/* A log that holds `text`, without a file. */
static dt_status make_log(const char *path, const char *text, size_t length, dt_metrics_log **out,
                          dt_error *error)
{
    dt_metrics_log *log = dt_calloc(1, sizeof *log, error);
    if (!log)
        return DT_ERR_INTERNAL;
    log->file = -1;
    log->path = dt_strdup(path, error);
    dt_status status = log->path ? add_text(log, text, length, error) : DT_ERR_INTERNAL;
    if (status != DT_OK) {
        dt_metrics_log_close(log, NULL);
        return status;
    }
    *out = log;
    return DT_OK;
}

dt_status dt_metrics_log_create(const char *path, dt_metrics_log **out, dt_error *error)
{
    *out = NULL;
    dt_metrics_log *log = NULL;
    dt_status status = make_log(path, dt_metrics_header, sizeof dt_metrics_header - 1, &log, error);
    if (status != DT_OK)
        return status;
    status = dt_file_open(path, DT_OPEN_NEW, &log->file, error);
    if (status == DT_OK) {
        status = catch_up(log, error);
        if (status != DT_OK)
            unlink(path);
    }
    if (status != DT_OK) {
        dt_metrics_log_close(log, NULL);
        return status;
    }
    *out = log;
    return DT_OK;
}

dt_status dt_metrics_log_restore(const char *path, const char *text, size_t length,
                                 dt_metrics_log **out, dt_error *error)
{
    *out = NULL;
    const size_t header_length = sizeof dt_metrics_header - 1;
    if (length < header_length || memcmp(text, dt_metrics_header, header_length) != 0)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: cannot restore its rows: expected the columns %.*s, found %.*s", path,
                       (int)header_length - 1, dt_metrics_header,
                       (int)(length < header_length ? length : header_length), text);
    if (text[length - 1] != '\n' || memchr(text, '\0', length))
        return dt_fail(error, DT_ERR_DATA,
                       "%s: cannot restore its rows: expected lines of text, found %s", path,
                       text[length - 1] == '\n' ? "a zero byte" : "a last row that is cut");
    dt_metrics_log *log = NULL;
    dt_status status = make_log(path, text, length, &log, error);
    if (status == DT_OK)
        status = dt_atomic_write(path, text, length, error);
    if (status == DT_OK) {
        log->in_file = length;
        status = dt_file_open(path, DT_OPEN_APPEND, &log->file, error);
    }
    if (status != DT_OK) {
        dt_metrics_log_close(log, NULL);
        return status;
    }
    *out = log;
    return DT_OK;
}

dt_status dt_metrics_log_append(dt_metrics_log *log, const dt_metrics_row *row, dt_error *error)
{
    char buffer[DT_METRICS_ROW_SIZE];
    dt_text text = {.text = buffer, .size = sizeof buffer};
    for (int i = 0; i < DT_METRICS_COLUMN_COUNT; i++) {
        const void *cell = (const char *)row + dt_metrics_columns[i].offset;
        switch (dt_metrics_columns[i].cell) {
        case DT_CELL_COUNT:
            dt_text_add(&text, "%" PRId64 ",", *(const int64_t *)cell);
            break;
        case DT_CELL_REAL:
            dt_text_add(&text, isnan(*(const double *)cell) ? "," : "%.9g,", *(const double *)cell);
            break;
        case DT_CELL_HASH:
            dt_text_add(&text, "%s\n", (const char *)cell);
            break;
        }
    }
    dt_status status = add_text(log, buffer, text.length, error);
    return status == DT_OK ? catch_up(log, error) : status;
}

const char *dt_metrics_log_text(const dt_metrics_log *log, size_t *length)
{
    *length = log->length;
    return log->text;
}

dt_status dt_metrics_log_close(dt_metrics_log *log, dt_error *error)
{
    if (!log)
        return DT_OK;
    dt_status status = log->file >= 0 ? catch_up(log, error) : DT_OK;
    if (status == DT_OK && log->file >= 0 && !dt_sync(log->file))
        status = dt_fail(error, DT_ERR_IO, "%s: cannot sync to disk: %m", log->path);
    if (log->file >= 0 && !dt_close(log->file) && status == DT_OK)
        status = dt_fail(error, DT_ERR_IO, "%s: cannot close: %m", log->path);
    dt_free(log->path);
    dt_free(log->text);
    dt_free(log);
    return status;
}
