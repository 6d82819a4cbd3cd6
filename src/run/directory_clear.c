#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "directory_make.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* The directories of a run, those above before those in them, and the names that count there. */
static const struct {
    const char *name; /* "": the run's own */
    unsigned kinds;
} folders[] = {
    {"", DT_NAME_FILE | DT_NAME_PASSING | DT_NAME_TEMPORARY},
    {DT_DIRECTORY_CHECKPOINTS, DT_NAME_CHECKPOINT | DT_NAME_TEMPORARY},
    {DT_DIRECTORY_EVENTS, 0},
    {DT_DIRECTORY_EVENTS "/train", DT_NAME_EVENTS},
    {DT_DIRECTORY_EVENTS "/val", DT_NAME_EVENTS},
    {DT_DIRECTORY_EVENTS "/test", DT_NAME_EVENTS},
};

/* What makes a directory one of a run, and goes when it is cleared. */
static const unsigned of_a_run = DT_NAME_FILE | DT_NAME_CHECKPOINT | DT_NAME_EVENTS;

/* A run's directory, open. */
typedef struct place {
    const char *path;
    int directory;
} place;

/* Something done with the file `name`, a path below the directory. */
typedef dt_status visitor(const place *at, const char *name, dt_error *error);

static dt_status visit_folder(const place *at, const char *folder, unsigned kinds, visitor *visit,
                              dt_error *error)
{
    char name[sizeof DT_DIRECTORY_EVENTS "/train/" + NAME_MAX];
    const char *found = NULL;
    DIR *list = dt_directory_list(at->directory, folder[0] ? folder : ".", DT_LINKS_REFUSED);
    if (!list && (errno == ENOENT || errno == ENOTDIR))
        return DT_OK;
    dt_status status = DT_OK;
    while (list && !status && (found = dt_directory_next(list)))
        if (dt_run_name_kind(found) & kinds) {
            snprintf(name, sizeof name, "%s%s%s", folder, folder[0] ? "/" : "", found);
            status = visit(at, name, error);
        }
    if (!status && errno)
        status = dt_fail(error, DT_ERR_CREATE, "%s%s%s: cannot read directory: %m", at->path,
                         folder[0] ? "/" : "", folder);
    if (list)
        closedir(list);
    return status;
}

/* Visits the files of these kinds, up to the first failure. */
static dt_status visit_files(const place *at, unsigned kinds, visitor *visit, dt_error *error)
{
    dt_status status = DT_OK;
    for (size_t i = 0; i < COUNT(folders) && !status; i++)
        if (folders[i].kinds & kinds)
            status = visit_folder(at, folders[i].name, folders[i].kinds & kinds, visit, error);
    return status;
}

/* Refuses something else than a file or directory, as `type` says, at a name of the run; a link is
 * something else, so that what is removed or written stays in the directory. */
