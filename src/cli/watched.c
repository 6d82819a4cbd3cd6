#include "watched.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "run/directory.h"
#include "run/summary.h"

#define LOG_SIZE_MAX ((size_t)1 << 26)

static const size_t columns[WATCHED_LINES] = {
    [WATCHED_TRAIN_LOSS] = offsetof(dt_metrics_row, train_loss),
    [WATCHED_VAL_LOSS] = offsetof(dt_metrics_row, val_loss),
    [WATCHED_TEST_LOSS] = offsetof(dt_metrics_row, test_loss),
    [WATCHED_TRAIN_ACCURACY] = offsetof(dt_metrics_row, train_accuracy),
    [WATCHED_VAL_ACCURACY] = offsetof(dt_metrics_row, val_accuracy),
    [WATCHED_TEST_ACCURACY] = offsetof(dt_metrics_row, test_accuracy),
};

static void watched_rows_free(watched_rows *self)
{
    for (int i = 0; i < WATCHED_LINES; i++)
        dt_points_free(&self->lines[i]);
    dt_metrics_reader_close(self->reader);
    dt_free(self->marks);
    *self = (watched_rows){0};
}

static watched_mark mark_of(const dt_metrics_row *row)
{
    return (watched_mark){row->step, row->seconds};
}

static void add_mark(watched_rows *self, watched_mark mark)
{
    if (self->count % self->every != 0)
        return;
    if (self->count / self->every == WATCHED_MARKS) {
        for (int i = 0; i < WATCHED_MARKS / 2; i++)
            self->marks[i] = self->marks[2 * i];
        self->every *= 2;
    }
    self->marks[self->count / self->every] = mark;
}

static dt_status add_row(watched_rows *self, const dt_metrics_row *row, dt_error *error)
{
    const dt_place place = {.step = (double)row->step};
    dt_status status = DT_OK;
    for (int i = 0; i < WATCHED_LINES && !status; i++) {
        double value = *(const double *)((const char *)row + columns[i]);
        if (isfinite(value))
            status = dt_points_add(&self->lines[i], &place, value, error);
    }
    if (self->steps_an_epoch == 0 && row->parameter_hash && row->epoch > 0 &&
        row->step % row->epoch == 0)
        self->steps_an_epoch = row->step / row->epoch;
    add_mark(self, mark_of(row));
    self->pace[self->count % (WATCHED_PACE_ROWS + 1)] = mark_of(row);
    self->newest = *row;
    self->count++;
    return status;
}

/* Rows at the start of the file that are as they were, as far as marks tell. */
static dt_status count_known(const watched_rows *self, const char *path, int64_t *known,
                             dt_error *error)
{
    dt_metrics_reader *reader;
    const dt_metrics_row *row = NULL;
    bool same = true;
    int64_t count = 0;
    *known = 0;
    dt_status status = dt_metrics_reader_open(path, &reader, error);
    while (!status && same && count < self->count) {
        status = dt_metrics_reader_next(reader, &row, error);
        if (status || !row)
            break;
        const watched_mark *mark = &self->marks[count / self->every];
        if (count++ % self->every == 0) {
            same = row->step == mark->step && row->seconds == mark->seconds;
            *known = same ? count : *known;
        }
    }
    if (same)
        *known = count;
    dt_metrics_reader_close(reader);
    return status;
}

/* Forgets the rows, for those of the file as it is now. */
static dt_status begin(watched_rows *self, const char *path, int64_t *known, dt_error *error)
{
    *known = 0;
    dt_status status = self->reader ? count_known(self, path, known, error) : DT_OK;
    watched_rows again = {.every = 1};
    if (!status)
        status = dt_metrics_reader_open(path, &again.reader, error);
    if (!status)
        again.marks = dt_calloc(WATCHED_MARKS, sizeof *again.marks, error);
    if (!status && !again.marks)
        status = DT_ERR_INTERNAL;
    if (status) {
        watched_rows_free(&again);
        return status;
    }
    watched_rows_free(self);
    *self = again;
    return DT_OK;
}

/* Reads what has come to the file `path`. Where rows were taken back (a run goes on from a
 * checkpoint) it reads all again; rows that are as they were do not count as new, but of more than
 * WATCHED_MARKS some may.
 * Errors: those of dt_metrics_reader_open, with its errno, and dt_metrics_reader_next. */
static dt_status watched_rows_read(watched_rows *self, const char *path, watched_on_row *on_row,
                                   void *context, dt_error *error)
{
    const dt_metrics_row *row = NULL;
    int64_t known = self->count;
    dt_status status = DT_OK;
    if (!self->reader || !dt_metrics_reader_holds(self->reader))
        status = begin(self, path, &known, error);
    if (!status)
        status = dt_metrics_reader_next(self->reader, &row, error);
    while (!status && row) {
        if (self->count >= known)
            on_row(row, context);
        status = add_row(self, row, error);
        if (!status)
            status = dt_metrics_reader_next(self->reader, &row, error);
    }
    return status;
}

/* If the directory is not there, its name may be misspelt: notes the runs that are. */
static void note_others(watched_run *self)
{
    char parent[DT_PATH_SIZE], path[DT_PATH_SIZE];
    dt_text text = {.text = self->others, .size = sizeof self->others};
    dt_text_list names = {.most = 3, .before = "; runs beside it: "};
    snprintf(parent, sizeof parent, "%s", self->directory);
    const char *place = dirname(parent);
    DIR *list = access(self->directory, F_OK) == 0
                    ? NULL
                    : dt_directory_list(AT_FDCWD, place, DT_LINKS_FOLLOWED);
    for (const char *name; list && (name = dt_directory_next(list));)
        if (!dt_path_join(place, name, path, NULL) && dt_run_directory_has_run(path))
            dt_text_add_listed(&text, &names, 40, name);
    dt_text_end_list(&text, &names);
    if (list)
        closedir(list);
}

