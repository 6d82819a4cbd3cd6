/* The end of a process for which there is no memory, inside a library that cannot be trusted with
 * it: malloc, calloc and realloc of the process (shortage.c) do not return NULL for less than
 * 64 MiB. */
#ifndef DT_BASE_SHORTAGE_H
#define DT_BASE_SHORTAGE_H

#include <stddef.h>

/* Ends the process: one line on stderr, what base/leftover.h remembers removed, exit code
 * DT_ERR_INTERNAL. Needs no memory. */
_Noreturn void dt_shortage_end(size_t bytes);

/* The process has said why it fails: an end without memory from now on, while it cleans up, adds no
 * second line. */
void dt_shortage_silence(void);

/* realloc that returns NULL when there is no memory, of any size. */
void *dt_shortage_realloc(void *block, size_t size);

#endif
