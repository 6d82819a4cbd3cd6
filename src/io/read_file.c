#include "io/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define FIRST_ROOM 65536

typedef struct buffer {
    char *bytes;
    size_t size, room; /* one byte of the block is not counted in the room */
} buffer;

static dt_status grow(buffer *self, size_t room, dt_error *error)
{
    char *bytes = dt_calloc(room + 1, 1, error);
    if (!bytes)
        return DT_ERR_INTERNAL;
    if (self->size > 0)
        memcpy(bytes, self->bytes, self->size);
    dt_free(self->bytes);
    self->bytes = bytes;
    self->room = room;
    return DT_OK;
}

/* The room may pass `most`: one byte too many is enough to tell. */
static dt_status read_to_end(int fd, const char *name, size_t most, buffer *self, dt_error *error)
{
    ssize_t count = 1;
    while (count != 0) {
        if (self->size > most)
            return dt_fail(error, DT_ERR_DATA, "%s: expected at most %zu bytes, found more", name,
                           most);
        if (self->size == self->room && grow(self, 2 * self->room, error) != DT_OK)
            return DT_ERR_INTERNAL;
        count = read(fd, self->bytes + self->size, self->room - self->size);
        if (count < 0 && errno != EINTR)
            return dt_fail(error, DT_ERR_IO, "%s: cannot read at byte %zu: %m", name, self->size);
        self->size += count > 0 ? (size_t)count : 0;
    }
    return DT_OK;
}

/* size: of the file as far as it is known. */
static dt_status read_sized(int fd, const char *name, size_t size, size_t most, void **bytes,
                            size_t *found, dt_error *error)
{
    buffer self = {0};
    dt_status status = grow(&self, size + 1, error);
    if (status == DT_OK)
        status = read_to_end(fd, name, most, &self, error);
    if (status != DT_OK) {
        dt_free(self.bytes);
        return status;
    }
    self.bytes[self.size] = '\0';
    *bytes = self.bytes;
    *found = self.size;
    return DT_OK;
}

dt_status dt_read_stream(int fd, const char *name, size_t most, void **bytes, size_t *size,
                         dt_error *error)
{
    *bytes = NULL;
    *size = 0;
    return read_sized(fd, name, FIRST_ROOM, most, bytes, size, error);
}

dt_status dt_read_file(const char *path, size_t most, void **bytes, size_t *size, dt_error *error)
{
    *bytes = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot open: %m", path);
    struct stat info;
    dt_status status;
    if (fstat(fd, &info) != 0)
        status = dt_fail(error, DT_ERR_IO, "%s: cannot examine: %m", path);
    else if (!S_ISREG(info.st_mode))
        status = dt_fail(error, DT_ERR_NO_INPUT, "%s: expected a regular file, found %s", path,
                         S_ISDIR(info.st_mode) ? "a directory" : "something else");
    else if ((uint64_t)info.st_size > most)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected at most %zu bytes, found %lld", path,
                         most, (long long)info.st_size);
    else
        status = read_sized(fd, path, (size_t)info.st_size, most, bytes, size, error);
    close(fd);
    return status;
}
