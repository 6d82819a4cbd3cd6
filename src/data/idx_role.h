/* What the name of an IDX file says (idx_names.h). */
#ifndef DT_DATA_IDX_ROLE_H
#define DT_DATA_IDX_ROLE_H

#include <stdbool.h>

#include "data/idx_file.h"
#include "data/source.h"

typedef struct idx_role {
    dt_part part;
    dt_idx_kind kind;
    int word;   /* of the part: two of them are two test sets */
    int prefix; /* characters of it */
    bool gzip;
} idx_role;

/* Whether the name is that of an image or label file of a part; *out then says which. */
bool idx_role_find(const char *name, idx_role *out);

/* Whether the name is that of images or labels, of these parts or of others. */
bool idx_role_is_any(const char *name);

#endif
