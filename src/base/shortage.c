/* Libraries cannot be trusted to find no memory: libhdf5 crashes, ends the process without a word
 * or closes itself for ever; jansson leaves a character out of a text. So malloc, calloc and
 * realloc of the process stand here, in front of the C library's: where these have no memory, the
 * process ends, with a line and the exit code. dt_calloc and dt_resize (base/memory.h) do not come
 * by: what asks through them knows what to do. */
#include "base/shortage.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/leftover.h"
#include "base/status.h"

#if defined __SANITIZE_ADDRESS__ || !defined __GLIBC__ /* has an allocator of its own */
#define OURS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OURS 0
#endif
#endif
#ifndef OURS
#define OURS 1
#endif

#if OURS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

/* A number in a damaged file may ask for any size, and the libraries are used to find that there is
 * not so much: that is told as what it is. */
static const size_t absurd = (size_t)64 << 20;

static void *check(void *block, size_t bytes)
{
    if (!block && bytes < absurd)
        dt_shortage_end(bytes);
    return block;
}

void *malloc(size_t size)
{
    return check(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX;
    return check(__libc_calloc(count, size), bytes);
}

void *realloc(void *block, size_t size)
{
    return size ? check(__libc_realloc(block, size), size) : __libc_realloc(block, size);
}

void *dt_shortage_realloc(void *block, size_t size)
{
    return __libc_realloc(block, size);
}
#else
void *dt_shortage_realloc(void *block, size_t size)
{
    return realloc(block, size);
}
#endif

static atomic_bool silent;

void dt_shortage_silence(void)
{
    atomic_store(&silent, true);
}

void dt_shortage_end(size_t bytes)
{
    char line[160];
    int length = snprintf(line, sizeof line,
                          "dist-train: out of memory: %zu bytes asked for; use fewer ranks or a "
                          "smaller network, or give the process more memory\n",
                          bytes);
    dt_leftovers_remove();
    /* Not stderr: its buffer may be what there is no memory for. */
    if (!atomic_load(&silent) && write(STDERR_FILENO, line, (size_t)length) < 0)
        _exit(DT_ERR_INTERNAL);
    _exit(DT_ERR_INTERNAL);
}
