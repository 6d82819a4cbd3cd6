/* The system calls that the shim (shim.c) stands in front of. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "power.h"

#define START(directory, name)                                                                     \
    char path[PATH_MAX];                                                                           \
    fault_path(directory, name, path)

/* The whole of an operation that either fails or is done. */
#define PASS(operation, before, call)                                                              \
    const fault_kind *kind = fault_enter(operation, __func__, path);                               \
    int result = -1;                                                                               \
    if (kind->effect == ERROR) {                                                                   \
        errno = kind->error;                                                                       \
    } else {                                                                                       \
        before;                                                                                    \
        result = (call);                                                                           \
    }                                                                                              \
    fault_leave(kind);                                                                             \
    return result

/* --- open, close --- */

static int open_any(const char *name, int directory, const char *file, int flags, mode_t mode)
{
    START(directory, file);
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
    const fault_kind *kind = fault_enter(writes ? CREATE : OPEN, name, path);
    struct stat before;
    bool existed = path[0] && lstat(path, &before) == 0;
    int result = -1;
    if (kind->effect == ERROR)
        errno = kind->error;
    else
        result = NEXT(openat)(directory, file, flags, mode);
    if (result >= 0 && writes && fault_notes(path)) {
        if (!existed)
            power_note_name(path);
        if (!existed || (flags & O_TRUNC))
            power_note_change(result, path, 0);
    }
    fault_leave(kind);
    return result;
}

#define OPEN_WITH(directory, file)                                                                 \
    mode_t mode = 0;                                                                               \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                                         \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode = va_arg(more, mode_t);                                                               \
        va_end(more);                                                                              \
    }                                                                                              \
    return open_any(__func__, directory, file, flags, mode)

int open(const char *file, int flags, ...)
{
    OPEN_WITH(AT_FDCWD, file);
}

int open64(const char *file, int flags, ...)
{
    OPEN_WITH(AT_FDCWD, file);
}

int openat(int directory, const char *file, int flags, ...)
{
    OPEN_WITH(directory, file);
}

int openat64(int directory, const char *file, int flags, ...)
{
    OPEN_WITH(directory, file);
}

/* As Linux does, an error of close closes all the same. */
int close(int file)
{
    START(file, NULL);
    const fault_kind *kind = fault_enter(CLOSE, "close", path);
    int result = NEXT(close)(file);
    if (kind->effect == ERROR) {
        errno = kind->error;
        result = -1;
    }
    fault_leave(kind);
    return result;
}

/* --- contents --- */

ssize_t write(int file, const void *bytes, size_t size)
{
    START(file, NULL);
    const fault_kind *kind = fault_enter(WRITE, "write", path);
    ssize_t result = -1;
    struct stat status;
    if (fault_notes(path) && fstat(file, &status) == 0) {
        off_t end = lseek(file, 0, SEEK_CUR);
        power_note_change(file, path, fcntl(file, F_GETFL) & O_APPEND ? status.st_size : end);
    }
    if (kind->effect == ERROR) {
        errno = kind->error;
    } else if (kind->effect == FLIP && size > 0) {
        char *wrong = malloc(size);
        if (!wrong)
            give_up("no memory");
        memcpy(wrong, bytes, size);
        wrong[size / 2] ^= 1;
        result = NEXT(write)(file, wrong, size);
        free(wrong);
    } else {
        bool half = size > 1 && (kind->effect == SHORT || kind->effect == TORN);
        result = NEXT(write)(file, bytes, half ? size / 2 : size);
    }
    fault_leave(kind);
    return result;
}

static size_t readable(const fault_kind *kind, size_t size)
{
    return kind->effect == SHORT && size > 1 ? size / 2 : size;
}

ssize_t read(int file, void *bytes, size_t size)
{
    START(file, NULL);
    const fault_kind *kind = fault_enter(READ, "read", path);
    ssize_t result = -1;
    if (kind->effect == ERROR)
        errno = kind->error;
    else
        result = NEXT(read)(file, bytes, readable(kind, size));
    fault_leave(kind);
    return result;
}

static ssize_t pread_any(int file, void *bytes, size_t size, off_t offset)
{
    START(file, NULL);
    const fault_kind *kind = fault_enter(READ, "pread", path);
    ssize_t result = -1;
    if (kind->effect == ERROR)
        errno = kind->error;
    else
        result = NEXT(pread)(file, bytes, readable(kind, size), offset);
    fault_leave(kind);
    return result;
}

ssize_t pread(int file, void *bytes, size_t size, off_t offset)
{
    return pread_any(file, bytes, size, offset);
}

ssize_t pread64(int file, void *bytes, size_t size, off64_t offset)
{
    return pread_any(file, bytes, size, offset);
}

static int sync_any(int file, const char *name)
{
    START(file, NULL);
    const fault_kind *kind = fault_enter(SYNC, name, path);
    int result = -1;
    if (kind->effect == ERROR) {
        errno = kind->error;
    } else if (path[0]) {
        if (fault_notes(path))
            power_note_sync(file, path);
        result = 0;
    } else {
        result = NEXT(fsync)(file);
    }
    fault_leave(kind);
    return result;
}

int fsync(int file)
{
    return sync_any(file, "fsync");
}

int fdatasync(int file)
{
    return sync_any(file, "fdatasync");
}

int ftruncate(int file, off_t size)
{
    START(file, NULL);
    PASS(TRUNCATE, if (fault_notes(path)) power_note_change(file, path, size),
         NEXT(ftruncate)(file, size));
}

/* --- names --- */

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    START(to_directory, to);
    char source[PATH_MAX];
    fault_path(from_directory, from, source);
    PASS(RENAME, if (fault_notes(path)) power_note_rename(source, path),
         NEXT(renameat)(from_directory, from, to_directory, to));
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
    START(to_directory, to);
    const fault_kind *kind = fault_enter(LINK, "linkat", path);
    int result = -1;
    if (kind->effect == ERROR)
        errno = kind->error;
    else
        result = NEXT(linkat)(from_directory, from, to_directory, to, flags);
    if (result == 0 && fault_notes(path))
        power_note_name(path);
    fault_leave(kind);
    return result;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int directory, const char *name, int flags)
{
    START(directory, name);
    PASS(UNLINK, (void)0, NEXT(unlinkat)(directory, name, flags));
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int mkdirat(int directory, const char *name, mode_t mode)
{
    START(directory, name);
    const fault_kind *kind = fault_enter(MKDIR, "mkdir", path);
    int result = -1;
    if (kind->effect == ERROR)
        errno = kind->error;
    else
        result = NEXT(mkdirat)(directory, name, mode);
    if (result == 0 && fault_notes(path))
        power_note_name(path);
    fault_leave(kind);
    return result;
}

int mkdir(const char *name, mode_t mode)
{
    return mkdirat(AT_FDCWD, name, mode);
}

/* --- stdio, whose own calls nobody can stand in front of --- */

static ssize_t stream_write(void *cookie, const char *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t count = write((int)(intptr_t)cookie, bytes + done, size - done);
        if (count < 0 && errno != EINTR)
            break;
        done += count > 0 ? (size_t)count : 0;
    }
    return (ssize_t)done;
}

static int stream_close(void *cookie)
{
    return close((int)(intptr_t)cookie);
}

FILE *fdopen(int file, const char *mode)
{
    START(file, NULL);
    if (!path[0] || mode[0] == 'r')
        return NEXT(fdopen)(file, mode);
    cookie_io_functions_t functions = {.write = stream_write, .close = stream_close};
    return fopencookie((void *)(intptr_t)file, mode, functions);
}
