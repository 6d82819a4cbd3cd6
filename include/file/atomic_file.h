/* Whole files that are either the old one or the new one, never something between. */
#ifndef DT_FILE_ATOMIC_FILE_H
#define DT_FILE_ATOMIC_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Makes `path` a file of the `size` bytes, with the permissions 0666 & ~umask: written to a
 * temporary file ".NAME.<16 hex digits>.tmp" in the same directory, synced, read back and compared,
 * renamed over `path`, and the directory synced. Not collective; may be called from any thread.
 *
 * When it fails, what was at `path` is still there and no temporary file is left; only when the
 * last step, the sync of the directory, fails is the new file in place already. A crash can leave a
 * temporary file, which is in nobody's way.
 * The process must ignore SIGXFSZ if a file-size limit is to be an error and not its end.
 * Errors: DT_ERR_CREATE: `path` is something else than a regular file or nothing (a symbolic link
 * is something else), the temporary file cannot be created, or `path` cannot be replaced;
 * DT_ERR_IO: writing, syncing or reading back failed (path, bytes, reason); DT_ERR_INTERNAL. */
dt_status dt_atomic_write(const char *path, const void *bytes, size_t size, dt_error *error);

/* The same for what is written bit by bit, and not read back: the temporary file's descriptor,
 * which is the caller's to write to and not to close, is in *file until dt_atomic_end, which makes
 * it the file `path`. dt_atomic_discard instead leaves what was there; NULL is allowed. Both end
 * *out. */
typedef struct dt_atomic dt_atomic;
dt_status dt_atomic_begin(const char *path, dt_atomic **out, int *file, dt_error *error);
dt_status dt_atomic_end(dt_atomic *self, dt_error *error);
void dt_atomic_discard(dt_atomic *self);

/* Whether `name`, without a directory, is that of a temporary file; `whole` is then the name of the
 * file that it was to become. */
bool dt_atomic_is_temporary(const char *name, char whole[NAME_MAX + 1]);

/* Whether dt_atomic_begin would do it; changes nothing. Errors: DT_ERR_CREATE. */
dt_status dt_atomic_try(const char *path, dt_error *error);

#endif
