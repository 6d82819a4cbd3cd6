#include "csv_lines.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

/* Bytes of the longest line; that are read at once. */
enum { LINE_MOST = 4 << 20, STEP = 1 << 18 };

/* What some programs write in front of UTF-8. */
#define BOM      "\xef\xbb\xbf"
#define BOM_SIZE (sizeof BOM - 1)

dt_status csv_lines_open(const char *path, csv_lines *self, dt_error *error)
{
    unsigned char head[2] = {0};
    size_t got;
    *self = (csv_lines){.fd = -1};
    dt_idx_show(path, self->shown, sizeof self->shown);
    dt_status status = dt_file_open(path, DT_OPEN_READ, &self->fd, error);
    if (status)
        return status;
    if (!dt_read_at(self->fd, head, sizeof head, 0, &got))
        return dt_fail(error, DT_ERR_IO, "%s: cannot read: %m", self->shown);
    self->gzip = head[0] == 0x1f && head[1] == 0x8b;
    self->buffer = dt_calloc(LINE_MOST + 1, 1, error);
    if (!self->buffer)
        return DT_ERR_INTERNAL;
    return csv_lines_go(self, (csv_mark){0}, error);
}

static dt_status read_more(csv_lines *self, dt_error *error)
{
    size_t left = self->end - self->begin, got = 0;
    memmove(self->buffer, self->buffer + self->begin, left);
    self->offset += (int64_t)self->begin;
    self->begin = 0;
    self->end = left;
    size_t room = LINE_MOST - left, size = room < STEP ? room : STEP;
    char *to = self->buffer + left;
    if (room == 0)
        return dt_fail(error, DT_ERR_DATA, "%s:%lld: expected lines of at most %d MB, found more",
                       self->shown, (long long)self->number + 1, LINE_MOST >> 20);
    if (self->gzip) {
        int64_t unpacked;
        dt_status status =
            dt_gunzip_read(self->stream, (uint8_t *)to, (int64_t)size, &unpacked, error);
        if (status)
            return status;
        got = (size_t)unpacked;
    } else if (!dt_read_at(self->fd, to, size, self->offset + (int64_t)left, &got)) {
        return dt_fail(error, DT_ERR_IO, "%s: cannot read at byte %lld: %m", self->shown,
                       (long long)self->offset + (long long)left);
    }
    self->end += got;
    self->ended = got < size;
    return DT_OK;
}

dt_status csv_lines_next(csv_lines *self, char **line, size_t *length, dt_error *error)
{
    *line = NULL;
    *length = 0;
    while (!*line) {
        char *from = self->buffer + self->begin;
        size_t there = self->end - self->begin;
        char *end = memchr(from, '\n', there);
        if (!end && !self->ended) {
            dt_status status = read_more(self, error);
            if (status)
                return status;
            continue;
        }
        if (there == 0)
            return DT_OK;
        self->number++;
        *length = end ? (size_t)(end - from) : there;
        self->begin += *length + (end != NULL);
        if (self->number == 1 && *length >= BOM_SIZE && memcmp(from, BOM, BOM_SIZE) == 0) {
            from += BOM_SIZE;
            *length -= BOM_SIZE;
        }
        *length -= *length > 0 && from[*length - 1] == '\r';
        from[*length] = '\0';
        *line = *length > 0 ? from : NULL;
    }
    return DT_OK;
}

csv_mark csv_lines_mark(const csv_lines *self)
{
    return (csv_mark){self->offset + (int64_t)self->begin, self->number};
}

dt_status csv_lines_go(csv_lines *self, csv_mark mark, dt_error *error)
{
    self->begin = self->end = 0;
    self->offset = mark.offset;
    self->number = mark.number;
    self->ended = false;
    if (!self->gzip)
        return DT_OK;
    dt_gunzip_close(self->stream);
    self->stream = NULL;
    return dt_gunzip_open(self->fd, self->shown, &self->stream, error);
}

void csv_lines_close(csv_lines *self)
{
    dt_gunzip_close(self->stream);
    dt_free(self->buffer);
    if (self->fd >= 0)
        close(self->fd);
    *self = (csv_lines){.fd = -1};
}
