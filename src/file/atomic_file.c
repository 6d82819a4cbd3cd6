#include "file/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/leftover.h"
#include "base/memory.h"

/* Attempts at a temporary name that nobody has. */
#define NAME_ATTEMPTS 16
/* Bytes of the file's own name in the temporary name, which must stay below NAME_MAX. */
#define NAME_KEPT    200
#define VERIFY_BLOCK 65536

struct dt_atomic {
    char *path;       /* as the caller wrote it */
    const char *name; /* its last component */
    int directory;
    int file;
    char temporary[NAME_MAX + 1]; /* empty: there is none */
    int leftover;                 /* the same, for a signal */
};

static dt_status open_directory(dt_atomic *new, dt_error *error)
{
    const char *slash = strrchr(new->path, '/');
    new->name = slash ? slash + 1 : new->path;
    if (new->name[0] == '\0')
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot create: expected a file name", new->path);

    char directory[PATH_MAX] = ".";
    size_t length = slash ? (size_t)(new->name - new->path) : 1;
    if (length >= sizeof directory)
        return dt_fail(error, DT_ERR_CREATE, "%.200s...: cannot create: path too long", new->path);
    if (slash)
        memcpy(directory, new->path, length);

    new->directory = dt_directory_open(AT_FDCWD, directory, DT_LINKS_FOLLOWED);
    if (new->directory < 0)
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot create: directory %s: %m", new->path,
                       directory);
    return DT_OK;
}

static dt_status create_temporary(dt_atomic *new, dt_error *error)
{
    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        uint64_t number;
        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
            return dt_fail(error, DT_ERR_INTERNAL, "%s: no random number: %m", new->path);
        char name[sizeof new->temporary];
        snprintf(name, sizeof name, ".%.*s.%016" PRIx64 ".tmp", NAME_KEPT, new->name, number);
        new->leftover = dt_leftover_add(new->directory, name);
        if (!dt_file_open_at(new->directory, "", name, DT_OPEN_NEW, &new->file, NULL)) {
            memcpy(new->temporary, name, sizeof name);
            return DT_OK;
        }
        dt_leftover_drop(new->leftover);
        if (errno != EEXIST)
            break;
    }
    return dt_fail(error, DT_ERR_CREATE, "%s: cannot create: %m", new->path);
}

static dt_status sync_file(const dt_atomic *new, dt_error *error)
{
    return dt_sync(new->file) ? DT_OK
                              : dt_fail(error, DT_ERR_IO, "%s: cannot sync to disk: %m", new->path);
}

static dt_status write_and_sync(const dt_atomic *new, const char *bytes, size_t size,
                                dt_error *error)
{
    size_t done;
    if (!dt_write_all(new->file, bytes, size, &done))
        return dt_fail(error, DT_ERR_IO, "%s: cannot write: %zu of %zu bytes written: %m",
                       new->path, done, size);
    return sync_file(new, error);
}

/* Reads the file again, from the disk where the kernel is willing to drop its pages. */
static dt_status verify(const dt_atomic *new, const char *bytes, size_t size, dt_error *error)
{
    int64_t found;
    dt_status result = dt_file_size(new->file, new->path, &found, error);
    if (result)
        return result;
    if ((uint64_t)found != size)
        return dt_fail(error, DT_ERR_IO, "%s: cannot verify: expected %zu bytes, found %lld",
                       new->path, size, (long long)found);
    posix_fadvise(new->file, 0, 0, POSIX_FADV_DONTNEED);

    char *block = dt_calloc(VERIFY_BLOCK, 1, error);
    if (!block)
        return DT_ERR_INTERNAL;
    size_t count;
    for (size_t done = 0; !result && done < size; done += count) {
        size_t want = size - done < VERIFY_BLOCK ? size - done : VERIFY_BLOCK;
        bool read = dt_read_at(new->file, block, want, (int64_t)done, &count);
        if (!read || count < want)
            result = dt_fail(error, DT_ERR_IO, "%s: cannot verify: %zu of %zu bytes read back: %s",
                             new->path, done + count, size, read ? "end of file" : strerror(errno));
        else if (memcmp(block, bytes + done, count) != 0)
            result = dt_fail(error, DT_ERR_IO,
                             "%s: cannot verify: bytes %zu to %zu read back differ from those "
                             "written; the disk is not to be trusted",
                             new->path, done, done + count - 1);
    }
    dt_free(block);
    return result;
}

