#include "train/resume.h"

#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "train/need.h"
#include "train/track.h"

/* A checkpoint is in memory as a file, and as the arrays in it. */
enum { CHECKPOINT_TIMES = 2 };

static bool same_value(const dt_config *a, const dt_config *b, const dt_setting *setting,
                       char value_a[DT_TEXT_MAX], char value_b[DT_TEXT_MAX])
{
    return strcmp(dt_config_get(a, setting, value_a), dt_config_get(b, setting, value_b)) == 0;
}

/* Refuses what was asked for and is fixed for the life of the run. */
static dt_status check_fixed(const dt_config *asked, const dt_config *old, const dt_config *merged,
                             const char *file, dt_error *error)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    char now[DT_TEXT_MAX], then[DT_TEXT_MAX];
    for (size_t i = 0; i < count; i++)
        if (asked->given[i] && settings[i].on_resume == DT_RESUME_FIXED &&
            !same_value(merged, old, &settings[i], now, then))
            return dt_fail(
                error, DT_ERR_CONFIG,
                "%s: %s: expected %.300s, as this run has it, found %.300s; leave it out to go "
                "on, or begin another run in another --output",
                file, settings[i].name, then, now);
    return DT_OK;
}

/* Tells what was asked for and is not as the checkpoint has it. */
static void tell_turns(const dt_config *asked, const dt_config *old, const dt_config *merged,
                       int64_t step)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    char now[DT_TEXT_MAX], then[DT_TEXT_MAX], why[DT_TEXT_MAX];
    for (size_t i = 0; i < count; i++) {
        if (asked->given[i] && settings[i].on_resume == DT_RESUME_TURN &&
            !same_value(merged, old, &settings[i], now, then) &&
            !dt_config_is_unused(merged, &settings[i], why))
            dt_warn("%s was %s, and is %s from step %lld on: results may differ", settings[i].name,
                    then, now, (long long)step);
    }
    if (dt_schedule_facts_of(merged->schedule)->follows_end && merged->epochs != old->epochs)
        dt_warn("epochs were %lld, and are %lld: the %s schedule is another from step %lld on",
                (long long)old->epochs, (long long)merged->epochs,
                dt_schedule_names[merged->schedule], (long long)step);
}

/* Each virtual rank shuffles a part of its own, another part when there are more or fewer of them:
 * in the middle of an epoch some samples would come twice, and some not at all. */
static dt_status check_parts(const dt_config *merged, const dt_checkpoint *from, const char *file,
                             dt_error *error)
{
    if (merged->shuffle != DT_SHUFFLE_SHARD || from->state.step_in_epoch == 0 ||
        merged->virtual_ranks == from->virtual_ranks)
        return DT_OK;
    return dt_fail(error, DT_ERR_CONFIG,
                   "%s: virtual_ranks: expected %lld, since with shuffle shard it can change only "
                   "between two epochs and this is step %lld of one, found %lld; leave it out to "
                   "go on",
                   file, (long long)from->virtual_ranks, (long long)from->state.step_in_epoch,
                   (long long)merged->virtual_ranks);
}

/* What was asked for, the rest as the checkpoint has it. */
static dt_status merge(dt_config *config, const dt_checkpoint *checkpoint, const char *file,
                       dt_error *error)
{
    dt_config old, merged = *config;
    dt_config_unnamed(&old);
    dt_status status = dt_config_read_ini_text(&old, file, checkpoint->config, error);
    if (!status)
        status = dt_config_resolve(&old, error);
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    char text[DT_TEXT_MAX];
    for (size_t i = 0; i < count && !status; i++) {
        bool is_auto = strcmp(dt_config_get(config, &settings[i], text), "auto") == 0;
        bool open = !config->given[i] || (settings[i].allow_auto && is_auto);
        if (open && settings[i].on_resume != DT_RESUME_NEW)
            status = dt_config_set(&merged, &settings[i], dt_config_get(&old, &settings[i], text),
                                   error);
    }
    memcpy(merged.given, config->given, sizeof merged.given);
    bool counted = old.classes == 0;
    if (counted && merged.classes > 0) /* what it came to then */
        old.classes = dt_layers_outputs(&old.layers);
    if (!status && !dt_config_is_given(config, "layers")) /* else some may be what these say */
        status = check_fixed(config, &old, &merged, file, error);
    if (!status)
        status = dt_config_resolve(&merged, error);
    if (!status)
        status = check_parts(&merged, checkpoint, file, error);
    if (!status)
        status = check_fixed(config, &old, &merged, file, error);
    if (status)
        return status;
    tell_turns(config, &old, &merged, checkpoint->state.step);
    if (counted)
        merged.classes = 0;
    merged.given[dt_setting_find("layers") - settings] = true; /* by the checkpoint */
    *config = merged;
    return DT_OK;
}

