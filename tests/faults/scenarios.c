#include "scenarios.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "model/weights.h"
#include "run/lock.h"
#include "run/metrics_log.h"
#include "run/summary.h"
#include "sample.h"

static void need(dt_status status, const dt_error *error)
{
    if (!status)
        return;
    fprintf(stderr, "saves: without a fault: %s\n", error->message);
    exit(2);
}

static const char *in_case(const state *self, const char *name)
{
    static char path[DT_PATH_SIZE + NAME_MAX + 2];
    snprintf(path, sizeof path, "%s/%s", self->directory, name);
    return path;
}

/* --- checkpoints --- */

static dt_status write_checkpoint(const state *self, int64_t step, int variant, dt_error *error)
{
    char path[DT_PATH_SIZE];
    dt_status status = dt_checkpoint_path(self->directory, step, path, error);
    return status ? status : dt_checkpoint_write(path, sample_checkpoint(step, variant), error);
}

static void prepare_two(state *self)
{
    dt_error error;
    need(dt_checkpoint_directory(self->directory, &error), &error);
    need(write_checkpoint(self, 1, 0, &error), &error);
    need(write_checkpoint(self, 2, 0, &error), &error);
}

static dt_status save_third(state *self, dt_error *error)
{
    dt_status status = write_checkpoint(self, 3, 0, error);
    return status ? status : dt_checkpoint_prune(self->directory, 2, error);
}

static dt_status save_again(state *self, dt_error *error)
{
    return write_checkpoint(self, 2, 1, error);
}

static dt_status save_first(state *self, dt_error *error)
{
    dt_status status = dt_checkpoint_directory(self->directory, error);
    return status ? status : write_checkpoint(self, 1, 0, error);
}

/* Reads all there are: each must be good. Returns the newest step, 0: none; its variant. */
static int64_t read_all(state *self, int *variant, size_t *count)
{
    int64_t *steps, newest = 0;
    dt_error error;
    need(dt_checkpoint_list(self->directory, &steps, count, &error), &error);
    for (size_t i = 0; i < *count; i++) {
        char path[DT_PATH_SIZE];
        dt_checkpoint found;
        need(dt_checkpoint_path(self->directory, steps[i], path, &error), &error);
        if (dt_checkpoint_read(path, &found, &error)) {
            fail(self, "%s", error.message);
            continue;
        }
        int which = sample_is(&found, steps[i], 1);
        if (!which && !sample_is(&found, steps[i], 0))
            fail(self, "%s: other content than was saved", path);
        if (newest == 0) {
            newest = steps[i];
            *variant = which;
        }
        dt_checkpoint_destroy(&found);
    }
    dt_free(steps);
    return newest;
}

static void check_third(state *self, const outcome *found)
{
    int variant = 0;
    size_t count;
    int64_t newest = read_all(self, &variant, &count);
    if (newest != 2 && newest != 3)
        fail(self, "expected the old or the new checkpoint, found step %lld", (long long)newest);
    if (!found->killed && !found->status && (newest != 3 || count != 2))
        fail(self, "success, but found %zu checkpoints, the newest of step %lld", count,
             (long long)newest);
    if (count < 2)
        fail(self, "expected 2 checkpoints at least, found %zu", count);
}

static void check_again(state *self, const outcome *found)
{
    int variant = 0;
    size_t count;
    if (read_all(self, &variant, &count) != 2 || count != 2)
        fail(self, "expected 2 checkpoints, found %zu", count);
    if (!found->killed && !found->status && variant != 1)
        fail(self, "success, but the old checkpoint is still there");
}

static void check_first(state *self, const outcome *found)
{
    int variant = 0;
    size_t count;
    if (read_all(self, &variant, &count) != 1 && !found->killed && !found->status)
        fail(self, "success, but no checkpoint");
}

/* --- files --- */

/* false: there is none. */
static bool read_file(const char *path, bytes *out)
{
    FILE *file = fopen(path, "rb");
    out->size = file ? fread(out->data, 1, sizeof out->data, file) : 0;
    if (file)
        fclose(file);
    return file;
}

