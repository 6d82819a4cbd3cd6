#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "checkpoint_trailer.h"
#include "directory_make.h"
#include "file/atomic_file.h"
#include "run/checkpoint.h"

#define DIRECTORY "checkpoints"
#define NAME_SIZE 64
/* Steps that a list has room for at first. */
#define FIRST_ROOM 16

dt_status dt_checkpoint_write(const char *path, const dt_checkpoint *checkpoint, dt_error *error)
{
    void *bytes;
    size_t size;
    dt_status status = dt_checkpoint_encode(checkpoint, &bytes, &size, error);
    if (status == DT_OK)
        status = dt_atomic_write(path, bytes, size, error);
    else if (error)
        dt_fail_in(error, "%s", path);
    dt_free(bytes);
    return status;
}

static dt_status read_at(int file, const char *path, void *bytes, size_t size, int64_t offset,
                         dt_error *error)
{
    size_t got;
    if (!dt_read_at(file, bytes, size, offset, &got))
        return dt_fail(error, DT_ERR_IO, "%s: cannot read at byte %lld: %m", path,
                       (long long)offset + (long long)got);
    if (got < size)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected %zu bytes more, found the end at byte %lld: the file has "
                       "become shorter since it was opened",
                       path, size - got, (long long)offset + (long long)got);
    return DT_OK;
}

static dt_status check_file(int file, const char *path, size_t *size, dt_error *error)
{
    int64_t found;
    dt_status result = dt_file_size(file, path, &found, error);
    if (result != DT_OK)
        return result;
    if (found < TRAILER_SIZE || found > DT_CHECKPOINT_SIZE_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected a checkpoint of %d to %lld bytes, found %lld", path,
                       TRAILER_SIZE, (long long)DT_CHECKPOINT_SIZE_MAX, (long long)found);
    uint8_t trailer[TRAILER_SIZE];
    result = read_at(file, path, trailer, sizeof trailer, found - TRAILER_SIZE, error);
    if (result != DT_OK)
        return result;
    result = trailer_check_size(trailer, (uint64_t)found, error);
    if (result != DT_OK && error)
        dt_fail_in(error, "%s", path);
    *size = (size_t)found;
    return result;
}

static dt_status read_open_file(int file, const char *path, dt_checkpoint *out, dt_error *error)
{
    size_t size = 0;
    dt_status status = check_file(file, path, &size, error);
    if (status != DT_OK)
        return status;
    void *bytes = dt_calloc(size, 1, error);
    if (!bytes)
        return DT_ERR_INTERNAL;
    status = read_at(file, path, bytes, size, 0, error);
    if (status == DT_OK) {
        status = dt_checkpoint_decode(bytes, size, out, error);
        if (status != DT_OK && error)
            dt_fail_in(error, "%s", path);
    }
    dt_free(bytes);
    return status;
}

dt_status dt_checkpoint_read(const char *path, dt_checkpoint *out, dt_error *error)
{
    *out = (dt_checkpoint){0};
    int file;
    dt_status status = dt_file_open(path, DT_OPEN_READ, &file, error);
    if (status != DT_OK)
        return status;
    status = read_open_file(file, path, out, error);
    close(file);
    return status;
}

dt_status dt_checkpoint_directory(const char *run, dt_error *error)
{
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(run, DIRECTORY, path, error);
    return status == DT_OK ? directory_make_inner(path, error) : status;
}

static void name_of(int64_t step, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "step-%08lld.h5", (long long)step);
}

dt_status dt_checkpoint_path(const char *run, int64_t step, char path[DT_PATH_SIZE],
                             dt_error *error)
{
    char name[NAME_SIZE], file[sizeof DIRECTORY + NAME_SIZE];
    name_of(step, name);
    snprintf(file, sizeof file, DIRECTORY "/%s", name);
    return dt_path_join(run, file, path, error);
}

/* The step of the checkpoint's name that `name` begins with, *end behind it; -1: it does not. */
static int64_t step_of(const char *name, const char **end)
{
    long long step = -1;
    int length = 0;
    char again[NAME_SIZE];
    if (sscanf(name, "step-%18lld.h5%n", &step, &length) != 1 || length == 0 || step < 0)
        return -1;
    name_of(step, again);
    *end = name + length;
    return strncmp(name, again, (size_t)length) == 0 && again[length] == '\0' ? step : -1;
}

static bool is_checkpoint(const char *name, int64_t *step)
{
    const char *end;
    *step = step_of(name, &end);
    return *step >= 0 && *end == '\0';
}

