#define _GNU_SOURCE
#include "power.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

enum { NAMES_MAX = 256, FILES_MAX = 64 };

/* A name that the directory holds only in memory yet. */
typedef struct name_change {
    char path[PATH_MAX];
    char from[PATH_MAX];   /* what it was renamed from; "": it was made */
    char backup[PATH_MAX]; /* what it replaced; "": nothing */
} name_change;

/* Content that is in memory only, from `synced` on. */
typedef struct unsynced {
    dev_t device;
    ino_t inode;
    off_t synced;
    char path[PATH_MAX];
} unsynced;

static struct {
    const char *directory;
    long backups;
    int names_count, files_count;
    name_change names[NAMES_MAX];
    unsynced files[FILES_MAX];
} power;

void give_up(const char *why)
{
    fprintf(stderr, "fault shim: %s\n", why);
    abort();
}

void copy_text(char *to, size_t size, const char *from)
{
    if (snprintf(to, size, "%s", from ? from : "") >= (int)size)
        give_up("text too long");
}

void power_forget(const char *directory)
{
    power.directory = directory;
    power.names_count = power.files_count = 0;
}

static unsynced *find_file(const struct stat *status)
{
    for (int i = 0; i < power.files_count; i++)
        if (power.files[i].inode == status->st_ino && power.files[i].device == status->st_dev)
            return &power.files[i];
    return NULL;
}

void power_note_change(int file, const char *path, off_t from)
{
    struct stat status;
    if (fstat(file, &status) || !S_ISREG(status.st_mode))
        return;
    unsynced *found = find_file(&status);
    if (!found) {
        if (power.files_count == FILES_MAX)
            give_up("too many files");
        found = &power.files[power.files_count++];
        *found = (unsynced){.device = status.st_dev, .inode = status.st_ino, .synced = from};
    }
    if (from < found->synced)
        found->synced = from;
    copy_text(found->path, sizeof found->path, path);
}

static bool is_in(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && path[length] == '/' &&
           !strchr(path + length + 1, '/');
}

void power_note_sync(int file, const char *path)
{
    struct stat status;
    if (fstat(file, &status))
        return;
    unsynced *found = find_file(&status);
    if (found)
        *found = power.files[--power.files_count];
    if (!S_ISDIR(status.st_mode))
        return;
    int kept = 0;
    for (int i = 0; i < power.names_count; i++)
        if (!is_in(power.names[i].path, path))
            power.names[kept++] = power.names[i];
    power.names_count = kept;
}

static name_change *add_name(const char *path)
{
    if (power.names_count == NAMES_MAX)
        give_up("too many names");
    name_change *change = &power.names[power.names_count++];
    change->from[0] = change->backup[0] = '\0';
    copy_text(change->path, sizeof change->path, path);
    return change;
}

void power_note_name(const char *path)
{
    add_name(path);
}

static void make_backup_name(char path[PATH_MAX])
{
    if (snprintf(path, PATH_MAX, "%s.lost-%d-%ld", power.directory, getpid(), power.backups++) >=
        PATH_MAX)
        give_up("path too long");
}

void power_note_rename(const char *from, const char *to)
{
    name_change *change = add_name(to);
    copy_text(change->from, sizeof change->from, from);
    make_backup_name(change->backup);
    if (NEXT(linkat)(AT_FDCWD, to, AT_FDCWD, change->backup, 0))
        change->backup[0] = '\0';
    for (int i = 0; i < power.files_count; i++)
        if (strcmp(power.files[i].path, from) == 0)
            copy_text(power.files[i].path, PATH_MAX, to);
}

static void undo(const name_change *change)
{
    char lost[PATH_MAX];
    make_backup_name(lost);
    NEXT(renameat)(AT_FDCWD, change->path, AT_FDCWD, change->from[0] ? change->from : lost);
    if (change->backup[0])
        NEXT(renameat)(AT_FDCWD, change->backup, AT_FDCWD, change->path);
}

void power_cut(bool names)
{
    for (int i = 0; i < power.files_count; i++) {
        struct stat status;
        const unsynced *file = &power.files[i];
        if (stat(file->path, &status) == 0 && status.st_ino == file->inode &&
            truncate(file->path, file->synced))
            give_up("cannot truncate");
    }
    while (names && power.names_count > 0)
        undo(&power.names[--power.names_count]);
    power.names_count = power.files_count = 0;
}
