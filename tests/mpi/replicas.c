/* Parameters of which a bit is flipped on purpose are caught where ranks have arrays of their own,
 * and those that differ are named. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "draw.h"
#include "harness.h"
#include "train/replicas.h"
#include "train/trainer.h"

enum { DRAWS = 6 };

static dt_session *open_run(dt_comm *comm, int64_t verify_replicas, int64_t checkpoint_steps)
{
    dt_config config = harness_settings("synthetic", "12, 10");
    config.train_limit = 24;
    config.batch_size = 8;
    config.epochs = 2;
    config.verify_replicas = verify_replicas;
    config.checkpoint_steps = checkpoint_steps;
    config.ema = 0.5;
    return harness_open(comm, config);
}

static void flip(dt_session *run, size_t parameter, int bit)
{
    uint32_t word;
    memcpy(&word, &run->parameters[parameter], sizeof word);
    word ^= (uint32_t)1 << bit;
    memcpy(&run->parameters[parameter], &word, sizeof word);
}

static void test_same(dt_session *run, uint64_t *hash)
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

/* Ranks whose parameters have another hash than `right`; *differ: they are not all the same. */
static int list_flipped(dt_session *run, uint64_t right, dt_text *list, bool *differ)
{
    int ranks = dt_comm_size(run->comm), flipped = 0;
    uint64_t own = dt_hash(run->parameters, run->parameter_count * sizeof *run->parameters);
    uint64_t *all = harness_alloc((size_t)ranks, sizeof *all);
    dt_comm_all_gather(run->comm, &own, sizeof own, all);
    *differ = false;
    for (int r = 0; r < ranks; r++) {
        *differ |= all[r] != all[0];
        if (all[r] != right) {
            flipped++;
            dt_text_add(list, " %d", r);
        }
    }
    dt_free(all);
    return flipped;
}

/* The first ranks of hosts, if they are in a set, flip a bit of their parameters, which may be all
 * of their host's; those that differ are expected to be found; and flip it back. `same`: the same
 * bit on all of them, so that the flipped ones agree. */
static void test_flipped(dt_session *run, unsigned set, bool same, dt_random_sequence *random)
{
    int ranks = dt_comm_size(run->comm), rank = dt_comm_rank(run->comm);
    int last = (int)run->parameter_count - 1, kind = draw_int(random, 0, 3);
    int parameter = kind < 2 ? kind * last : draw_int(random, 0, last);
    int bit = draw_int(random, 0, 31);
    bool flips = (set >> rank & 1) && dt_comm_host_rank(run->comm) == 0;
    char list[100] = "", expected[150];
    dt_text text = {.text = list, .size = sizeof list};

    int own_bit = same ? bit : (bit + rank) % 32;
    uint64_t right = dt_hash(run->parameters, run->parameter_count * sizeof *run->parameters);
    dt_comm_barrier(run->comm);
    if (flips)
        flip(run, (size_t)parameter, own_bit);
    dt_comm_barrier(run->comm);
    bool differ;
    int flipped = list_flipped(run, right, &text, &differ);
    snprintf(expected, sizeof expected, "found others on rank%s%s;", flipped > 1 ? "s" : "", list);
    uint64_t hash;
    dt_error error = {0};
    dt_status status = dt_verify_replicas(run, &hash, &error);
    dt_comm_barrier(run->comm);
    if (flips)
        flip(run, (size_t)parameter, own_bit);
    dt_comm_barrier(run->comm);
    check_status("a flipped bit", differ ? DT_ERR_INTERNAL : DT_OK, status, &error);
    /* Who is right is known when most are. */
    if (differ && flipped < ranks - flipped)
        check(strstr(error.message, expected) != NULL,
              "bit %d of parameter %d flipped: expected '%s', found '%s'", own_bit, parameter,
              expected, error.message);
}

/* A flipped bit of a host's average, which nothing has to do with before its evaluation, is found
 * where there are others to compare with. */
