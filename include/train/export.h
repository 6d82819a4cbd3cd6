/* A trained network in the formats of others. */
#ifndef DT_TRAIN_EXPORT_H
#define DT_TRAIN_EXPORT_H

#include "base/status.h"
#include "train/model.h"

typedef struct dt_export_format {
    const char *name;  /* "onnx" */
    const char *help;  /* who reads it, in a few words, no full stop */
    const char *loses; /* what of a weights file is not in it, in a few words; NULL: nothing */
    /* Writes `path` atomically. Not collective. Errors: those of dt_atomic_write; DT_ERR_DATA for a
     * network that the format cannot express; DT_ERR_INTERNAL. */
    dt_status (*write)(const dt_model *model, const char *path, dt_error *error);
} dt_export_format;

/* The formats: *count of them, in the order of --help. */
const dt_export_format *dt_export_formats(size_t *count);

/* Their names, in the same order, NULL at the end. */
extern const char *const dt_export_names[];

#endif
