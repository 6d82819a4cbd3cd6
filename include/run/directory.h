/* The directory of a run. */
#ifndef DT_RUN_DIRECTORY_H
#define DT_RUN_DIRECTORY_H

#include <stdbool.h>

#include "base/status.h"
#include "run/names.h"

/* The order of a new run: make, take the lock, clear. Of one that goes on: open, take the lock,
 * tidy. Both at last: start. What is removed is removed by the holder of the lock only.
 * Nothing here is collective. */

/* Makes the directory of a run, with its parents, and writes its path into `path`.
 *
 * name "auto": runs/<YYYYmmdd-HHMMSS> (local time) below the working directory, with -2, -3, ... at
 * the end when it is taken; always a new directory, also among processes that start at once.
 * runs/latest becomes a symbolic link to it; where that cannot be done, a warning says so.
 *
 * Any other name is the directory itself, which may exist.
 * Errors: DT_ERR_CREATE: the directory cannot be made or written to. */
dt_status dt_run_directory_make(const char *name, char path[DT_PATH_SIZE], dt_error *error);

/* The directory of a run that exists; writes its path into `path`. name "auto": the one that
 * runs/latest points to, by its own name. Nothing is changed.
 * Errors: DT_ERR_NO_INPUT: there is no such directory; DT_ERR_CREATE: it cannot be written to, or
 * holds something else at the name of a file or directory of a run, as dt_run_directory_clear. */
dt_status dt_run_directory_open(const char *name, char path[DT_PATH_SIZE], dt_error *error);

/* The same to look at only: it need not be writable. */
dt_status dt_run_directory_find(const char *name, char path[DT_PATH_SIZE], dt_error *error);

/* Whether the directory has a file of a run; false as well where that cannot be told. */
bool dt_run_directory_has_run(const char *path);

/* Whether `path` is a directory to read a run in: one with a file of a run, or the lock of one that
 * begins. Errors: DT_ERR_NO_INPUT: it is none, or may not be looked at; DT_ERR_IO. */
dt_status dt_run_directory_check(const char *path, dt_error *error);

/* Whether `path` is the name of a file of a run in a directory with a run's settings and log. */
bool dt_run_directory_owns(const char *path);

/* Whether the directory of dt_run_directory_make(name) could be made, and then be cleared without a
 * refusal. Changes nothing. Errors: DT_ERR_CREATE, as those two have them. */
dt_status dt_run_directory_try(const char *name, bool overwrite, dt_error *error);

/* Makes sure that the directory holds no run. One that has a file of a run (those named above,
 * checkpoints, and TensorBoard's event files) is refused, unless `overwrite`, which removes these
 * files and nothing else. Refused in any case, before anything is removed: a link, FIFO, directory,
 * device or socket in place of such a file, or of the lock or `stop`; anything but a directory in
 * place of `checkpoints` or one of TensorBoard's. Then as dt_run_directory_tidy. The caller has the
 * lock. Errors: DT_ERR_CREATE: these, or a file cannot be removed. */
dt_status dt_run_directory_clear(const char *path, bool overwrite, dt_error *error);

/* Removes what an end may have left behind when a run goes on: the file `stop`, and temporary files
 * of the files of a run. The caller has the lock.
 * Errors: DT_ERR_CREATE: a file cannot be removed; or as dt_run_directory_clear refuses. */
dt_status dt_run_directory_tidy(const char *path, dt_error *error);

/* Nothing refuses the start of the run any more: removes its summary, so that there is one only of
 * the last start, and only when that has ended in order. The caller has the lock.
 * Errors: DT_ERR_CREATE: it cannot be removed. */
dt_status dt_run_directory_start(const char *path, dt_error *error);

/* Whether there is a file `stop`; one system call. */
bool dt_run_directory_stop_requested(const char *path);

#endif
