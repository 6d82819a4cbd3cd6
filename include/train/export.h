/* A trained network in the formats of others. */
#ifndef DT_TRAIN_EXPORT_H
#define DT_TRAIN_EXPORT_H

#include <stdbool.h>

#include "base/status.h"
#include "train/model.h"

enum { DT_EXPORT_SUFFIXES = 4 };

/* How names of files end. */
typedef struct dt_export_suffix {
    const char *name;
    const char *help; /* what such a file is; NULL: that of its format */
    bool own;         /* ... and is a weights file of this program */
} dt_export_suffix;

typedef struct dt_export_format {
    const char *help;  /* who reads it, in a few words, no full stop */
    const char *loses; /* what of a weights file is not in it, in a few words; NULL: nothing */
    dt_export_suffix suffixes[DT_EXPORT_SUFFIXES]; /* the first that fits; {NULL} behind the last */
    /* Writes `path` atomically. Not collective. Errors: those of dt_atomic_write; DT_ERR_DATA for a
     * network that the format cannot express; DT_ERR_INTERNAL. */
    dt_status (*write)(const dt_model *model, const char *path, dt_error *error);
} dt_export_format;

/* What --format takes, NULL at the end. */
extern const char *const dt_export_names[];

/* The format of that name, whose files may have the name `path`; name "": the one that this name is
 * of. Errors: DT_ERR_USAGE: it is of another, or of none or several. */
dt_status dt_export_find(const char *name, const char *path, const dt_export_format **out,
                         dt_error *error);

/* Whether a weights file of this program may have the name `path`. Errors: DT_ERR_USAGE: it is that
 * of another kind of file. */
dt_status dt_export_check_own(const char *path, dt_error *error);

/* What a file of that name is, and who reads it, in a few words. */
const char *dt_export_help(const dt_export_format *format, const char *path);

#endif
