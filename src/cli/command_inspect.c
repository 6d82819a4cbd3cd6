#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/visible.h"
#include "commands.h"
#include "file/confined.h"
#include "file/hdf5_reader.h"
#include "model/weights.h"
#include "nn/metrics.h"
#include "run/checkpoint.h"
#include "run/content.h"
#include "run/directory.h"
#include "run/insight.h"
#include "run/lock.h"

/* Objects of another HDF5 file that are listed. */
enum { LISTED_MAX = 40 };

/* Settings of a file that are not the defaults, as options. */
static dt_status print_settings(const char *ini, dt_error *error)
{
    dt_config config;
    dt_config_unnamed(&config);
    if (ini[0] == '\0')
        return DT_OK;
    dt_status status = dt_config_read_ini_text(&config, "settings", ini, error);
    if (status)
        return error->status = DT_ERR_DATA;
    dt_config_unresolve(&config);
    size_t size = dt_options_describe_changes(&config, NULL, 0) + 1;
    char *text = dt_calloc(size, 1, error);
    if (!text)
        return error->status;
    dt_options_describe_changes(&config, text, size);
    dt_print(stdout, "  settings  %s\n", size > 1 ? text : "the defaults");
    dt_free(text);
    return DT_OK;
}

static void print_count(const char *name, int64_t count)
{
    if (count >= 0)
        dt_print(stdout, ", %s %" PRId64, name, count);
}

static void print_share(const char *name, double share)
{
    if (isfinite(share))
        dt_print(stdout, ", %s %.4f", name, share);
}

static dt_status print_checkpoint(const char *path, const void *bytes, size_t size, dt_error *error)
{
    dt_checkpoint it;
    char hash[DT_HASH_TEXT];
    dt_status status = dt_checkpoint_decode(bytes, size, &it, error);
    if (!status) {
        dt_print(
            stdout,
            "%s: a checkpoint, good: the hash of the file and that of the parameters are right\n",
            path);
        dt_print(stdout, "  network   %s, %zu parameters, parameter_hash %s\n", it.architecture,
                 it.parameter_count, dt_hash_text(it.parameter_hash, hash));
        dt_print(stdout,
                 "  training  %s, epoch %" PRId64 ", step %" PRId64 " (%" PRId64
                 " in its epoch), %" PRId64 " samples, %.1f s, %" PRId64 " virtual ranks, %s\n",
                 it.complete ? "complete" : "not complete", it.state.epoch, it.state.step,
                 it.state.step_in_epoch, it.state.samples, it.state.seconds, it.virtual_ranks,
                 it.optimizer.kind);
        dt_print(stdout,
                 "  data      %s: %" PRId64 " training, %" PRId64 " validation, %" PRId64
                 " test, fingerprint %s\n",
                 it.data.name, it.data.train_samples, it.data.val_samples, it.data.test_samples,
                 dt_hash_text(it.data.fingerprint, hash));
        if (it.best_parameters) {
            const dt_best *best = &it.state.best;
            dt_print(stdout, "  best      epoch %" PRId64 ", step %" PRId64, best->epoch,
                     best->step);
            print_share("val_acc", best->val.accuracy);
            print_share("test_acc", best->test.accuracy);
            putchar('\n');
        }
        dt_print(stdout, "  written   by dist-train %s\n", it.version);
        status = print_settings(it.config, error);
    }
    dt_checkpoint_destroy(&it);
    return status;
}

static void print_tensors(const dt_weights_file *file)
{
    for (size_t i = 0; i < file->tensor_count && i < LISTED_MAX; i++) {
        const dt_tensor *tensor = &file->tensors[i];
        dt_print(stdout, "  %s %s ", tensor->layer, tensor->name);
        for (int j = 0; j < tensor->rank; j++)
            dt_print(stdout, "[%" PRId64 "]", tensor->shape[j]);
        putchar('\n');
    }
    if (file->tensor_count > LISTED_MAX)
        dt_print(stdout, "  and %zu more\n", file->tensor_count - LISTED_MAX);
}

