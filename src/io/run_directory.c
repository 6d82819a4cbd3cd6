#include "io/run_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define RUNS        "runs"
#define LATEST      RUNS "/latest"
#define CHECKPOINTS "checkpoints"
/* Runs that may begin in the same second. */
#define SUFFIX_MAX 10000

static const char *const run_files[] = {DT_FILE_CONFIG,  DT_FILE_LOG,     DT_FILE_METRICS,
                                        DT_FILE_SUMMARY, DT_FILE_WEIGHTS, DT_FILE_BEST,
                                        DT_FILE_REPORT};

/* A file's path below the run directory. */
typedef struct run_file {
    char name[sizeof CHECKPOINTS + 1 + NAME_MAX]; /* "": none */
} run_file;

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

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* mkdir -p. `path` is changed while it runs and restored. */
static dt_status make_directories(char *path, dt_error *error)
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
        *at = end;
        if (end == '\0')
            return DT_OK;
    }
}

/* step-<digits>.h5 */
static bool is_checkpoint(const char *name)
{
    static const char begin[] = "step-";
    if (strncmp(name, begin, sizeof begin - 1) != 0)
        return false;
    const char *digits = name + sizeof begin - 1;
    size_t count = strspn(digits, "0123456789");
    return count > 0 && strcmp(digits + count, ".h5") == 0;
}

static dt_status find_checkpoint(const char *path, int directory, run_file *found, dt_error *error)
{
    found->name[0] = '\0';
    int inner = openat(directory, CHECKPOINTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (inner < 0 && (errno == ENOENT || errno == ENOTDIR))
        return DT_OK;
    DIR *list = inner < 0 ? NULL : fdopendir(inner);
    if (!list) {
        dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot read directory: %m", path, CHECKPOINTS);
        if (inner >= 0)
            close(inner);
        return DT_ERR_CREATE;
    }
    const struct dirent *entry;
    while (found->name[0] == '\0' && (entry = readdir(list)))
        if (is_checkpoint(entry->d_name))
            snprintf(found->name, sizeof found->name, "%s/%s", CHECKPOINTS, entry->d_name);
    closedir(list);
    return DT_OK;
}

/* The next file of a run in `directory`, which `path` names. */
static dt_status find_run_file(const char *path, int directory, run_file *found, dt_error *error)
{
    for (size_t i = 0; i < sizeof run_files / sizeof *run_files; i++) {
        struct stat status;
        if (fstatat(directory, run_files[i], &status, AT_SYMLINK_NOFOLLOW) == 0) {
            snprintf(found->name, sizeof found->name, "%s", run_files[i]);
            return DT_OK;
        }
    }
    return find_checkpoint(path, directory, found, error);
}

static dt_status clear_directory(const char *path, int directory, bool overwrite, dt_error *error)
{
    for (;;) {
        run_file found;
        dt_status status = find_run_file(path, directory, &found, error);
        if (status != DT_OK || found.name[0] == '\0')
            return status;
        if (!overwrite)
            return dt_fail(error, DT_ERR_CREATE,
                           "%s: already holds a run (%s); choose another --output, or --overwrite "
                           "to replace it",
                           path, found.name);
        if (unlinkat(directory, found.name, 0))
            return dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot remove: %m", path, found.name);
    }
}

static dt_status open_named(char *path, bool overwrite, dt_error *error)
{
    dt_status status = make_directories(path, error);
    if (status != DT_OK)
        return status;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot open directory: %m", path);
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS))
        status = dt_fail(error, DT_ERR_CREATE, "%s: cannot write to directory: %m", path);
    if (status == DT_OK)
        status = clear_directory(path, directory, overwrite, error);
    close(directory);
    return status;
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
    dt_status status = make_directories(runs, error);
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
    return DT_OK;
}

dt_status dt_run_directory_create(const char *name, bool overwrite, char path[DT_PATH_SIZE],
                                  dt_error *error)
{
    if (strcmp(name, "auto") == 0)
        return create_automatic(path, error);

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
    return open_named(path, overwrite, error);
}
