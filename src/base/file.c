#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define FIRST_ROOM 65536

static const struct {
    int flags;
    dt_links links;
    dt_status failure;
} modes[] = {
    [DT_OPEN_READ] = {O_RDONLY, DT_LINKS_FOLLOWED, DT_ERR_NO_INPUT},
    [DT_OPEN_READ_OWN] = {O_RDONLY, DT_LINKS_REFUSED, DT_ERR_NO_INPUT},
    [DT_OPEN_APPEND] = {O_WRONLY | O_APPEND | O_CREAT, DT_LINKS_REFUSED, DT_ERR_CREATE},
    [DT_OPEN_NEW] = {O_RDWR | O_APPEND | O_CREAT | O_EXCL, DT_LINKS_REFUSED, DT_ERR_CREATE},
};

bool dt_join(const char *directory, const char *name, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX;
}

const char *dt_file_kind(mode_t mode)
{
    return S_ISREG(mode)    ? "a regular file"
           : S_ISDIR(mode)  ? "a directory"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISLNK(mode)  ? "a symbolic link"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

/* The second look, behind the open, is for what has come in between. */
static int open_regular(int directory, const char *name, dt_open_mode mode, mode_t *found)
{
    bool follow = modes[mode].links == DT_LINKS_FOLLOWED;
    struct stat info;
    *found = S_IFREG;
    if (fstatat(directory, name, &info, follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0) {
        *found = info.st_mode;
        if (!S_ISREG(info.st_mode))
            return -1;
    }
    int flags = modes[mode].flags | (follow ? 0 : O_NOFOLLOW) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int file;
    do
        file = openat(directory, name, flags, 0666);
    while (file < 0 && errno == EINTR);
    if (file < 0 || fstat(file, &info) != 0)
        return file;
    *found = info.st_mode;
    if (S_ISREG(info.st_mode))
        return file;
    close(file);
    return -1;
}

static const char *advice(dt_open_mode mode, mode_t found)
{
    if (modes[mode].failure == DT_ERR_CREATE)
        return "; choose another place for the file";
    return S_ISFIFO(found) ? "; write what comes from it into a file first" : "";
}

/* path: of the directory, with a slash at its end, or "". */
static dt_status open_file(int directory, const char *path, const char *name, dt_open_mode mode,
                           int *file, dt_error *error)
{
    mode_t found;
    *file = open_regular(directory, name, mode, &found);
    if (*file >= 0)
        return DT_OK;
    int reason = S_ISREG(found) ? errno : EINVAL;
    dt_status status = modes[mode].failure;
    if (!S_ISREG(found))
        dt_fail(error, status, "%s%s: expected a regular file, found %s%s", path, name,
                dt_file_kind(found), advice(mode, found));
    else
        dt_fail(error, status, "%s%s: cannot %s: %s", path, name,
                status == DT_ERR_CREATE ? "create" : "open", strerror(reason));
    errno = reason;
    return status;
}

dt_status dt_file_open(const char *path, dt_open_mode mode, int *file, dt_error *error)
{
    return open_file(AT_FDCWD, "", path, mode, file, error);
}

dt_status dt_file_open_at(int directory, const char *path, const char *name, dt_open_mode mode,
                          int *file, dt_error *error)
{
    char prefix[PATH_MAX + 1];
    snprintf(prefix, sizeof prefix, "%s/", path);
    return open_file(directory, prefix, name, mode, file, error);
}

FILE *dt_file_stream(int file, const char *mode)
{
    FILE *stream = fdopen(file, mode);
    if (!stream) {
        int reason = errno;
        close(file);
        errno = reason;
    }
    return stream;
}

dt_status dt_file_size(int file, const char *path, int64_t *size, dt_error *error)
{
    struct stat info;
    if (fstat(file, &info) != 0)
        return dt_fail(error, DT_ERR_IO, "%s: cannot examine: %m", path);
    *size = info.st_size;
    return DT_OK;
}

dt_status dt_file_check_place(const char *path, dt_error *error)
{
    struct stat info;
    if (lstat(path, &info) != 0 || S_ISREG(info.st_mode))
        return DT_OK;
    return dt_fail(error, DT_ERR_CREATE, "%s: expected a regular file, or none yet, found %s%s",
                   path, dt_file_kind(info.st_mode), advice(DT_OPEN_NEW, info.st_mode));
}

void dt_file_hold_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && /* the lowest number that is free is the one that is taken */
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            return;
}

int dt_terminal_open(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISCHR(info.st_mode))
        return -1;
    int terminal = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0 || isatty(terminal))
        return terminal;
    close(terminal);
    return -1;
}

