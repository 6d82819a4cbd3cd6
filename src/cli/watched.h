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
#include "run/directory.h"
#include "run/lock.h"
#include "watched_rows.h"

typedef enum dt_watched_state {
    DT_WATCHED_WAITING, /* it has not begun to write */
    DT_WATCHED_RUNNING,
    DT_WATCHED_COMPLETE, /* these three: as summary.json says */
    DT_WATCHED_STOPPED,
    DT_WATCHED_FAILED,
    DT_WATCHED_DIED /* ended without a word */
} dt_watched_state;

/* A file as it was when it was last read. */
typedef struct dt_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec time; /* of the last change */
    bool there;
} dt_stamp;

typedef struct dt_watched {
    char directory[DT_PATH_SIZE];
    dt_watched_state state;
    char holder[DT_RUN_LOCK_TEXT]; /* "process 1234 on host x since ..."; "": unknown */
    double silence;                /* seconds since the last sign of life; NaN: none yet */
    double row_age;                /* seconds since the newest row */
    watched_rows rows;
    int64_t epochs;         /* -1: not known */
    int64_t steps_an_epoch; /* 0: not known */
    int64_t steps;          /* of the whole run; 0: not known */
    /* Of earlier looks. */
    dt_stamp metrics, config, lock, log;
    int64_t max_steps;
    double lock_moved; /* of the clock */
    int unlocked;      /* looks in a row that found files of a run, but no lock and no summary */
} dt_watched;

/* Begins to watch `directory`, which need not be there yet. The caller owns *out:
 * dt_watched_close. Errors: DT_ERR_NO_INPUT: the path is too long. */
dt_status dt_watched_open(const char *directory, dt_watched *out, dt_error *error);

/* Looks once; what has not changed since the last time is not read again, and of metrics.csv only
 * what is new. `news` is told of each row that was not there at the last look.
 * Errors: DT_ERR_NO_INPUT: no directory, or one with files, but none of a run; those of
 * watched_rows_read; DT_ERR_DATA: config.ini or summary.json is none. */
dt_status dt_watched_look(dt_watched *self, watched_news *news, void *context, dt_error *error);

/* Whether the run has ended. */
bool dt_watched_ended(const dt_watched *self);

/* Seconds until the last step, by the pace of the newest rows; NaN: cannot be told. */
double dt_watched_left(const dt_watched *self);

/* {0} and a second call are allowed. */
void dt_watched_close(dt_watched *self);

#endif
