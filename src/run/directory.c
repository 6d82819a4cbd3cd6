#include "run/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "directory_make.h"

/* Runs that may begin in the same second. */
#define SUFFIX_MAX 10000

bool dt_run_directory_stop_requested(const char *path)
{
    char stop[DT_PATH_SIZE];
    return !dt_path_join(path, DT_FILE_STOP, stop, NULL) && access(stop, F_OK) == 0;
}

/* `name` without slashes at its end. */
static dt_status take_name(const char *name, char path[DT_PATH_SIZE], dt_error *error)
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

static dt_status check_writable(const char *path, dt_error *error)
{
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS))
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot write to directory: %m", path);
    return DT_OK;
}

static dt_status cannot_make(const char *path, const char *reason, dt_error *error)
{
    return dt_fail(error, DT_ERR_CREATE, "%s: cannot create directory: %s", path, reason);
}

/* The name of a directory that has been made survives a crash. */
static dt_status sync_parent(const char *path, dt_error *error)
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

dt_status directory_make_inner(const char *path, dt_error *error)
{
    struct stat found = {0};
    int reason = mkdir(path, 0777) ? errno : 0;
    if (!reason || (lstat(path, &found) == 0 && S_ISDIR(found.st_mode)))
        return sync_parent(path, error);
    return cannot_make(path,
                       reason != EEXIST         ? strerror(reason)
                       : S_ISLNK(found.st_mode) ? "a symbolic link is in the way"
                                                : "a file is in the way",
                       error);
}

/* Something done with a directory whose parent is there. *there: and with those below it. */
typedef dt_status dt_step(const char *path, bool *there, dt_error *error);

static dt_status make_one(const char *path, bool *there, dt_error *error)
{
    struct stat found;
    *there = true;
    if (mkdir(path, 0777) == 0)
        return sync_parent(path, error);
    int reason = errno;
    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return DT_OK;
    return cannot_make(path, reason == EEXIST ? "a file is in the way" : strerror(reason), error);
}

/* Whether `path` is a directory, or could become one: *there tells which. */
static dt_status try_one(const char *path, bool *there, dt_error *error)
{
    struct stat found;
    char parent[DT_PATH_SIZE];
    *there = stat(path, &found) == 0;
    bool missing = !*there && errno == ENOENT && lstat(path, &found) != 0;
    snprintf(parent, sizeof parent, "%s", path);
    if (*there ? S_ISDIR(found.st_mode)
               : missing && faccessat(AT_FDCWD, dirname(parent), W_OK | X_OK, AT_EACCESS) == 0)
        return DT_OK;
    bool in_the_way = *there || (!missing && errno == ENOENT);
    return cannot_make(path, in_the_way ? "a file is in the way" : strerror(errno), error);
}

/* Does it with each directory that `path` leads through, and with the last; `path` is changed
 * meanwhile. *there: that of the last one. */
static dt_status walk_down(char *path, dt_step *step, bool *there, dt_error *error)
{
    for (char *at = path + 1;; at++) {
        char end = *at;
        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        dt_status status = step(path, there, error);
        *at = end;
        if (status || end == '\0' || !*there)
            return status;
    }
}

static void point_latest_to(const char *name)
{
    uint64_t number = 0;
    char temporary[64];
    bool linked = false;
    if (getrandom(&number, sizeof number, 0) == (ssize_t)sizeof number) {
        snprintf(temporary, sizeof temporary, DT_DIRECTORY_RUNS "/.latest.%016" PRIx64 ".tmp",
                 number);
        linked = symlink(name, temporary) == 0;
    }
    if (linked && rename(temporary, DT_LATEST_RUN) == 0)
        return;
    dt_warn(DT_LATEST_RUN ": cannot point to %s: %s", name, strerror(errno));
    if (linked)
        unlink(temporary);
}

static dt_status create_automatic(char *path, dt_error *error)
{
    char runs[] = DT_DIRECTORY_RUNS, stamp[32];
    bool there;
    dt_status status = make_one(runs, &there, error);
    if (status)
        return status;

    time_t now = time(NULL);
    struct tm local;
    if (!localtime_r(&now, &local))
        return dt_fail(error, DT_ERR_INTERNAL, "cannot tell the local time: %m");
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
    int length = snprintf(path, DT_PATH_SIZE, DT_DIRECTORY_RUNS "/%s", stamp);
    for (int suffix = 2; mkdir(path, 0777); suffix++) {
        if (errno != EEXIST || suffix > SUFFIX_MAX)
            return cannot_make(path, strerror(errno), error);
        snprintf(path + length, (size_t)(DT_PATH_SIZE - length), "-%d", suffix);
    }
    point_latest_to(path + sizeof DT_DIRECTORY_RUNS);
    return sync_parent(path, error);
}

dt_status dt_run_directory_make(const char *name, char path[DT_PATH_SIZE], dt_error *error)
{
    if (strcmp(name, "auto") == 0)
        return create_automatic(path, error);
    bool there;
    dt_status status = take_name(name, path, error);
    if (!status)
        status = walk_down(path, make_one, &there, error);
    return status ? status : check_writable(path, error);
}

dt_status dt_run_directory_try(const char *name, bool overwrite, dt_error *error)
{
    char path[DT_PATH_SIZE] = DT_DIRECTORY_RUNS;
    bool automatic = strcmp(name, "auto") == 0, there;
    dt_status status = automatic ? DT_OK : take_name(name, path, error);
    if (!status)
        status = walk_down(path, try_one, &there, error);
    if (!status && there)
        status = check_writable(path, error);
    if (!status && there && !automatic)
        status = directory_check_content(path, !overwrite, error);
    return status;
}

/* What runs/latest points to: the run's own name does not change when another one begins. */
static dt_status latest_run(char path[DT_PATH_SIZE], dt_error *error)
{
    char target[DT_PATH_SIZE];
    ssize_t length = readlink(DT_LATEST_RUN, target, sizeof target);
    if (length < 0 && errno == EINVAL) /* a directory, not a link */
        return take_name(DT_LATEST_RUN, path, error);
    if (length < 0)
        return dt_fail(error, DT_ERR_NO_INPUT, DT_LATEST_RUN ": no run: %m");
    if (length >= DT_PATH_SIZE)
        return dt_fail(error, DT_ERR_NO_INPUT, DT_LATEST_RUN ": its target is too long");
    target[length] = '\0';
    return target[0] == '/' ? take_name(target, path, error)
                            : dt_path_join(DT_DIRECTORY_RUNS, target, path, error);
}

dt_status dt_run_directory_find(const char *name, char path[DT_PATH_SIZE], dt_error *error)
{
    struct stat found;
    dt_status status =
        strcmp(name, "auto") == 0 ? latest_run(path, error) : take_name(name, path, error);
    if (status)
        return status;
    if (stat(path, &found))
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: no run: %m", path);
    if (!S_ISDIR(found.st_mode))
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: no run: expected a directory, found a file",
                       path);
    return DT_OK;
}

dt_status dt_run_directory_open(const char *name, char path[DT_PATH_SIZE], dt_error *error)
{
    dt_status status = dt_run_directory_find(name, path, error);
    if (!status)
        status = check_writable(path, error);
    return status ? status : directory_check_content(path, false, error);
}
