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

/* What becomes of a file: made with its job, so that there is always room to tell it. */
typedef struct news {
    dt_saved saved;
    struct news *next;
} news;

/* A copy of a run's arrays, [parameter_count] each, and of its track's sums; NULL where there is
 * nothing. */
typedef struct copy {
    float *parameters, *velocity, *square;
    dt_track_sums tracked;
} copy;

struct dt_saver {
    const dt_run *run;
    const char *version, *config, *directory;
    char architecture[DT_TEXT_MAX], layers[DT_LAYERS_TEXT];
    dt_run_lock *lock;
    dt_worker *worker;
    copy spare;             /* of a checkpoint; empty while one is under way */
    float *best_parameters; /* NULL: none yet; changes only while the thread rests */
    /* Between the two. */
    pthread_mutex_t mutex;
    news *first_news, **last_news; /* the oldest; where the next goes */
};

typedef struct checkpoint_job {
    dt_saver *saver;
    copy copy;
    dt_state where;
    bool complete;
    int64_t optimizer_steps;
    char *history_text;
    dt_metrics_history history; /* of that text */
    news *news;
} checkpoint_job;

typedef struct weights_job {
    dt_saver *saver;
    dt_saved_kind kind;
    const float *parameters; /* the best ones, or the run's */
    dt_origin origin;
    news *news;
} weights_job;

static void free_copy(copy *it)
{
    dt_free(it->parameters);
    dt_free(it->velocity);
    dt_free(it->square);
    dt_free(it->tracked.plays);
    dt_free(it->tracked.gradient_norms);
    dt_free(it->tracked.margins);
    *it = (copy){0};
}

static bool allocate_tracked(const dt_run *run, dt_track_sums *out, dt_error *error)
{
    size_t samples = (size_t)run->plan.samples;
    return !run->track || ((out->plays = dt_calloc(samples, sizeof(float), error)) &&
                           (out->gradient_norms = dt_calloc(samples, sizeof(float), error)) &&
                           (out->margins = dt_calloc(samples, sizeof(float), error)));
}

static dt_status allocate_copy(const dt_run *run, copy *out, dt_error *error)
{
    dt_optimizer_state state = dt_optimizer_get_state(run->optimizer);
    size_t count = run->parameter_count;
    if ((out->parameters = dt_calloc(count, sizeof(float), error)) &&
        (!state.velocity || (out->velocity = dt_calloc(count, sizeof(float), error))) &&
        (!state.square || (out->square = dt_calloc(count, sizeof(float), error))) &&
        allocate_tracked(run, &out->tracked, error))
        return DT_OK;
    free_copy(out);
    return error->status;
}

static void tell(dt_saver *self, news *of)
{
    pthread_mutex_lock(&self->mutex);
    *self->last_news = of;
    self->last_news = &of->next;
    pthread_mutex_unlock(&self->mutex);
}

static dt_checkpoint describe(const checkpoint_job *job)
{
    const dt_saver *self = job->saver;
    const dt_run *run = self->run;
    const dt_state *where = &job->where;
    const dt_subset *subsets = run->dataset->subsets;
    return (dt_checkpoint){
        .version = self->version,
        .complete = job->complete,
        .config = self->config,
        .architecture = self->architecture,
        .virtual_ranks = run->config.virtual_ranks,
        .seed = run->config.seed,
        .epoch = where->epoch,
        .step = where->step,
        .step_in_epoch = where->step_in_epoch,
        .samples = where->samples,
        .skipped = where->skips,
        .seconds = where->seconds,
        .parameter_count = run->parameter_count,
        .parameters = job->copy.parameters,
        .parameter_hash = dt_hash(job->copy.parameters, run->parameter_count * sizeof(float)),
        .optimizer = {.kind = dt_optimizer_names[run->config.optimizer],
                      .steps = job->optimizer_steps,
                      .velocity = job->copy.velocity,
                      .square = job->copy.square},
        .running = {.loss_sum = where->loss,
                    .correct = where->correct,
                    .samples = where->counted,
                    .gradient_norm = where->gradient_norm},
        .best = {.epoch = where->best.epoch,
                 .step = where->best.step,
                 .samples = where->best.samples,
                 .val_accuracy = where->best.val.accuracy,
                 .val_loss = where->best.val.loss,
                 .test_accuracy = where->best.test.accuracy,
                 .test_loss = where->best.test.loss,
                 .epochs_since = where->epochs_since_best,
                 .parameters = self->best_parameters},
        .data = {.name = run->source->name,
                 .fingerprint = run->fingerprint,
                 .train_samples = subsets[DT_SUBSET_TRAIN].count,
                 .val_samples = subsets[DT_SUBSET_VAL].count,
                 .test_samples = subsets[DT_SUBSET_TEST].count},
        .tracked = {.plays = job->copy.tracked.plays,
                    .gradient_norms = job->copy.tracked.gradient_norms,
                    .margins = job->copy.tracked.margins},
        .history = job->history.text,
        .history_length = job->history.length,
        .earlier = job->history.earlier,
        .earlier_hash = job->history.earlier_hash,
    };
}