typedef struct buffer {
    char *bytes;
    size_t size, room; /* one byte of the room is left for the 0 at the end */
} buffer;

static dt_status grow(buffer *self, size_t room, dt_error *error)
{
    char *bytes = dt_grow(self->bytes, &self->room, room, 1, error);
    if (!bytes)
        return DT_ERR_INTERNAL;
    self->bytes = bytes;
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
        if (grow(self, self->size + 2, error))
            return DT_ERR_INTERNAL;
        count = read(fd, self->bytes + self->size, self->room - 1 - self->size);
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
    dt_status status = grow(&self, size + 2, error);
    if (!status)
        status = read_to_end(fd, name, most, &self, error);
    if (status) {
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
    int file;
    int64_t length;
    dt_status status = dt_file_open(path, DT_OPEN_READ, &file, error);
    if (status)
        return status;
    status = dt_file_size(file, path, &length, error);
    if (!status && (uint64_t)length > most)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected at most %zu bytes, found %lld", path,
                         most, (long long)length);
    if (!status)
        status = read_sized(file, path, (size_t)length, most, bytes, size, error);
    close(file);
    return status;
}

size_t dt_read_start(const char *path, char *text, size_t size)
{
    int file;
    size_t got = 0;
    ssize_t count = 1;
    if (!dt_file_open(path, DT_OPEN_READ, &file, NULL)) {
        while (got < size - 1 && (count > 0 || (count < 0 && errno == EINTR))) {
            count = read(file, text + got, size - 1 - got);
            got += count > 0 ? (size_t)count : 0;
        }
        close(file);
    }
    text[got] = '\0';
    return got;
}

bool dt_read_at(int file, void *bytes, size_t size, int64_t offset, size_t *got)
{
    ssize_t count = 1;
    *got = 0;
    while (*got < size && count != 0) {
        count = pread(file, (char *)bytes + *got, size - *got, (off_t)(offset + (int64_t)*got));
        if (count < 0 && errno != EINTR)
            return false;
        *got += count > 0 ? (size_t)count : 0;
    }
    return true;
}

bool dt_write_all(int file, const void *bytes, size_t size, size_t *done)
{
    size_t written = 0;
    ssize_t count = 1;
    while (written < size && (count > 0 || errno == EINTR)) {
        count = write(file, (const char *)bytes + written, size - written);
        if (count == 0)
            errno = ENOSPC; /* no progress, no reason */
        written += count > 0 ? (size_t)count : 0;
    }
    if (done)
        *done = written;
    return written == size;
}

dt_status dt_append_all(int file, const char *path, const void *bytes, size_t size, dt_error *error)
{
    struct stat before;
    size_t done = 0;
    if (fstat(file, &before) == 0 && dt_write_all(file, bytes, size, &done))
        return DT_OK;
    dt_fail(error, DT_ERR_IO, "%s: cannot append: %m", path);
    if (done > 0 && ftruncate(file, before.st_size))
        dt_fail(error, DT_ERR_IO, "%s: cannot append, and what was written is cut: %m", path);
    return DT_ERR_IO;
}

bool dt_sync(int file)
{
    int failed;
    do
        failed = fsync(file);
    while (failed && errno == EINTR);
    return !failed || errno == EINVAL;
}

bool dt_close(int file)
{
    return close(file) == 0 || errno == EINTR;
}

int dt_directory_open(int directory, const char *name, dt_links links)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (links == DT_LINKS_REFUSED ? O_NOFOLLOW : 0);
    int found;
    do
        found = openat(directory, name, flags);
    while (found < 0 && errno == EINTR);
    return found;
}

DIR *dt_directory_list(int directory, const char *name, dt_links links)
{
    int found = dt_directory_open(directory, name, links);
    DIR *list = found < 0 ? NULL : fdopendir(found);
    if (!list && found >= 0) {
        int reason = errno;
        close(found);
        errno = reason;
    }
    return list;
}

const char *dt_directory_next(DIR *list)
{
    const struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(list);
    } while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry ? entry->d_name : NULL;
}

bool dt_file_is_hidden(const char *name)
{
    return name[0] == '.' || strcmp(name, "__MACOSX") == 0;
}

const char *dt_directory_next_shown(DIR *list)
{
    const char *name = dt_directory_next(list);
    while (name && dt_file_is_hidden(name))
        name = dt_directory_next(list);
    return name;
}
