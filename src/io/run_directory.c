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
#include "directory.h"

#define RUNS        "runs"
#define LATEST      RUNS "/latest"
#define CHECKPOINTS "checkpoints"
/* Runs that may begin in the same second. */
#define SUFFIX_MAX 10000

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const run_files[] = {DT_FILE_CONFIG,  DT_FILE_LOG,     DT_FILE_METRICS,
                                        DT_FILE_SUMMARY, DT_FILE_WEIGHTS, DT_FILE_BEST,
                                        DT_FILE_INSIGHT, DT_FILE_REPORT};

static const char *const event_folders[] = {
    DT_DIRECTORY_EVENTS "/train", DT_DIRECTORY_EVENTS "/val", DT_DIRECTORY_EVENTS "/test"};

/* A file's path below the run directory. */
typedef struct run_file {
    char name[sizeof DT_DIRECTORY_EVENTS "/train/" + NAME_MAX]; /* "": none */
} run_file;

/* Chooses among the names of a directory. */
typedef bool name_test(const char *name);

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

/* step-<digits>.h5, of which `length` characters are looked at. */
static bool is_checkpoint_name(const char *name, size_t length)
{
    static const char begin[] = "step-", end[] = ".h5";
    const size_t begins = sizeof begin - 1, ends = sizeof end - 1;
    if (length <= begins + ends || strncmp(name, begin, begins) != 0)
        return false;
    size_t digits = length - begins - ends;
    return strspn(name + begins, "0123456789") == digits &&
           strncmp(name + begins + digits, end, ends) == 0;
}

static bool is_checkpoint(const char *name)
{
    return is_checkpoint_name(name, strlen(name));
}

static bool is_event_file(const char *name)
{
    static const char begin[] = "events.out.tfevents.";
    return strncmp(name, begin, sizeof begin - 1) == 0;
}

/* ".NAME.<16 hex digits>.tmp" where NAME is a file of a run: io/atomic_file.h. */
static bool is_temporary(const char *name)
{
    static const char end[] = ".tmp";
    size_t length = strlen(name), tail = 1 + 16 + sizeof end - 1;
    if (name[0] != '.' || length <= 1 + tail)
        return false;
    const char *hash = name + length - tail;
    if (*hash != '.' || strspn(hash + 1, "0123456789abcdef") != 16 || strcmp(hash + 17, end) != 0)
        return false;
    const char *inner = name + 1;
    size_t inner_length = (size_t)(hash - inner);
    for (size_t i = 0; i < COUNT(run_files); i++)
        if (strlen(run_files[i]) == inner_length && strncmp(inner, run_files[i], inner_length) == 0)
            return true;
    return is_checkpoint_name(inner, inner_length);
}

/* The first file in the directory FOLDER below the run directory `path` that passes `test`;
 * A folder that is missing has none. */
