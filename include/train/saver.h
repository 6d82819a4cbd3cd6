/* Checkpoints and weights files of a run, written while training goes on.
 *
 * A call copies what is to be saved and returns; a thread makes the file of it, writes, syncs and
 * verifies it (file/atomic_file.h), one file after the other. In memory there are the copy, and the
 * file that is being written: so two copies of the parameters, their average and the optimizer's
 * state, and of the best parameters, where there are such. While a saver lives, its thread is the
 * only one that uses HDF5. Rank 0 alone has a saver. Not collective; one thread. */
#ifndef DT_TRAIN_SAVER_H
#define DT_TRAIN_SAVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "run/checkpoint.h"
#include "run/lock.h"
#include "run/metrics_log.h"
#include "train/session.h"
#include "train/trainer.h"

typedef enum dt_saved_kind {
    DT_SAVED_CHECKPOINT,
    DT_SAVED_BEST,    /* best.h5 */
    DT_SAVED_WEIGHTS, /* weights.h5 */
    DT_SAVED_KINDS
} dt_saved_kind;

/* What became of a file. */
typedef struct dt_saved {
    dt_saved_kind kind;
    int64_t step; /* whose parameters it has */
    char path[DT_PATH_SIZE];
    double seconds; /* that it took, without the copy */
    dt_error error; /* of the file; status DT_OK: it is safe on disk */
    dt_error old;   /* of removing checkpoints that are no longer kept */
} dt_saved;

typedef struct dt_saver dt_saver;

/* A saver for the run directory `directory`, whose lock is ours. version: of the program; config:
 * the settings as INI. All are borrowed and must outlive the saver. The caller owns *out:
 * dt_saver_destroy. Errors: DT_ERR_INTERNAL, DT_ERR_CREATE. */
dt_status dt_saver_create(const dt_session *run, const char *version, const char *config,
                          const char *directory, dt_run_lock *lock, dt_saver **out,
                          dt_error *error);

/* Waits for what is under way. NULL is allowed. */
void dt_saver_destroy(dt_saver *saver);

/* Where the state of the optimizer of all ranks goes before dt_saver_checkpoint: [parameter count],
 * NULL where the kind has no use for it (dt_replica_gather). Waits for the checkpoint before this
 * one, if that is still being written. */
dt_optimizer_state dt_saver_room(dt_saver *saver);

/* Saves the run as it is now, at `where`, with the rows of metrics.csv so far. complete: nothing is
 * left to do. When it is safe on disk, older checkpoints than the newest `keep` are removed. Waits
 * for the checkpoint before this one, if that is still being written.
 * Errors: DT_ERR_INTERNAL (memory): nothing will be saved. */
dt_status dt_saver_checkpoint(dt_saver *saver, const dt_state *where, bool complete,
                              const dt_metrics_history *history, dt_error *error);

/* Saves the run's model, as it is now, as best.h5 or weights.h5 (kind); origin: the step that it is
 * of. The best parameters are copied, once all files before are done, and are part of the
 * checkpoints that follow. Those of weights.h5, the last file of a run, are not copied: they must
 * not change until dt_saver_wait.
 * Errors: as above. */
dt_status dt_saver_weights(dt_saver *saver, dt_saved_kind kind, const dt_best *origin,
                           dt_error *error);

/* Writes best.h5 as a checkpoint has it, and keeps it for the checkpoints that follow: what a run
 * that goes on begins with. Errors: as above. */
dt_status dt_saver_restore_best(dt_saver *saver, const dt_checkpoint *from, dt_error *error);

/* The next file that has been done since the last call; false when there is none. */
bool dt_saver_collect(dt_saver *saver, dt_saved *saved);

/* Waits until all files are done. */
void dt_saver_wait(dt_saver *saver);

#endif