/* What dt_atomic_write calls the temporary file of a checkpoint. */
static bool is_temporary(const char *name)
{
    const char *end;
    if (name[0] != '.' || step_of(name + 1, &end) < 0 || *end != '.')
        return false;
    return strspn(end + 1, "0123456789abcdef") == 16 && strcmp(end + 17, ".tmp") == 0;
}

static int newest_first(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left < right) - (left > right);
}

static dt_status append(int64_t **steps, size_t count, size_t *room, int64_t step, dt_error *error)
{
    if (count == *room) {
        int64_t *more = dt_calloc(2 * *room, sizeof *more, error);
        if (!more)
            return DT_ERR_INTERNAL;
        memcpy(more, *steps, count * sizeof *more);
        dt_free(*steps);
        *steps = more;
        *room *= 2;
    }
    (*steps)[count] = step;
    return DT_OK;
}

/* NULL, with *status DT_OK: there is no such directory. */
static DIR *open_list(const char *path, dt_status *status, dt_error *error)
{
    DIR *list = dt_directory_list(AT_FDCWD, path, DT_LINKS_FOLLOWED);
    *status = DT_OK;
    if (!list && errno != ENOENT)
        *status = dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot read directory: %m", path);
    return list;
}

static dt_status collect(DIR *list, const char *path, int64_t **steps, size_t *count,
                         dt_error *error)
{
    size_t room = FIRST_ROOM;
    *steps = dt_calloc(room, sizeof **steps, error);
    dt_status status = *steps ? DT_OK : DT_ERR_INTERNAL;
    while (status == DT_OK) {
        const char *name = dt_directory_next(list);
        int64_t step;
        if (!name && errno != 0)
            status = dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot read directory: %m", path);
        if (!name)
            break;
        if (is_checkpoint(name, &step)) {
            status = append(steps, *count, &room, step, error);
            *count += status == DT_OK;
        }
    }
    return status;
}

dt_status dt_checkpoint_list(const char *run, int64_t **steps, size_t *count, dt_error *error)
{
    *steps = NULL;
    *count = 0;
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(run, DIRECTORY, path, error);
    if (status != DT_OK)
        return status;
    DIR *list = open_list(path, &status, error);
    if (!list)
        return status;
    status = collect(list, path, steps, count, error);
    closedir(list);
    if (status != DT_OK) {
        dt_free(*steps);
        *steps = NULL;
        *count = 0;
        return status;
    }
    qsort(*steps, *count, sizeof **steps, newest_first);
    return DT_OK;
}

/* Keeps the first failure. */
static void remove_file(int directory, const char *path, const char *name, dt_status *status,
                        dt_error *error)
{
    if (unlinkat(directory, name, 0) && errno != ENOENT && *status == DT_OK)
        *status = dt_fail(error, DT_ERR_IO, "%s/%s: cannot remove: %m", path, name);
}

static bool is_older(const struct stat *file, const struct stat *than)
{
    if (file->st_mtim.tv_sec != than->st_mtim.tv_sec)
        return file->st_mtim.tv_sec < than->st_mtim.tv_sec;
    return file->st_mtim.tv_nsec < than->st_mtim.tv_nsec;
}

static void remove_temporaries(DIR *list, const char *path, int64_t newest, dt_status *status,
                               dt_error *error)
{
    int directory = dirfd(list);
    char reference_name[NAME_SIZE];
    name_of(newest, reference_name);
    struct stat reference, file;
    const char *name;
    if (fstatat(directory, reference_name, &reference, AT_SYMLINK_NOFOLLOW))
        return;
    while ((name = dt_directory_next(list)))
        if (is_temporary(name) && fstatat(directory, name, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
            is_older(&file, &reference))
            remove_file(directory, path, name, status, error);
}

dt_status dt_checkpoint_prune(const char *run, size_t keep, dt_error *error)
{
    int64_t *steps;
    size_t count;
    char path[DT_PATH_SIZE];
    dt_status status = dt_checkpoint_list(run, &steps, &count, error);
    if (status == DT_OK)
        status = dt_path_join(run, DIRECTORY, path, error);
    DIR *list = NULL;
    if (status == DT_OK && count > 0)
        list = open_list(path, &status, error);
    if (list) {
        for (size_t i = keep > 0 ? keep : 1; i < count; i++) {
            char name[NAME_SIZE];
            name_of(steps[i], name);
            remove_file(dirfd(list), path, name, &status, error);
        }
        remove_temporaries(list, path, steps[0], &status, error);
        closedir(list);
    }
    dt_free(steps);
    if (status == DT_ERR_NO_INPUT) { /* not what a user named: a directory that is written to */
        status = DT_ERR_IO;
        if (error)
            error->status = status;
    }
    return status;
}
