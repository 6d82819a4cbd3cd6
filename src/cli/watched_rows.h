/* The rows of a run that is watched: each is read once, and its memory does not depend on their
 * number. Private to the cli room. */
#ifndef DT_CLI_WATCHED_ROWS_H
#define DT_CLI_WATCHED_ROWS_H

#include <stdint.h>

#include "base/status.h"
#include "chart/points.h"
#include "run/metrics_read.h"

/* Rows that the pace is taken from; rows whose time is kept, to know them again. */
enum { WATCHED_PACE_ROWS = 10, WATCHED_MARKS = 1 << 14 };

typedef enum watched_line {
    WATCHED_TRAIN_LOSS,
    WATCHED_VAL_LOSS,
    WATCHED_TEST_LOSS,
    WATCHED_TRAIN_ACCURACY,
    WATCHED_VAL_ACCURACY,
    WATCHED_TEST_ACCURACY,
    WATCHED_LINES
} watched_line;

typedef struct watched_mark {
    int64_t step;
    double seconds;
} watched_mark;

/* {0}: no rows. */
typedef struct watched_rows {
    int64_t count;
    dt_metrics_row newest;
    watched_mark pace[WATCHED_PACE_ROWS + 1]; /* the newest rows; row i at i modulo the size */
    int64_t steps_an_epoch;                   /* 0: no epoch has ended */
    dt_points lines[WATCHED_LINES];           /* finite values */
    dt_metrics_reader *reader;
    watched_mark *marks; /* [WATCHED_MARKS], of the rows 0, every, 2 * every, ... */
    int64_t every;
} watched_rows;

/* Is told of each row that was not there at the last look. */
typedef void watched_news(const dt_metrics_row *row, void *context);

/* Reads what has come to the file `path`. Where rows were taken back (a run goes on from a
 * checkpoint) it reads all again; those that are as they were are no news. Of more rows than
 * WATCHED_MARKS some that are as they were may be news again.
 * Errors: those of dt_metrics_reader_open, with its errno, and dt_metrics_reader_next. */
dt_status watched_rows_read(watched_rows *self, const char *path, watched_news *news, void *context,
                            dt_error *error);

/* {0} and a second call are allowed. */
void watched_rows_free(watched_rows *self);

#endif
