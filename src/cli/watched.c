#include "watched.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "config/config.h"
#include "run/summary.h"

#define LOG_SIZE_MAX ((size_t)1 << 26)

dt_status dt_watched_open(const char *directory, dt_watched *out, dt_error *error)
{
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/')
        length--;
    *out =
        (dt_watched){.silence = (double)NAN, .row_age = (double)NAN, .epochs = -1, .max_steps = -1};
    if (length == 0 || length >= DT_PATH_SIZE)
        return dt_fail(error, DT_ERR_NO_INPUT,
                       "'%.200s': expected the path of a run directory, 1 to %d bytes, found %zu",
                       directory, DT_PATH_SIZE - 1, length);
    memcpy(out->directory, directory, length);
    out->lock_moved = dt_clock();
    return DT_OK;
}

/* Looks at a file of the run; true when it is not what `stamp` says, which then tells how it is. */
static bool has_changed(const dt_watched *self, const char *name, dt_stamp *stamp)
{
    char path[DT_PATH_SIZE];
    struct stat found;
    dt_stamp now = {0};
    if (dt_path_join(self->directory, name, path, NULL) == DT_OK && stat(path, &found) == 0)
        now = (dt_stamp){.device = found.st_dev,
                         .inode = found.st_ino,
                         .size = found.st_size,
                         .time = found.st_mtim,
                         .there = true};
    bool same = now.there == stamp->there && now.device == stamp->device &&
                now.inode == stamp->inode && now.size == stamp->size &&
                now.time.tv_sec == stamp->time.tv_sec && now.time.tv_nsec == stamp->time.tv_nsec;
    *stamp = now;
    return !same;
}

static double age(const dt_stamp *stamp)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = difftime(now.tv_sec, stamp->time.tv_sec) +
                     1e-9 * (double)(now.tv_nsec - stamp->time.tv_nsec);
    return !stamp->there ? (double)NAN : seconds > 0 ? seconds : 0;
}

static dt_status read_metrics(dt_watched *self, watched_news *news, void *context, dt_error *error)
{
    char path[DT_PATH_SIZE];
    if (!has_changed(self, DT_FILE_METRICS, &self->metrics) || !self->metrics.there)
        return DT_OK;
    dt_status status = dt_path_join(self->directory, DT_FILE_METRICS, path, error);
    if (!status)
        status = watched_rows_read(&self->rows, path, news, context, error);
    if (status == DT_ERR_NO_INPUT && errno == ENOENT) /* it is being replaced */
        return DT_OK;
    return status;
}

static dt_status read_config(dt_watched *self, dt_error *error)
{
    char path[DT_PATH_SIZE];
    dt_config config;
    dt_error own = {0};
    if (!has_changed(self, DT_FILE_CONFIG, &self->config) || !self->config.there)
        return DT_OK;
    dt_config_defaults(&config);
    dt_status status = dt_path_join(self->directory, DT_FILE_CONFIG, path, &own);
    if (!status)
        status = dt_config_read_ini(&config, path, &own);
    bool replaced = status == DT_ERR_NO_INPUT && errno == ENOENT;
    if (status && !replaced)
        return dt_fail(error, DT_ERR_DATA, "%s", own.message);
    if (!status) {
        self->epochs = config.epochs;
        self->max_steps = config.max_steps;
        self->steps_an_epoch = 0;
        self->log = (dt_stamp){0};
    }
    return DT_OK;
}

/* The banner in log.txt says it before the first epoch is over: "... of 938 steps, seed ..."; the
 * last banner counts. */
static int64_t steps_by_log(dt_watched *self)
{
    static const char mark[] = " steps, seed ";
    char path[DT_PATH_SIZE];
    void *bytes;
    size_t size;
    long long found = 0;
    if (!has_changed(self, DT_FILE_LOG, &self->log) ||
        dt_path_join(self->directory, DT_FILE_LOG, path, NULL) ||
        dt_read_file(path, LOG_SIZE_MAX, &bytes, &size, NULL))
        return 0;
    for (const char *at = bytes; (at = strstr(at, mark)); at += sizeof mark - 1) {
        const char *number = at;
        while (number > (const char *)bytes && isdigit((unsigned char)number[-1]))
            number--;
        sscanf(number, "%lld", &found);
    }
    dt_free(bytes);
    return found;
}

static void count_steps(dt_watched *self)
{
    if (self->steps_an_epoch == 0)
        self->steps_an_epoch = self->rows.steps_an_epoch;
    if (self->steps_an_epoch == 0)
        self->steps_an_epoch = steps_by_log(self);
    self->steps = self->epochs > 0 ? self->epochs * self->steps_an_epoch : 0;
    if (self->max_steps >= 0 && self->max_steps < self->steps)
        self->steps = self->max_steps;
}

