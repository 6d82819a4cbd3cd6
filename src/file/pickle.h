/* The values that a pickle of PyTorch's describes: see file/torch_pickle.h. */
#ifndef DT_FILE_PICKLE_H
#define DT_FILE_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum pickle_type {
    PICKLE_MARK,
    PICKLE_SCALAR, /* none, a truth value, a real */
    PICKLE_INTEGER,
    PICKLE_TEXT,
    PICKLE_GLOBAL,  /* a class or function */
    PICKLE_LIST,    /* or a tuple */
    PICKLE_DICT,    /* elements: key, value, key, value, ... */
    PICKLE_STORAGE, /* elements: "storage", class, key, place, count */
    PICKLE_TENSOR   /* elements: storage, offset, sizes, strides, ... */
} pickle_type;

typedef struct pickle_value {
    pickle_type type;
    int64_t integer;
    const char *text; /* [length], of the pickle's bytes: not ended */
    size_t length;
    size_t *elements; /* numbers of values */
    size_t count, room;
} pickle_value;

typedef struct pickle {
    pickle_value *values;
    size_t count, room;
    size_t root;
} pickle;

/* Reads a pickle, whose bytes must stay. *out is always set: pickle_destroy. Errors: DT_ERR_DATA,
 * with the instruction, or the name, that is not known; DT_ERR_INTERNAL. */
dt_status pickle_read(const void *bytes, size_t size, pickle *out, dt_error *error);
void pickle_destroy(pickle *self);

/* Element `index` of a value; NULL: it has none. */
const pickle_value *pickle_element(const pickle *self, const pickle_value *of, size_t index);

/* Whether it is this text, or the name of this class or function. */
bool pickle_is(const pickle_value *value, const char *text);

#endif
