/* A replica whose bit is flipped on purpose is caught, and named. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "draw.h"
#include "harness.h"
#include "train/replicas.h"
#include "train/trainer.h"

enum { DRAWS = 6 };

static dt_run *open_run(dt_comm *comm, int64_t verify_replicas, int64_t checkpoint_steps)
{
    dt_config config;
    dt_run *run = NULL;
    dt_error error = {0};
    dt_config_defaults(&config);
    snprintf(config.data, sizeof config.data, "synthetic");
    config.train_limit = 24;
    config.test_limit = 8;
    (void)dt_config_set(&config, dt_setting_find("layers"), "12, 10", NULL);
    config.batch_size = 8;
    config.epochs = 2;
    config.verify_replicas = verify_replicas;
    config.checkpoint_steps = checkpoint_steps;
    dt_status status = dt_config_resolve(&config, &error);
    check_status("dt_config_resolve", DT_OK, status, &error);
    if (!status)
        status = dt_run_open(comm, &config, 0, &run, &error);
    check_status("dt_run_open", DT_OK, status, &error);
    return run;
}

static void flip(dt_run *run, size_t parameter, int bit)
{
    uint32_t word;
    memcpy(&word, &run->parameters[parameter], sizeof word);
    word ^= (uint32_t)1 << bit;
    memcpy(&run->parameters[parameter], &word, sizeof word);
}

static void test_same(dt_run *run, uint64_t *hash)
{
    dt_error error = {.message = "untouched"};
    dt_status status = dt_verify_replicas(run, hash, &error);
    uint64_t own = dt_hash(run->parameters, run->parameter_count * sizeof *run->parameters);
    check_status("equal replicas", DT_OK, status, &error);
    check(*hash == own, "hash: expected that of the parameters, %016llx, found %016llx",
          (unsigned long long)own, (unsigned long long)*hash);
    check(strcmp(error.message, "untouched") == 0, "success leaves *error alone, found '%s'",
          error.message);
    check_same("hash", hash, sizeof *hash);
}

/* Flips a bit on the ranks of a set, expects that they are found, and flips it back. `same`: the
 * same bit on all of them, so that the flipped ones agree; with all ranks flipped nothing differs.
 */
static void test_flipped(dt_run *run, unsigned set, bool same, dt_random_sequence *random)
{
    int ranks = dt_comm_size(run->comm), rank = dt_comm_rank(run->comm), flipped = 0;
    int last = (int)run->parameter_count - 1, kind = draw_int(random, 0, 3);
    int parameter = kind < 2 ? kind * last : draw_int(random, 0, last);
    int bit = draw_int(random, 0, 31);
    char list[100] = "", expected[150];
    dt_text text = {.text = list, .size = sizeof list};
    for (int r = 0; r < ranks; r++)
        if (set >> r & 1) {
            flipped++;
            dt_text_add(&text, " %d", r);
        }
    snprintf(expected, sizeof expected, "found others on rank%s%s;", flipped > 1 ? "s" : "", list);

    int own_bit = same ? bit : (bit + rank) % 32;
    if (set >> rank & 1)
        flip(run, (size_t)parameter, own_bit);
    uint64_t hash;
    dt_error error = {0};
    dt_status status = dt_verify_replicas(run, &hash, &error);
    if (set >> rank & 1)
        flip(run, (size_t)parameter, own_bit);
    bool differ = ranks > 1 && !(same && flipped == ranks);
    check_status("a flipped bit", differ ? DT_ERR_INTERNAL : DT_OK, status, &error);
    /* Who is right is known when most are. */
    if (differ && (same ? flipped : 1) < ranks - flipped)
        check(strstr(error.message, expected) != NULL,
              "bit %d of parameter %d flipped: expected '%s', found '%s'", own_bit, parameter,
              expected, error.message);
}

/* A bit that flips on one rank in the middle of a training. */
typedef struct fault {
    dt_run *run;
    int rank, step, bit;
} fault;

static void strike(void *state, const dt_progress_report *report)
{
    fault *self = state;
    if (report->step == self->step && dt_comm_rank(self->run->comm) == self->rank)
        flip(self->run, 0, self->bit);
}

static void never_saved(void *state, const dt_state *where, bool last)
{
    (void)state;
    (void)last;
    check(false, "a replica with a flipped bit is saved in step %lld", (long long)where->step);
}

/* Training ends with the error on all ranks: at the next comparison, before a checkpoint is saved,
 * and at the latest before the end of the epoch, also when the flipped bit makes the parameter NaN.
 */
static void test_training(dt_comm *comm, int64_t verify_replicas, int64_t checkpoint_steps,
                          int victim)
{
    static const int bits[] = {0, 30};
    for (int i = 0; i < 2; i++) {
        dt_run *run = open_run(comm, verify_replicas, checkpoint_steps);
        if (!run)
            return;
        run->parameters[0] = 1.5F; /* bit 30 makes it NaN */
        fault state = {run, victim, verify_replicas || checkpoint_steps ? 1 : 3, bits[i]};
        dt_observer observer = {.state = &state, .step = strike};
        if (dt_comm_size(comm) > 1 || bits[i] == 30)
            observer.save = never_saved;
        dt_state where = dt_state_initial();
        dt_progress_report last;
        dt_ending ending;
        dt_error error = {0};
        dt_status status = dt_train(run, &observer, &where, &last, &ending, &error);
        dt_status alone = bits[i] == 30 ? DT_ERR_DATA : DT_OK;
        check_status("a bit that flips in a training",
                     dt_comm_size(comm) > 1 ? DT_ERR_INTERNAL : alone, status, &error);
        check(dt_comm_size(comm) == 1 || last.step == state.step,
              "a bit that flips in a training: expected to end with step %d, found %lld",
              state.step, (long long)last.step);
        dt_run_close(run);
    }
}

static void test(dt_comm *comm)
{
    int ranks = dt_comm_size(comm);
    dt_random_sequence random = draw_begin(3);
    dt_run *run = open_run(comm, 0, 0);
    if (!run)
        return;
    uint64_t first, again;
    test_same(run, &first);
    for (int r = 0; r < ranks; r++)
        for (int draw = 0; draw < DRAWS; draw++)
            test_flipped(run, 1u << r, true, &random);
    for (int a = 0; a < ranks; a++)
        for (int b = 0; b < a; b++) {
            test_flipped(run, 1u << a | 1u << b, true, &random);
            test_flipped(run, 1u << a | 1u << b, false, &random);
        }
    test_same(run, &again);
    check(first == again, "flipped back: expected hash %016llx, found %016llx",
          (unsigned long long)first, (unsigned long long)again);
    dt_run_close(run);
    test_training(comm, 1, 0, ranks - 1);
    test_training(comm, 0, 1, ranks - 1);
    test_training(comm, 0, 0, ranks / 2);
}

int main(int argc, char **argv)
{
    return harness_run(argc, argv, test);
}
