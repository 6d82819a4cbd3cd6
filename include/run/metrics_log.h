/* metrics.csv: one row an epoch, and every log_every steps. */
#ifndef DT_RUN_METRICS_LOG_H
#define DT_RUN_METRICS_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* A row, its fields in the order of the columns. A real number that is not known at that time is
 * NaN and becomes an empty cell. */
typedef struct dt_metrics_row {
    int64_t epoch;   /* from 1 */
    int64_t step;    /* updates so far */
    int64_t samples; /* samples consumed so far, all ranks together */
    double train_loss, train_accuracy;
    double val_loss, val_accuracy;
    double test_loss, test_accuracy;
    double learning_rate;
    double seconds; /* since the start of the run */
    double samples_per_second;
    /* Where the time of the epoch went, mean over the ranks. */
    double compute_seconds, reduce_seconds, wait_seconds, data_seconds;
    double gradient_norm;    /* Euclidean, of the last step's mean gradient, before clipping */
    uint64_t parameter_hash; /* 0: not known, an empty cell */
} dt_metrics_row;

typedef struct dt_metrics_log dt_metrics_log;

/* A log keeps the end of its text; what is before that it forgets in blocks of so many bytes. */
#define DT_METRICS_BLOCK ((size_t)1 << 20)

/* A metrics.csv up to a row, in bounded memory: the bytes of its end, and a hash of those before,
 * by which the file that has them is known again. */
typedef struct dt_metrics_history {
    const char *text; /* [length]; header and rows, or what is behind `earlier` bytes of these */
    size_t length;
    int64_t earlier;       /* whole blocks */
    uint64_t earlier_hash; /* dt_hash_seeded of each block, seeded with that before it, first 0 */
} dt_metrics_history;

/* Creates `path`, which must not exist yet, with the header row. The caller owns *out:
 * dt_metrics_log_close. Not collective.
 * Errors: DT_ERR_CREATE; DT_ERR_IO when the header cannot be written (no file is left then). */
dt_status dt_metrics_log_create(const char *path, dt_metrics_log **out, dt_error *error);

/* Makes `path`, whether it exists or not, a log with exactly the rows of the history (as
 * dt_metrics_log_history gave it), atomically; rows are appended behind them. What the history
 * leaves out comes from the file `source`, which may be `path`. Where that is not there, or has
 * other bytes, the log begins with the first whole row of the history, and *lost says why; what was
 * at `path` is then `path`.damaged. Else lost->status is DT_OK. The caller owns *out. Not
 * collective.
 * Errors: DT_ERR_DATA: the text has other columns or ends amid a row; those of dt_atomic_write. */
dt_status dt_metrics_log_restore(const char *path, const char *source,
                                 const dt_metrics_history *history, dt_metrics_log **out,
                                 dt_error *lost, dt_error *error);

/* Appends a row, in one write, so that a reader of the growing file sees whole rows. Reals have 9
 * significant digits and a decimal point (the program never calls setlocale).
 * Errors: DT_ERR_IO, with the file and the reason: the rows before are whole and stay, this one is
 * kept in memory and written before the next one, or on closing; DT_ERR_INTERNAL: it is lost. */
dt_status dt_metrics_log_append(dt_metrics_log *log, const dt_metrics_row *row, dt_error *error);

/* Header and all rows so far, as they were appended. What it leaves out is in the file and synced;
 * of what it has the file may lack rows. The text is the log's own, good until the next append; a 0
 * stands behind it. */
dt_metrics_history dt_metrics_log_history(const dt_metrics_log *log);

/* Writes the rows that are not in the file yet, syncs and closes it; NULL is allowed.
 * Errors: DT_ERR_IO (the log is gone all the same). */
dt_status dt_metrics_log_close(dt_metrics_log *log, dt_error *error);

#endif
