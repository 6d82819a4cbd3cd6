/* A trained network in the formats of others. */
#ifndef DT_TRAIN_EXPORT_H
#define DT_TRAIN_EXPORT_H

#include "base/status.h"
#include "train/model.h"

enum { DT_EXPORT_SUFFIXES = 4 };

typedef struct dt_export_format {
    const char *name;  /* "onnx" */
    const char *help;  /* who reads it, in a few words, no full stop */
    const char *loses; /* what of a weights file is not in it, in a few words; NULL: nothing */
    const char
        *suffixes[DT_EXPORT_SUFFIXES]; /* how names of such files end; NULL behind the last */
    /* Writes `path` atomically. Not collective. Errors: those of dt_atomic_write; DT_ERR_DATA for a
     * network that the format cannot express; DT_ERR_INTERNAL. */
    dt_status (*write)(const dt_model *model, const char *path, dt_error *error);
} dt_export_format;

/* The formats: *count of them, in the order of --help. */
const dt_export_format *dt_export_formats(size_t *count);

/* The format of that name, whose files may have the name `path`; name "": the one that this name is
 * of. Errors: DT_ERR_USAGE: it is of another, or of none or several. */
dt_status dt_export_find(const char *name, const char *path, const dt_export_format **out,
                         dt_error *error);

/* Their names, in the same order, NULL at the end. */
extern const char *const dt_export_names[];

#endif
