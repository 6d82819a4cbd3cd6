/* Checkpoints: everything that a run needs to go on, in one file.
 *
 * The file is an HDF5 image (file/hdf5_file.h) with a trailer behind it, at the end of the file:
 *     8 bytes   magic "\x89" "DTCKPT1"
 *     8 bytes   size of the whole file, little-endian
 *     8 bytes   dt_hash of all bytes before these 8, little-endian
 * h5py, h5dump and h5ls open it as it is; we look into it only when the hash is right. Equal
 * content gives equal bytes. Objects, with their attributes; all texts are UTF-8:
 *     /            format version status config architecture parameter_hash virtual_ranks seed
 *                  epoch step step_in_epoch samples skipped seconds
 *     /parameters  float [parameter_count]
 *     /average     of them, likewise, of runs that keep one; best parameters are then such too
 *     /optimizer   kind steps product; arrays of its state, where it has such, named in
 *                  nn/optimizer.h: float [parameter_count]
 *     /running     loss_sum correct samples gradient_norm plateau_best plateau_epochs plateau_drops
 *     /best        epoch step samples val_accuracy val_loss test_accuracy test_loss epochs_since;
 *                  parameters: float [parameter_count], where there are such
 *     /data        name class_names fingerprint train_samples val_samples test_samples
 *     /tracked     plays, gradient_norms, margins: float [train_samples], of runs that track them
 *     /history     text
 *     /earlier     bytes hash, of runs whose history is not whole
 * Integers are 64-bit, reals 64-bit floats; hash and fingerprint are 16 hexadecimal digits.
 * Not collective. Writing uses the HDF5 library: one thread at a time, as it demands. Reading does
 * not (file/hdf5_reader.h), and may go on beside it. */
#ifndef DT_RUN_CHECKPOINT_H
#define DT_RUN_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/optimizer.h"
#include "run/directory.h"
#include "run/metrics_log.h"
#include "run/state.h"

#define DT_CHECKPOINT_FORMAT 2

/* A file larger than this many bytes is not read. */
#define DT_CHECKPOINT_SIZE_MAX ((int64_t)1 << 36)

typedef struct dt_checkpoint_optimizer {
    const char *kind;               /* one of dt_optimizer_names */
    int64_t steps;                  /* updates that it has made */
    double product;                 /* of dt_optimizer_state */
    float *arrays[DT_STATE_ARRAYS]; /* [parameter_count] or NULL */
} dt_checkpoint_optimizer;

typedef struct dt_checkpoint_data {
    const char *name;        /* of the source */
    const char *class_names; /* base/class_names.h; NULL: numbers */
    uint64_t fingerprint;
    int64_t train_samples, val_samples, test_samples;
} dt_checkpoint_data;

/* Over the times that a sample was played (train/track.h); all [train_samples], or all NULL: they
 * are not kept. */
typedef struct dt_track_sums {
    float *plays; /* how often; a whole number */
    float *gradient_norms, *margins;
} dt_track_sums;

/* No pointer is NULL but where it is said. All counts are >= 0; seconds are finite and >= 0.
 * Parameters and optimizer state are finite. Of a checkpoint that was read the checkpoint owns all
 * that it points to; for one that is written the caller keeps it. */
typedef struct dt_checkpoint {
    const char *version;      /* of the program that wrote it */
    bool complete;            /* the run is: status "complete", else "running" */
    const char *config;       /* INI; below 64 KiB */
    const char *architecture; /* "784-128-64-10" */
    int64_t virtual_ranks;
    int64_t seed;
    dt_state state;
    size_t parameter_count;  /* >= 1 */
    float *parameters;       /* [parameter_count] */
    float *average;          /* [parameter_count], of the parameters; NULL: none is kept */
    uint64_t parameter_hash; /* dt_hash of their bytes */
    dt_checkpoint_optimizer optimizer;
    float *best_parameters; /* [parameter_count], of state.best; NULL: there is none yet */
    dt_checkpoint_data data;
    dt_track_sums tracked;
    dt_metrics_history history; /* of metrics.csv so far; no 0 within */
} dt_checkpoint;

/* The file's bytes. The caller owns *bytes: dt_free. Errors: DT_ERR_DATA for numbers that are not
 * finite, a hash that is not that of the parameters (memory has changed under us) and anything else
 * that dt_checkpoint_decode would refuse; DT_ERR_INTERNAL. */
dt_status dt_checkpoint_encode(const dt_checkpoint *checkpoint, void **bytes, size_t *size,
                               dt_error *error);

/* Encodes, and writes the file `path`, in a directory that exists (dt_checkpoint_directory), with
 * dt_atomic_write, which reads back and compares what it has written: after DT_OK the file on disk
 * is good. Errors: those of dt_checkpoint_encode and dt_atomic_write, with the path. */
dt_status dt_checkpoint_write(const char *path, const dt_checkpoint *checkpoint, dt_error *error);

/* Decodes the bytes of a file; checks the trailer first. *out is always set, end it with
 * dt_checkpoint_destroy. Errors: DT_ERR_DATA for every file that dt_checkpoint_encode has not made,
 * with what was expected and found; DT_ERR_INTERNAL, also for a file whose hash is right and whose
 * reader (file/confined.h) fails or is ended: it may well be good. */
dt_status dt_checkpoint_decode(const void *bytes, size_t size, dt_checkpoint *out, dt_error *error);

/* Reads the file `path` whole and decodes it. Errors, with the path: DT_ERR_NO_INPUT when it cannot
 * be opened or is no regular file, DT_ERR_IO, and those of dt_checkpoint_decode. */
dt_status dt_checkpoint_read(const char *path, dt_checkpoint *out, dt_error *error);

/* Frees what a checkpoint that was read owns. NULL, {0} and a second call are allowed. */
void dt_checkpoint_destroy(dt_checkpoint *checkpoint);

/* The checkpoints of a run, in RUN/checkpoints/step-<the step, at least 8 digits>.h5. */

/* Makes RUN/checkpoints, which may exist, so that it survives a crash; RUN exists.
 * Errors: DT_ERR_CREATE, DT_ERR_IO. */
dt_status dt_checkpoint_directory(const char *run, dt_error *error);

/* The path of the checkpoint of a step >= 0. Errors: DT_ERR_CREATE: too long. */
dt_status dt_checkpoint_path(const char *run, int64_t step, char path[DT_PATH_SIZE],
                             dt_error *error);

/* The steps of all checkpoints, the newest (highest step) first, judged by their names alone. No
 * such directory: none. The caller owns *steps: dt_free. Errors: DT_ERR_NO_INPUT when the directory
 * cannot be read; DT_ERR_INTERNAL. */
dt_status dt_checkpoint_list(const char *run, int64_t **steps, size_t *count, dt_error *error);

/* Removes all checkpoints but the newest `keep` (>= 1), and temporary files of checkpoints that are
 * older than the newest one: what a crash during a save has left. To be called when the newest one
 * is known to be good, and by the only writer of the run. Goes on after a file that cannot be
 * removed. Errors: DT_ERR_IO, with the first such file; those of dt_checkpoint_list. */
dt_status dt_checkpoint_prune(const char *run, size_t keep, dt_error *error);

#endif
