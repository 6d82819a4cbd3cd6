#include "run/metrics_log.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "file/atomic_file.h"
#include "metrics_columns.h"
#include "run/names.h"

/* What a log holds at most, unless rows cannot be written. */
#define HELD_MOST (2 * DT_METRICS_BLOCK)

struct dt_metrics_log {
    char *path;
    int file;
    char *text; /* header and rows, those that are forgotten left out, and a 0 */
    size_t length, size;
    size_t in_file;        /* of the length */
    int64_t earlier;       /* bytes that are forgotten */
    uint64_t earlier_hash; /* as in dt_metrics_history */
};

static dt_status add_text(dt_metrics_log *log, const char *text, size_t length, dt_error *error)
{
    char *larger = dt_grow(log->text, &log->size, log->length + length + 1, 1, error);
    if (!larger)
        return DT_ERR_INTERNAL;
    log->text = larger;
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
    if (!status)
        log->in_file = log->length;
    return status;
}

/* Forgets the oldest rows, once they are safe in the file. */
static void forget(dt_metrics_log *log)
{
    if (log->length < HELD_MOST || log->in_file < DT_METRICS_BLOCK || !dt_sync(log->file))
        return;
    size_t begin = 0;
    for (; log->length - begin >= HELD_MOST && log->in_file - begin >= DT_METRICS_BLOCK;
         begin += DT_METRICS_BLOCK)
        log->earlier_hash = dt_hash_seeded(log->text + begin, DT_METRICS_BLOCK, log->earlier_hash);
    log->length -= begin;
    log->in_file -= begin;
    log->earlier += (int64_t)begin;
    memmove(log->text, log->text + begin, log->length + 1);
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
    if (status) {
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
    dt_status status = make_log(path, metrics_header, METRICS_HEADER_SIZE, &log, error);
    if (status)
        return status;
    status = dt_file_open(path, DT_OPEN_NEW, &log->file, error);
    if (!status) {
        status = catch_up(log, error);
        if (status)
            unlink(path);
    }
    if (status) {
        dt_metrics_log_close(log, NULL);
        return status;
    }
    *out = log;
    return DT_OK;
}

static dt_status check_history(const char *path, const dt_metrics_history *history, dt_error *error)
{
    const char *text = history->text;
    const size_t length = history->length, header_length = METRICS_HEADER_SIZE;
    const bool headed = length >= header_length && memcmp(text, metrics_header, header_length) == 0;
    if (history->earlier == 0 && !headed)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: cannot restore its rows: expected the columns %.*s, found %.*s", path,
                       (int)header_length - 1, metrics_header,
                       (int)(length < header_length ? length : header_length), text);
    if (length == 0 || text[length - 1] != '\n' || memchr(text, '\0', length))
        return dt_fail(error, DT_ERR_DATA,
                       "%s: cannot restore its rows: expected lines of text, found %s", path,
                       length > 0 && text[length - 1] == '\n' ? "a zero byte"
                                                              : "a last row that is cut");
    return DT_OK;
}

/* Copies the bytes that the history leaves out to the open file `to`. DT_ERR_DATA in lost->status:
 * `source` has not got them. */
static dt_status copy_earlier(const char *source, const dt_metrics_history *history, int to,
                              const char *path, dt_error *lost, dt_error *error)
{
    int from;
    uint64_t hash = 0;
    if (dt_file_open(source, DT_OPEN_READ, &from, lost))
        return DT_OK;
    char *block = dt_calloc(DT_METRICS_BLOCK, 1, error);
    dt_status status = block ? DT_OK : DT_ERR_INTERNAL;
    int64_t at = 0;
    size_t got = DT_METRICS_BLOCK;
    while (!status && at < history->earlier && got == DT_METRICS_BLOCK) {
        if (!dt_read_at(from, block, DT_METRICS_BLOCK, at, &got))
            got = 0;
        hash = dt_hash_seeded(block, got, hash);
        at += (int64_t)got;
        if (!dt_write_all(to, block, got, NULL))
            status = dt_fail(error, DT_ERR_IO, "%s: cannot write: %m", path);
    }
    if (!status && (at != history->earlier || hash != history->earlier_hash))
        dt_fail(lost, DT_ERR_DATA,
                "%s: expected the %lld bytes that it began with at the checkpoint, found %s",
                source, (long long)history->earlier, at == history->earlier ? "others" : "fewer");
    dt_free(block);
    close(from);
    return status;
}

