#include "train/saver.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/worker.h"
#include "config/config.h"
#include "model/weights.h"
#include "nn/loss.h"
#include "train/track.h"

/* A file that is to be saved, or has been. */
typedef struct job {
    dt_saver *saver;
    dt_saved saved;
    dt_checkpoint checkpoint; /* its arrays are the spare ones of the saver, its history its own */
    const float *parameters;  /* of a weights file: the best model's, or the run's */
    dt_best origin;           /* likewise */
    struct job *next;
} job;

struct dt_saver {
    const dt_session *run;
    const char *version, *config, *directory;
    char architecture[DT_TEXT_MAX], layers[DT_LAYERS_TEXT];
    dt_run_lock *lock;
    dt_worker *worker;
    float *best_parameters; /* NULL: none yet; changes only while the thread rests */
    dt_checkpoint next;     /* the spare arrays, once dt_saver_room has taken them; else empty */
    /* Between the two. */
    pthread_mutex_t mutex;
    dt_checkpoint spare;     /* arrays of a checkpoint; empty while they are in use */
    job *first, **last_next; /* files that are done: the oldest; where the next goes */
};

/* An array of a run, and where its copy is in a checkpoint. */
typedef struct array {
    float **copy;
    const float *from; /* NULL: there is none */
    size_t count;
    bool gathered; /* the copy, from all ranks: dt_saver_room */
} array;

enum { ARRAYS = 5 + DT_STATE_ARRAYS };

static void list_arrays(const dt_session *run, dt_checkpoint *checkpoint, array out[ARRAYS])
{
    dt_optimizer_state state = dt_optimizer_get_state(run->optimizer);
    dt_track_sums none = {0}, sums = run->track ? dt_track_get_sums(run->track) : none;
    size_t count = run->parameter_count, samples = (size_t)run->plan.samples;
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        *out++ = (array){&checkpoint->optimizer.arrays[i], state.arrays[i], count, true};
    *out++ = (array){&checkpoint->parameters, run->parameters, count, false};
    *out++ = (array){&checkpoint->average, run->average ? run->model : NULL, count, false};
    *out++ = (array){&checkpoint->tracked.plays, sums.plays, samples, false};
    *out++ = (array){&checkpoint->tracked.gradient_norms, sums.gradient_norms, samples, false};
    *out++ = (array){&checkpoint->tracked.margins, sums.margins, samples, false};
}

static dt_status allocate_spare(dt_saver *self, dt_error *error)
{
    array arrays[ARRAYS];
    list_arrays(self->run, &self->spare, arrays);
    for (int i = 0; i < ARRAYS; i++)
        if (arrays[i].from && !(*arrays[i].copy = dt_calloc(arrays[i].count, sizeof(float), error)))
            return error->status;
    return DT_OK;
}

static dt_status write_weights(const dt_saver *self, const job *it, const char *path,
                               dt_error *error)
{
    const dt_session *run = self->run;
    const dt_network_spec *network = dt_network_spec_of(run->network);
    dt_shape shape = run->source->shape;
    dt_weights_facts facts = {
        .version = self->version,
        .architecture = self->architecture,
        .input_shape = {shape.height, shape.width, shape.channels},
        .input_scale = network->normalization.scale,
        .input_shift = network->normalization.shift,
        .classes = run->source->classes,
        .layers = self->layers,
        .loss = dt_loss_names[network->loss],
        .class_names = run->source->class_names ? run->source->class_names : "",
        .data_source = run->source->name,
        .epoch = it->origin.epoch,
        .step = it->origin.step,
        .samples = it->origin.samples,
        .val_accuracy = it->origin.val.accuracy,
        .test_accuracy = it->origin.test.accuracy,
        .config = self->config,
    };
    dt_weights_set_form(&facts, &run->form);
    dt_attribute attributes[DT_WEIGHTS_FACTS];
    size_t count = dt_weights_attributes(&facts, attributes);
    dt_weights weights = {
        .parameters = it->parameters, .attributes = attributes, .attribute_count = count};
    weights.tensors = dt_network_tensors(run->network, &weights.tensor_count);
    return dt_weights_write(path, &weights, error);
}

