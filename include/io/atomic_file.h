/* Whole files that are either the old one or the new one, never something between. */
#ifndef DT_IO_ATOMIC_FILE_H
#define DT_IO_ATOMIC_FILE_H

#include <stddef.h>

#include "base/status.h"

/* Makes `path` a file of the `size` bytes, with the permissions 0666 & ~umask: written to a
 * temporary file ".NAME.<16 hex digits>.tmp" in the same directory, synced, read back and compared,
 * renamed over `path`, and the directory synced. A symbolic link at `path` is replaced, not
 * followed. Not collective; may be called from any thread.
 *
 * When it fails, what was at `path` is still there and no temporary file is left; only when the
 * last step, the sync of the directory, fails is the new file in place already. A crash can leave a
 * temporary file, which is in nobody's way.
 * The process must ignore SIGXFSZ if a file-size limit is to be an error and not its end.
 * Errors: DT_ERR_CREATE: the temporary file cannot be created, or `path` cannot be replaced;
 * DT_ERR_IO: writing, syncing or reading back failed (path, bytes, reason); DT_ERR_INTERNAL. */
dt_status dt_atomic_write(const char *path, const void *bytes, size_t size, dt_error *error);

/* Refuses to make `path` a file where it is the file `input` already, under whatever name: what
 * would be read, or has been, stays. Errors: DT_ERR_CREATE. */
dt_status dt_atomic_apart(const char *path, const char *input, dt_error *error);

#endif
