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

dt_status dt_checkpoint_write(const char *path, const dt_checkpoint *checkpoint, dt_error *error)
{
    void *bytes;
    size_t size;
    dt_status status = dt_checkpoint_encode(checkpoint, &bytes, &size, error);
    if (!status)
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
    if (result)
        return result;
    if (found < TRAILER_SIZE || found > DT_CHECKPOINT_SIZE_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected a checkpoint of %d to %lld bytes, found %lld", path,
                       TRAILER_SIZE, (long long)DT_CHECKPOINT_SIZE_MAX, (long long)found);
    uint8_t trailer[TRAILER_SIZE];
    result = read_at(file, path, trailer, sizeof trailer, found - TRAILER_SIZE, error);
    if (result)
        return result;
    result = trailer_check_size(trailer, (uint64_t)found, error);
    if (result && error)
        dt_fail_in(error, "%s", path);
    *size = (size_t)found;
    return result;
}

static dt_status read_open_file(int file, const char *path, dt_checkpoint *out, dt_error *error)
{
    size_t size = 0;
    dt_status status = check_file(file, path, &size, error);
    if (status)
        return status;
    void *bytes = dt_calloc(size, 1, error);
    if (!bytes)
        return DT_ERR_INTERNAL;
    status = read_at(file, path, bytes, size, 0, error);
    if (!status) {
        status = dt_checkpoint_decode(bytes, size, out, error);
        if (status && error)
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
    if (status)
        return status;
    status = read_open_file(file, path, out, error);
    close(file);
    return status;
}

dt_status dt_checkpoint_directory(const char *run, dt_error *error)
{
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(run, DT_DIRECTORY_CHECKPOINTS, path, error);
    return status ? status : directory_make_inner(path, error);
}

dt_status dt_checkpoint_path(const char *run, int64_t step, char path[DT_PATH_SIZE],
                             dt_error *error)
{
    char name[DT_CHECKPOINT_NAME], file[sizeof DT_DIRECTORY_CHECKPOINTS + sizeof name];
    snprintf(file, sizeof file, DT_DIRECTORY_CHECKPOINTS "/%s", dt_checkpoint_name(step, name));
    return dt_path_join(run, file, path, error);
}

static int newest_first(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left < right) - (left > right);
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
    size_t room = 0;
    const char *name;
    while ((name = dt_directory_next(list))) {
        int64_t step = dt_checkpoint_step(name);
        int64_t *more = *steps;
        if (step < 0)
            continue;
        if (!(more = dt_grow(*steps, &room, *count + 1, sizeof *more, error)))
            return DT_ERR_INTERNAL;
        *steps = more;
        more[(*count)++] = step;
    }
    return errno ? dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot read directory: %m", path) : DT_OK;
}

dt_status dt_checkpoint_list(const char *run, int64_t **steps, size_t *count, dt_error *error)
{
    *steps = NULL;
    *count = 0;
    char path[DT_PATH_SIZE];
    dt_status status = dt_path_join(run, DT_DIRECTORY_CHECKPOINTS, path, error);
    if (status)
        return status;
    DIR *list = open_list(path, &status, error);
    if (!list)
        return status;
    status = collect(list, path, steps, count, error);
    closedir(list);
    if (status) {
        dt_free(*steps);
        *steps = NULL;
        *count = 0;
    }
    if (*count > 0)
        qsort(*steps, *count, sizeof **steps, newest_first);
    return status;
}

/* Keeps the first failure. */
static void remove_file(int directory, const char *path, const char *name, dt_status *status,
                        dt_error *error)
{
    if (unlinkat(directory, name, 0) && errno != ENOENT && !*status)
        *status = dt_fail(error, DT_ERR_IO, "%s/%s: cannot remove: %m", path, name);
}

static bool is_older(const struct stat *file, const struct stat *than)
{
    if (file->st_mtim.tv_sec != than->st_mtim.tv_sec)
        return file->st_mtim.tv_sec < than->st_mtim.tv_sec;
    return file->st_mtim.tv_nsec < than->st_mtim.tv_nsec;
}

/* Those that are older than the newest checkpoint: nobody writes them any more. */
static void remove_temporaries(DIR *list, const char *path, int64_t newest, dt_status *status,
                               dt_error *error)
{
    char reference_name[DT_CHECKPOINT_NAME], whole[NAME_MAX + 1];
    struct stat reference, file;
    const char *name;
    if (fstatat(dirfd(list), dt_checkpoint_name(newest, reference_name), &reference,
                AT_SYMLINK_NOFOLLOW))
        return;
    while ((name = dt_directory_next(list)))
        if (dt_atomic_is_temporary(name, whole) && dt_checkpoint_step(whole) >= 0 &&
            fstatat(dirfd(list), name, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
            is_older(&file, &reference))
            remove_file(dirfd(list), path, name, status, error);
}

dt_status dt_checkpoint_prune(const char *run, size_t keep, dt_error *error)
{
    int64_t *steps;
    size_t count;
    char path[DT_PATH_SIZE];
    dt_status status = dt_checkpoint_list(run, &steps, &count, error);
    if (!status)
        status = dt_path_join(run, DT_DIRECTORY_CHECKPOINTS, path, error);
    DIR *list = NULL;
    if (!status && count > 0)
        list = open_list(path, &status, error);
    if (list) {
        for (size_t i = keep > 0 ? keep : 1; i < count; i++) {
            char name[DT_CHECKPOINT_NAME];
            remove_file(dirfd(list), path, dt_checkpoint_name(steps[i], name), &status, error);
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