static dt_status find_file(const char *path, int directory, const char *folder, name_test *test,
                           run_file *found, dt_error *error)
{
    found->name[0] = '\0';
    int inner = openat(directory, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (inner < 0 && (errno == ENOENT || errno == ENOTDIR))
        return DT_OK;
    DIR *list = inner < 0 ? NULL : fdopendir(inner);
    if (!list) {
        dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot read directory: %m", path, folder);
        if (inner >= 0)
            close(inner);
        return DT_ERR_CREATE;
    }
    bool itself = strcmp(folder, ".") == 0;
    const struct dirent *entry;
    errno = 0;
    while (found->name[0] == '\0' && (entry = readdir(list)))
        if (test(entry->d_name))
            snprintf(found->name, sizeof found->name, "%s%s%s", itself ? "" : folder,
                     itself ? "" : "/", entry->d_name);
    dt_status status = DT_OK;
    if (found->name[0] == '\0' && errno)
        status = dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot read directory: %m", path, folder);
    closedir(list);
    return status;
}

/* The next file of a run in `directory`, which `path` names. */
static dt_status find_run_file(const char *path, int directory, run_file *found, dt_error *error)
{
    for (size_t i = 0; i < COUNT(run_files); i++) {
        struct stat status;
        if (fstatat(directory, run_files[i], &status, AT_SYMLINK_NOFOLLOW) == 0) {
            snprintf(found->name, sizeof found->name, "%s", run_files[i]);
            return DT_OK;
        }
    }
    dt_status status = find_file(path, directory, CHECKPOINTS, is_checkpoint, found, error);
    for (size_t i = 0; i < COUNT(event_folders) && !status && found->name[0] == '\0'; i++)
        status = find_file(path, directory, event_folders[i], is_event_file, found, error);
    return status;
}

static dt_status remove_file(const char *path, int directory, const char *name, dt_error *error)
{
    if (unlinkat(directory, name, 0) && errno != ENOENT)
        return dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot remove: %m", path, name);
    return DT_OK;
}

/* Those that are empty. */
static void remove_event_folders(int directory)
{
    for (size_t i = 0; i < COUNT(event_folders); i++)
        unlinkat(directory, event_folders[i], AT_REMOVEDIR);
    unlinkat(directory, DT_DIRECTORY_EVENTS, AT_REMOVEDIR);
}

static dt_status check_free(const char *path, int directory, dt_error *error)
{
    run_file found;
    dt_status status = find_run_file(path, directory, &found, error);
    if (status != DT_OK || found.name[0] == '\0')
        return status;
    return dt_fail(error, DT_ERR_CREATE,
                   "%s: already holds a run (%s); choose another --output, --resume auto to go on "
                   "with it, or --overwrite to replace it",
                   path, found.name);
}

static dt_status remove_run(const char *path, int directory, dt_error *error)
{
    for (;;) {
        run_file found;
        dt_status status = find_run_file(path, directory, &found, error);
        if (status != DT_OK || found.name[0] == '\0')
            return status;
        status = remove_file(path, directory, found.name, error);
        if (status != DT_OK)
            return status;
    }
}

static dt_status remove_leftovers(const char *path, int directory, dt_error *error)
{
    static const char *const folders[] = {".", CHECKPOINTS};
    dt_status status = remove_file(path, directory, DT_FILE_STOP, error);
    for (size_t i = 0; i < COUNT(folders); i++) {
        run_file found = {.name = "?"};
        while (status == DT_OK && found.name[0] != '\0') {
            status = find_file(path, directory, folders[i], is_temporary, &found, error);
            if (status == DT_OK && found.name[0] != '\0')
                status = remove_file(path, directory, found.name, error);
        }
    }
    return status;
}

static dt_status open_directory(const char *path, int *directory, dt_error *error)
{
    *directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*directory < 0)
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot open directory: %m", path);
    return DT_OK;
}

static dt_status open_and_check_free(const char *path, dt_error *error)
{
    int directory;
    dt_status status = open_directory(path, &directory, error);
    if (status != DT_OK)
        return status;
    status = check_free(path, directory, error);
    close(directory);
    return status;
}

dt_status dt_run_directory_clear(const char *path, bool overwrite, dt_error *error)
{
    int directory;
    dt_status status = open_directory(path, &directory, error);
    if (status != DT_OK)
        return status;
    status = overwrite ? remove_run(path, directory, error) : check_free(path, directory, error);
    if (status == DT_OK && overwrite)
        remove_event_folders(directory);
    if (status == DT_OK)
        status = remove_leftovers(path, directory, error);
    close(directory);
    return status;
}

dt_status dt_run_directory_tidy(const char *path, dt_error *error)
{
    int directory;
    dt_status status = open_directory(path, &directory, error);
    if (status != DT_OK)
        return status;
    status = remove_leftovers(path, directory, error);
    close(directory);
    return status;
}

bool dt_run_directory_has_run(const char *path)
{
    int directory;
    run_file found = {.name = ""};
    if (open_directory(path, &directory, NULL))
        return false;
    bool has_run = find_run_file(path, directory, &found, NULL) == DT_OK && found.name[0];
    close(directory);
    return has_run;
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
    if (status == DT_OK && there && !automatic && !overwrite)
        status = open_and_check_free(path, error);
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
    return status == DT_OK ? directory_check_writable(path, error) : status;
}
