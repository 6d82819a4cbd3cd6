/* Named arrays of floats and named texts in memory: what safetensors and npz files hold. */
#ifndef DT_FILE_BUNDLE_H
#define DT_FILE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/shape.h"
#include "base/status.h"

/* Size of a name with its terminating 0; most arrays, and most texts, of a bundle. */
#define DT_BUNDLE_NAME 128
#define DT_BUNDLE_MAX  1024

typedef struct dt_array {
    char name[DT_BUNDLE_NAME];
    int rank; /* 0: one value */
    int64_t shape[DT_RANK_MAX];
    float *values; /* [product of shape], C order */
} dt_array;

typedef struct dt_named_text {
    char name[DT_BUNDLE_NAME];
    char *text;
} dt_named_text;

/* Owns all that it points to. {0} is an empty one. */
typedef struct dt_bundle {
    dt_array *arrays;
    size_t array_count, array_room;
    dt_named_text *texts;
    size_t text_count, text_room;
    dt_named_text *others; /* arrays of no floats: what they hold in place of these, "I64" */
    size_t other_count, other_room;
    bool text_arrays;      /* texts are arrays of the file, too */
    bool ordered;          /* the arrays have the order of the network, as far as their file says */
    const char *converted; /* what its file had in place of 32-bit floats, "F16" or "F64"; NULL:
                              those. Not owned */
} dt_bundle;

/* Frees what a bundle owns. NULL, {0} and a second call are allowed. */
void dt_bundle_destroy(dt_bundle *bundle);

/* Adds an array of zeros, to be filled: *values, [product of shape], stays the bundle's.
 * Errors: DT_ERR_DATA: a name that is there already, is empty, too long or not plain (UTF-8
 * without control characters), a rank above DT_RANK_MAX, a size below 1, or too many arrays;
 * DT_ERR_INTERNAL. */
dt_status dt_bundle_add(dt_bundle *bundle, const char *name, int rank, const int64_t *shape,
                        float **values, dt_error *error);

/* Adds a copy of a text. Errors: as dt_bundle_add. */
dt_status dt_bundle_add_text(dt_bundle *bundle, const char *name, const char *text,
                             dt_error *error);

/* Notes an array that holds no floats. Errors: as dt_bundle_add. */
dt_status dt_bundle_add_other(dt_bundle *bundle, const char *name, const char *what,
                              dt_error *error);

/* The text of that name; NULL: there is none. */
const char *dt_bundle_text(const dt_bundle *bundle, const char *name);

static inline size_t dt_array_count(const dt_array *array)
{
    return dt_value_count(array->rank, array->shape);
}

#endif
