/* Gradients that are left as factors are those that are added up, bit for bit, whatever else a step
 * does. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "harness.h"
#include "train/factored.h"
#include "train/track.h"
#include "train/trainer.h"

/* What a training comes to. */
typedef struct outcome {
    uint64_t hash;           /* of parameters, losses and norms, what is said, what is tracked */
    int64_t steps, left_out; /* played; of them not finite */
} outcome;

typedef struct variant {
    const char *name, *settings[6]; /* "key=value" */
    int64_t left_out;               /* as above */
    bool one_slice;                 /* what is not finite lies in a slice of one rank */
} variant;

static const variant variants[] = {
    {.name = "as it is", .settings = {0}},
    {.name = "ragged", .settings = {"batch_size=23"}},
    {.name = "fewer samples than ranks", .settings = {"batch_size=1"}},
    {.name = "fewer samples than virtual ranks", .settings = {"batch_size=5", "virtual_ranks=40"}},
    {.name = "several tiles", .settings = {"batch_size=600", "train_limit=700", "virtual_ranks=9"}},
    {.name = "several tiles, one virtual rank each",
     .settings = {"batch_size=600", "train_limit=700"}},
    {.name = "no zeros among the inputs", .settings = {"normalize=standard"}},
    {.name = "wide rows", .settings = {"layers=11, 5000, 10"}},
    {.name = "no bias", .settings = {"layers=dense 40 bias false, 30, 10"}},
    {.name = "behind others",
     .settings = {"layers=conv 3 5x5, maxpool 2, dropout 0.3, 30, layernorm, 40, 10"}},
    {.name = "sgd with momentum", .settings = {"optimizer=momentum"}},
    {.name = "clipped", .settings = {"clip_norm=0.5"}},
    {.name = "tracked", .settings = {"track_samples=true"}},
    {.name = "dealt from shards", .settings = {"shuffle=shard", "batch_size=30"}},
    {.name = "not finite in one slice",
     .settings = {"on_nonfinite=skip"},
     .left_out = 4,
     .one_slice = true},
    {.name = "more virtual ranks", .settings = {"virtual_ranks=37"}},
};

static bool set(dt_config *config, const char *setting)
{
    char key[64];
    dt_error error = {0};
    const char *value = strchr(setting, '=') + 1;
    snprintf(key, sizeof key, "%.*s", (int)(value - setting) - 1, setting);
    dt_status status = dt_config_set(config, dt_setting_find(key), value, &error);
    return check_status(setting, DT_OK, status, &error);
}

static dt_config settings_of(const variant *of)
{
    dt_config config = harness_settings("synthetic", "50, 33, 10");
    set(&config, "train_limit=200");
    set(&config, "batch_size=64");
    set(&config, "epochs=1");
    set(&config, "virtual_ranks=8");
    for (int i = 0; of->settings[i]; i++)
        set(&config, of->settings[i]);
    return config;
}

static void add(outcome *to, const void *bytes, size_t size)
{
    uint64_t parts[] = {to->hash, dt_hash(bytes, size)};
    to->hash = dt_hash(parts, sizeof parts);
}

static void note(void *state, const dt_progress_report *report)
{
    outcome *found = state;
    found->steps++;
    if (isfinite(report->train_loss))
        add(found, &report->train_loss, sizeof report->train_loss);
    if (isfinite(report->gradient_norm))
        add(found, &report->gradient_norm, sizeof report->gradient_norm);
}

static void note_problem(void *state, const dt_error *problem)
{
    outcome *found = state;
    found->left_out++;
    add(found, problem->message, strlen(problem->message));
}

/* The last layer takes a value so large that the gradient of a row of its kernel overflows, and
 * nothing else. */
static void make_large(dt_session *run)
{
    size_t count;
    const dt_tensor *tensors = dt_network_tensors(run->network, &count);
    const dt_tensor *bias = &tensors[count - 3], *kernel = &tensors[count - 2];
    run->parameters[bias->offset] = 3e38F;
    for (int64_t i = 0; i < kernel->shape[1]; i++)
        run->parameters[kernel->offset + (size_t)i] = 0;
    dt_replica_spread(run->replica);
}

static void note_run(dt_session *run, outcome *found)
{
    add(found, run->parameters, run->parameter_count * sizeof *run->parameters);
    if (run->track && dt_comm_rank(run->comm) == 0) {
        size_t bytes = (size_t)run->plan.samples * sizeof(float);
        add(found, dt_track_get_sums(run->track).gradient_norms, bytes);
    }
}

/* *left: whether gradients may be left as factors. */
static outcome train(dt_comm *comm, const variant *of, dt_factored_when when, bool *left)
{
    outcome found = {0};
    dt_error error = {0};
    dt_factored_set(when);
    dt_session *run = harness_open(comm, settings_of(of));
    if (!run)
        return found;
    if (of->one_slice)
        make_large(run);
    *left = run->factored != NULL;
    dt_observer observer = {.state = &found, .step = note, .skipped = note_problem};
    dt_state state = dt_state_initial();
    dt_progress_report last;
    dt_ending ending;
    dt_status status = dt_train(run, &observer, &state, &last, &ending, &error);
    check_status(of->name, DT_OK, status, &error);
    note_run(run, &found);
    dt_session_close(run);
    return found;
}

static void test_variant(dt_comm *comm, const variant *of)
{
    bool left, none;
    bool expects = dt_comm_size(comm) > 1 && dt_comm_hosts(comm) == 1 &&
                   dt_comm_size(comm) <= settings_of(of).virtual_ranks;
    outcome expected = train(comm, of, DT_FACTORED_NEVER, &none);
    outcome found = train(comm, of, DT_FACTORED_ALWAYS, &left);
    check(!none, "%s: expected no factors", of->name);
    check(left == expects, "%s: expected factors %d, found %d", of->name, expects, left);
    check(found.left_out == of->left_out, "%s: expected %lld steps left out, found %lld of %lld",
          of->name, (long long)of->left_out, (long long)found.left_out, (long long)found.steps);
    check(expected.hash == found.hash, "%s: expected hash %016llx, found %016llx", of->name,
          (unsigned long long)expected.hash, (unsigned long long)found.hash);
}

/* As users have it: factors in the steps that they pay for, of which there are some. */
static void test_choice(dt_comm *comm)
{
    static const variant usual = {.name = "choice",
                                  .settings = {"batch_size=64", "layers=128, 64, 10"}};
    bool left, none;
    outcome expected = train(comm, &usual, DT_FACTORED_NEVER, &none);
    outcome found = train(comm, &usual, DT_FACTORED_IF_IT_PAYS, &left);
    check(left == (dt_comm_hosts(comm) == 1 && dt_comm_size(comm) > 1),
          "choice: found factors %d on %d ranks", left, dt_comm_size(comm));
    check(expected.hash == found.hash, "choice: expected hash %016llx, found %016llx",
          (unsigned long long)expected.hash, (unsigned long long)found.hash);
}

static void test(dt_comm *comm)
{
    size_t count = dt_comm_hosts(comm) == 1 ? sizeof variants / sizeof *variants : 1;
    for (size_t i = 0; i < count; i++)
        test_variant(comm, &variants[i]);
    test_choice(comm);
}

int main(int argc, char **argv)
{
    dt_log_set_level(DT_LOG_SILENT);
    return harness_run(argc, argv, test);
}
