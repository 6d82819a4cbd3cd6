#include "run/checkpoint.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "checkpoint_trailer.h"
#include "file/record.h"

#define ROW(in, name, kind, member, ...)                                                           \
    {                                                                                              \
        DT_FIELD(kind, name, dt_checkpoint, member), .group = in, __VA_ARGS__                      \
    }
#define FIELD(in, name, kind, member) ROW(in, name, kind, member, .old = false)
#define COUNT(in, name, member)       ROW(in, name, INTEGER, member, .least = 0, .most = INT64_MAX)

static const dt_field fields[] = {
    FIELD(NULL, "version", TEXT, version),
    ROW(NULL, "status", FLAG, complete, .words = {"running", "complete"}),
    FIELD(NULL, "config", TEXT, config),
    FIELD(NULL, "architecture", TEXT, architecture),
    FIELD(NULL, "parameter_hash", HASH, parameter_hash),
    ROW(NULL, "virtual_ranks", INTEGER, virtual_ranks, .least = 1, .most = INT64_MAX),
    FIELD(NULL, "seed", INTEGER, seed),
    COUNT(NULL, "epoch", state.epoch),
    COUNT(NULL, "step", state.step),
    COUNT(NULL, "step_in_epoch", state.step_in_epoch),
    COUNT(NULL, "samples", state.samples),
    COUNT(NULL, "skipped", state.skips),
    FIELD(NULL, "seconds", REAL, state.seconds),
    FIELD("/optimizer", "kind", TEXT, optimizer.kind),
    COUNT("/optimizer", "steps", optimizer.steps),
    ROW("/optimizer", "product", REAL, optimizer.product, .optional = true),
    FIELD("/running", "loss_sum", REAL, state.loss),
    COUNT("/running", "correct", state.correct),
    COUNT("/running", "samples", state.counted),
    FIELD("/running", "gradient_norm", REAL, state.gradient_norm),
    ROW("/running", "plateau_best", REAL, state.plateau.best, .optional = true),
    ROW("/running", "plateau_epochs", INTEGER, state.plateau.epochs, .optional = true,
        .most = INT64_MAX),
    ROW("/running", "plateau_drops", INTEGER, state.plateau.drops, .optional = true,
        .most = INT64_MAX),
    COUNT("/best", "epoch", state.best.epoch),
    COUNT("/best", "step", state.best.step),
    COUNT("/best", "samples", state.best.samples),
    FIELD("/best", "val_accuracy", REAL, state.best.val.accuracy),
    FIELD("/best", "val_loss", REAL, state.best.val.loss),
    FIELD("/best", "test_accuracy", REAL, state.best.test.accuracy),
    FIELD("/best", "test_loss", REAL, state.best.test.loss),
    COUNT("/best", "epochs_since", state.epochs_since_best),
    FIELD("/data", "name", TEXT, data.name),
    ROW("/data", "class_names", TEXT, data.class_names, .optional = true),
    FIELD("/data", "fingerprint", HASH, data.fingerprint),
    COUNT("/data", "train_samples", data.train_samples),
    COUNT("/data", "val_samples", data.val_samples),
    COUNT("/data", "test_samples", data.test_samples),
};

/* Of the group that is there where the history is not whole. */
static const char earlier_path[] = "/earlier";

static const dt_field earlier_fields[] = {
    COUNT(earlier_path, "bytes", history.earlier),
    FIELD(earlier_path, "hash", HASH, history.earlier_hash),
};

enum { PARAMETERS, SAMPLES, SIZES };

#define ARRAY(in, name, size, member)                                                              \
    ROW(in, name, FLOATS, member, .optional = true, .rank = 1, .sizes = {size})