static dt_status write_checkpoint(dt_saver *self, dt_checkpoint *checkpoint, dt_saved *saved)
{
    size_t size = checkpoint->parameter_count * sizeof(float);
    checkpoint->parameter_hash = dt_hash(checkpoint->parameters, size);
    checkpoint->best_parameters = self->best_parameters;
    dt_status status = dt_checkpoint_write(saved->path, checkpoint, &saved->error);
    if (!status)
        dt_checkpoint_prune(self->directory, (size_t)self->run->config.keep, &saved->old);
    return status;
}

/* In the thread. */
static void save_file(void *argument)
{
    job *it = argument;
    dt_saver *self = it->saver;
    dt_saved *saved = &it->saved;
    bool is_checkpoint = saved->kind == DT_SAVED_CHECKPOINT;
    const char *file = saved->kind == DT_SAVED_BEST ? DT_FILE_BEST : DT_FILE_WEIGHTS;
    double begin = dt_clock();
    dt_status status =
        is_checkpoint ? dt_checkpoint_path(self->directory, saved->step, saved->path, &saved->error)
                      : dt_path_join(self->directory, file, saved->path, &saved->error);
    if (!status)
        status = dt_run_lock_check(self->lock, &saved->error);
    if (!status && is_checkpoint)
        write_checkpoint(self, &it->checkpoint, saved);
    else if (!status)
        write_weights(self, it, saved->path, &saved->error);
    saved->seconds = dt_clock() - begin;
    dt_free((char *)it->checkpoint.history.text);
    pthread_mutex_lock(&self->mutex);
    if (is_checkpoint)
        self->spare = it->checkpoint;
    *self->last_next = it;
    self->last_next = &it->next;
    pthread_mutex_unlock(&self->mutex);
}

/* Whether the thread would take the processor of a rank for which the others wait; they sleep soon,
 * so that there is time for it. Ranks that share processors, or wait for other hosts in MPI, leave
 * it too little. */
static bool would_hold_up(const dt_comm *comm)
{
    return dt_comm_hosts(comm) == 1 && dt_comm_host_has_room(comm);
}

dt_status dt_saver_create(const dt_session *run, const char *version, const char *config,
                          const char *directory, dt_run_lock *lock, dt_saver **out, dt_error *error)
{
    dt_saver *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->run = run;
    self->version = version;
    self->config = config;
    self->directory = directory;
    self->lock = lock;
    self->last_next = &self->first;
    pthread_mutex_init(&self->mutex, NULL);
    const dt_architecture *architecture = &dt_network_spec_of(run->network)->architecture;
    dt_architecture_text(architecture, self->architecture, sizeof self->architecture);
    dt_layers_text(&architecture->list, self->layers);
    dt_status status = dt_checkpoint_directory(directory, error);
    if (!status)
        status = allocate_spare(self, error);
    if (!status)
        status = dt_worker_create(would_hold_up(run->comm), &self->worker, error);
    if (status) {
        dt_saver_destroy(self);
        return status;
    }
    *out = self;
    return DT_OK;
}

void dt_saver_destroy(dt_saver *self)
{
    array arrays[ARRAYS];
    if (!self)
        return;
    dt_worker_destroy(self->worker);
    for (dt_saved unheard; dt_saver_collect(self, &unheard);)
        continue;
    list_arrays(self->run, self->next.parameters ? &self->next : &self->spare, arrays);
    for (int i = 0; i < ARRAYS; i++)
        dt_free(*arrays[i].copy);
    dt_free(self->best_parameters);
    pthread_mutex_destroy(&self->mutex);
    dt_free(self);
}

void dt_saver_wait(dt_saver *self)
{
    while (!dt_worker_wait(self->worker, DT_RUN_LOCK_BEAT))
        dt_run_lock_beat(self->lock);
}

/* The arrays of the last checkpoint, once it is written. */
static void take_spare(dt_saver *self)
{
    pthread_mutex_lock(&self->mutex);
    bool is_free = self->spare.parameters;
    pthread_mutex_unlock(&self->mutex);
    if (!is_free)
        dt_saver_wait(self);
    self->next = self->spare;
    self->spare = (dt_checkpoint){0};
}

dt_optimizer_state dt_saver_room(dt_saver *self)
{
    if (!self->next.parameters)
        take_spare(self);
    dt_optimizer_state room = {0};
    memcpy(room.arrays, self->next.optimizer.arrays, sizeof room.arrays);
    return room;
}