static bool same_bytes(const bytes *a, const bytes *b)
{
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static bool is_prefix(const bytes *start, const bytes *of)
{
    return start->size <= of->size && memcmp(start->data, of->data, start->size) == 0;
}

static dt_status write_weights(const state *self, float first, dt_error *error)
{
    float parameters[6] = {first, 1, 2, 3, 4, 5};
    const dt_tensor tensors[] = {{.layer = "dense", .name = "kernel", .rank = 2, .shape = {2, 3}}};
    dt_weights weights = {.tensors = tensors, .tensor_count = 1, .parameters = parameters};
    return dt_weights_write(in_case(self, DT_FILE_WEIGHTS), &weights, error);
}

static dt_status write_summary(const state *self, int64_t steps, dt_error *error)
{
    dt_summary summary = {.status = "complete", .last.step = steps, .version = "0.1.0"};
    return dt_summary_write(in_case(self, DT_FILE_SUMMARY), &summary, error);
}

static dt_status save_weights(state *self, dt_error *error)
{
    return write_weights(self, 2, error);
}

static dt_status save_summary(state *self, dt_error *error)
{
    return write_summary(self, 2, error);
}

static const char metrics_header[] =
    "epoch,step,samples,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,"
    "learning_rate,seconds,samples_per_second,compute_seconds,reduce_seconds,wait_seconds,"
    "data_seconds,gradient_norm,parameter_hash\n";

/* Closing is what tells whether all rows are there. */
static dt_status save_metrics(state *self, dt_error *error)
{
    dt_metrics_log *log;
    dt_error own;
    dt_metrics_row row = {.epoch = 1, .step = 15, .val_loss = (double)NAN};
    const dt_metrics_history history = {.text = metrics_header,
                                        .length = sizeof metrics_header - 1};
    const char *path = in_case(self, DT_FILE_METRICS);
    dt_error lost;
    dt_status status = dt_metrics_log_restore(path, path, &history, &log, &lost, error);
    if (status)
        return status;
    dt_metrics_log_append(log, &row, &own);
    row.step = 30;
    dt_metrics_log_append(log, &row, &own);
    return dt_metrics_log_close(log, error);
}

/* The file as it is before and after. */
static void prepare_file(state *self, const char *name)
{
    dt_error error = {0};
    need(self->scenario->act(self, &error), &error);
    read_file(in_case(self, name), &self->after);
    if (remove(in_case(self, name)))
        need(DT_ERR_IO, &error);
}

static void prepare_weights(state *self)
{
    dt_error error;
    prepare_file(self, DT_FILE_WEIGHTS);
    need(write_weights(self, 1, &error), &error);
    read_file(in_case(self, DT_FILE_WEIGHTS), &self->before);
}

static void prepare_summary(state *self)
{
    dt_error error;
    prepare_file(self, DT_FILE_SUMMARY);
    need(write_summary(self, 1, &error), &error);
    read_file(in_case(self, DT_FILE_SUMMARY), &self->before);
}

static void prepare_metrics(state *self)
{
    prepare_file(self, DT_FILE_METRICS);
    FILE *file = fopen(in_case(self, DT_FILE_METRICS), "wb");
    if (!file || fputs("epoch,st", file) < 0 || fclose(file))
        exit(2);
    read_file(in_case(self, DT_FILE_METRICS), &self->before);
}

static void check_whole_file(state *self, const outcome *found, const char *name)
{
    read_file(in_case(self, name), &self->now);
    bool is_new = same_bytes(&self->now, &self->after);
    if (!is_new && !same_bytes(&self->now, &self->before))
        fail(self, "%s is neither the old nor the new one", name);
    if (!is_new && !found->killed && !found->status)
        fail(self, "success, but %s is the old one", name);
}

static void check_weights(state *self, const outcome *found)
{
    check_whole_file(self, found, DT_FILE_WEIGHTS);
}

static void check_summary(state *self, const outcome *found)
{
    check_whole_file(self, found, DT_FILE_SUMMARY);
}

static void check_metrics(state *self, const outcome *found)
{
    read_file(in_case(self, DT_FILE_METRICS), &self->now);
    bool whole = same_bytes(&self->now, &self->after);
    bool grown = self->now.size + 1 >= sizeof metrics_header && is_prefix(&self->now, &self->after);
    if (!grown && !same_bytes(&self->now, &self->before))
        fail(self, "%s has neither the old text nor rows of the new one", DT_FILE_METRICS);
    if (grown && !found->killed && self->now.data[self->now.size - 1] != '\n')
        fail(self, "%s ends amid a row", DT_FILE_METRICS);
    if (!whole && !found->killed && !found->status)
        fail(self, "success, but %s lacks rows", DT_FILE_METRICS);
}

/* --- the lock --- */

static void prepare_nothing(state *self)
{
    (void)self;
}

static dt_status lock_and_release(state *self, dt_error *error)
{
    dt_run_lock *lock;
    dt_status status = dt_run_lock_take(self->directory, 0, &lock, error);
    if (status)
        return status;
    status = dt_run_lock_check(lock, error);
    dt_run_lock_release(lock);
    return status;
}

/* A file of another day. */
static void make_old(const char *path)
{
    const struct timespec times[2] = {{.tv_sec = 86400}, {.tv_sec = 86400}};
    if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW))
        exit(2);
}

static void make_all_old(const state *self)
{
    DIR *list = opendir(self->directory);
    const struct dirent *entry;
    while (list && (entry = readdir(list)))
        make_old(in_case(self, entry->d_name));
    if (list)
        closedir(list);
}

/* Whatever has happened: another process gets the lock at once, and one of another day takes away
 * what was left behind. */
static void check_lock(state *self, const outcome *found)
{
    (void)found;
    dt_run_lock *lock;
    dt_error error;
    make_all_old(self);
    if (dt_run_lock_take(self->directory, 1, &lock, &error)) {
        fail(self, "the lock is stuck: %s", error.message);
        return;
    }
    dt_run_lock_release(lock);
    if (access(in_case(self, DT_FILE_LOCK), F_OK) == 0)
        fail(self, "the lock is left");
}

const scenario scenarios[] = {
    {"a third checkpoint", 8, true, true, prepare_two, save_third, check_third},
    {"a checkpoint again", 7, true, true, prepare_two, save_again, check_again},
    {"the first checkpoint", 9, true, true, prepare_nothing, save_first, check_first},
    {"weights", 7, true, true, prepare_weights, save_weights, check_weights},
    {"summary", 7, true, true, prepare_summary, save_summary, check_summary},
    {"metrics", 10, false, true, prepare_metrics, save_metrics, check_metrics},
    {"lock", 5, false, false, prepare_nothing, lock_and_release, check_lock},
};

const int scenario_count = sizeof scenarios / sizeof *scenarios;