/* The file of a history that is not whole. */
static dt_status write_joined(const char *path, const char *source,
                              const dt_metrics_history *history, dt_error *lost, dt_error *error)
{
    dt_atomic *atomic;
    int file;
    dt_status status = dt_atomic_begin(path, &atomic, &file, error);
    if (status)
        return status;
    status = copy_earlier(source, history, file, path, lost, error);
    if (!status && !lost->status && !dt_write_all(file, history->text, history->length, NULL))
        status = dt_fail(error, DT_ERR_IO, "%s: cannot write: %m", path);
    if (!status && !lost->status)
        return dt_atomic_end(atomic, error);
    dt_atomic_discard(atomic);
    return status;
}

/* Header and whole rows of a history whose beginning is lost. */
static dt_status make_rest(const char *path, const dt_metrics_history *history,
                           dt_metrics_log **out, dt_error *error)
{
    const char *rows = (const char *)memchr(history->text, '\n', history->length) + 1;
    dt_status status = make_log(path, metrics_header, METRICS_HEADER_SIZE, out, error);
    return status ? status
                  : add_text(*out, rows, (size_t)(history->text + history->length - rows), error);
}

dt_status dt_metrics_log_restore(const char *path, const char *source,
                                 const dt_metrics_history *history, dt_metrics_log **out,
                                 dt_error *lost, dt_error *error)
{
    dt_metrics_log *log = NULL;
    *out = NULL;
    *lost = (dt_error){0};
    dt_status status = check_history(path, history, error);
    if (!status && history->earlier > 0)
        status = write_joined(path, source, history, lost, error);
    if (!status)
        status = lost->status ? make_rest(path, history, &log, error)
                              : make_log(path, history->text, history->length, &log, error);
    if (!status && lost->status) /* not what the checkpoint was made with, but it may be all */
        dt_set_aside(path);
    if (!status && (history->earlier == 0 || lost->status))
        status = dt_atomic_write(path, log->text, log->length, error);
    if (!status)
        status = dt_file_open(path, DT_OPEN_APPEND, &log->file, error);
    if (status) {
        dt_metrics_log_close(log, NULL);
        return status;
    }
    log->in_file = log->length;
    if (!lost->status) {
        log->earlier = history->earlier;
        log->earlier_hash = history->earlier_hash;
    }
    forget(log);
    *out = log;
    return DT_OK;
}

dt_status dt_metrics_log_append(dt_metrics_log *log, const dt_metrics_row *row, dt_error *error)
{
    char buffer[METRICS_ROW_SIZE];
    dt_text text = {.text = buffer, .size = sizeof buffer};
    for (int i = 0; i < METRICS_COLUMN_COUNT; i++) {
        const void *cell = (const char *)row + metrics_columns[i].offset;
        dt_text_add(&text, "%s", i == 0 ? "" : ",");
        if (metrics_columns[i].kind == DT_FIELD_INTEGER)
            dt_text_add(&text, "%" PRId64, *(const int64_t *)cell);
        else if (metrics_columns[i].kind == DT_FIELD_REAL)
            dt_text_add(&text, isnan(*(const double *)cell) ? "" : "%.9g", *(const double *)cell);
        else if (*(const uint64_t *)cell)
            dt_text_add(&text, "%016" PRIx64, *(const uint64_t *)cell);
    }
    dt_text_add(&text, "\n");
    dt_status status = add_text(log, buffer, text.length, error);
    if (!status)
        status = catch_up(log, error);
    forget(log);
    return status;
}

dt_metrics_history dt_metrics_log_history(const dt_metrics_log *log)
{
    return (dt_metrics_history){log->text, log->length, log->earlier, log->earlier_hash};
}

dt_status dt_metrics_log_close(dt_metrics_log *log, dt_error *error)
{
    if (!log)
        return DT_OK;
    dt_status status = log->file >= 0 ? catch_up(log, error) : DT_OK;
    if (!status && log->file >= 0 && !dt_sync(log->file))
        status = dt_fail(error, DT_ERR_IO, "%s: cannot sync to disk: %m", log->path);
    if (log->file >= 0 && !dt_close(log->file) && !status)
        status = dt_fail(error, DT_ERR_IO, "%s: cannot close: %m", log->path);
    dt_free(log->path);
    dt_free(log->text);
    dt_free(log);
    return status;
}
