/* Training images as augmentation draws them, for a report. */
#ifndef DT_TRAIN_DRAWN_H
#define DT_TRAIN_DRAWN_H

#include "base/status.h"
#include "run/insight.h"
#include "train/session.h"

/* Some of the images that a run trains on first, of different labels if it can be, as they are and
 * as they are drawn in the first epochs, which the run may not reach. At most 6 images and 8
 * epochs, fewer of large images. Without augmentation there are none.
 * On rank 0 *out, which is zero, gets them, the same on any number of ranks; the caller owns what
 * it points to, also after an error. The feed is gone. Collective. Errors: DT_ERR_INTERNAL
 * (memory), the same on all ranks. */
dt_status drawn_collect(dt_session *run, dt_drawn *out, dt_error *error);

#endif