#define OF_OPTIMIZER(id, name)                                                                     \
    ARRAY("/optimizer", name, PARAMETERS, optimizer.arrays[DT_STATE_##id]),

static const dt_field arrays[] = {
    ROW(NULL, "parameters", FLOATS, parameters, .rank = 1, .sizes = {PARAMETERS}),
    ARRAY(NULL, "average", PARAMETERS, average),
    DT_STATE_LIST(OF_OPTIMIZER) ARRAY("/best", "parameters", PARAMETERS, best_parameters),
    ARRAY("/tracked", "plays", SAMPLES, tracked.plays),
    ARRAY("/tracked", "gradient_norms", SAMPLES, tracked.gradient_norms),
    ARRAY("/tracked", "margins", SAMPLES, tracked.margins),
};

static const char *const groups[] = {"/optimizer", "/running", "/best", "/data", "/tracked"};

static const char history_path[] = "/history";

#define COUNT_OF(list) (sizeof(list) / sizeof *(list))

/* The tables, each with the checkpoint that it is to be of. */
typedef struct tables {
    dt_size sizes[SIZES];
    dt_record fields, earlier, arrays;
} tables;

static void set_tables(tables *self, const dt_checkpoint *checkpoint)
{
    void *at = (dt_checkpoint *)checkpoint;
    self->sizes[PARAMETERS] =
        (dt_size){"parameters", (int64_t)checkpoint->parameter_count, INT64_MAX};
    self->sizes[SAMPLES] = (dt_size){"training samples", checkpoint->data.train_samples, INT64_MAX};
    self->fields = (dt_record){fields, COUNT_OF(fields), at, "", NULL};
    self->earlier = (dt_record){earlier_fields, COUNT_OF(earlier_fields), at, "", NULL};
    self->arrays = (dt_record){arrays, COUNT_OF(arrays), at, "", self->sizes};
}

static dt_status check_array(const char *path, const float *values, size_t count, dt_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return dt_fail(error, DT_ERR_DATA, "%s: expected finite numbers, found %g at %zu", path,
                           (double)values[i], i);
    return DT_OK;
}

static dt_status check_tracked(const dt_checkpoint *checkpoint, dt_error *error)
{
    const dt_track_sums *tracked = &checkpoint->tracked;
    int there = !!tracked->plays + !!tracked->gradient_norms + !!tracked->margins;
    if (there == 0)
        return DT_OK;
    if (there < 3)
        return dt_fail(error, DT_ERR_DATA,
                       "/tracked: expected plays, gradient_norms and margins, or none of them, "
                       "found %d",
                       there);
    for (int64_t i = 0; i < checkpoint->data.train_samples; i++)
        if (!isfinite(tracked->plays[i]) || tracked->plays[i] < 0)
            return dt_fail(error, DT_ERR_DATA,
                           "/tracked/plays: expected 0 or more, found %g at %lld",
                           (double)tracked->plays[i], (long long)i);
    return DT_OK;
}

static dt_status check_hash(const dt_checkpoint *checkpoint, dt_error *error)
{
    uint64_t found = dt_hash(checkpoint->parameters, checkpoint->parameter_count * sizeof(float));
    char hash[DT_HASH_TEXT], expected[DT_HASH_TEXT];
    if (found == checkpoint->parameter_hash)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "/parameters: expected the parameter_hash %s, found %s: not the same parameters",
                   dt_hash_text(checkpoint->parameter_hash, expected), dt_hash_text(found, hash));
}

/* What holds for every checkpoint, to be written or just read. */
static dt_status check_content(const dt_checkpoint *checkpoint, const tables *all, dt_error *error)
{
    const dt_state *state = &checkpoint->state;
    const dt_metrics_history *history = &checkpoint->history;
    dt_status status = dt_record_check(&all->fields, error);
    if (status)
        return status;
    if (!isfinite(state->seconds) || state->seconds < 0)
        return dt_fail(error, DT_ERR_DATA, "attribute seconds of /: expected 0 or more, found %g",
                       state->seconds);
    if (state->correct > state->counted)
        return dt_fail(error, DT_ERR_DATA,
                       "attribute correct of /running: expected at most %lld (samples), found %lld",
                       (long long)state->counted, (long long)state->correct);
    if (checkpoint->parameter_count < 1)
        return dt_fail(error, DT_ERR_DATA, "/parameters: expected 1 or more, found none");
    for (size_t i = 0; i < COUNT_OF(arrays) && !status; i++) {
        float *const *values = dt_record_member(&all->arrays, &arrays[i]);
        char path[DT_RECORD_PATH_SIZE];
        if (*values && arrays[i].sizes[0] == PARAMETERS)
            status = check_array(dt_field_path(&all->arrays, &arrays[i], path), *values,
                                 checkpoint->parameter_count, error);
    }
    if (!status)
        status = check_tracked(checkpoint, error);
    if (!status && history->length > 0 && memchr(history->text, '\0', history->length))
        status = dt_fail(error, DT_ERR_DATA, "%s: expected a text, found a 0 in it", history_path);
    return status ? status : check_hash(checkpoint, error);
}

static dt_status add_content(dt_hdf5_image *image, const dt_checkpoint *checkpoint,
                             const tables *all, dt_error *error)
{
    const dt_metrics_history *history = &checkpoint->history;
    const dt_attribute format = dt_attribute_integer("format", DT_CHECKPOINT_FORMAT);
    dt_status status = dt_hdf5_image_add_attribute(image, "/", &format, error);
    for (size_t i = 0; !status && i < COUNT_OF(groups); i++)
        status = dt_hdf5_image_add_group(image, groups[i], error);
    if (!status)
        status = dt_record_to_hdf5(&all->fields, image, error);
    if (!status)
        status = dt_record_to_hdf5(&all->arrays, image, error);
    if (!status)
        status = dt_hdf5_image_add_text(image, history_path, history->text, history->length, error);
    if (status || history->earlier == 0)
        return status;
    status = dt_hdf5_image_add_group(image, earlier_path, error);
    return status ? status : dt_record_to_hdf5(&all->earlier, image, error);
}

dt_status dt_checkpoint_encode(const dt_checkpoint *checkpoint, void **bytes, size_t *size,
                               dt_error *error)
{
    *bytes = NULL;
    *size = 0;
    tables all;
    dt_hdf5_image *image = NULL;
    size_t length = 0;
    set_tables(&all, checkpoint);
    dt_status status = check_content(checkpoint, &all, error);
    if (!status)
        status = dt_hdf5_image_create(&image, error);
    if (!status)
        status = add_content(image, checkpoint, &all, error);
    if (!status)
        status = dt_hdf5_image_finish_with_room(image, TRAILER_SIZE, bytes, &length, error);
    if (!status) {
        *size = length + TRAILER_SIZE;
        trailer_write(*bytes, *size);
    }
    dt_hdf5_image_destroy(image);
    return status;
}

static dt_status check_format(const dt_hdf5_reader *reader, dt_error *error)
{
    int64_t format = 0;
    dt_status status = dt_hdf5_reader_integer(reader, "/", "format", &format, error);
    if (!status && format != DT_CHECKPOINT_FORMAT)
        status = dt_fail(error, DT_ERR_DATA,
                         "attribute format of /: expected %d, found %lld: a checkpoint of another "
                         "version of this program",
                         DT_CHECKPOINT_FORMAT, (long long)format);
    return status;
}

static bool is_expected(const dt_hdf5_object *object, const tables *all)
{
    char path[DT_RECORD_PATH_SIZE];
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        if (object->group && strcmp(object->path, groups[i]) == 0)
            return true;
    for (size_t i = 0; i < COUNT_OF(arrays); i++)
        if (!object->group &&
            strcmp(object->path, dt_field_path(&all->arrays, &arrays[i], path)) == 0)
            return true;
    return strcmp(object->path, object->group ? earlier_path : history_path) == 0;
}

/* What is missing is noticed when it is read. */
static dt_status check_objects(const dt_hdf5_reader *reader, const tables *all, dt_error *error)
{
    size_t count;
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    for (size_t i = 0; i < count; i++)
        if (!is_expected(&objects[i], all))
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected only what a checkpoint has, found this %s",
                           objects[i].path, objects[i].group ? "group" : "dataset");
    return DT_OK;
}

