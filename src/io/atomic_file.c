#include "io/atomic_file.h"

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

#include "base/memory.h"

/* Attempts at a temporary name that nobody has. */
#define NAME_ATTEMPTS 16
/* Bytes of the file's own name in the temporary name, which must stay below NAME_MAX. */
#define NAME_KEPT    200
#define VERIFY_BLOCK 65536

typedef struct replacement {
    const char *path; /* as the caller wrote it */
    const char *name; /* its last component */
    int directory;
    int file;
    char temporary[NAME_MAX + 1]; /* empty: there is none */
} replacement;

static dt_status open_directory(replacement *new, dt_error *error)
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

    new->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (new->directory < 0)
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot create: directory %s: %m", new->path,
                       directory);
    return DT_OK;
}

static dt_status create_temporary(replacement *new, dt_error *error)
{
    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        uint64_t number;
        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
            return dt_fail(error, DT_ERR_INTERNAL, "%s: no random number: %m", new->path);
        char name[sizeof new->temporary];
        snprintf(name, sizeof name, ".%.*s.%016" PRIx64 ".tmp", NAME_KEPT, new->name, number);
        new->file =
            openat(new->directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (new->file >= 0) {
            memcpy(new->temporary, name, sizeof name);
            return DT_OK;
        }
        if (errno != EEXIST && errno != EINTR)
            break;
    }
    return dt_fail(error, DT_ERR_CREATE, "%s: cannot create: %m", new->path);
}

static dt_status write_and_sync(const replacement *new, const char *bytes, size_t size,
                                dt_error *error)
{
    size_t done = 0;
    while (done < size) {
        ssize_t count = write(new->file, bytes + done, size - done);
        if (count == 0 || (count < 0 && errno != EINTR))
            return dt_fail(error, DT_ERR_IO, "%s: cannot write: %zu of %zu bytes written: %s",
                           new->path, done, size, count == 0 ? "no progress" : strerror(errno));
        if (count > 0)
            done += (size_t)count;
    }
    int failed;
    do
        failed = fsync(new->file);
    while (failed && errno == EINTR);
    if (failed)
        return dt_fail(error, DT_ERR_IO, "%s: cannot sync %zu bytes to disk: %m", new->path, size);
    return DT_OK;
}

/* Reads the file again, from the disk where the kernel is willing to drop its pages. */
static dt_status verify(const replacement *new, const char *bytes, size_t size, dt_error *error)
{
    struct stat status;
    if (fstat(new->file, &status))
        return dt_fail(error, DT_ERR_IO, "%s: cannot verify: %m", new->path);
    if ((uintmax_t)status.st_size != size)
        return dt_fail(error, DT_ERR_IO, "%s: cannot verify: expected %zu bytes, found %jd",
                       new->path, size, (intmax_t)status.st_size);
    posix_fadvise(new->file, 0, 0, POSIX_FADV_DONTNEED);

    char *block = dt_calloc(VERIFY_BLOCK, 1, error);
    if (!block)
        return DT_ERR_INTERNAL;
    dt_status result = DT_OK;
    size_t done = 0;
    while (result == DT_OK && done < size) {
        size_t want = size - done < VERIFY_BLOCK ? size - done : VERIFY_BLOCK;
        ssize_t count = pread(new->file, block, want, (off_t)done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            result = dt_fail(error, DT_ERR_IO, "%s: cannot verify: %zu of %zu bytes read back: %s",
                             new->path, done, size, count < 0 ? strerror(errno) : "end of file");
        else if (memcmp(block, bytes + done, (size_t)count) != 0)
            result = dt_fail(error, DT_ERR_IO,
                             "%s: cannot verify: bytes %zu to %zu read back differ from those "
                             "written; the disk is not to be trusted",
                             new->path, done, done + (size_t)count - 1);
        else
            done += (size_t)count;
    }
    dt_free(block);
    return result;
}

static dt_status close_file(replacement *new, dt_error *error)
{
    int file = new->file;
    new->file = -1;
    if (close(file) && errno != EINTR)
        return dt_fail(error, DT_ERR_IO, "%s: cannot close: %m", new->path);
    return DT_OK;
}

static dt_status publish(replacement *new, dt_error *error)
{
    if (renameat(new->directory, new->temporary, new->directory, new->name))
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot replace: %m", new->path);
    new->temporary[0] = '\0';

    int failed;
    do
        failed = fsync(new->directory);
    while (failed && errno == EINTR);
    /* EINVAL: a file system whose directories need no sync, or know none. */
    if (failed && errno != EINVAL)
        return dt_fail(error, DT_ERR_IO, "%s: written, but its directory cannot be synced: %m",
                       new->path);
    return DT_OK;
}

dt_status dt_atomic_write(const char *path, const void *bytes, size_t size, dt_error *error)
{
    replacement new = {.path = path, .directory = -1, .file = -1};
    dt_status status = open_directory(&new, error);
    if (status == DT_OK)
        status = create_temporary(&new, error);
    if (status == DT_OK)
        status = write_and_sync(&new, bytes, size, error);
    if (status == DT_OK)
        status = verify(&new, bytes, size, error);
    if (status == DT_OK)
        status = close_file(&new, error);
    if (status == DT_OK)
        status = publish(&new, error);

    if (new.file >= 0)
        close(new.file);
    if (new.temporary[0] != '\0')
        unlinkat(new.directory, new.temporary, 0);
    if (new.directory >= 0)
        close(new.directory);
    return status;
}

dt_status dt_atomic_apart(const char *path, const char *input, dt_error *error)
{
    struct stat a, b;
    if (stat(path, &a) != 0 || stat(input, &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        return DT_OK;
    return dt_fail(error, DT_ERR_CREATE,
                   "%s: expected a new file, or one that may be replaced, found %s, which stays; "
                   "choose another name",
                   path, input);
}
