/* The columns of metrics.csv: one table for who writes and who reads them. Private to the run room.
 */
#ifndef DT_RUN_METRICS_COLUMNS_H
#define DT_RUN_METRICS_COLUMNS_H

#include <stddef.h>

#include "run/metrics_log.h"

/* Fields of dt_metrics_row, in the order of the file: COUNT an int64_t, REAL a double; the last one
 * is a HASH. */
#define DT_METRICS_COLUMNS(COUNT, REAL, HASH)                                                      \
    COUNT(epoch)                                                                                   \
    COUNT(step)                                                                                    \
    COUNT(samples)                                                                                 \
    REAL(train_loss)                                                                               \
    REAL(train_accuracy)                                                                           \
    REAL(val_loss)                                                                                 \
    REAL(val_accuracy)                                                                             \
    REAL(test_loss)                                                                                \
    REAL(test_accuracy)                                                                            \
    REAL(learning_rate)                                                                            \
    REAL(seconds)                                                                                  \
    REAL(samples_per_second)                                                                       \
    REAL(compute_seconds)                                                                          \
    REAL(reduce_seconds)                                                                           \
    REAL(wait_seconds)                                                                             \
    REAL(data_seconds)                                                                             \
    REAL(gradient_norm)                                                                            \
    HASH(parameter_hash)

typedef enum dt_cell { DT_CELL_COUNT, DT_CELL_REAL, DT_CELL_HASH } dt_cell;

typedef struct dt_metrics_column {
    dt_cell cell;
    size_t offset; /* in dt_metrics_row */
} dt_metrics_column;

#define DT_COLUMN_INNER(field) #field ","
#define DT_COLUMN_LAST(field)  #field "\n"
#define DT_COLUMN_COUNT(field) {DT_CELL_COUNT, offsetof(dt_metrics_row, field)},
#define DT_COLUMN_REAL(field)  {DT_CELL_REAL, offsetof(dt_metrics_row, field)},
#define DT_COLUMN_HASH(field)  {DT_CELL_HASH, offsetof(dt_metrics_row, field)},

/* The first line. */
static const char dt_metrics_header[] =
    DT_METRICS_COLUMNS(DT_COLUMN_INNER, DT_COLUMN_INNER, DT_COLUMN_LAST);

static const dt_metrics_column dt_metrics_columns[] = {
    DT_METRICS_COLUMNS(DT_COLUMN_COUNT, DT_COLUMN_REAL, DT_COLUMN_HASH)};

enum {
    DT_METRICS_COLUMN_COUNT = sizeof dt_metrics_columns / sizeof *dt_metrics_columns,
    /* Room for a row: no cell has more than 20 characters, besides its separator. */
    DT_METRICS_ROW_SIZE = 24 * DT_METRICS_COLUMN_COUNT
};

#endif