dt_status watched_open(const char *directory, watched_run *out, dt_error *error)
{
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/')
        length--;
    *out = (watched_run){
        .silence = (double)NAN, .row_age = (double)NAN, .epochs = -1, .max_steps = -1};
    if (length == 0 || length >= DT_PATH_SIZE)
        return dt_fail(error, DT_ERR_NO_INPUT,
                       "'%.200s': expected the path of a run directory, 1 to %d bytes, found %zu",
                       directory, DT_PATH_SIZE - 1, length);
    memcpy(out->directory, directory, length);
    note_others(out);
    out->lock_moved = dt_clock();
    return DT_OK;
}

/* Looks at a file of the run; true when it is not what `stamp` says, which then tells how it is. */
static bool has_changed(const watched_run *self, const char *name, file_stamp *stamp)
{
    char path[DT_PATH_SIZE];
    struct stat found;
    file_stamp now = {0};
    if (!dt_path_join(self->directory, name, path, NULL) && stat(path, &found) == 0)
        now = (file_stamp){.device = found.st_dev,
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

static double age(const file_stamp *stamp)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = difftime(now.tv_sec, stamp->time.tv_sec) +
                     1e-9 * (double)(now.tv_nsec - stamp->time.tv_nsec);
    return !stamp->there ? (double)NAN : seconds > 0 ? seconds : 0;
}

static dt_status read_metrics(watched_run *self, watched_on_row *on_row, void *context,
                              dt_error *error)
{
    char path[DT_PATH_SIZE];
    if (!has_changed(self, DT_FILE_METRICS, &self->metrics) || !self->metrics.there)
        return DT_OK;
    dt_status status = dt_path_join(self->directory, DT_FILE_METRICS, path, error);
    if (!status)
        status = watched_rows_read(&self->rows, path, on_row, context, error);
    if (status == DT_ERR_NO_INPUT && errno == ENOENT) /* it is being replaced */
        return DT_OK;
    return status;
}

static dt_status read_config(watched_run *self, dt_error *error)
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
        self->log = (file_stamp){0};
    }
    return DT_OK;
}

/* The banner in log.txt says it before the first epoch is over: "... of 938 steps, seed ..."; the
 * last banner counts. */
static int64_t steps_by_log(watched_run *self)
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

static void count_steps(watched_run *self)
{
    if (self->steps_an_epoch == 0)
        self->steps_an_epoch = self->rows.steps_an_epoch;
    if (self->steps_an_epoch == 0)
        self->steps_an_epoch = steps_by_log(self);
    self->steps = self->epochs > 0 ? self->epochs * self->steps_an_epoch : 0;
    if (self->max_steps >= 0 && self->max_steps < self->steps)
        self->steps = self->max_steps;
}

static dt_status read_summary(watched_run *self, const char *path, dt_error *error)
{
    dt_summary summary;
    dt_status status = dt_summary_read(path, &summary, error);
    const char *word = summary.status ? summary.status : "";
    if (!status)
        self->state = strcmp(word, "complete") == 0  ? DT_WATCHED_COMPLETE
                      : strcmp(word, "stopped") == 0 ? DT_WATCHED_STOPPED
                                                     : DT_WATCHED_FAILED;
    dt_summary_destroy(&summary);
    return status;
}

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* The state of a run that nobody has: as its summary says, which a run that goes on removes. One
 * that ended before it came so far has left a lock that is newer. */
static dt_status read_ending(watched_run *self, const file_stamp *lock, dt_error *error)
{
    char path[DT_PATH_SIZE];
    file_stamp summary = {0};
    has_changed(self, DT_FILE_SUMMARY, &summary);
    if (!summary.there || (lock->there && is_before(summary.time, lock->time))) {
        /* Between two files of a run that begins, or ends, there may be none for a moment. */
        if (lock->there || ++self->unlocked > 1)
            self->state = DT_WATCHED_DIED;
        return DT_OK;
    }
    dt_status status = dt_path_join(self->directory, DT_FILE_SUMMARY, path, error);
    if (!status)
        status = read_summary(self, path, error);
    return status;
}

/* Whether there is nothing but what stands there before a run writes. */
static bool is_untouched(const char *directory)
{
    DIR *list = dt_directory_list(AT_FDCWD, directory, DT_LINKS_FOLLOWED);
    const char *name;
    bool untouched = list != NULL;
    while (untouched && (name = dt_directory_next(list)))
        untouched = dt_run_name_kind(name) & (DT_NAME_PASSING | DT_NAME_CLAIM) ||
                    strcmp(name, DT_DIRECTORY_CHECKPOINTS) == 0;
    if (list)
        closedir(list);
    return untouched;
}

static dt_status look_at_lock(watched_run *self, dt_error *error)
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
        return is_untouched(self->directory) ? DT_OK
                                             : dt_run_directory_check(self->directory, error);
    }
    return read_ending(self, &self->lock, error);
}

dt_status watched_look(watched_run *self, watched_on_row *on_row, void *context, dt_error *error)
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
        status = read_metrics(self, on_row, context, error);
    if (status)
        return status;
    count_steps(self);
    self->row_age = age(&self->metrics);
    return DT_OK;
}

bool watched_ended(const watched_run *self)
{
    return self->state != DT_WATCHED_WAITING && self->state != DT_WATCHED_RUNNING;
}

double watched_left(const watched_run *self)
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

void watched_close(watched_run *self)
{
    watched_rows_free(&self->rows);
}