/* In the thread. */
static void save_checkpoint(void *argument)
{
    checkpoint_job *job = argument;
    dt_saver *self = job->saver;
    dt_saved *saved = &job->news->saved;
    double begin = dt_clock();
    dt_checkpoint checkpoint = describe(job);
    saved->kind = DT_SAVED_CHECKPOINT;
    saved->step = job->where.step;
    dt_status status = dt_checkpoint_path(self->directory, saved->step, saved->path, &saved->error);
    if (!status)
        status = dt_run_lock_check(self->lock, &saved->error);
    if (!status)
        status = dt_checkpoint_write(saved->path, &checkpoint, &saved->error);
    if (!status)
        dt_checkpoint_prune(self->directory, (size_t)self->run->config.keep, &saved->old);
    saved->seconds = dt_clock() - begin;
    pthread_mutex_lock(&self->mutex);
    self->spare = job->copy;
    pthread_mutex_unlock(&self->mutex);
    tell(self, job->news);
    dt_free(job->history_text);
    dt_free(job);
}

static dt_status write_weights(const dt_saver *self, const weights_job *job, const char *path,
                               dt_error *error)
{
    const dt_run *run = self->run;
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
        .data_source = run->source->name,
        .epoch = job->origin.epoch,
        .step = job->origin.step,
        .samples = job->origin.samples,
        .val_accuracy = job->origin.val.accuracy,
        .test_accuracy = job->origin.test.accuracy,
        .config = self->config,
    };
    dt_attribute attributes[DT_WEIGHTS_FACTS];
    size_t count = dt_weights_attributes(&facts, attributes);
    dt_weights weights = {
        .parameters = job->parameters, .attributes = attributes, .attribute_count = count};
    weights.tensors = dt_network_tensors(run->network, &weights.tensor_count);
    return dt_weights_write(path, &weights, error);
}

/* In the thread. */
static void save_weights(void *argument)
{
    weights_job *job = argument;
    dt_saver *self = job->saver;
    dt_saved *saved = &job->news->saved;
    double begin = dt_clock();
    const char *file = job->kind == DT_SAVED_BEST ? DT_FILE_BEST : DT_FILE_WEIGHTS;
    saved->kind = job->kind;
    saved->step = job->origin.step;
    dt_status status = dt_path_join(self->directory, file, saved->path, &saved->error);
    if (!status)
        status = dt_run_lock_check(self->lock, &saved->error);
    if (!status)
        write_weights(self, job, saved->path, &saved->error);
    saved->seconds = dt_clock() - begin;
    tell(self, job->news);
    dt_free(job);
}

dt_status dt_saver_create(const dt_run *run, const char *version, const char *config,
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
    self->last_news = &self->first_news;
    pthread_mutex_init(&self->mutex, NULL);
    const dt_architecture *architecture = &dt_network_spec_of(run->network)->architecture;
    dt_architecture_text(architecture, self->architecture, sizeof self->architecture);
    dt_layers_text(&architecture->list, self->layers);
    dt_status status = dt_checkpoint_directory(directory, error);
    if (!status)
        status = allocate_copy(run, &self->spare, error);
    if (!status)
        status = dt_worker_create(&self->worker, error);
    if (status) {
        dt_saver_destroy(self);
        return status;
    }
    *out = self;
    return DT_OK;
}

void dt_saver_destroy(dt_saver *self)
{
    if (!self)
        return;
    dt_worker_destroy(self->worker);
    for (dt_saved unheard; dt_saver_collect(self, &unheard);)
        continue;
    free_copy(&self->spare);
    dt_free(self->best_parameters);
    pthread_mutex_destroy(&self->mutex);
    dt_free(self);
}

static void copy_floats(float *to, const float *from, size_t count)
{
    if (from)
        memcpy(to, from, count * sizeof *to);
}

static void copy_tracked(dt_track_sums *to, dt_track_sums from, int64_t samples)
{
    copy_floats(to->plays, from.plays, (size_t)samples);
    copy_floats(to->gradient_norms, from.gradient_norms, (size_t)samples);
    copy_floats(to->margins, from.margins, (size_t)samples);
}

