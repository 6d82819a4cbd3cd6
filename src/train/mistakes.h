/* The samples that a network answers worst. */
#ifndef DT_TRAIN_MISTAKES_H
#define DT_TRAIN_MISTAKES_H

#include "base/status.h"
#include "data/dataset.h"
#include "run/insight.h"
#include "train/run.h"

/* Most samples of a gallery, and most pixels of them together (a sample is taken however large it
 * is). */
#define DT_MISTAKES_MAX        60
#define DT_MISTAKES_PIXELS_MAX ((int64_t)1 << 22)

/* The samples that a gallery of images of this shape has room for, at least 1. */
int dt_gallery_most(dt_shape shape);

/* The wrongly answered samples of a subset whose loss is largest, by run->outputs[kind]: the
 * largest first, of equals the one with the lower number; one without an answer (an output that is
 * not a number) comes before all others. score: the loss. The same on any number of ranks.
 * On rank 0 *out is the gallery, elsewhere it is empty; the caller owns what it points to, also
 * after an error. Collective. Errors: DT_ERR_INTERNAL (memory), the same on all ranks. */
dt_status dt_mistakes_collect(dt_run *run, dt_subset_kind kind, dt_gallery *out, dt_error *error);

#endif
