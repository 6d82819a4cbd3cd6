/* A whole file in memory. */
#ifndef DT_IO_READ_FILE_H
#define DT_IO_READ_FILE_H

#include <stddef.h>

#include "base/status.h"

/* Reads the regular file `path` of at most `most` bytes. The caller owns *bytes, which has *size
 * bytes and a 0 behind them: dt_free; NULL after an error. Nothing is waited for: a FIFO of that
 * name is refused. Not collective.
 * Errors: DT_ERR_NO_INPUT: it cannot be opened or is no regular file; DT_ERR_DATA: it is larger;
 * DT_ERR_IO; DT_ERR_INTERNAL (memory). */
dt_status dt_read_file(const char *path, size_t most, void **bytes, size_t *size, dt_error *error);

/* The same for what comes from the open file `fd`, whatever it is, up to its end; `name` is for
 * messages. */
dt_status dt_read_stream(int fd, const char *name, size_t most, void **bytes, size_t *size,
                         dt_error *error);

#endif
