#define _GNU_SOURCE /* struct dirent64 */
#include "base/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

/* A directory in a directory, with files. */
enum { DEPTH = 2 };

enum { FREE, BEING_FILLED, REMEMBERED };

/* Globals, which the house forbids elsewhere: what ends with the process belongs to it, and a
 * signal handler is given nothing but a number. */
static struct {
    atomic_int state;
    int directory;
    char name[NAME_MAX + 1];
} leftovers[DT_LEFTOVERS];

static atomic_bool ending;

int dt_leftover_add(int directory, const char *name)
{
    while (atomic_load(&ending))
        pause();
    for (int i = 0; i < DT_LEFTOVERS; i++) {
        int expected = FREE;
        if (!atomic_compare_exchange_strong(&leftovers[i].state, &expected, BEING_FILLED))
            continue;
        leftovers[i].directory = directory;
        snprintf(leftovers[i].name, sizeof leftovers[i].name, "%s", name);
        atomic_store(&leftovers[i].state, REMEMBERED);
        return i;
    }
    return DT_LEFTOVERS;
}

void dt_leftover_drop(int leftover)
{
    if (leftover < DT_LEFTOVERS)
        atomic_store(&leftovers[leftover].state, FREE);
}

static void remove_at(int directory, const char *name, int depth);

/* readdir allocates, which a signal handler may not. */
static void remove_content(int directory, int depth)
{
    _Alignas(struct dirent64) char block[4096];
    long size;
    while ((size = syscall(SYS_getdents64, directory, block, sizeof block)) > 0) {
        for (long at = 0; at < size;) {
            const struct dirent64 *entry = (const void *)(block + at);
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                remove_at(directory, entry->d_name, depth);
            at += entry->d_reclen;
        }
    }
}

static void remove_at(int directory, const char *name, int depth)
{
    if (unlinkat(directory, name, 0) == 0 || errno != EISDIR || depth == 0)
        return;
    int inner = dt_directory_open(directory, name, DT_LINKS_REFUSED);
    if (inner < 0)
        return;
    remove_content(inner, depth - 1);
    close(inner);
    unlinkat(directory, name, AT_REMOVEDIR);
}

void dt_leftovers_remove(void)
{
    atomic_store(&ending, true);
    for (int i = 0; i < DT_LEFTOVERS; i++)
        if (atomic_load(&leftovers[i].state) == REMEMBERED)
            remove_at(leftovers[i].directory, leftovers[i].name, DEPTH);
}
