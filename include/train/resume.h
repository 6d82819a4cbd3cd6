/* Where a run begins: anew, or from a checkpoint. */
#ifndef DT_TRAIN_RESUME_H
#define DT_TRAIN_RESUME_H

#include <stdbool.h>

#include "base/status.h"
#include "run/checkpoint.h"
#include "run/lock.h"
#include "train/session.h"
#include "train/trainer.h"

/* Seconds to wait for another process that is about to end: after mpirun was killed its ranks live
 * on for about one. */
#define DT_LOCK_PATIENCE 5.0

/* Of rank 0. Zeroed, it is a run that begins anew. */
typedef struct dt_resume {
    char directory[DT_PATH_SIZE]; /* of the run that goes on, or begins again; "": a new one */
    dt_run_lock *lock;            /* of that directory */
    char file[DT_PATH_SIZE];      /* the checkpoint; "": none */
    dt_checkpoint checkpoint;     /* what is in it */
} dt_resume;

/* Finds what config->resume asks for; *config becomes what it was, with the checkpoint's settings
 * where nothing else was asked for (dt_resume_rule).
 *
 * "auto": locks the run directory, takes the newest checkpoint that can be read, and says which it
 * passed over and why; those are renamed to NAME.damaged. Without any the run begins again in that
 * directory; without a directory, in a new one. A file: that one; when it belongs to the run
 * directory, which may hold none that is newer, the run goes on there, else it begins a directory.
 *
 * Not collective: for rank 0. *out is always set: dt_resume_end.
 * Errors: DT_ERR_CONFIG for a setting that the checkpoint's run cannot have (both values);
 * DT_ERR_CREATE for a directory in use; those of dt_checkpoint_read. */
dt_status dt_resume_find(dt_config *config, dt_resume *out, dt_error *error);

/* Bytes of the checkpoint's arrays; 0 without one. */
uint64_t dt_resume_bytes(const dt_resume *resume);

/* Releases what is left. NULL is allowed. */
void dt_resume_end(dt_resume *resume);

/* Puts the run where the checkpoint of rank 0's `resume` is (NULL on the other ranks): parameters,
 * optimizer, *state. The checkpoint loses the arrays that the run takes. Without a checkpoint
 * *state becomes the initial one. Collective.
 * Errors: DT_ERR_CONFIG when it is of another network or another data set, with both names. */
dt_status dt_resume_apply(dt_session *run, dt_resume *resume, dt_state *state, dt_error *error);

#endif
