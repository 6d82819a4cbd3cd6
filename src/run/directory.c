#include "run/directory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "directory_make.h"

#define RUNS   "runs"
#define LATEST RUNS "/latest"
/* Runs that may begin in the same second. */
#define SUFFIX_MAX 10000

dt_status dt_path_join(const char *directory, const char *file, char path[DT_PATH_SIZE],
                       dt_error *error)
{
    int length = snprintf(path, DT_PATH_SIZE, "%s/%s", directory, file);
    if (length < 0 || length >= DT_PATH_SIZE)
        return dt_fail(error, DT_ERR_CREATE,
                       "%.200s.../%.200s: path too long: expected below %d bytes, found %d",
                       directory, file, DT_PATH_SIZE, length);
    return DT_OK;
}

bool dt_run_directory_stop_requested(const char *path)
{
    char stop[DT_PATH_SIZE];
    return dt_path_join(path, DT_FILE_STOP, stop, NULL) == DT_OK && access(stop, F_OK) == 0;
}

static void point_latest_to(const char *name)
{
    uint64_t number = 0;
    char temporary[64];
    bool linked = false;
    if (getrandom(&number, sizeof number, 0) == (ssize_t)sizeof number) {
        snprintf(temporary, sizeof temporary, RUNS "/.latest.%016" PRIx64 ".tmp", number);
        linked = symlink(name, temporary) == 0;
    }
    if (linked && rename(temporary, LATEST) == 0)
        return;
    dt_warn(LATEST ": cannot point to %s: %s", name, strerror(errno));
    if (linked)
        unlink(temporary);
}

static dt_status create_automatic(char *path, dt_error *error)
{
    char runs[] = RUNS;
    dt_status status = directory_make(runs, error);
    if (status != DT_OK)
        return status;

    char stamp[32];
    time_t now = time(NULL);
    struct tm local;
    if (!localtime_r(&now, &local))
        return dt_fail(error, DT_ERR_INTERNAL, "cannot tell the local time: %m");
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);

    int length = snprintf(path, DT_PATH_SIZE, RUNS "/%s", stamp);
    for (int suffix = 2; mkdir(path, 0777); suffix++) {
        if (errno != EEXIST || suffix > SUFFIX_MAX)
            return dt_fail(error, DT_ERR_CREATE, "%s: cannot create directory: %m", path);
        snprintf(path + length, (size_t)(DT_PATH_SIZE - length), "-%d", suffix);
    }
    point_latest_to(path + sizeof RUNS);
    return directory_sync_parent(path, error);
}

dt_status dt_run_directory_make(const char *name, char path[DT_PATH_SIZE], dt_error *error)
{
    if (strcmp(name, "auto") == 0)
        return create_automatic(path, error);
    dt_status status = directory_name(name, path, error);
    if (status == DT_OK)
        status = directory_make(path, error);
    return status == DT_OK ? directory_check_writable(path, error) : status;
}

dt_status dt_run_directory_try(const char *name, bool overwrite, dt_error *error)
{
    char path[DT_PATH_SIZE] = RUNS;
    bool automatic = strcmp(name, "auto") == 0, there;
    dt_status status = automatic ? DT_OK : directory_name(name, path, error);
    if (status == DT_OK)
        status = directory_try(path, &there, error);
    if (status == DT_OK && there)
        status = directory_check_writable(path, error);
    if (status == DT_OK && there && !automatic)
        status = run_directory_check(path, !overwrite, error);
    return status;
}

/* What runs/latest points to: the run's own name does not change when another one begins. */
static dt_status latest_run(char path[DT_PATH_SIZE], dt_error *error)
{
    char target[DT_PATH_SIZE];
    ssize_t length = readlink(LATEST, target, sizeof target);
    if (length < 0 && errno == EINVAL) /* a directory, not a link */
        return directory_name(LATEST, path, error);
    if (length < 0)
        return dt_fail(error, DT_ERR_NO_INPUT, LATEST ": no run: %m");
    if (length >= DT_PATH_SIZE)
        return dt_fail(error, DT_ERR_NO_INPUT, LATEST ": its target is too long");
    target[length] = '\0';
    return target[0] == '/' ? directory_name(target, path, error)
                            : dt_path_join(RUNS, target, path, error);
}

dt_status dt_run_directory_find(const char *name, char path[DT_PATH_SIZE], dt_error *error)
{
    dt_status status =
        strcmp(name, "auto") == 0 ? latest_run(path, error) : directory_name(name, path, error);
    if (status != DT_OK)
        return status;
    struct stat found;
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
    if (status == DT_OK)
        status = directory_check_writable(path, error);
    return status == DT_OK ? run_directory_check(path, false, error) : status;
}
