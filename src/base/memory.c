#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static long fail_countdown;

void *dt_calloc(size_t count, size_t size, dt_error *error)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - DT_ALIGNMENT) {
        dt_fail(error, DT_ERR_INTERNAL, "cannot allocate %zu x %zu bytes: too large", count, size);
        return NULL;
    }
    size_t rounded = (bytes + DT_ALIGNMENT - 1) / DT_ALIGNMENT * DT_ALIGNMENT;
    if (rounded == 0)
        rounded = DT_ALIGNMENT;
    void *block = NULL;
    if (fail_countdown == 0 || --fail_countdown > 0)
        block = aligned_alloc(DT_ALIGNMENT, rounded);
    if (!block) {
        dt_fail(error, DT_ERR_INTERNAL, "out of memory: %zu bytes asked for", bytes);
        return NULL;
    }
    return memset(block, 0, rounded);
}

void dt_free(void *block)
{
    free(block);
}

char *dt_strdup(const char *text, dt_error *error)
{
    size_t size = strlen(text) + 1;
    char *copy = dt_calloc(size, 1, error);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void dt_memory_fail_at(long n)
{
    fail_countdown = n;
}
