/* Directories by name: what a run directory is made with. */
#ifndef DT_RUN_DIRECTORY_MAKE_H
#define DT_RUN_DIRECTORY_MAKE_H

#include <stdbool.h>

#include "run/directory.h"

/* `name` without slashes at its end. Errors: DT_ERR_CREATE: it is empty or too long. */
dt_status directory_name(const char *name, char path[DT_PATH_SIZE], dt_error *error);

/* mkdir -p. `path` is changed while it runs and restored. Errors: DT_ERR_CREATE, DT_ERR_IO. */
dt_status directory_make(char *path, dt_error *error);

/* Makes a directory in the directory of a run, where it may be already; a symbolic link to one is
 * refused: what a run writes stays in its directory. Its name survives a crash.
 * Errors: DT_ERR_CREATE, DT_ERR_IO. */
dt_status directory_make_inner(const char *path, dt_error *error);

/* Whether directory_make would do it; changes nothing but, while it runs, `path`. *there: the
 * directory is there already. Errors: DT_ERR_CREATE, the same as directory_make's. */
dt_status directory_try(char *path, bool *there, dt_error *error);

/* The name of a directory that has been made survives a crash. Errors: DT_ERR_IO. */
dt_status directory_sync_parent(const char *path, dt_error *error);

/* Whether a run may be written into the directory: what has the name of a run's file is a regular
 * file, what has that of a directory is one, and neither is a link. free: nor is there a run.
 * Changes nothing. Errors: DT_ERR_CREATE. */
dt_status run_directory_check(const char *path, bool free, dt_error *error);

/* Errors: DT_ERR_CREATE. */
dt_status directory_check_writable(const char *path, dt_error *error);

#endif
