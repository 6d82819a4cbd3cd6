#include "run/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/leftover.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/lock_holder.h"

/* What the names of claims and temporary files begin with. */
#define HIDDEN "." DT_FILE_LOCK "."
/* Claims on claims on ...: each one more is a process that died within microseconds. */
#define DEPTH 8
/* Seconds between two looks, and what a longer pause (ours, or the file system's) counts. */
#define LOOK_FIRST 0.001
#define LOOK_LAST  0.2
#define LOOK_MOST  1.0

/* A lock or claim as found. */
typedef struct lock_file {
    bool exists;
    uint64_t identity; /* hash of the content */
    struct timespec beat;
    dt_lock_holder holder;
} lock_file;

/* What has been seen of a lock whose holder this machine cannot see. */
typedef struct watch {
    bool begun;
    bool moved; /* it has changed while we watched */
    uint64_t identity;
    struct timespec beat;
    double last, silence; /* clock at the last look; seconds without a change */
} watch;

typedef enum outcome { TAKEN, BUSY, AGAIN } outcome;

struct dt_run_lock {
    char *path; /* of the directory */
    int directory;
    int file; /* the lock itself, for its time stamp */
    dt_lock_holder self;
    uint64_t identity;
    char temporary[NAME_MAX + 1];
    int leftover;              /* the same, for a signal */
    _Atomic int64_t next_beat; /* milliseconds */
    watch watches[DEPTH];
    /* Of an attempt that was BUSY: who is in the way, and whether he is known to live. */
    dt_lock_holder blocker;
    bool blocker_lives;
};

static void remove_temporary(const dt_run_lock *lock)
{
    unlinkat(lock->directory, lock->temporary, 0);
    dt_leftover_drop(lock->leftover);
}

/* Makes the temporary file that is linked to the lock's name, synced so that it survives a crash
 * whole. Its descriptor takes the place of lock->file. */
static dt_status put_temporary(dt_run_lock *lock, dt_error *error)
{
    char text[DT_LOCK_TEXT];
    size_t length = dt_lock_holder_write(&lock->self, text);
    lock->identity = dt_hash(text, length);
    snprintf(lock->temporary, sizeof lock->temporary, HIDDEN "%s.tmp", lock->self.nonce);
    lock->leftover = dt_leftover_add(lock->directory, lock->temporary);
    int file;
    if (dt_file_open_at(lock->directory, lock->path, lock->temporary, DT_OPEN_NEW, &file, NULL)) {
        dt_leftover_drop(lock->leftover);
        return dt_fail(error, DT_ERR_CREATE, "%s/" DT_FILE_LOCK ": cannot create: %m", lock->path);
    }
    if (!dt_write_all(file, text, length, NULL) || !dt_sync(file)) {
        dt_fail(error, DT_ERR_IO, "%s/" DT_FILE_LOCK ": cannot write: %m", lock->path);
        close(file);
        remove_temporary(lock);
        return DT_ERR_IO;
    }
    if (lock->file < 0) {
        lock->file = file;
        return DT_OK;
    }
    /* A heartbeat of another thread finds the old file or the new one, never a closed one. */
    dup2(file, lock->file);
    fcntl(lock->file, F_SETFD, FD_CLOEXEC);
    close(file);
    return DT_OK;
}

/* Opening makes a network file system ask its server for the file and its time. */
static dt_status look(const dt_run_lock *lock, const char *name, lock_file *found, dt_error *error)
{
    *found = (lock_file){0};
    char text[DT_LOCK_TEXT];
    struct stat status;
    dt_error own;
    int file;
    if (dt_file_open_at(lock->directory, lock->path, name, DT_OPEN_READ_OWN, &file, &own))
        return errno == ENOENT || errno == ESTALE
                   ? DT_OK
                   : dt_fail(error, DT_ERR_CREATE, "%s", own.message);
    size_t count;
    bool done = fstat(file, &status) == 0 && dt_read_at(file, text, sizeof text, 0, &count);
    int reason = errno;
    close(file);
    if (!done && reason == ESTALE)
        return DT_OK;
    if (!done)
        return dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot read: %s", lock->path, name,
                       strerror(reason));
    found->exists = true;
    found->identity = dt_hash(text, count);
    found->beat = status.st_mtim;
    dt_lock_holder_read(text, count, &found->holder);
    return DT_OK;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* One more look of a watch; whether the silence has lasted long enough. */
static bool has_fallen_silent(watch *seen, const lock_file *found)
{
    double now = dt_clock();
    if (seen->begun && seen->identity == found->identity && same_time(seen->beat, found->beat)) {
        double since = now - seen->last;
        seen->silence += since < LOOK_MOST ? since : LOOK_MOST;
    } else {
        *seen = (watch){
            .begun = true, .moved = seen->begun, .identity = found->identity, .beat = found->beat};
    }
    seen->last = now;
    return seen->silence >= DT_RUN_LOCK_SILENCE;
}