static dt_status print_weights(const char *path, const void *bytes, size_t size, dt_error *error)
{
    dt_weights_file file;
    char hash[DT_HASH_TEXT];
    dt_status status = dt_weights_decode(bytes, size, &file, error);
    if (!status) {
        const dt_weights_facts *facts = &file.facts;
        dt_hash_text(file.parameter_hash, hash);
        dt_print(stdout, "%s: a weights file%s\n", path,
                 file.own ? ", good: the hash of the parameters is right"
                          : " from elsewhere: it has no hash to check");
        dt_print(stdout, "  network   %s%s%zu parameters, parameter_hash %s\n",
                 file.own ? facts->architecture : "", file.own ? ", " : "", file.parameter_count,
                 hash);
        if (file.own) {
            if (facts->layers[0])
                dt_print(stdout, "  layers    %s\n", facts->layers);
            else
                dt_print(stdout, "  layers    dense, %s between them, output %s\n",
                         facts->activation, facts->output_activation);
            dt_print(stdout, "  loss      %s; pixels %.9g * byte %+.9g\n", facts->loss,
                     facts->input_scale, facts->input_shift);
            dt_print(stdout, "  training  on %s",
                     facts->data_source[0] ? facts->data_source
                                           : "what it does "
                                             "not say");
            print_count("epoch", facts->epoch);
            print_count("step", facts->step);
            print_count("samples", facts->samples);
            print_share("val_acc", facts->val_accuracy);
            print_share("test_acc", facts->test_accuracy);
            putchar('\n');
            dt_print(stdout, "  written   by dist-train %s\n", facts->version);
            status = print_settings(facts->config, error);
        } else {
            print_tensors(&file);
        }
    }
    dt_weights_destroy(&file);
    return status;
}

static void print_answers(const char *name, const dt_answers *answers, int classes)
{
    if (answers->samples > 0)
        dt_print(stdout, "  %-9s %" PRId64 " samples, loss %.6f, accuracy %.4f\n", name,
                 answers->samples, answers->loss,
                 (double)dt_metrics_correct(classes, answers->counts) / (double)answers->samples);
}

static dt_status print_insight(const char *path, const void *bytes, size_t size, dt_error *error)
{
    dt_insight it;
    dt_status status = dt_insight_decode(bytes, size, &it, error);
    if (status)
        return status;
    dt_print(stdout, "%s: an insight file, well-formed: what a run knew at its end\n", path);
    dt_print(stdout, "  training  epoch %" PRId64 ", step %" PRId64 ", %d rank%s\n", it.epoch,
             it.step, it.ranks, it.ranks == 1 ? "" : "s");
    print_answers("test", &it.test, it.classes);
    print_answers("val", &it.val, it.classes);
    dt_print(stdout,
             "  pictures  %" PRId64 " mistakes, %" PRId64 " hardest, %" PRId64 " doubtful, %" PRId64
             " augmented\n",
             it.mistakes.count, it.hardest.count, it.doubtful.count, it.augmented.count);
    for (int i = 0; i < it.fact_count; i++)
        dt_print(stdout, "  %s: %s\n", it.facts[i].name, it.facts[i].value);
    dt_insight_destroy(&it);
    return DT_OK;
}

static dt_status print_hdf5(const char *path, const void *bytes, size_t size, dt_error *error)
{
    dt_hdf5_reader *reader;
    dt_status status = dt_hdf5_reader_open(bytes, size, &reader, error);
    if (status)
        return status;
    size_t count;
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    dt_print(stdout, "%s: an HDF5 file, but no checkpoint and no weights: %zu objects\n", path,
             count);
    for (size_t i = 0; i < count && i < LISTED_MAX; i++)
        dt_print(stdout, "  %s%s\n", objects[i].path, objects[i].group ? "/" : "");
    if (count > LISTED_MAX)
        dt_print(stdout, "  and %zu more\n", count - LISTED_MAX);
    dt_hdf5_reader_destroy(reader);
    return DT_OK;
}

static dt_status inspect_file(const char *path, dt_error *error)
{
    void *bytes;
    size_t size;
    dt_status status = dt_read_file(path, DT_WEIGHTS_SIZE_MAX, &bytes, &size, error);
    if (status)
        return status;
    dt_error own = {0};
    switch (dt_content_of(bytes, size)) {
    case DT_CONTENT_CHECKPOINT:
        status = print_checkpoint(path, bytes, size, &own);
        break;
    case DT_CONTENT_WEIGHTS:
        status = print_weights(path, bytes, size, &own);
        break;
    case DT_CONTENT_INSIGHT:
        status = print_insight(path, bytes, size, &own);
        break;
    case DT_CONTENT_HDF5:
        status = print_hdf5(path, bytes, size, &own);
        break;
    case DT_CONTENT_OTHER:
        status = dt_fail(&own, DT_ERR_DATA,
                         "expected a checkpoint, a weights file or a run directory, found another "
                         "file");
        break;
    }
    dt_free(bytes);
    return status ? dt_fail(error, status, "%s: %s", path, own.message) : DT_OK;
}

