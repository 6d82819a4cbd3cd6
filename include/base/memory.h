/* Allocation: every heap allocation of the program goes through here. */
#ifndef DT_BASE_MEMORY_H
#define DT_BASE_MEMORY_H

#include <stddef.h>

#include "base/status.h"

/* Alignment of every allocation, in bytes: a cache line, and an AVX-512 vector. */
#define DT_ALIGNMENT 64

/* `count` zeroed elements of `size` bytes, aligned to DT_ALIGNMENT. count = 0 gives a valid block
 * of no use. On overflow or lack of memory: NULL, with *error set (DT_ERR_INTERNAL, the number of
 * bytes in the message); a large block is refused, too, when there is less memory than that
 * (base/available.h). The caller owns the block: dt_free. */
void *dt_calloc(size_t count, size_t size, dt_error *error);

/* The block with room for `size` bytes (> 0), which may be elsewhere now: what it held stays as far
 * as it fits, what is new is undefined; alignment as of malloc. NULL: a new block. On lack of
 * memory: NULL, with *error set as above, and the block as it was. */
void *dt_resize(void *block, size_t size, dt_error *error);

/* The block, which has room for *room elements of `size` bytes, with room for `count` at least, as
 * dt_resize: for lists that grow one by one. NULL: as dt_resize; *room is then as it was. */
void *dt_grow(void *block, size_t *room, size_t count, size_t size, dt_error *error);

/* Frees a block of dt_calloc or dt_resize; NULL is allowed. */
void dt_free(void *block);

/* A copy of `text`; owned by the caller: dt_free. NULL with *error set when there is no memory. */
char *dt_strdup(const char *text, dt_error *error);

/* Test hook: the n-th allocation from now (1 = the next) fails; 0 switches it off. */
void dt_memory_fail_at(long n);

#endif