/* Whether the holder of what was found is dead; *reason says why. If not, he is in the way. */
static bool is_dead(dt_run_lock *lock, int depth, const lock_file *found, const char **reason)
{
    watch *seen = &lock->watches[depth];
    dt_lock_life life = dt_lock_holder_life(&found->holder, &lock->self, reason);
    if (life == DT_LOCK_UNSEEN && has_fallen_silent(seen, found)) {
        *reason = "has given no sign of life while we watched";
        life = DT_LOCK_DEAD;
    }
    lock->blocker = found->holder;
    lock->blocker_lives = life == DT_LOCK_ALIVE || (life == DT_LOCK_UNSEEN && seen->moved);
    return life == DT_LOCK_DEAD;
}

static dt_status claim_name(const char *name, uint64_t identity, char claim[NAME_MAX + 1],
                            dt_error *error)
{
    char hash[DT_HASH_TEXT];
    int length = snprintf(claim, NAME_MAX + 1, "%s%s.%s", name[0] == '.' ? "" : ".", name,
                          dt_hash_text(identity, hash));
    return length <= NAME_MAX ? DT_OK
                              : dt_fail(error, DT_ERR_INTERNAL, "%.100s...: name too long", name);
}

/* Tries once to make `name` (the lock, or a claim on a dead one) ours. */
static dt_status attempt(dt_run_lock *lock, const char *name, int depth, outcome *out,
                         dt_error *error)
{
    *out = TAKEN;
    if (linkat(lock->directory, lock->temporary, lock->directory, name, 0) == 0)
        return DT_OK;
    if (errno != EEXIST)
        return dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot create as a hard link: %m", lock->path,
                       name);
    lock_file found;
    dt_status status = look(lock, name, &found, error);
    /* Ours: a network file system did it, but its answer was lost. */
    if (status || (found.exists && found.identity == lock->identity))
        return status;
    *out = found.exists ? BUSY : AGAIN;
    const char *reason = "";
    if (!found.exists || !is_dead(lock, depth, &found, &reason))
        return DT_OK;
    if (depth + 1 == DEPTH)
        return dt_fail(error, DT_ERR_CREATE,
                       "%s/%s: too many processes died while they took this lock over; remove "
                       "the files " HIDDEN "* there",
                       lock->path, DT_FILE_LOCK);

    char claim[NAME_MAX + 1];
    status = claim_name(name, found.identity, claim, error);
    if (!status)
        status = attempt(lock, claim, depth + 1, out, error);
    if (status || *out != TAKEN)
        return status;
    /* The claim is ours, so nobody else replaces this one now; but somebody may have before. */
    lock_file still;
    status = look(lock, name, &still, error);
    if (!status && still.exists && still.identity == found.identity &&
        same_time(still.beat, found.beat)) {
        if (renameat(lock->directory, claim, lock->directory, name) == 0) {
            char holder[DT_LOCK_NAME];
            if (depth == 0)
                dt_info("%s: lock taken over from %s, which %s", lock->path,
                        dt_lock_holder_name(&found.holder, holder), reason);
            return DT_OK;
        }
        status = dt_fail(error, DT_ERR_CREATE, "%s/%s: cannot replace: %m", lock->path, name);
    }
    unlinkat(lock->directory, claim, 0);
    *out = AGAIN;
    return status;
}

static void say_waiting(const dt_run_lock *lock)
{
    char name[DT_LOCK_NAME];
    dt_lock_holder_name(&lock->blocker, name);
    if (lock->blocker_lives)
        dt_info("%s: in use by %s; waiting for it to end", lock->path, name);
    else
        dt_info("%s: held by %s, which cannot be seen from here; watching for its heartbeat, up to "
                "%d s",
                lock->path, name, DT_RUN_LOCK_SILENCE);
}

static dt_status take_or_wait(dt_run_lock *lock, double wait_seconds, dt_error *error)
{
    double begin = dt_clock(), pause = LOOK_FIRST;
    bool said = false;
    for (;;) {
        outcome result;
        dt_status status = attempt(lock, DT_FILE_LOCK, 0, &result, error);
        if (status || result == TAKEN)
            return status;
        if (result == BUSY && lock->blocker_lives && dt_clock() - begin >= wait_seconds) {
            char name[DT_LOCK_NAME];
            return dt_fail(error, DT_ERR_CREATE,
                           "%s: in use by %s; wait for it, or choose another --output", lock->path,
                           dt_lock_holder_name(&lock->blocker, name));
        }
        if (result == BUSY && !said)
            say_waiting(lock);
        said |= result == BUSY;
        struct timespec time = {.tv_nsec = (long)(1e9 * pause)};
        nanosleep(&time, NULL);
        pause = 2 * pause < LOOK_LAST ? 2 * pause : LOOK_LAST;
    }
}

/* Whether a process left this that died while it took the lock: it is dead, or did not even come
 * to write who it is. Stamps of one file system are compared. */