static dt_status print_lock(const char *directory, bool *lives, dt_error *error)
{
    static const char *const words[] = {[DT_RUN_LOCK_FREE] = "nobody is writing here",
                                        [DT_RUN_LOCK_HELD] = "being written",
                                        [DT_RUN_LOCK_DEAD] = "left behind",
                                        [DT_RUN_LOCK_UNSEEN] =
                                            "of a process that cannot be seen from here"};
    dt_run_lock_state state;
    char holder[DT_RUN_LOCK_TEXT];
    dt_status status = dt_run_lock_look(directory, &state, holder, error);
    if (status)
        return status;
    dt_print(stdout, "  lock      %s%s%s\n", words[state], holder[0] ? ": " : "", holder);
    *lives = state == DT_RUN_LOCK_HELD || state == DT_RUN_LOCK_UNSEEN;
    return DT_OK;
}

/* What of a run has been found. */
typedef struct finding {
    bool lives;
    dt_status status; /* of the first file that is not good */
    dt_error *error;
} finding;

/* An error of one file: the first one is that of the command, the others are printed. */
static void keep(finding *self, const dt_error *error)
{
    if (self->status)
        dt_print(stderr, "dist-train: %s\n", error->message);
    else
        *self->error = *error;
    self->status = self->status ? self->status : error->status;
}

/* A file of the run, when it is there: a living run replaces and removes files. */
static void inspect_member(finding *self, const char *path, bool listed)
{
    dt_error own = {0};
    if (access(path, F_OK) != 0 && (!listed || self->lives))
        return;
    if (inspect_file(path, &own) && !(own.status == DT_ERR_NO_INPUT && self->lives))
        keep(self, &own);
}

static void inspect_checkpoints(finding *self, const char *directory)
{
    int64_t *steps;
    size_t count;
    char path[DT_PATH_SIZE];
    dt_error own = {0};
    if (dt_checkpoint_list(directory, &steps, &count, &own)) {
        keep(self, &own);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (dt_checkpoint_path(directory, steps[i], path, &own))
            keep(self, &own);
        else
            inspect_member(self, path, true);
    dt_free(steps);
}

static void inspect_config(finding *self, const char *directory)
{
    char path[DT_PATH_SIZE];
    dt_error own = {0};
    dt_config config;
    dt_config_defaults(&config);
    if (dt_path_join(directory, DT_FILE_CONFIG, path, &own)) {
        keep(self, &own);
        return;
    }
    if (access(path, F_OK) != 0)
        return;
    if (dt_config_read_ini(&config, path, &own)) {
        own.status = DT_ERR_DATA;
        keep(self, &own);
    }
}

static dt_status inspect_run(const char *directory, dt_error *error)
{
    static const char *const members[] = {DT_FILE_WEIGHTS, DT_FILE_BEST, DT_FILE_INSIGHT};
    finding self = {.error = error};
    dt_status status = dt_run_directory_check(directory, error);
    if (status)
        return status;
    dt_print(stdout, "%s: a run directory\n", directory);
    status = print_lock(directory, &self.lives, error);
    if (status)
        return status;
    inspect_config(&self, directory);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        char path[DT_PATH_SIZE];
        dt_error own = {0};
        if (dt_path_join(directory, members[i], path, &own))
            keep(&self, &own);
        else
            inspect_member(&self, path, false);
    }
    inspect_checkpoints(&self, directory);
    return self.status;
}

static dt_status inspect(const char *path, dt_error *error)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return inspect_run(path, error);
    return inspect_file(path, error);
}

dt_status command_inspect(const dt_invocation *invocation, dt_error *error)
{
    finding self = {.error = error};
    for (int i = 0; i < invocation->file_count; i++) {
        dt_error own = {0};
        if (inspect(invocation->files[i], &own))
            keep(&self, &own);
    }
    if (!dt_confined_can_seal())
        dt_print(stdout,
                 "no seccomp here: HDF5 files were read in a process with limits on memory, "
                 "time and files, but none on system calls\n");
    return self.status;
}
