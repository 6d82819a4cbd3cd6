/* Inside of the run room: directories of a run. */
#ifndef DT_RUN_DIRECTORY_MAKE_H
#define DT_RUN_DIRECTORY_MAKE_H

#include <stdbool.h>

#include "run/directory.h"

/* Makes a directory in the directory of a run, where it may be already; a symbolic link to one is
 * refused: what a run writes stays in its directory. Its name survives a crash.
 * Errors: DT_ERR_CREATE, DT_ERR_IO. */
dt_status directory_make_inner(const char *path, dt_error *error);

/* Whether a run may be written into the directory: what has the name of a run's file is a regular
 * file, what has that of a directory is one, and neither is a link. free: nor is there a run.
 * Changes nothing. Errors: DT_ERR_CREATE. */
dt_status directory_check_content(const char *path, bool free, dt_error *error);

#endif
