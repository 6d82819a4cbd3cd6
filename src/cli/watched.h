/* A run that is looked at from outside, again and again. Private to the cli room.
 *
 * Files are opened for reading only and nothing is created: a run cannot tell that it is watched.
 */
#ifndef DT_CLI_WATCHED_H
#define DT_CLI_WATCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/status.h"
#include "chart/points.h"
#include "run/directory.h"
#include "run/lock.h"
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

/* Called for each row that was not there at the last look. */
typedef void watched_on_row(const dt_metrics_row *row, void *context);

typedef enum watched_state {
    DT_WATCHED_WAITING, /* it has not begun to write */
    DT_WATCHED_RUNNING,
    DT_WATCHED_COMPLETE, /* these three: as summary.json says */
    DT_WATCHED_STOPPED,
    DT_WATCHED_FAILED,
    DT_WATCHED_DIED /* ended without a word */
} watched_state;

/* A file as it was when it was last read. */
typedef struct file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec time; /* of the last change */
    bool there;
} file_stamp;

typedef struct watched_run {
    char directory[DT_PATH_SIZE];
    watched_state state;
    char holder[DT_RUN_LOCK_TEXT]; /* "process 1234 on host x since ..."; "": unknown */
    char others[160];              /* "; runs beside it: a, b and 3 more", if it is not there */
    double silence;                /* seconds since the last sign of life; NaN: none yet */
    double row_age;                /* seconds since the newest row */
    watched_rows rows;
    int64_t epochs;         /* -1: not known */
    int64_t steps_an_epoch; /* 0: not known */
    int64_t steps;          /* of the whole run; 0: not known */
    /* Of earlier looks. */
    file_stamp metrics, config, lock, log;
    int64_t max_steps;
    double lock_moved; /* of the clock */
    int unlocked;      /* looks in a row that found files of a run, but no lock and no summary */
} watched_run;

/* Begins to watch `directory`, which need not be there yet. The caller owns *out:
 * watched_close. Errors: DT_ERR_NO_INPUT: the path is too long. */
dt_status watched_open(const char *directory, watched_run *out, dt_error *error);

/* Looks once; what has not changed since the last time is not read again, and of metrics.csv only
 * what is new. Errors: DT_ERR_NO_INPUT: no directory, or one with files, but none of a run; those
 * of watched_rows_read; DT_ERR_DATA: config.ini or summary.json is none. */
dt_status watched_look(watched_run *self, watched_on_row *on_row, void *context, dt_error *error);

/* Whether the run has ended. */
bool watched_ended(const watched_run *self);

/* Seconds until the last step, by the pace of the newest rows; NaN: cannot be told. */
double watched_left(const watched_run *self);

/* {0} and a second call are allowed. */
void watched_close(watched_run *self);

#endif
