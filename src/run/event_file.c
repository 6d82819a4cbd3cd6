#include "event_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <isa-l/crc.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "directory_make.h"
#include "run/names.h"

/* Bytes that wait for others while the file is not looked at yet. */
#define PART_SIZE ((size_t)1 << 16)

/* The parts of a TFRecord around its data. */
enum { LENGTH_SIZE = 8, CRC_SIZE = 4, RECORD_EXTRA = LENGTH_SIZE + 2 * CRC_SIZE };

struct events_writer {
    char path[PATH_MAX];
    char directory[PATH_MAX];
    bool published;
    int file;
    uint8_t *pending; /* [room]; the first `length` are to be written */
    size_t length, room;
};

static void put_little_endian(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void put_masked_crc(uint8_t *to, uint8_t *bytes, size_t length)
{
    uint32_t crc = ~crc32_iscsi(bytes, (int)length, ~0U);
    put_little_endian(to, (uint32_t)((crc >> 15 | crc << 17) + 0xa282ead8U), CRC_SIZE);
}

dt_status event_file_add(events_writer *self, const Tensorflow__Event *event, dt_error *error)
{
    size_t size = tensorflow__event__get_packed_size(event);
    uint8_t *pending =
        dt_grow(self->pending, &self->room, self->length + size + RECORD_EXTRA, 1, error);
    if (!pending)
        return DT_ERR_INTERNAL;
    self->pending = pending;
    uint8_t *record = self->pending + self->length, *data = record + LENGTH_SIZE + CRC_SIZE;
    put_little_endian(record, size, LENGTH_SIZE);
    put_masked_crc(record + LENGTH_SIZE, record, LENGTH_SIZE);
    tensorflow__event__pack(event, data);
    put_masked_crc(data + size, data, size);
    self->length += size + RECORD_EXTRA;
    return DT_OK;
}

static dt_status write_pending(events_writer *self, dt_error *error)
{
    dt_status status = dt_append_all(self->file, self->path, self->pending, self->length, error);
    if (!status)
        self->length = 0;
    return status;
}

dt_status event_file_flush(events_writer *self, dt_error *error)
{
    bool waits = !self->published && self->length < PART_SIZE;
    return waits ? DT_OK : write_pending(self, error);
}

/* The time in the name of the newest event file of the directory; 0: none. */
static long newest_time(const char *directory)
{
    long newest = 0;
    DIR *list = dt_directory_list(AT_FDCWD, directory, DT_LINKS_REFUSED);
    const char *name;
    while (list && (name = dt_directory_next(list))) {
        if (strncmp(name, DT_EVENTS_BEGIN, strlen(DT_EVENTS_BEGIN)) != 0)
            continue;
        long found = strtol(name + strlen(DT_EVENTS_BEGIN), NULL, 10);
        newest = found > newest ? found : newest;
    }
    if (list)
        closedir(list);
    return newest;
}

static dt_status create_file(const char *directory, events_writer *self, dt_error *error)
{
    dt_status status = directory_make_inner(directory, error);
    if (status)
        return status;
    int length = snprintf(self->path, sizeof self->path, "%s/" DT_EVENTS_NEXT, directory);
    if (length >= (int)sizeof self->path)
        return dt_fail(error, DT_ERR_CREATE, "%.200s...: path too long", directory);
    snprintf(self->directory, sizeof self->directory, "%s", directory);
    if (unlink(self->path) && errno != ENOENT) /* of a start that was killed */
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot remove: %m", self->path);
    return dt_file_open(self->path, DT_OPEN_NEW, &self->file, error);
}

/* Removes the event files of the directory but the one at `path`. */
static dt_status remove_others(const char *directory, const char *path, dt_error *error)
{
    const char *own = strrchr(path, '/') + 1, *name;
    dt_status status = DT_OK;
    DIR *list = dt_directory_list(AT_FDCWD, directory, DT_LINKS_REFUSED);
    while (list && !status && (name = dt_directory_next(list)))
        if (strncmp(name, DT_EVENTS_BEGIN, strlen(DT_EVENTS_BEGIN)) == 0 &&
            strcmp(name, own) != 0 && unlinkat(dirfd(list), name, 0) && errno != ENOENT)
            status = dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot remove: %m", directory, name);
    if (list)
        closedir(list);
    return status;
}

dt_status event_file_publish(events_writer *self, dt_error *error)
{
    char host[HOST_NAME_MAX + 1] = "", path[PATH_MAX];
    long now = (long)time(NULL), newest = newest_time(self->directory);
    gethostname(host, sizeof host - 1);
    int length = snprintf(path, sizeof path, "%s/" DT_EVENTS_BEGIN "%010ld.%s.%ld", self->directory,
                          now > newest ? now : newest + 1, host, (long)getpid());
    if (length >= (int)sizeof path)
        return dt_fail(error, DT_ERR_CREATE, "%.200s...: path too long", self->directory);
    dt_status status = write_pending(self, error);
    if (!status && !dt_sync(self->file))
        status = dt_fail(error, DT_ERR_IO, "%s: cannot sync to disk: %m", self->path);
    if (!status && rename(self->path, path))
        status = dt_fail(error, DT_ERR_CREATE, "%s: cannot rename to %s: %m", self->path, path);
    if (status)
        return status;
    memcpy(self->path, path, (size_t)length + 1);
    self->published = true;
    return remove_others(self->directory, path, error);
}

static dt_status begin_file(events_writer *self, dt_error *error)
{
    char version[] = "brain.Event:2";
    Tensorflow__SessionLog log = TENSORFLOW__SESSION_LOG__INIT;
    log.status = TENSORFLOW__SESSION_LOG__SESSION_STATUS__START;
    Tensorflow__Event event = TENSORFLOW__EVENT__INIT;
    event.wall_time = (double)time(NULL);
    event.what_case = TENSORFLOW__EVENT__WHAT_FILE_VERSION;
    event.file_version = version;
    dt_status status = event_file_add(self, &event, error);
    event.what_case = TENSORFLOW__EVENT__WHAT_SESSION_LOG;
    event.session_log = &log;
    if (!status)
        status = event_file_add(self, &event, error);
    if (!status)
        status = write_pending(self, error);
    return status;
}

dt_status event_file_create(const char *directory, events_writer **out, dt_error *error)
{
    *out = NULL;
    events_writer *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return DT_ERR_INTERNAL;
    self->file = -1;
    dt_status status = create_file(directory, self, error);
    if (!status)
        status = begin_file(self, error);
    if (status) {
        self->length = 0;
        event_file_close(self, NULL);
        return status;
    }
    *out = self;
    return DT_OK;
}

dt_status event_file_close(events_writer *self, dt_error *error)
{
    if (!self)
        return DT_OK;
    dt_status status = self->published && self->length > 0 ? write_pending(self, error) : DT_OK;
    if (self->file >= 0 && !self->published)
        unlink(self->path);
    if (self->file >= 0 && !dt_close(self->file) && !status)
        status = dt_fail(error, DT_ERR_IO, "%s: cannot close: %m", self->path);
    dt_free(self->pending);
    dt_free(self);
    return status;
}