static dt_watched_state ending_by_summary(const char *status)
{
    return strcmp(status, "complete") == 0  ? DT_WATCHED_COMPLETE
           : strcmp(status, "stopped") == 0 ? DT_WATCHED_STOPPED
                                            : DT_WATCHED_FAILED;
}

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* The state of a run that nobody has: as its summary says, which a run that goes on removes. One
 * that ended before it came so far has left a lock that is newer. */
static dt_status read_ending(dt_watched *self, const dt_stamp *lock, dt_error *error)
{
    char path[DT_PATH_SIZE], word[DT_SUMMARY_STATUS];
    dt_stamp summary = {0};
    has_changed(self, DT_FILE_SUMMARY, &summary);
    if (!summary.there || (lock->there && is_before(summary.time, lock->time))) {
        /* Between two files of a run that begins, or ends, there may be none for a moment. */
        if (lock->there || ++self->unlocked > 1)
            self->state = DT_WATCHED_DIED;
        return DT_OK;
    }
    dt_status status = dt_path_join(self->directory, DT_FILE_SUMMARY, path, error);
    if (!status)
        status = dt_summary_read_status(path, word, error);
    if (!status)
        self->state = ending_by_summary(word);
    return status;
}

/* Whether there is nothing but what stands there before a run writes. */
static bool is_untouched(const char *directory)
{
    static const char *const names[] = {DT_FILE_LOCK, DT_FILE_STOP, "checkpoints"};
    DIR *list = dt_directory_list(AT_FDCWD, directory, DT_LINKS_FOLLOWED);
    const char *name;
    bool untouched = list != NULL;
    while (untouched && (name = dt_directory_next(list))) {
        untouched = strncmp(name, ".lock.", 6) == 0;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            untouched |= strcmp(name, names[i]) == 0;
    }
    if (list)
        closedir(list);
    return untouched;
}

static dt_status look_at_lock(dt_watched *self, dt_error *error)
{
    dt_run_lock_state lock;
    char holder[DT_RUN_LOCK_TEXT];
    if (has_changed(self, DT_FILE_LOCK, &self->lock))
        self->lock_moved = dt_clock();
    dt_status status = dt_run_lock_look(self->directory, &lock, holder, error);
    if (status)
        return status;
    if (holder[0])
        memcpy(self->holder, holder, sizeof holder);
    self->silence = fmin(age(&self->lock), age(&self->metrics));
    bool silent = dt_clock() - self->lock_moved > DT_RUN_LOCK_SILENCE;
    if (lock == DT_RUN_LOCK_HELD || (lock == DT_RUN_LOCK_UNSEEN && !silent)) {
        self->unlocked = 0;
        self->state = DT_WATCHED_RUNNING;
        return DT_OK;
    }
    if (lock == DT_RUN_LOCK_FREE && !dt_run_directory_has_run(self->directory)) {
        self->state = DT_WATCHED_WAITING;
        if (!is_untouched(self->directory))
            return dt_fail(error, DT_ERR_NO_INPUT,
                           "%s: expected a run directory, found a directory without files of a run",
                           self->directory);
        return DT_OK;
    }
    return read_ending(self, &self->lock, error);
}

dt_status dt_watched_look(dt_watched *self, watched_news *news, void *context, dt_error *error)
{
    struct stat found;
    if (stat(self->directory, &found)) {
        if (errno == ENOENT && self->state == DT_WATCHED_WAITING)
            return DT_OK;
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot look at the run: %m", self->directory);
    }
    if (!S_ISDIR(found.st_mode))
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: expected a run directory, found a file",
                       self->directory);
    dt_status status = look_at_lock(self, error); /* first: what it wrote before its end is read */
    if (!status)
        status = read_config(self, error);
    if (!status)
        status = read_metrics(self, news, context, error);
    if (status)
        return status;
    count_steps(self);
    self->row_age = age(&self->metrics);
    return DT_OK;
}

bool dt_watched_ended(const dt_watched *self)
{
    return self->state != DT_WATCHED_WAITING && self->state != DT_WATCHED_RUNNING;
}

double dt_watched_left(const dt_watched *self)
{
    const watched_rows *rows = &self->rows;
    if (rows->count == 0 || self->steps == 0)
        return (double)NAN;
    watched_mark last = {rows->newest.step, rows->newest.seconds}, before = {0};
    if (rows->count > WATCHED_PACE_ROWS)
        before = rows->pace[rows->count % (WATCHED_PACE_ROWS + 1)];
    if (last.step <= before.step)
        return (double)NAN;
    double pace = (last.seconds - before.seconds) / (double)(last.step - before.step);
    double left = pace * (double)(self->steps - last.step) - self->row_age;
    return left > 0 ? left : 0;
}

void dt_watched_close(dt_watched *self)
{
    watched_rows_free(&self->rows);
}
