/* The names that the program knows of a kind of thing, and what a test knows of each: one that is
 * added is tested too, and a test that knows nothing of it fails. */
#ifndef DT_TESTS_NAMES_H
#define DT_TESTS_NAMES_H

#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

static inline int names_count(const char *const *names)
{
    int count = 0;
    while (names[count])
        count++;
    return count;
}

/* The row for `name` of rows[count], structs of `size` bytes that begin with a name. */
static inline const void *row_of(const char *name, const void *rows, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        const char *row = (const char *)rows + i * size;
        if (strcmp(*(const char *const *)row, name) == 0)
            return row;
    }
    printf("\n    '%s': expected a row in this test, with its formula, found none\n", name);
    CU_FAIL_FATAL("a name without a row");
    return NULL;
}

#define ROW_OF(name, rows) row_of(name, rows, sizeof(rows) / sizeof *(rows), sizeof *(rows))

#endif
