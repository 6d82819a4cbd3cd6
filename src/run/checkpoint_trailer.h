/* The last bytes of a checkpoint file: magic, size, hash (run/checkpoint.h). */
#ifndef DT_RUN_CHECKPOINT_TRAILER_H
#define DT_RUN_CHECKPOINT_TRAILER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define TRAILER_SIZE 24

/* Writes the trailer into the last TRAILER_SIZE of the `size` bytes of a file. */
void trailer_write(void *bytes, size_t size);

/* The magic and the size in a trailer are those of a file of `size` bytes. Errors: DT_ERR_DATA. */
dt_status trailer_check_size(const uint8_t trailer[TRAILER_SIZE], uint64_t size, dt_error *error);

/* The `size` bytes of a file are those that trailer_write has seen. Errors: DT_ERR_DATA. */
dt_status trailer_check(const void *bytes, size_t size, dt_error *error);

#endif