static dt_status check_type(const place *at, const char *name, mode_t type, dt_error *error)
{
    struct stat found;
    if (fstatat(at->directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
        (found.st_mode & S_IFMT) == type)
        return DT_OK;
    return dt_fail(error, DT_ERR_CREATE,
                   "%s/%s: expected %s of a run, or nothing, found %s; remove it, or choose "
                   "another --output",
                   at->path, name, S_ISDIR(type) ? "a directory" : "a regular file",
                   dt_file_kind(found.st_mode));
}

static dt_status check_file(const place *at, const char *name, dt_error *error)
{
    return check_type(at, name, S_IFREG, error);
}

static dt_status refuse(const place *at, const char *name, dt_error *error)
{
    return dt_fail(error, DT_ERR_CREATE,
                   "%s: already holds a run (%s); choose another --output, --resume auto to go on "
                   "with it, or --overwrite to replace it",
                   at->path, name);
}

static dt_status remove_file(const place *at, const char *name, dt_error *error)
{
    if (unlinkat(at->directory, name, 0) && errno != ENOENT)
        return dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot remove: %m", at->path, name);
    return DT_OK;
}

/* Opens a directory to write a run there: every name of a run in it is what a run makes. The caller
 * closes it, unless it fails. */
static dt_status open_checked(const char *path, place *out, dt_error *error)
{
    *out = (place){path, dt_directory_open(AT_FDCWD, path, DT_LINKS_FOLLOWED)};
    if (out->directory < 0)
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot open directory: %m", path);
    dt_status status = DT_OK;
    for (size_t i = 1; i < COUNT(folders) && !status; i++)
        status = check_type(out, folders[i].name, S_IFDIR, error);
    if (!status)
        status = visit_files(out, of_a_run | DT_NAME_PASSING, check_file, error);
    if (status)
        close(out->directory);
    return status;
}

dt_status directory_check_content(const char *path, bool free, dt_error *error)
{
    place at;
    dt_status status = open_checked(path, &at, error);
    if (status)
        return status;
    if (free)
        status = visit_files(&at, of_a_run, refuse, error);
    close(at.directory);
    return status;
}

static dt_status remove_leftovers(const place *at, dt_error *error)
{
    dt_status status = remove_file(at, DT_FILE_STOP, error);
    return status ? status : visit_files(at, DT_NAME_TEMPORARY, remove_file, error);
}

dt_status dt_run_directory_clear(const char *path, bool overwrite, dt_error *error)
{
    place at;
    dt_status status = open_checked(path, &at, error);
    if (status)
        return status;
    if (overwrite)
        status = visit_files(&at, of_a_run, remove_file, error);
    if (!status) /* again: a list that changes while it is read may leave files out */
        status = visit_files(&at, of_a_run, refuse, error);
    for (size_t i = COUNT(folders) - 1; i > 1 && !status && overwrite; i--)
        unlinkat(at.directory, folders[i].name, AT_REMOVEDIR); /* those of events, if empty */
    if (!status)
        status = remove_leftovers(&at, error);
    close(at.directory);
    return status;
}

dt_status dt_run_directory_tidy(const char *path, dt_error *error)
{
    place at;
    dt_status status = open_checked(path, &at, error);
    if (status)
        return status;
    status = remove_leftovers(&at, error);
    close(at.directory);
    return status;
}

static dt_status stop_at_first(const place *at, const char *name, dt_error *error)
{
    (void)at, (void)name, (void)error;
    return DT_STOPPED;
}

/* Whether there is a file of these kinds. Errors: DT_ERR_IO: it cannot be told. */
static dt_status look_for(const char *path, unsigned kinds, bool *found, dt_error *error)
{
    dt_error why = {0};
    place at = {path, dt_directory_open(AT_FDCWD, path, DT_LINKS_FOLLOWED)};
    *found = false;
    if (at.directory < 0)
        return dt_fail(error, DT_ERR_IO, "%s: cannot open directory: %m", path);
    dt_status status = visit_files(&at, kinds, stop_at_first, &why);
    close(at.directory);
    *found = status == DT_STOPPED;
    return status && !*found ? dt_fail(error, DT_ERR_IO, "%s", why.message) : DT_OK;
}

bool dt_run_directory_has_run(const char *path)
{
    bool found;
    return !look_for(path, of_a_run, &found, NULL) && found;
}

dt_status dt_run_directory_check(const char *path, dt_error *error)
{
    struct stat info;
    char longest[DT_PATH_SIZE];
    bool there = stat(path, &info) == 0;
    dt_status status = dt_path_join(path, DT_FILE_SUMMARY, longest, error);
    if (status)
        return status;
    if (there && !S_ISDIR(info.st_mode))
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: expected a run directory, found a file", path);
    if (!there || faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS) != 0)
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: expected a run directory: %m", path);
    bool found;
    status = look_for(path, of_a_run | DT_NAME_PASSING, &found, error);
    if (!status && !found)
        status = dt_fail(error, DT_ERR_NO_INPUT,
                         "%s: expected a run directory, found a directory without files of a run",
                         path);
    return status;
}

dt_status dt_run_directory_start(const char *path, dt_error *error)
{
    char summary[DT_PATH_SIZE];
    dt_status status = dt_path_join(path, DT_FILE_SUMMARY, summary, error);
    if (!status && unlink(summary) && errno != ENOENT)
        status = dt_fail(error, DT_ERR_CREATE, "%s: cannot remove: %m", summary);
    return status;
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
    const char *slash = strrchr(path, '/');
    unsigned kind = dt_run_name_kind(slash ? slash + 1 : path);
    bool below = kind == DT_NAME_CHECKPOINT;
    return kind & (DT_NAME_FILE | DT_NAME_PASSING | DT_NAME_CHECKPOINT) &&
           has_beside(path, below, DT_FILE_CONFIG) && has_beside(path, below, DT_FILE_LOG);
}
