#include "base/memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/available.h"
#include "base/shortage.h"

/* From so many bytes on a block is worth the look whether the machine has them. */
static const size_t large = (size_t)64 << 20;

/* Elements that a list has room for at first. */
enum { FIRST_ROOM = 16 };

static long fail_countdown;

/* Where the kernel promises more than it has, it ends the process, or another, once the memory is
 * used. */
static bool is_there(size_t bytes, dt_error *error)
{
    dt_available there;
    dt_error own = {0};
    if (bytes < large)
        return true;
    dt_available_look(&there);
    const dt_available needed = {bytes, bytes, 0, bytes, bytes};
    if (!dt_available_check(&there, &needed, &own))
        return true;
    dt_fail(error, DT_ERR_INTERNAL, "out of memory: %zu bytes asked for: %s", bytes, own.message);
    return false;
}

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
    if (!is_there(bytes, error))
        return NULL;
    void *block = NULL;
    if (fail_countdown == 0 || --fail_countdown > 0)
        block = aligned_alloc(DT_ALIGNMENT, rounded);
    if (!block) {
        dt_fail(error, DT_ERR_INTERNAL, "out of memory: %zu bytes asked for", bytes);
        return NULL;
    }
    return memset(block, 0, rounded);
}

void *dt_resize(void *block, size_t size, dt_error *error)
{
    size_t had = malloc_usable_size(block);
    if (size > had && !is_there(size - had, error))
        return NULL;
    void *resized = NULL;
    if (fail_countdown == 0 || --fail_countdown > 0)
        resized = dt_shortage_realloc(block, size);
    if (!resized)
        dt_fail(error, DT_ERR_INTERNAL, "out of memory: %zu bytes asked for", size);
    return resized;
}

void dt_free(void *block)
{
    free(block);
}

void *dt_grow(void *block, size_t *room, size_t count, size_t size, dt_error *error)
{
    size_t wanted = 2 * *room + FIRST_ROOM, bytes;
    if (count <= *room)
        return block;
    wanted = wanted > count ? wanted : count;
    if (__builtin_mul_overflow(wanted, size, &bytes)) {
        dt_fail(error, DT_ERR_INTERNAL, "cannot allocate %zu x %zu bytes: too large", wanted, size);
        return NULL;
    }
    void *larger = dt_resize(block, bytes, error);
    *room = larger ? wanted : *room;
    return larger;
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
