/* What a file is, by its content. */
#ifndef DT_RUN_CONTENT_H
#define DT_RUN_CONTENT_H

#include <stddef.h>

typedef enum dt_content {
    DT_CONTENT_CHECKPOINT, /* of this program (run/checkpoint.h), though it may be damaged */
    DT_CONTENT_WEIGHTS,    /* a weights file, ours or Keras' (model/weights.h), likewise */
    DT_CONTENT_INSIGHT,    /* what a run knew at its end (run/insight.h), likewise */
    DT_CONTENT_HDF5,       /* another HDF5 file */
    DT_CONTENT_OTHER
} dt_content;

/* Looks at the `size` bytes of a file. HDF5 sees none that are a checkpoint's. Not collective. */
dt_content dt_content_of(const void *bytes, size_t size);

#endif
