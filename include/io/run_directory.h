/* The directory of a run. */
#ifndef DT_IO_RUN_DIRECTORY_H
#define DT_IO_RUN_DIRECTORY_H

#include <limits.h>
#include <stdbool.h>

#include "base/status.h"

/* Size of a path with its terminating 0. */
#define DT_PATH_SIZE PATH_MAX

/* What a run writes into its directory; besides, checkpoints/step-<digits>.h5. */
#define DT_FILE_CONFIG  "config.ini"
#define DT_FILE_LOG     "log.txt"
#define DT_FILE_METRICS "metrics.csv"
#define DT_FILE_SUMMARY "summary.json"
#define DT_FILE_WEIGHTS "weights.h5"
#define DT_FILE_BEST    "best.h5"
#define DT_FILE_REPORT  "report.html"

/* Makes the directory of a run, with its parents, and writes its path into `path`.
 *
 * name "auto": runs/<YYYYmmdd-HHMMSS> (local time) below the working directory, with -2, -3, ... at
 * the end when it is taken; always a new directory, also among processes that start at once.
 * runs/latest becomes a symbolic link to it; where that cannot be done, a warning says so.
 *
 * Any other name is the directory itself. It may exist. One that has a file of a run is refused,
 * unless `overwrite`, which removes the files of a run (those named above) and nothing else.
 * Not collective. Errors: DT_ERR_CREATE: the directory cannot be made or written to, or holds a
 * run. */
dt_status dt_run_directory_create(const char *name, bool overwrite, char path[DT_PATH_SIZE],
                                  dt_error *error);

/* Writes "DIRECTORY/FILE" into `path`. Errors: DT_ERR_CREATE when that is too long. */
dt_status dt_path_join(const char *directory, const char *file, char path[DT_PATH_SIZE],
                       dt_error *error);

#endif