static dt_status read_content(const dt_hdf5_reader *reader, dt_checkpoint *out, tables *all,
                              dt_error *error)
{
    dt_status status = check_format(reader, error);
    if (!status)
        status = check_objects(reader, all, error);
    if (!status)
        status = dt_record_of_hdf5(&all->fields, reader, error);
    if (!status && dt_hdf5_reader_has(reader, earlier_path))
        status = dt_record_of_hdf5(&all->earlier, reader, error);
    all->sizes[PARAMETERS].count = -1;
    all->sizes[SAMPLES].count = out->data.train_samples;
    if (!status)
        status = dt_record_of_hdf5(&all->arrays, reader, error);
    if (status)
        return status;
    out->parameter_count = (size_t)all->sizes[PARAMETERS].count;
    char *history;
    status = dt_hdf5_reader_text(reader, history_path, &history, &out->history.length, error);
    out->history.text = history;
    return status ? status : check_content(out, all, error);
}

dt_status dt_checkpoint_decode(const void *bytes, size_t size, dt_checkpoint *out, dt_error *error)
{
    tables all;
    dt_hdf5_reader *reader;
    *out = (dt_checkpoint){.state.plateau.best = (double)NAN, .optimizer.product = (double)NAN};
    set_tables(&all, out);
    dt_status status = trailer_check(bytes, size, error);
    if (status)
        return status;
    dt_error own = {0};
    if (dt_hdf5_reader_open(bytes, size - TRAILER_SIZE, &reader, &own)) /* or was ended */
        return dt_fail(error, DT_ERR_INTERNAL, "its hash is right, so it is not damaged: %s",
                       own.message);
    status = read_content(reader, out, &all, error);
    dt_hdf5_reader_destroy(reader);
    return status;
}

void dt_checkpoint_destroy(dt_checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    tables all;
    set_tables(&all, checkpoint);
    dt_record_free(&all.fields);
    dt_record_free(&all.arrays);
    dt_free((char *)checkpoint->history.text);
    *checkpoint = (dt_checkpoint){0};
}
