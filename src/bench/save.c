#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/leftover.h"
#include "base/memory.h"
#include "measure.h"
#include "train/saver.h"

struct bench_saves {
    char directory[32]; /* "": not there */
    int leftover;       /* the same, for a signal */
    dt_run_lock *lock;
    dt_saver *saver;
    int64_t saved;
};

dt_status open_saves(bench_subject *of, dt_error *error)
{
    bench_saves *self = of->saves = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    snprintf(self->directory, sizeof self->directory, "bench-saves-XXXXXX");
    if (!mkdtemp(self->directory)) {
        self->directory[0] = '\0';
        return dt_fail(error, DT_ERR_CREATE, "no directory can be made here, to save to: %m");
    }
    self->leftover = dt_leftover_add(AT_FDCWD, self->directory);
    dt_status status = dt_run_lock_take(self->directory, 0, &self->lock, error);
    return status ? status
                  : dt_saver_create(of->run, "bench", "", self->directory, self->lock, &self->saver,
                                    error);
}

void close_saves(bench_subject *of)
{
    bench_saves *self = of->saves;
    if (!self)
        return;
    dt_error error;
    char path[DT_PATH_SIZE];
    dt_saver_destroy(self->saver);
    dt_run_lock_release(self->lock);
    for (int64_t step = 0; step < self->saved; step++)
        if (!dt_checkpoint_path(self->directory, step, path, &error))
            unlink(path);
    if (!dt_path_join(self->directory, DT_DIRECTORY_CHECKPOINTS, path, &error))
        rmdir(path);
    rmdir(self->directory);
    if (self->directory[0])
        dt_leftover_drop(self->leftover);
    dt_free(self);
}

dt_status measure_save(bench_case *it, int64_t times, dt_error *error)
{
    bench_saves *self = it->of->saves;
    const dt_metrics_history none = {.text = ""};
    for (int64_t i = 0; i < times; i++) {
        dt_state where = dt_state_initial();
        where.step = self->saved++;
        double begin = dt_clock();
        dt_session_gather(it->of->run, dt_saver_room(self->saver));
        dt_status status = dt_saver_checkpoint(self->saver, &where, false, &none, error);
        if (status)
            return status;
        double stall = dt_clock() - begin;
        dt_saver_wait(self->saver);
        dt_saved saved;
        dt_saver_collect(self->saver, &saved);
        if (saved.error.status) {
            *error = saved.error;
            return error->status;
        }
        it->seconds += it->measure == DT_BENCH_SAVE_STALL ? stall : saved.seconds;
    }
    return DT_OK;
}
