#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "directory_make.h"
#include "run/lock.h"

#define CHECKPOINTS "checkpoints"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const run_files[] = {DT_FILE_CONFIG,  DT_FILE_LOG,     DT_FILE_METRICS,
                                        DT_FILE_SUMMARY, DT_FILE_WEIGHTS, DT_FILE_BEST,
                                        DT_FILE_INSIGHT, DT_FILE_REPORT};

/* What is there only while a run goes on, or is asked to stop. */
static const char *const passing_files[] = {DT_FILE_LOCK, DT_FILE_STOP};

static const char *const event_folders[] = {
    DT_DIRECTORY_EVENTS "/train", DT_DIRECTORY_EVENTS "/val", DT_DIRECTORY_EVENTS "/test"};

/* A file's path below the run directory. */
typedef struct run_file {
    char name[sizeof DT_DIRECTORY_EVENTS "/train/" + NAME_MAX]; /* "": none */
} run_file;

/* Chooses among the names of a directory. */
typedef bool name_test(const char *name);

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
    return strncmp(name, begin, sizeof begin - 1) == 0 || strcmp(name, DT_EVENTS_NEXT) == 0;
}

/* ".NAME.<16 hex digits>.tmp" where NAME is a file of a run: file/atomic_file.h. */
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
    DIR *list = dt_directory_list(directory, folder, DT_LINKS_REFUSED);
    if (!list && (errno == ENOENT || errno == ENOTDIR))
        return DT_OK;
    if (!list)
        return dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot read directory: %m", path, folder);
    bool itself = strcmp(folder, ".") == 0;
    const char *name;
    while (found->name[0] == '\0' && (name = dt_directory_next(list)))
        if (test(name))
            snprintf(found->name, sizeof found->name, "%s%s%s", itself ? "" : folder,
                     itself ? "" : "/", name);
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

/* Refuses something else than a file or directory, as `type` says, at a name of the run; a link is
 * something else, so that what is removed or written stays in the directory. */
static dt_status check_type(const char *path, int directory, const char *name, mode_t type,
                            dt_error *error)
{
    struct stat found;
    if (fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
        (found.st_mode & S_IFMT) == type)
        return DT_OK;
    return dt_fail(
        error, DT_ERR_CREATE,
        "%s/%s: expected %s of a run, or nothing, found %s; remove it, or choose another "
        "--output",
        path, name, S_ISDIR(type) ? "a directory" : "a regular file", dt_file_kind(found.st_mode));
}

static dt_status check_files(const char *path, int directory, const char *const *names,
                             size_t count, dt_error *error)
{
    dt_status status = DT_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = check_type(path, directory, names[i], S_IFREG, error);
    return status;
}

/* The directory `folder`, and what is in it and passes `test`. */
static dt_status check_folder(const char *path, int directory, const char *folder, name_test *test,
                              dt_error *error)
{
    dt_status status = check_type(path, directory, folder, S_IFDIR, error);
    DIR *list = status ? NULL : dt_directory_list(directory, folder, DT_LINKS_REFUSED);
    const char *name;
    while (list && !status && (name = dt_directory_next(list)))
        if (test(name)) {
            run_file found;
            snprintf(found.name, sizeof found.name, "%s/%s", folder, name);
            status = check_type(path, directory, found.name, S_IFREG, error);
        }
    if (list)
        closedir(list);
    return status;
}

/* Every name of a run in `directory`, which `path` names, is what a run makes there. */
static dt_status check_types(const char *path, int directory, dt_error *error)
{
    dt_status status = check_files(path, directory, run_files, COUNT(run_files), error);
    if (!status)
        status = check_files(path, directory, passing_files, COUNT(passing_files), error);
    if (!status)
        status = check_folder(path, directory, CHECKPOINTS, is_checkpoint, error);
    if (!status)
        status = check_type(path, directory, DT_DIRECTORY_EVENTS, S_IFDIR, error);
    for (size_t i = 0; i < COUNT(event_folders) && !status; i++)
        status = check_folder(path, directory, event_folders[i], is_event_file, error);
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
    *directory = dt_directory_open(AT_FDCWD, path, DT_LINKS_FOLLOWED);
    if (*directory < 0)
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot open directory: %m", path);
    return DT_OK;
}

/* Opens it to write a run there; *directory is -1 after an error. */
static dt_status open_checked(const char *path, int *directory, dt_error *error)
{
    dt_status status = open_directory(path, directory, error);
    if (status != DT_OK)
        return status;
    status = check_types(path, *directory, error);
    if (status != DT_OK) {
        close(*directory);
        *directory = -1;
    }
    return status;
}

dt_status run_directory_check(const char *path, bool free, dt_error *error)
{
    int directory;
    dt_status status = open_checked(path, &directory, error);
    if (status != DT_OK)
        return status;
    if (free)
        status = check_free(path, directory, error);
    close(directory);
    return status;
}

dt_status dt_run_directory_clear(const char *path, bool overwrite, dt_error *error)
{
    int directory;
    dt_status status = open_checked(path, &directory, error);
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
    dt_status status = open_checked(path, &directory, error);
    if (status != DT_OK)
        return status;
    status = remove_file(path, directory, DT_FILE_SUMMARY, error);
    if (status == DT_OK)
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

/* Whether RUN/`name` is there, where `path` is RUN/FILE, or RUN/FOLDER/FILE if `below`. */
static bool has_beside(const char *path, bool below, const char *name)
{
    char beside[DT_PATH_SIZE];
    const char *file = strrchr(path, '/');
    int length = file ? (int)(file - path) + 1 : 0;
    return snprintf(beside, sizeof beside, "%.*s%s%s", length, path, below ? "../" : "", name) <
               (int)sizeof beside &&
           access(beside, F_OK) == 0;
}

bool dt_run_directory_owns(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    bool checkpoint = is_checkpoint(name), named = checkpoint;
    for (size_t i = 0; i < COUNT(run_files); i++)
        named |= strcmp(name, run_files[i]) == 0;
    for (size_t i = 0; i < COUNT(passing_files); i++)
        named |= strcmp(name, passing_files[i]) == 0;
    return named && has_beside(path, checkpoint, DT_FILE_CONFIG) &&
           has_beside(path, checkpoint, DT_FILE_LOG);
}
