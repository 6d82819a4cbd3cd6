/* The samples that a network answers worst. */
#ifndef DT_TRAIN_MISTAKES_H
#define DT_TRAIN_MISTAKES_H

#include "base/status.h"
#include "data/dataset.h"
#include "run/insight.h"
#include "train/session.h"

/* Most samples of a gallery, and most pixels of them together (a sample is taken however large it
 * is). */
#define DT_MISTAKES_MAX        60
#define DT_MISTAKES_PIXELS_MAX ((int64_t)1 << 22)

/* The samples that a gallery of images of this shape has room for, at least 1. */
int gallery_most(dt_shape shape);

/* The wrongly answered samples of a subset whose loss is largest, by run->outputs[kind]: the
 * largest first, of equals the one with the lower number; one without an answer (an output that is
 * not a number) comes before all others. score: the loss. The same on any number of ranks.
 * On rank 0 *out is the gallery, elsewhere its count is 0; the caller owns what it points to, also
 * after an error. Collective. Errors: DT_ERR_INTERNAL (memory), the same on all ranks. */
dt_status mistakes_collect(dt_session *run, dt_subset_kind kind, dt_gallery *out, dt_error *error);

/* Room for so many samples; *out is zero, and owns it also after an error.
 * Errors: DT_ERR_INTERNAL. */
dt_status gallery_allocate(const dt_session *run, int64_t samples, dt_gallery *out,
                           dt_error *error);

/* Sample i gets its image and what the network answered, by its outputs [classes]; the rest is the
 * caller's. scratch: [classes]. */
void gallery_put(const dt_session *run, const uint8_t *image, const float *outputs, int64_t i,
                 double *scratch, dt_gallery *out);

#endif
