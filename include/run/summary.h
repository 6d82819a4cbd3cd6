/* summary.json: how a run ended, for scripts. */
#ifndef DT_RUN_SUMMARY_H
#define DT_RUN_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* Each field is the key of the same name, in this order. Texts that are NULL and reals that are not
 * finite become null. */
typedef struct dt_summary {
    const char *status; /* "complete", "stopped", "failed" */
    int64_t epochs, steps;
    int64_t samples; /* consumed in training, all ranks together */
    int ranks, virtual_ranks, hosts;
    double train_loss, train_accuracy;
    double val_loss, val_accuracy;
    double test_loss, test_accuracy;
    const char *parameter_hash;
    double samples_per_second;
    double seconds;
    const char *resumed_from; /* the checkpoint; NULL: none */
    const char *data_source;
    const char *version;
} dt_summary;

/* Writes `path` atomically (dt_atomic_write): one JSON object, a key a line, indented by 2. Reals
 * have as few digits as come back exactly; texts are UTF-8, and a byte that is not becomes U+FFFD.
 * source: RFC 8259. Not collective. Errors: those of dt_atomic_write; DT_ERR_INTERNAL. */
dt_status dt_summary_write(const char *path, const dt_summary *summary, dt_error *error);

/* Room for a status. */
#define DT_SUMMARY_STATUS 16

/* Reads the status of a summary that dt_summary_write has made: "complete", "stopped", "failed".
 * Errors: those of dt_read_file; DT_ERR_DATA: it begins otherwise. */
dt_status dt_summary_read_status(const char *path, char status[DT_SUMMARY_STATUS], dt_error *error);

/* Whether `path` is a summary that dt_summary_write has made of a run with the status "complete".
 */
bool dt_summary_is_complete(const char *path);

#endif