static bool is_left(const dt_run_lock *lock, const char *name)
{
    lock_file found;
    const char *reason;
    struct stat own;
    if (look(lock, name, &found, NULL) || !found.exists)
        return false;
    if (found.holder.known)
        return dt_lock_holder_life(&found.holder, &lock->self, &reason) == DT_LOCK_DEAD;
    return fstat(lock->file, &own) == 0 &&
           own.st_mtim.tv_sec - found.beat.tv_sec > DT_RUN_LOCK_SILENCE;
}

/* Removes such files: only the holder of the lock may, to whom all claims are of the past. */
static void sweep(const dt_run_lock *lock)
{
    DIR *list = dt_directory_list(lock->directory, ".", DT_LINKS_REFUSED);
    const char *name;
    while (list && (name = dt_directory_next(list)))
        if (strncmp(name, HIDDEN, sizeof HIDDEN - 1) == 0 && is_left(lock, name))
            unlinkat(lock->directory, name, 0);
    if (list)
        closedir(list);
}

static int64_t milliseconds(void)
{
    return (int64_t)(1e3 * dt_clock());
}

static void discard(dt_run_lock *lock)
{
    if (!lock)
        return;
    if (lock->file >= 0)
        close(lock->file);
    if (lock->directory >= 0)
        close(lock->directory);
    dt_free(lock->path);
    dt_free(lock);
}

static dt_status take(dt_run_lock *lock, double wait_seconds, dt_error *error)
{
    lock->directory = dt_directory_open(AT_FDCWD, lock->path, DT_LINKS_FOLLOWED);
    if (lock->directory < 0)
        return dt_fail(error, DT_ERR_CREATE, "%s: cannot open directory: %m", lock->path);
    dt_lock_holder_self(&lock->self);
    dt_status status = put_temporary(lock, error);
    if (status)
        return status;
    status = take_or_wait(lock, wait_seconds, error);
    remove_temporary(lock);
    if (status)
        return status;
    lock->next_beat = 0;
    dt_run_lock_beat(lock);
    sweep(lock);
    return DT_OK;
}

dt_status dt_run_lock_take(const char *directory, double wait_seconds, dt_run_lock **out,
                           dt_error *error)
{
    *out = NULL;
    dt_run_lock *lock = dt_calloc(1, sizeof *lock, error);
    if (!lock)
        return DT_ERR_INTERNAL;
    lock->directory = lock->file = -1;
    lock->path = dt_strdup(directory, error);
    dt_status status = lock->path ? take(lock, wait_seconds, error) : DT_ERR_INTERNAL;
    if (status) {
        discard(lock);
        return status;
    }
    *out = lock;
    return DT_OK;
}

void dt_run_lock_beat(dt_run_lock *lock)
{
    int64_t now = milliseconds();
    int64_t due = atomic_load(&lock->next_beat);
    if (now >= due &&
        atomic_compare_exchange_strong(&lock->next_beat, &due, now + 1000 * DT_RUN_LOCK_BEAT))
        futimens(lock->file, NULL);
}

/* Makes the lock again when somebody has removed it. */
static dt_status put_back(dt_run_lock *lock, dt_error *error)
{
    dt_status status = put_temporary(lock, error);
    if (status)
        return status;
    if (linkat(lock->directory, lock->temporary, lock->directory, DT_FILE_LOCK, 0) &&
        errno != EEXIST)
        status = dt_fail(error, DT_ERR_IO,
                         "%s/" DT_FILE_LOCK ": removed by somebody, and cannot be "
                         "put back: %m",
                         lock->path);
    remove_temporary(lock);
    return status;
}

dt_status dt_run_lock_check(dt_run_lock *lock, dt_error *error)
{
    lock_file found;
    dt_error failure;
    dt_status status = look(lock, DT_FILE_LOCK, &found, &failure);
    if (!status && !found.exists) {
        status = put_back(lock, &failure);
        if (!status)
            status = look(lock, DT_FILE_LOCK, &found, &failure);
    }
    if (status)
        return dt_fail(error, DT_ERR_IO, "%s", failure.message);
    if (found.exists && found.identity == lock->identity)
        return DT_OK;
    char name[DT_LOCK_NAME];
    return dt_fail(error, DT_ERR_IO,
                   "%s: the lock of this run was taken over by %s; this process must not write "
                   "there any more",
                   lock->path, dt_lock_holder_name(&found.holder, name));
}

void dt_run_lock_release(dt_run_lock *lock)
{
    if (!lock)
        return;
    /* With the claim on our own lock nobody can replace it between the look and the removal. */
    char claim[NAME_MAX + 1];
    if (!claim_name(DT_FILE_LOCK, lock->identity, claim, NULL) &&
        linkat(lock->directory, DT_FILE_LOCK, lock->directory, claim, 0) == 0) {
        lock_file found;
        if (!look(lock, DT_FILE_LOCK, &found, NULL) && found.identity == lock->identity)
            unlinkat(lock->directory, DT_FILE_LOCK, 0);
        unlinkat(lock->directory, claim, 0);
    }
    discard(lock);
}