void dt_saver_wait(dt_saver *self)
{
    while (!dt_worker_wait(self->worker, DT_RUN_LOCK_BEAT))
        dt_run_lock_beat(self->lock);
}

/* The buffers of the last checkpoint, once it is written. */
static copy take_spare(dt_saver *self)
{
    pthread_mutex_lock(&self->mutex);
    bool is_free = self->spare.parameters;
    pthread_mutex_unlock(&self->mutex);
    if (!is_free)
        dt_saver_wait(self);
    copy taken = self->spare;
    self->spare = (copy){0};
    return taken;
}

dt_status dt_saver_checkpoint(dt_saver *self, const dt_state *where, bool complete,
                              const dt_metrics_history *history, dt_error *error)
{
    const dt_run *run = self->run;
    checkpoint_job *job = dt_calloc(1, sizeof *job, error);
    news *fate = job ? dt_calloc(1, sizeof *fate, error) : NULL;
    char *text = fate ? dt_calloc(history->length + 1, 1, error) : NULL;
    if (!text) {
        dt_free(fate);
        dt_free(job);
        return error->status;
    }
    memcpy(text, history->text, history->length);
    dt_optimizer_state state = dt_optimizer_get_state(run->optimizer);
    *job = (checkpoint_job){.saver = self,
                            .copy = take_spare(self),
                            .where = *where,
                            .complete = complete,
                            .optimizer_steps = *state.steps,
                            .history_text = text,
                            .history = *history,
                            .news = fate};
    copy_floats(job->copy.parameters, run->parameters, run->parameter_count);
    copy_floats(job->copy.velocity, state.velocity, run->parameter_count);
    copy_floats(job->copy.square, state.square, run->parameter_count);
    if (run->track)
        copy_tracked(&job->copy.tracked, dt_track_get_sums(run->track), run->plan.samples);
    job->history.text = text;
    dt_worker_do(self->worker, save_checkpoint, job);
    return DT_OK;
}

static dt_status queue_weights(dt_saver *self, dt_saved_kind kind, const float *parameters,
                               const dt_origin *origin, dt_error *error)
{
    weights_job *job = dt_calloc(1, sizeof *job, error);
    news *fate = job ? dt_calloc(1, sizeof *fate, error) : NULL;
    if (!fate) {
        dt_free(job);
        return error->status;
    }
    *job = (weights_job){
        .saver = self, .kind = kind, .parameters = parameters, .origin = *origin, .news = fate};
    dt_worker_do(self->worker, save_weights, job);
    return DT_OK;
}

static dt_status queue_best(dt_saver *self, const float *parameters, const dt_origin *origin,
                            dt_error *error)
{
    size_t count = self->run->parameter_count;
    dt_saver_wait(self);
    if (!self->best_parameters)
        self->best_parameters = dt_calloc(count, sizeof *self->best_parameters, error);
    if (!self->best_parameters)
        return error->status;
    copy_floats(self->best_parameters, parameters, count);
    return queue_weights(self, DT_SAVED_BEST, self->best_parameters, origin, error);
}

dt_status dt_saver_weights(dt_saver *self, dt_saved_kind kind, const dt_origin *origin,
                           dt_error *error)
{
    const float *parameters = self->run->parameters;
    return kind == DT_SAVED_BEST ? queue_best(self, parameters, origin, error)
                                 : queue_weights(self, kind, parameters, origin, error);
}

dt_best dt_best_of(const dt_checkpoint_best *best)
{
    return (dt_best){.epoch = best->epoch,
                     .step = best->step,
                     .samples = best->samples,
                     .val = {.loss = best->val_loss, .accuracy = best->val_accuracy},
                     .test = {.loss = best->test_loss, .accuracy = best->test_accuracy}};
}

dt_status dt_saver_restore_best(dt_saver *self, const dt_checkpoint *from, dt_error *error)
{
    const dt_checkpoint_best *best = &from->best;
    dt_origin origin = dt_best_of(best);
    return best->parameters ? queue_best(self, best->parameters, &origin, error) : DT_OK;
}

bool dt_saver_collect(dt_saver *self, dt_saved *saved)
{
    pthread_mutex_lock(&self->mutex);
    news *oldest = self->first_news;
    if (oldest)
        self->first_news = oldest->next;
    if (!self->first_news)
        self->last_news = &self->first_news;
    pthread_mutex_unlock(&self->mutex);
    if (oldest)
        *saved = oldest->saved;
    dt_free(oldest);
    return oldest != NULL;
}
