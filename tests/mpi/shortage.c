/* Memory that one rank does not get, at any of its allocations of a training and its end: all ranks
 * have the same status, and none waits for another. */
#include "base/memory.h"
#include "harness.h"
#include "train/insight.h"
#include "train/track.h"
#include "train/trainer.h"

static dt_session *open_run(dt_comm *comm)
{
    dt_config config = harness_settings("synthetic", "10");
    config.train_limit = 20;
    config.test_limit = 9;
    config.val_fraction = 0.2;
    config.epochs = 1;
    config.track_samples = true;
    (void)dt_config_set(&config, dt_setting_find("augment"), "elastic 2 9", NULL);
    return harness_open(comm, config);
}

/* The status of all, as a run ends: also after a training that has failed. */
static dt_status play(dt_session *run, dt_insight *insight)
{
    dt_observer observer = {0};
    dt_state state = dt_state_initial();
    dt_progress_report last;
    dt_ending ending;
    dt_error error = {0}, own = {0};
    dt_status trained = dt_train(run, &observer, &state, &last, &ending, &error);
    check_status("dt_train", trained, trained, &error);
    bool voice = dt_comm_rank(run->comm) == 0;
    dt_epilogue epilogue = {.evaluated = &last, .ending = "complete", .version = "0"};
    dt_status told_status = dt_insight_collect(run, voice ? &epilogue : NULL, insight, &own);
    check_status("dt_insight_collect", told_status, told_status, &own);
    if (!told_status && !trained)
        told_status = dt_track_report(run, voice ? insight : NULL, &own);
    check_status("dt_track_report", told_status, told_status, &own);
    return trained ? trained : told_status;
}

/* True when all went well because the rank had no allocation number `at`. */
static bool play_short_of(dt_comm *comm, int rank, long at)
{
    dt_session *run = open_run(comm);
    if (!run)
        return true;
    dt_insight insight = {0};
    if (dt_comm_rank(comm) == rank)
        dt_memory_fail_at(at);
    dt_status status = play(run, &insight);
    dt_memory_fail_at(0);
    check(status == DT_OK || status == DT_ERR_INTERNAL, "allocation %ld: found status %d", at,
          (int)status);
    dt_insight_destroy(&insight);
    dt_session_close(run);
    return status == DT_OK;
}

static void test(dt_comm *comm)
{
    int last = dt_comm_size(comm) - 1;
    for (int rank = 0; rank <= last; rank += last > 0 ? last : 1) {
        long at = 1;
        while (!play_short_of(comm, rank, at))
            at++;
        check(at > 20, "rank %d: expected more allocations to fail, found %ld", rank, at - 1);
    }
}

int main(int argc, char **argv)
{
    return harness_run(argc, argv, test);
}
