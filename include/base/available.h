/* How much memory is left for this process and others like it. Ask before taking it: afterwards the
 * kernel kills somebody. */
#ifndef DT_BASE_AVAILABLE_H
#define DT_BASE_AVAILABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Bytes. UINT64_MAX: no limit is known. */
typedef struct dt_available {
    uint64_t machine;       /* MemAvailable, and free swap */
    uint64_t group;         /* below the limit of the control group (v1 or v2) that leaves least */
    uint64_t group_id;      /* of that group: whoever has the same number shares it; 0: none */
    uint64_t address_space; /* below RLIMIT_AS (ulimit -v): all that this process maps */
    uint64_t data;          /* below RLIMIT_DATA (ulimit -d): what it maps for itself alone */
} dt_available;

/* Takes about a tenth of a millisecond. Not collective. */
void dt_available_look(dt_available *out);

/* The same, with /proc and /sys below the directory `root`, which is "" outside of tests. */
void dt_available_look_below(const char *root, dt_available *out);

/* Compares with what there is, field by field, what is needed of it (group_id does not count).
 * Errors: DT_ERR_CONFIG: "expected 12 GB of memory, found 3.2 GB ...", with what sets the limit. */
dt_status dt_available_check(const dt_available *there, const dt_available *needed,
                             dt_error *error);

/* "12.8 GB", "640 MB", "3 kB". Returns `text`. */
#define DT_BYTES_TEXT 24
char *dt_bytes_text(uint64_t bytes, char text[DT_BYTES_TEXT]);

#endif
