/* Makes one file operation of a process fail, or ends the process there: for LD_PRELOAD.
 *
 * Counted are the operations on files below a directory that the fault concerns; number `call`,
 * from 1, is the one that meets it. Set by the environment, or by dt_fault_arm:
 * - DT_FAULT_DIR: the directory, absolute; without it nothing is counted.
 * - DT_FAULT_MATCH: count only paths that contain this text.
 * - DT_FAULT_KIND: see `kinds`. With a + behind it, an error: every later attempt to add something
 *   to the directory fails as well, as on a full disk.
 * - DT_FAULT_CALL: the number; 0: none.
 * - DT_FAULT_REPORT: a file to which "NUMBER KIND OPERATION PATH" is appended when it strikes; of
 *   the kind "none", for every operation.
 *
 * Syncs are not passed on to the disk, which would only cost time: what they are for is played
 * here. Of a power failure ("power") nothing survives that was not synced: files lose what was
 * written since their last sync, and names made, replaced or linked since the last sync of their
 * directory are as before; removed names stay removed. "journal" keeps the names and loses the
 * contents, as some file systems do. Without a call that it meets, it comes after the end of the
 * process. The calls of all threads of a process are done one at a time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "power.h"
#include "shim.h"

static const fault_kind kinds[] = {
    {"none", NOTHING, ALL, 0},
    {"kill", KILL, CHANGES, 0},       /* before the call */
    {"torn", TORN, CHANGES, 0},       /* after it; of a write half is done */
    {"orphan", ORPHAN, CHANGES, 0},   /* the parent process is killed, before the call */
    {"power", POWER, CHANGES, 0},     /* power failure before the call */
    {"journal", JOURNAL, CHANGES, 0}, /* the same, see above */
    {"short", SHORT, READ | WRITE, 0},
    {"flip", FLIP, WRITE, 0}, /* one bit is written wrong */
    {"EINTR", ERROR, READ | WRITE | SYNC | CLOSE, EINTR},
    {"EIO", ERROR, ALL, EIO},
    {"ENOSPC", ERROR, CHANGES, ENOSPC},
    {"EDQUOT", ERROR, CHANGES, EDQUOT},
};

/* Of a call that is not our business. */
static const fault_kind outside = {"outside", NOTHING, 0, 0};

static struct {
    pthread_mutex_t mutex;
    bool ready, struck, sticky, power;
    char directory[PATH_MAX], match[NAME_MAX], report[PATH_MAX];
    const fault_kind *kind;
    long call, calls;
} shim = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void set_kind(const char *name)
{
    size_t length = strcspn(name, "+");
    shim.sticky = name[length] == '+';
    shim.kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].name) == length && strncmp(kinds[i].name, name, length) == 0)
            shim.kind = &kinds[i];
    if (!shim.kind || (shim.sticky && shim.kind->effect != ERROR))
        give_up("no such DT_FAULT_KIND");
    shim.power = shim.kind->effect == POWER || shim.kind->effect == JOURNAL;
}

void dt_fault_arm(const char *directory, const char *kind, long call)
{
    copy_text(shim.directory, sizeof shim.directory, directory);
    set_kind(kind);
    shim.call = call;
    shim.calls = 0;
    shim.struck = false;
    power_forget(shim.directory);
    shim.ready = true;
}

bool dt_fault_struck(void)
{
    return shim.struck;
}

static void get_ready(void)
{
    const char *kind = getenv("DT_FAULT_KIND"), *call = getenv("DT_FAULT_CALL");
    copy_text(shim.match, sizeof shim.match, getenv("DT_FAULT_MATCH"));
    copy_text(shim.report, sizeof shim.report, getenv("DT_FAULT_REPORT"));
    dt_fault_arm(getenv("DT_FAULT_DIR"), kind ? kind : "none", call ? atol(call) : 0);
}

static void report(const char *operation, const char *path)
{
    if (!shim.report[0])
        return;
    char line[PATH_MAX + 100];
    int length =
        snprintf(line, sizeof line, "%ld %s %s %s\n", shim.calls, shim.kind->name, operation, path);
    int file = NEXT(open)(shim.report, O_WRONLY | O_APPEND | O_CREAT, 0666);
    if (file < 0 || NEXT(write)(file, line, (size_t)length) != length)
        give_up("cannot write DT_FAULT_REPORT");
    NEXT(close)(file);
}

static void make_path(int directory, const char *name, char path[PATH_MAX])
{
    char base[PATH_MAX] = "", link[64];
    path[0] = '\0';
    if (!shim.directory[0])
        return;
    if (!name || name[0] != '/') {
        if (directory == AT_FDCWD) {
            if (!getcwd(base, sizeof base))
                return;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
            ssize_t length = readlink(link, base, sizeof base - 1);
            base[length > 0 ? length : 0] = '\0';
        }
    }
    size_t used = strlen(base);
    int length = !name
                     ? snprintf(path, PATH_MAX, "%s", base)
                     : snprintf(path, PATH_MAX, "%.*s%s%s", (int)used, base, used ? "/" : "", name);
    size_t prefix = strlen(shim.directory);
    if (length >= PATH_MAX || strncmp(path, shim.directory, prefix) != 0 ||
        (path[prefix] != '/' && path[prefix] != '\0'))
        path[0] = '\0';
}

void fault_path(int directory, const char *name, char path[PATH_MAX])
{
    int reason = errno;
    if (!shim.ready && environ) /* not before the C library is set up */
        get_ready();
    make_path(directory, name, path);
    errno = reason;
}

void dt_fault_cut_power(void)
{
    power_cut(shim.kind->effect == POWER);
}

/* A process that has ended well loses what it had not synced, too. */
__attribute__((destructor)) static void at_end(void)
{
    if (shim.ready && shim.power && !shim.struck && shim.call > 0)
        dt_fault_cut_power();
}

bool fault_notes(const char *path)
{
    return shim.power && path[0];
}

const fault_kind *fault_enter(int operation, const char *name, const char *path)
{
    /* Nor may a call between fork and exec wait for what another thread held at that time. */
    if (!path[0])
        return &outside;
    pthread_mutex_lock(&shim.mutex);
    if (!(shim.kind->concerns & operation) || (shim.match[0] && !strstr(path, shim.match)))
        return &kinds[0];
    shim.calls++;
    if (shim.kind->effect == NOTHING)
        report(name, path);
    if (shim.struck && shim.sticky && (operation & ADDS))
        return shim.kind;
    if (shim.calls != shim.call)
        return &kinds[0];
    shim.struck = true;
    report(name, path);
    if (shim.power)
        power_cut(shim.kind->effect == POWER);
    if (shim.power || shim.kind->effect == KILL)
        kill(getpid(), SIGKILL);
    if (shim.kind->effect == ORPHAN)
        kill(getppid(), SIGKILL);
    return shim.kind;
}

void fault_leave(const fault_kind *kind)
{
    if (kind == &outside)
        return;
    if (kind->effect == TORN)
        kill(getpid(), SIGKILL);
    int reason = errno;
    pthread_mutex_unlock(&shim.mutex);
    errno = reason;
}
