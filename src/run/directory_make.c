#include "directory_make.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

dt_status directory_sync_parent(const char *path, dt_error *error)
{
    char copy[DT_PATH_SIZE];
    snprintf(copy, sizeof copy, "%s", path);
    int parent = dt_directory_open(AT_FDCWD, dirname(copy), DT_LINKS_FOLLOWED);
    if (parent < 0) /* may be written to, but not read */
        return DT_OK;
    dt_status status = DT_OK;
    if (!dt_sync(parent))
        status =
            dt_fail(error, DT_ERR_IO, "%s: created, but its directory cannot be synced: %m", path);
    close(parent);
    return status;
}

dt_status directory_make(char *path, dt_error *error)
{
    for (char *at = path + 1;; at++) {
        char end = *at;
        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        int reason = mkdir(path, 0777) ? errno : 0;
        if (reason && !is_directory(path))
            return dt_fail(error, DT_ERR_CREATE, "%s: cannot create directory: %s", path,
                           reason == EEXIST ? "a file is in the way" : strerror(reason));
        dt_status status = reason ? DT_OK : directory_sync_parent(path, error);
        *at = end;
        if (status != DT_OK || end == '\0')
            return status;
    }
}

dt_status directory_make_inner(const char *path, dt_error *error)
{
    struct stat found = {0};
    int reason = mkdir(path, 0777) ? errno : 0;
    if (!reason || (lstat(path, &found) == 0 && S_ISDIR(found.st_mode)))
        return directory_sync_parent(path, error);
    const char *text = reason != EEXIST         ? strerror(reason)
                       : S_ISLNK(found.st_mode) ? "a symbolic link is in the way"
                                                : "a file is in the way";
    return dt_fail(error, DT_ERR_CREATE, "%s: cannot create directory: %s", path, text);
}

/* Whether `path`, whose parent is there, is a directory, or could become one: *there tells which.
 */
static dt_status try_one(const char *path, bool *there, dt_error *error)
{
    struct stat status;
    char parent[DT_PATH_SIZE];
    *there = stat(path, &status) == 0;
    bool missing = !*there && errno == ENOENT && lstat(path, &status) != 0;
    snprintf(parent, sizeof parent, "%s", path);
    if (*there ? S_ISDIR(status.st_mode)
               : missing && faccessat(AT_FDCWD, dirname(parent), W_OK | X_OK, AT_EACCESS) == 0)
        return DT_OK;
    bool in_the_way = *there || (!missing && errno == ENOENT);
    return dt_fail(error, DT_ERR_CREATE, "%s: cannot create directory: %s", path,
                   in_the_way ? "a file is in the way" : strerror(errno));
}

dt_status directory_try(char *path, bool *there, dt_error *error)
{
    for (char *at = path + 1;; at++) {
        char end = *at;
        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        dt_status status = try_one(path, there, error);
        *at = end;
        if (status != DT_OK || end == '\0' || !*there)
            return status;
    }
}

dt_status directory_check_writable(const char *path, dt_error *error)
{
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS))
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot write to directory: %m", path);
    return DT_OK;
}

dt_status directory_name(const char *name, char path[DT_PATH_SIZE], dt_error *error)
{
    size_t length = strlen(name);
    while (length > 1 && name[length - 1] == '/')
        length--;
    if (length == 0)
        return dt_fail(error, DT_ERR_CREATE, "output: expected the name of a directory, found ''");
    if (length >= DT_PATH_SIZE)
        return dt_fail(error, DT_ERR_CREATE,
                       "%.200s...: path too long: expected below %d bytes, found %zu", name,
                       DT_PATH_SIZE, length);
    memcpy(path, name, length);
    path[length] = '\0';
    return DT_OK;
}
