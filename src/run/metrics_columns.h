/* The columns of metrics.csv: one table for who writes and who reads them. */
#ifndef DT_RUN_METRICS_COLUMNS_H
#define DT_RUN_METRICS_COLUMNS_H

#include "base/record.h"
#include "run/metrics_log.h"

/* Members of dt_metrics_row, in the order of the file. */
#define METRICS_COLUMNS(COLUMN)                                                                    \
    COLUMN(epoch, INTEGER)                                                                         \
    COLUMN(step, INTEGER)                                                                          \
    COLUMN(samples, INTEGER)                                                                       \
    COLUMN(train_loss, REAL)                                                                       \
    COLUMN(train_accuracy, REAL)                                                                   \
    COLUMN(val_loss, REAL)                                                                         \
    COLUMN(val_accuracy, REAL)                                                                     \
    COLUMN(test_loss, REAL)                                                                        \
    COLUMN(test_accuracy, REAL)                                                                    \
    COLUMN(learning_rate, REAL)                                                                    \
    COLUMN(seconds, REAL)                                                                          \
    COLUMN(samples_per_second, REAL)                                                               \
    COLUMN(compute_seconds, REAL)                                                                  \
    COLUMN(reduce_seconds, REAL)                                                                   \
    COLUMN(wait_seconds, REAL)                                                                     \
    COLUMN(data_seconds, REAL)                                                                     \
    COLUMN(gradient_norm, REAL)                                                                    \
    COLUMN(parameter_hash, HASH)

#define METRICS_NAME(member, kind)  "," #member
#define METRICS_FIELD(member, kind) {DT_FIELD(kind, #member, dt_metrics_row, member)},

/* The first line, behind a comma. */
static const char metrics_header_line[] = METRICS_COLUMNS(METRICS_NAME) "\n";
static const char *const metrics_header = metrics_header_line + 1;

static const dt_field metrics_columns[] = {METRICS_COLUMNS(METRICS_FIELD)};

enum {
    METRICS_HEADER_SIZE = sizeof metrics_header_line - 2,
    METRICS_COLUMN_COUNT = sizeof metrics_columns / sizeof *metrics_columns,
    /* Room for a row: no cell has more than 20 characters, besides its separator. */
    METRICS_ROW_SIZE = 24 * METRICS_COLUMN_COUNT
};

#endif
