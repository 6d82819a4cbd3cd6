/* What becomes of each file is told, however many are done before somebody asks. */
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "train/saver.h"

enum { FILES = 30 };

static dt_session *open_run(dt_comm *comm)
{
    dt_config config = harness_settings("synthetic", "10");
    config.train_limit = 8;
    return harness_open(comm, config);
}

/* Every second file, a checkpoint, cannot be made: its directory is gone. */
static void save(dt_saver *saver, int64_t step)
{
    dt_error error;
    const dt_metrics_history none = {.text = ""};
    dt_state where = dt_state_initial();
    where.step = step;
    dt_status status =
        step % 2 == 0
            ? dt_saver_checkpoint(saver, &where, false, &none, &error)
            : dt_saver_weights(saver, DT_SAVED_BEST, &(dt_best){.epoch = 1, .step = step}, &error);
    check(status == DT_OK, "file %lld: found status %d", (long long)step, (int)status);
}

static void test_saver(dt_saver *saver)
{
    dt_saved saved;
    for (int64_t step = 0; step < FILES; step++)
        save(saver, step);
    dt_saver_wait(saver);
    for (int64_t step = 0; step < FILES; step++) {
        bool told = dt_saver_collect(saver, &saved);
        if (!check(told, "expected %d files, found %lld", FILES, (long long)step))
            return;
        check(saved.step == step, "expected file %lld, found %lld", (long long)step,
              (long long)saved.step);
        check(!saved.error.status == (step % 2 == 1), "file %lld: found status %d (%s)",
              (long long)step, (int)saved.error.status, saved.error.message);
    }
    check(!dt_saver_collect(saver, &saved), "expected no more than %d files, found one", FILES);
    save(saver, 1); /* which nobody asks for */
}

static void test(dt_comm *comm)
{
    static const char directory[] = "saves";
    dt_session *run = open_run(comm);
    if (run && dt_comm_rank(comm) == 0) {
        dt_run_lock *lock = NULL;
        dt_saver *saver = NULL;
        dt_error error = {0};
        mkdir(directory, 0700);
        dt_status status = dt_run_lock_take(directory, 0, &lock, &error);
        if (!status)
            status = dt_saver_create(run, "0", "", directory, lock, &saver, &error);
        if (check(status == DT_OK, "no saver: %s", error.message)) {
            rmdir("saves/checkpoints");
            test_saver(saver);
        }
        dt_saver_destroy(saver);
        dt_run_lock_release(lock);
    }
    dt_session_close(run);
}

int main(int argc, char **argv)
{
    return harness_run(argc, argv, test);
}