/* The file, which is synced, comes to its place. */
static dt_status publish(dt_atomic *new, dt_error *error)
{
    int file = new->file;
    new->file = -1;
    if (!dt_close(file))
        return dt_fail(error, DT_ERR_IO, "%s: cannot close: %m", new->path);
    if (renameat(new->directory, new->temporary, new->directory, new->name))
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot replace: %m", new->path);
    new->temporary[0] = '\0';
    dt_leftover_drop(new->leftover);

    if (!dt_sync(new->directory))
        return dt_fail(error, DT_ERR_IO, "%s: written, but its directory cannot be synced: %m",
                       new->path);
    return DT_OK;
}

dt_status dt_atomic_begin(const char *path, dt_atomic **out, int *file, dt_error *error)
{
    *out = NULL;
    *file = -1;
    dt_atomic *new = dt_calloc(1, sizeof *new, error);
    if (!new)
        return DT_ERR_INTERNAL;
    new->directory = new->file = -1;
    new->path = dt_strdup(path, error);
    dt_status status = new->path ? dt_file_check_place(path, error) : DT_ERR_INTERNAL;
    if (!status)
        status = open_directory(new, error);
    if (!status)
        status = create_temporary(new, error);
    if (status) {
        dt_atomic_discard(new);
        return status;
    }
    *out = new;
    *file = new->file;
    return DT_OK;
}

dt_status dt_atomic_end(dt_atomic *self, dt_error *error)
{
    dt_status status = sync_file(self, error);
    if (!status)
        status = publish(self, error);
    dt_atomic_discard(self);
    return status;
}

void dt_atomic_discard(dt_atomic *self)
{
    if (!self)
        return;
    if (self->file >= 0)
        close(self->file);
    if (self->temporary[0] != '\0') {
        unlinkat(self->directory, self->temporary, 0);
        dt_leftover_drop(self->leftover);
    }
    if (self->directory >= 0)
        close(self->directory);
    dt_free(self->path);
    dt_free(self);
}

dt_status dt_atomic_write(const char *path, const void *bytes, size_t size, dt_error *error)
{
    dt_atomic *new;
    int file;
    dt_status status = dt_atomic_begin(path, &new, &file, error);
    if (!status)
        status = write_and_sync(new, bytes, size, error);
    if (!status)
        status = verify(new, bytes, size, error);
    if (!status)
        status = publish(new, error);
    dt_atomic_discard(new);
    return status;
}

bool dt_atomic_is_temporary(const char *name, char whole[NAME_MAX + 1])
{
    size_t length = strlen(name), tail = strlen(".0123456789abcdef.tmp");
    if (name[0] != '.' || length <= 1 + tail || length > NAME_MAX)
        return false;
    const char *end = name + length - tail;
    snprintf(whole, NAME_MAX + 1, "%.*s", (int)(end - name - 1), name + 1);
    return *end == '.' && strspn(end + 1, "0123456789abcdef") == 16 &&
           strcmp(end + 17, ".tmp") == 0;
}

dt_status dt_atomic_try(const char *path, dt_error *error)
{
    dt_atomic new = {.path = (char *)path};
    dt_status status = dt_file_check_place(path, error);
    if (!status)
        status = open_directory(&new, error);
    if (status)
        return status;
    if (faccessat(new.directory, ".", W_OK | X_OK, AT_EACCESS))
        status = dt_fail(error, DT_ERR_CREATE, "%s: cannot create: %m", path);
    close(new.directory);
    return status;
}