/* The newest checkpoint of resume->directory that can be read; none: resume->file stays "". */
static dt_status take_newest(dt_resume *self, dt_error *error)
{
    int64_t *steps;
    size_t count;
    dt_status status = dt_checkpoint_list(self->directory, &steps, &count, error);
    if (status)
        return status;
    for (size_t i = 0; i < count && !status && !self->file[0]; i++) {
        char path[DT_PATH_SIZE];
        dt_error problem = {0};
        status = dt_checkpoint_path(self->directory, steps[i], path, error);
        if (!status)
            status = dt_need_check_file(path, CHECKPOINT_TIMES, error);
        if (status)
            break;
        dt_status found = dt_checkpoint_read(path, &self->checkpoint, &problem);
        if (!found)
            snprintf(self->file, sizeof self->file, "%s", path);
        else if (found == DT_ERR_NO_INPUT) /* it may well be good */
            status = dt_fail(error, found,
                             "%s; make it readable, or remove it to go on from an older one",
                             problem.message);
        else if (found != DT_ERR_INTERNAL)
            dt_warn("%s; passed over%s", problem.message,
                    dt_set_aside(path) ? ", and renamed to " DT_ENDING_DAMAGED : "");
        else
            status = dt_fail(error, found, "%s", problem.message);
    }
    dt_free(steps);
    return status;
}

static dt_status find_newest(const dt_config *config, dt_resume *self, dt_error *error)
{
    dt_status status = dt_run_directory_open(config->output, self->directory, error);
    if (status == DT_ERR_NO_INPUT) {
        dt_info("no run to go on with in %s: beginning one",
                strcmp(config->output, "auto") == 0 ? DT_LATEST_RUN : config->output);
        self->directory[0] = '\0';
        return DT_OK;
    }
    if (!status)
        status = dt_run_lock_take(self->directory, DT_LOCK_PATIENCE, &self->lock, error);
    if (!status)
        status = take_newest(self, error);
    if (!status && !self->file[0])
        dt_info("%s has no checkpoint %s", self->directory,
                dt_run_directory_has_run(self->directory) ? "to go on from: beginning again"
                                                          : "yet: beginning");
    return status;
}

/* RUN of RUN/checkpoints/FILE, "" when it is not the run directory `output`. */
static void find_home(const char *output, const char *file, char home[DT_PATH_SIZE])
{
    char *there = realpath(file, NULL), *here = realpath(output, NULL);
    home[0] = '\0';
    if (there && here && strcmp(dirname(dirname(there)), here) == 0)
        snprintf(home, DT_PATH_SIZE, "%s", output);
    free(there);
    free(here);
}

static dt_status check_is_newest(const dt_resume *self, dt_error *error)
{
    int64_t *steps;
    size_t count;
    dt_status status = dt_checkpoint_list(self->directory, &steps, &count, error);
    if (!status && count > 0 && steps[0] > self->checkpoint.state.step)
        status = dt_fail(error, DT_ERR_CREATE,
                         "%s: holds a newer checkpoint, of step %lld, than %s; go on in another "
                         "--output, or remove the newer ones",
                         self->directory, (long long)steps[0], self->file);
    dt_free(steps);
    return status;
}

static dt_status take_file(const dt_config *config, dt_resume *self, dt_error *error)
{
    snprintf(self->file, sizeof self->file, "%s", config->resume);
    if (dt_run_directory_has_run(self->file))
        return dt_fail(error, DT_ERR_NO_INPUT,
                       "%s: expected a checkpoint file, found a run directory; --output %s "
                       "--resume auto goes on with the run",
                       self->file, self->file);
    find_home(config->output, self->file, self->directory);
    dt_status status = DT_OK;
    if (self->directory[0])
        status = dt_run_lock_take(self->directory, DT_LOCK_PATIENCE, &self->lock, error);
    if (!status)
        status = dt_need_check_file(self->file, CHECKPOINT_TIMES, error);
    if (!status)
        status = dt_checkpoint_read(self->file, &self->checkpoint, error);
    if (!status && self->directory[0])
        status = check_is_newest(self, error);
    return status;
}

dt_status dt_resume_find(dt_config *config, dt_resume *out, dt_error *error)
{
    *out = (dt_resume){0};
    if (strcmp(config->resume, "never") == 0)
        return DT_OK;
    bool newest = strcmp(config->resume, "auto") == 0;
    dt_status status = newest ? find_newest(config, out, error) : take_file(config, out, error);
    if (!status && out->file[0])
        status = merge(config, &out->checkpoint, out->file, error);
    return status;
}

uint64_t dt_resume_bytes(const dt_resume *self)
{
    const dt_checkpoint *it = &self->checkpoint;
    uint64_t arrays = (uint64_t) !!it->parameters + !!it->average + !!it->best_parameters;
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        arrays += it->optimizer.arrays[i] != NULL;
    uint64_t of_samples = it->tracked.plays ? 3 * (uint64_t)it->data.train_samples : 0;
    return (arrays * it->parameter_count + of_samples) * sizeof(float);
}

void dt_resume_end(dt_resume *self)
{
    if (!self)
        return;
    dt_checkpoint_destroy(&self->checkpoint);
    dt_run_lock_release(self->lock);
    self->lock = NULL;
}

