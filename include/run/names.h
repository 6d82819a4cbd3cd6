/* The names of a run's files: one list, to make them by and to know them again. */
#ifndef DT_RUN_NAMES_H
#define DT_RUN_NAMES_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* Size of a path with its terminating 0. */
#define DT_PATH_SIZE PATH_MAX

/* What a run leaves in its directory. */
#define DT_FILE_CONFIG  "config.ini"
#define DT_FILE_LOG     "log.txt"
#define DT_FILE_METRICS "metrics.csv"
#define DT_FILE_SUMMARY "summary.json"
#define DT_FILE_WEIGHTS "weights.h5"
#define DT_FILE_BEST    "best.h5"
#define DT_FILE_INSIGHT "insight.h5"
#define DT_FILE_REPORT  "report.html"

/* What is there while it goes on, and what a user writes there to ask it to stop. */
#define DT_FILE_LOCK "lock"
#define DT_FILE_STOP "stop"

#define DT_DIRECTORY_CHECKPOINTS "checkpoints"
/* Of event files for TensorBoard, in a directory for each subset: run/tensorboard.h. */
#define DT_DIRECTORY_EVENTS "tensorboard"
#define DT_EVENTS_BEGIN     "events.out.tfevents."
/* A file that is not looked at yet: no name that TensorBoard takes for an event file. */
#define DT_EVENTS_NEXT "next.tmp"

/* The end of the name of a damaged file that was renamed: dt_set_aside. */
#define DT_ENDING_DAMAGED ".damaged"

/* Where runs are that were given no name, and a symbolic link to the newest. */
#define DT_DIRECTORY_RUNS "runs"
#define DT_LATEST_RUN     DT_DIRECTORY_RUNS "/latest"

/* Kinds of names, as a set. */
typedef enum dt_run_name {
    DT_NAME_FILE = 1,       /* DT_FILE_CONFIG to DT_FILE_REPORT */
    DT_NAME_PASSING = 2,    /* DT_FILE_LOCK, DT_FILE_STOP */
    DT_NAME_CLAIM = 4,      /* on the lock: run/lock.h */
    DT_NAME_CHECKPOINT = 8, /* dt_checkpoint_name */
    DT_NAME_EVENTS = 16,    /* an event file, or DT_EVENTS_NEXT */
    DT_NAME_TEMPORARY = 32  /* what becomes a file or checkpoint: file/atomic_file.h */
} dt_run_name;

/* The kind of `name`, without a directory; 0: none of a run's. */
unsigned dt_run_name_kind(const char *name);

/* step-<the step, at least 8 digits>.h5; returns `name`. */
#define DT_CHECKPOINT_NAME 64
char *dt_checkpoint_name(int64_t step, char name[DT_CHECKPOINT_NAME]);

/* The step >= 0 of such a name; -1: it is none. */
int64_t dt_checkpoint_step(const char *name);

/* Writes "DIRECTORY/FILE" into `path`. Errors: DT_ERR_CREATE when that is too long. */
dt_status dt_path_join(const char *directory, const char *file, char path[DT_PATH_SIZE],
                       dt_error *error);

/* Takes a file that cannot be used out of the way of what is to come, without losing it: it becomes
 * PATH.damaged. False: it could not. */
bool dt_set_aside(const char *path);

#endif
