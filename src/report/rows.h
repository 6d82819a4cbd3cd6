/* What a report says of the rows of metrics.csv, gathered while they are read: its memory does not
 * depend on their number. */
#ifndef DT_REPORT_ROWS_H
#define DT_REPORT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "chart/points.h"
#include "run/metrics_read.h"

/* The lines that charts show. */
typedef enum report_line {
    /* Means of a training column, which counts from the beginning of each epoch, over the samples
     * between two rows; a last window of an epoch that is less than half as long as the one before
     * is taken together with it. */
    REPORT_TRAIN_LOSS,
    REPORT_TRAIN_ACCURACY,
    /* Rows that end an epoch, or a run; a value that is not finite is a gap. */
    REPORT_VAL_LOSS,
    REPORT_VAL_ACCURACY,
    REPORT_TEST_LOSS,
    REPORT_TEST_ACCURACY,
    REPORT_SPEED_OF_EPOCHS,
    /* Rows that know the value. */
    REPORT_GRADIENT_NORM,
    REPORT_LEARNING_RATE,
    REPORT_SPEED,
    REPORT_ROWS, /* which know the training loss */
    REPORT_LINES
} report_line;

/* Sums of an epoch up to a row. */
typedef struct report_sums {
    int64_t samples;
    double value;
} report_sums;

/* The window that may still grow, of a training column. */
typedef struct report_window {
    report_sums last, before; /* up to its end, and its beginning */
    bool open;
    dt_place place;
    double mean;
} report_window;

/* {0}: no rows. */
typedef struct report_rows {
    int64_t count;
    int64_t evaluated_count;
    dt_metrics_row last;
    dt_metrics_row evaluated; /* the last of them; its epoch 0 where there is none */
    dt_metrics_row best;      /* of the best validation accuracy */
    dt_place best_place;
    bool has_best;
    double seconds[4];    /* compute, reduce, wait, data: sums */
    int64_t epoch_length; /* updates of a whole epoch; 0: there has not been one */
    dt_points lines[REPORT_LINES];
    /* While they are read. */
    int64_t epoch, begin_step, begin_samples; /* of the epoch: its number, and before it */
    int64_t ended_epoch, ended_step;          /* of the last row that ends an epoch */
    report_window windows[2];
} report_rows;

/* Reads the file `path`. *out is always set, and without rows after an error: report_rows_free.
 * Errors: those of dt_metrics_reader_open and dt_metrics_reader_next; DT_ERR_INTERNAL. */
dt_status report_rows_read(const char *path, report_rows *out, dt_error *error);

/* {0} and a second call are allowed. */
void report_rows_free(report_rows *self);

#endif