static dt_status check_fits(const dt_session *run, const dt_resume *resume, dt_error *error)
{
    const dt_checkpoint *from = &resume->checkpoint;
    char network[DT_TEXT_MAX], here[DT_HASH_TEXT], there[DT_HASH_TEXT];
    dt_architecture_text(&dt_network_spec_of(run->network)->architecture, network, sizeof network);
    const dt_subset *subsets = run->dataset->subsets;
    if (strcmp(network, from->architecture) != 0 || run->parameter_count != from->parameter_count)
        return dt_fail(error, DT_ERR_CONFIG,
                       "%s: of another network: expected %s, %zu parameters, found %s, %zu",
                       resume->file, network, run->parameter_count, from->architecture,
                       from->parameter_count);
    if (run->fingerprint != from->data.fingerprint)
        return dt_fail(error, DT_ERR_CONFIG,
                       "%s: of another data set: expected %s (%lld training samples, fingerprint "
                       "%s), found %s (%lld, %s); give the data that it was trained with by --data",
                       resume->file, run->source->name, (long long)subsets[DT_SUBSET_TRAIN].count,
                       dt_hash_text(run->fingerprint, here), from->data.name,
                       (long long)from->data.train_samples,
                       dt_hash_text(from->data.fingerprint, there));
    int64_t steps = dt_plan_steps(&run->plan);
    if (from->state.step_in_epoch > steps ||
        from->state.step != from->state.epoch * steps + from->state.step_in_epoch)
        return dt_fail(
            error, DT_ERR_DATA,
            "%s: expected step %lld after %lld epochs of %lld steps and %lld more, found "
            "step %lld",
            resume->file, (long long)(from->state.epoch * steps + from->state.step_in_epoch),
            (long long)from->state.epoch, (long long)steps, (long long)from->state.step_in_epoch,
            (long long)from->state.step);
    dt_optimizer_state state = dt_optimizer_get_state(run->optimizer);
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        if (!state.arrays[i] != !from->optimizer.arrays[i])
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected the state of the optimizer %s, found %s", resume->file,
                           dt_optimizer_names[run->config.optimizer], from->optimizer.kind);
    return DT_OK;
}

static void drop(float **array)
{
    dt_free(*array);
    *array = NULL;
}

/* An array of rank 0's checkpoint, which it then has no longer, goes to the ranks' slices. */
static void scatter(dt_session *run, float **from, float *to)
{
    if (to)
        dt_replica_scatter(run->replica, *from, to);
    drop(from);
}

/* Of a checkpoint without one, it begins with the parameters. Collective. */
static void resume_average(dt_session *run, dt_checkpoint *from)
{
    bool there = from->average;
    dt_comm_broadcast(run->comm, &there, sizeof there);
    if (run->average && there) {
        if (from->average)
            memcpy(dt_replica_values(run->average), from->average,
                   run->parameter_count * sizeof(float));
        dt_replica_spread(run->average);
    } else {
        dt_session_begin_average(run);
    }
    drop(&from->average);
}

/* On rank 0, which has the sums; the checkpoint then has them no longer. */
static void resume_track(dt_session *run, dt_checkpoint *from)
{
    size_t size = (size_t)run->plan.samples * sizeof(float);
    if (run->track && from->tracked.plays) {
        dt_track_sums to = dt_track_get_sums(run->track);
        memcpy(to.plays, from->tracked.plays, size);
        memcpy(to.gradient_norms, from->tracked.gradient_norms, size);
        memcpy(to.margins, from->tracked.margins, size);
    } else if (run->track) {
        dt_info("samples are tracked from step %lld on", (long long)from->state.step);
    } else if (from->tracked.plays) {
        dt_info("samples were tracked up to step %lld, and are no longer",
                (long long)from->state.step);
    }
    drop(&from->tracked.plays);
    drop(&from->tracked.gradient_norms);
    drop(&from->tracked.margins);
}

dt_status dt_resume_apply(dt_session *run, dt_resume *resume, dt_state *state, dt_error *error)
{
    *state = dt_state_initial();
    bool any = resume && resume->file[0];
    dt_comm_broadcast(run->comm, &any, sizeof any);
    if (!any)
        return DT_OK;
    dt_status status = resume ? check_fits(run, resume, error) : DT_OK;
    status = dt_comm_agree(run->comm, status, error);
    if (status)
        return status;
    dt_optimizer_state to = dt_optimizer_get_state(run->optimizer);
    dt_checkpoint empty = {0}, *from = resume ? &resume->checkpoint : &empty;
    if (resume) {
        *state = from->state;
        *to.steps = from->optimizer.steps;
        *to.product = from->optimizer.product;
        resume_track(run, from);
    }
    dt_comm_broadcast(run->comm, state, sizeof *state);
    dt_comm_broadcast(run->comm, to.steps, sizeof *to.steps);
    dt_comm_broadcast(run->comm, to.product, sizeof *to.product);
    if (resume)
        memcpy(run->parameters, from->parameters, run->parameter_count * sizeof(float));
    drop(&from->parameters);
    dt_replica_spread(run->replica);
    resume_average(run, from);
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        scatter(run, &from->optimizer.arrays[i], to.arrays[i]);
    return DT_OK;
}
