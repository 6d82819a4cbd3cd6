/* Reads JSON that is in memory, whoever made it. source: RFC 8259.
 *
 * A node is a value, and may be NULL: one that is not there. What is asked of another kind of node
 * is answered as of one that is not there. */
#ifndef DT_FILE_JSON_READER_H
#define DT_FILE_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct dt_json dt_json;

/* The caller owns *out: dt_json_destroy. Errors: DT_ERR_DATA, with the byte; a name twice in an
 * object is one. */
dt_status dt_json_read(const void *bytes, size_t size, dt_json **out, dt_error *error);

/* NULL is allowed. */
void dt_json_destroy(dt_json *root);

/* Whether it is there and not null. */
bool dt_json_is(const dt_json *node);

/* A member of an object; an element of an array or, in their order, a member of an object. */
const dt_json *dt_json_member(const dt_json *node, const char *name);
const dt_json *dt_json_element(const dt_json *node, size_t index);

/* How many elements an array, or members an object, has. */
size_t dt_json_count(const dt_json *node);

/* A text, of the node's own; NULL: it is none. */
const char *dt_json_text(const dt_json *node);

/* A number; whether it is one. */
bool dt_json_number(const dt_json *node, double *out);

/* True or false; `otherwise`: it is neither. */
bool dt_json_bool(const dt_json *node, bool otherwise);

#endif
