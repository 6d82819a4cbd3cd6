#define _GNU_SOURCE /* qsort_r */
#include "folder_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/image.h"

/* Bytes that say what a file is; names that are looked at for a picture, of which a folder takes as
 * much time as so many. */
enum { HEAD = 16, LOOKED_AT = 1 << 20, FOLDER_COSTS = 256 };

dt_status folder_names_add(folder_names *to, const char *name, dt_error *error)
{
    size_t size = strlen(name) + 1;
    void *grown = dt_grow(to->bytes, &to->room, to->used + size, 1, error);
    if (!grown)
        return DT_ERR_INTERNAL;
    to->bytes = grown;
    if (!(grown = dt_grow(to->at, &to->at_room, to->count + 1, sizeof *to->at, error)))
        return DT_ERR_INTERNAL;
    to->at = grown;
    memcpy(to->bytes + to->used, name, size);
    to->at[to->count++] = to->used;
    to->used += size;
    return DT_OK;
}

const char *folder_names_at(const folder_names *of, size_t i)
{
    return of->bytes + of->at[i];
}

static int compare(const void *a, const void *b, void *bytes)
{
    return strcmp((const char *)bytes + *(const size_t *)a,
                  (const char *)bytes + *(const size_t *)b);
}

void folder_names_sort(folder_names *of, size_t first)
{
    if (of->count > first)
        qsort_r(of->at + first, of->count - first, sizeof *of->at, compare, of->bytes);
}

void folder_names_free(folder_names *of)
{
    dt_free(of->bytes);
    dt_free(of->at);
    *of = (folder_names){0};
}

dt_status folder_names_list(const char *path, folder_names *out, dt_error *error)
{
    *out = (folder_names){0};
    DIR *list = dt_directory_list(AT_FDCWD, path, DT_LINKS_FOLLOWED);
    if (!list)
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot open the folder: %m", path);
    dt_status status = DT_OK;
    for (const char *name; !status && (name = dt_directory_next(list));)
        status = folder_names_add(out, name, error);
    if (!status && errno)
        status = dt_fail(error, DT_ERR_IO, "%s: cannot read the folder: %m", path);
    closedir(list);
    folder_names_sort(out, 0);
    return status;
}

static bool ends_as_picture(const char *name)
{
    static const char *const endings[] = {"png",  "jpg",  "jpeg", "jpe", "jfif", "gif", "bmp",
                                          "webp", "tiff", "tif",  "pnm", "pbm",  "pgm", "ppm"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot + 1, endings[i]) == 0)
            return true;
    return false;
}

static bool has_picture_in_it(const char *path)
{
    char head[HEAD] = "";
    int fd;
    size_t count = 0;
    if (dt_file_open(path, DT_OPEN_READ, &fd, NULL))
        return false;
    dt_read_at(fd, head, sizeof head, 0, &count);
    close(fd);
    return dt_image_is_known(head, count);
}

bool folder_is_one(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

folder_entry folder_entry_of(const char *folder, const char *name)
{
    char path[PATH_MAX];
    if (dt_file_is_hidden(name))
        return FOLDER_OTHER;
    if (ends_as_picture(name))
        return FOLDER_PICTURE;
    if (!dt_join(folder, name, path))
        return FOLDER_OTHER;
    return folder_is_one(path)       ? FOLDER_FOLDER
           : has_picture_in_it(path) ? FOLDER_PICTURE
                                     : FOLDER_OTHER;
}

/* A folder that is looked into, and those that it is in. */
typedef struct look {
    const struct look *above;
    dev_t device;
    ino_t inode;
} look;

static bool leads_up(const struct stat *info, const look *above)
{
    while (above && (above->device != info->st_dev || above->inode != info->st_ino))
        above = above->above;
    return above != NULL;
}

/* left: what may still be looked at. */
static bool holds_picture(const char *path, int levels, bool below_alone, const look *above,
                          int64_t *left)
{
    struct stat info;
    char below[PATH_MAX];
    bool found = false;
    if (stat(path, &info) || leads_up(&info, above) || (*left -= FOLDER_COSTS) < 0)
        return false;
    const look here = {above, info.st_dev, info.st_ino};
    DIR *list = dt_directory_list(AT_FDCWD, path, DT_LINKS_FOLLOWED);
    for (const char *name; list && !found && (*left)-- > 0 && (name = dt_directory_next(list));)
        found = !dt_file_is_hidden(name) &&
                ((!below_alone && ends_as_picture(name)) ||
                 (levels > 0 && dt_join(path, name, below) && folder_is_one(below) &&
                  holds_picture(below, levels - 1, false, &here, left)));
    if (list)
        closedir(list);
    return found;
}

bool folder_holds_picture(const char *path, int levels, bool below_alone)
{
    int64_t left = LOOKED_AT;
    return holds_picture(path, levels, below_alone, NULL, &left);
}