static void test_average(dt_session *run)
{
    dt_error error = {0};
    uint64_t hash;
    bool first = dt_comm_rank(run->comm) == 0, alone = dt_comm_hosts(run->comm) == 1;
    float *mine = dt_replica_slice(run->average), kept = mine[0];
    if (first)
        mine[0] += 1;
    dt_status status = dt_verify_replicas(run, &hash, &error);
    check_status("another average", alone ? DT_OK : DT_ERR_INTERNAL, status, &error);
    check(alone || strstr(error.message, "expected the same average of the parameters") != NULL,
          "another average: found '%s'", error.message);
    check(run->slice.first > 0 || run->model[0] == (first || alone ? kept + 1 : kept),
          "the average: expected %g, found %g", (double)kept + 1, (double)run->model[0]);
    check_same("status", &status, sizeof status);
    if (first)
        mine[0] = kept;
    dt_comm_barrier(run->comm);
    status = dt_verify_replicas(run, &hash, &error);
    check_status("the same average again", DT_OK, status, &error);
    check_same("average", run->model, run->parameter_count * sizeof *run->model);
}

/* Whether others do not see what a rank does to its array. */
static bool is_alone(dt_session *run, int rank)
{
    bool differ;
    char list[100];
    dt_text text = {.text = list, .size = sizeof list};
    for (int times = 0; times < 2; times++) {
        dt_comm_barrier(run->comm);
        if (dt_comm_rank(run->comm) == rank)
            flip(run, 0, 3);
        dt_comm_barrier(run->comm);
        if (times == 0)
            list_flipped(run, 0, &text, &differ);
    }
    return differ;
}

/* A bit that flips on one rank in the middle of a training. */
typedef struct fault {
    dt_session *run;
    int rank, step, bit;
} fault;

static void strike(void *state, const dt_progress_report *report)
{
    fault *self = state;
    if (report->step != self->step)
        return;
    if (dt_comm_rank(self->run->comm) == self->rank)
        flip(self->run, 0, self->bit);
    dt_comm_barrier(self->run->comm); /* all see it that may */
}

static void never_saved(void *state, const dt_state *where, bool last)
{
    (void)state;
    (void)last;
    check(false, "a replica with a flipped bit is saved in step %lld", (long long)where->step);
}

/* Training ends with the error on all ranks: at the next comparison, before a checkpoint is saved,
 * and at the latest before the end of the epoch, also when the flipped bit makes the parameter NaN.
 * Where a host has one array and ranks update their slices in copies, the next update mends it. */
static void test_training(dt_comm *comm, int64_t verify_replicas, int64_t checkpoint_steps,
                          int victim)
{
    static const int bits[] = {0, 30};
    for (int i = 0; i < 2; i++) {
        dt_session *run = open_run(comm, verify_replicas, checkpoint_steps);
        if (!run)
            return;
        run->parameters[0] = 1.5F; /* bit 30 makes it NaN */
        dt_replica_spread(run->replica);
        fault state = {run, victim, verify_replicas || checkpoint_steps ? 1 : 3, bits[i]};
        dt_observer observer = {.state = &state, .step = strike};
        bool alone = is_alone(run, victim);
        bool mended = verify_replicas && !alone &&
                      dt_replica_slice(run->replica) != run->parameters + run->slice.first;
        bool is_nan = bits[i] == 30 && !mended;
        if (alone || is_nan)
            observer.save = never_saved;
        dt_state where = dt_state_initial();
        dt_progress_report last;
        dt_ending ending;
        dt_error error = {0};
        dt_status status = dt_train(run, &observer, &where, &last, &ending, &error);
        dt_status shared = is_nan ? DT_ERR_DATA : DT_OK;
        check_status("a bit that flips in a training", alone ? DT_ERR_INTERNAL : shared, status,
                     &error);
        check(!alone || last.step == state.step,
              "a bit that flips in a training: expected to end with step %d, found %lld",
              state.step, (long long)last.step);
        dt_session_close(run);
    }
}

static void test(dt_comm *comm)
{
    int ranks = dt_comm_size(comm);
    dt_random_sequence random = draw_begin(3);
    dt_session *run = open_run(comm, 0, 0);
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
    test_average(run);
    test_same(run, &again);
    check(first == again, "flipped back: expected hash %016llx, found %016llx",
          (unsigned long long)first, (unsigned long long)again);
    dt_session_close(run);
    test_training(comm, 1, 0, ranks - 1);
    test_training(comm, 0, 1, ranks - 1);
    test_training(comm, 0, 0, ranks / 2);
}

int main(int argc, char **argv)
{
    return harness_run(argc, argv, test);
}