/* What is not an array, nor known to the thread alone. */
static void describe(const dt_saver *self, const dt_state *where, dt_checkpoint *out)
{
    const dt_session *run = self->run;
    const dt_subset *subsets = run->dataset->subsets;
    out->version = self->version;
    out->config = self->config;
    out->architecture = self->architecture;
    out->virtual_ranks = run->config.virtual_ranks;
    out->seed = run->config.seed;
    out->state = *where;
    out->parameter_count = run->parameter_count;
    out->optimizer.kind = dt_optimizer_names[run->config.optimizer];
    dt_optimizer_state optimizer = dt_optimizer_get_state(run->optimizer);
    out->optimizer.steps = *optimizer.steps;
    out->optimizer.product = *optimizer.product;
    out->data = (dt_checkpoint_data){.name = run->source->name,
                                     .class_names = run->source->class_names,
                                     .fingerprint = run->fingerprint,
                                     .train_samples = subsets[DT_SUBSET_TRAIN].count,
                                     .val_samples = subsets[DT_SUBSET_VAL].count,
                                     .test_samples = subsets[DT_SUBSET_TEST].count};
}

dt_status dt_saver_checkpoint(dt_saver *self, const dt_state *where, bool complete,
                              const dt_metrics_history *history, dt_error *error)
{
    array arrays[ARRAYS];
    job *new = dt_calloc(1, sizeof *new, error);
    char *text = new ? dt_calloc(history->length + 1, 1, error) : NULL;
    if (!text) {
        dt_free(new);
        return error->status;
    }
    memcpy(text, history->text, history->length);
    dt_saver_room(self);
    *new = (job){.saver = self,
                 .saved = {.kind = DT_SAVED_CHECKPOINT, .step = where->step},
                 .checkpoint = self->next};
    self->next = (dt_checkpoint){0};
    describe(self, where, &new->checkpoint);
    new->checkpoint.complete = complete;
    new->checkpoint.history = *history;
    new->checkpoint.history.text = text;
    list_arrays(self->run, &new->checkpoint, arrays);
    for (int i = 0; i < ARRAYS; i++)
        if (arrays[i].from && !arrays[i].gathered)
            memcpy(*arrays[i].copy, arrays[i].from, arrays[i].count * sizeof(float));
    dt_worker_do(self->worker, save_file, new);
    return DT_OK;
}

static dt_status queue_weights(dt_saver *self, dt_saved_kind kind, const float *parameters,
                               const dt_best *origin, dt_error *error)
{
    job *new = dt_calloc(1, sizeof *new, error);
    if (!new)
        return error->status;
    *new = (job){.saver = self,
                 .saved = {.kind = kind, .step = origin->step},
                 .parameters = parameters,
                 .origin = *origin};
    dt_worker_do(self->worker, save_file, new);
    return DT_OK;
}

static dt_status queue_best(dt_saver *self, const float *parameters, const dt_best *origin,
                            dt_error *error)
{
    size_t count = self->run->parameter_count;
    dt_saver_wait(self);
    if (!self->best_parameters)
        self->best_parameters = dt_calloc(count, sizeof *self->best_parameters, error);
    if (!self->best_parameters)
        return error->status;
    memcpy(self->best_parameters, parameters, count * sizeof *parameters);
    return queue_weights(self, DT_SAVED_BEST, self->best_parameters, origin, error);
}

dt_status dt_saver_weights(dt_saver *self, dt_saved_kind kind, const dt_best *origin,
                           dt_error *error)
{
    const float *parameters = self->run->model;
    return kind == DT_SAVED_BEST ? queue_best(self, parameters, origin, error)
                                 : queue_weights(self, kind, parameters, origin, error);
}

dt_status dt_saver_restore_best(dt_saver *self, const dt_checkpoint *from, dt_error *error)
{
    return from->best_parameters ? queue_best(self, from->best_parameters, &from->state.best, error)
                                 : DT_OK;
}

bool dt_saver_collect(dt_saver *self, dt_saved *saved)
{
    pthread_mutex_lock(&self->mutex);
    job *oldest = self->first;
    if (oldest)
        self->first = oldest->next;
    if (!self->first)
        self->last_next = &self->first;
    pthread_mutex_unlock(&self->mutex);
    if (oldest)
        *saved = oldest->saved;
    dt_free(oldest);
    return oldest != NULL;
}
