/* What the training learns of each of its samples (track_samples): how large a gradient it makes,
 * and by how much its label's output is above the others.
 *
 * Both are taken before the step's update, whenever a sample is played in a step that is not left
 * out. Their means over the epochs tell hard samples and likely wrong labels. source: M. Paul et
 * al., Deep Learning on a Data Diet, arXiv:2107.07075 (norms); G. Pleiss et al., Identifying
 * Mislabeled Data using the Area Under the Margin Ranking, arXiv:2001.10528 (margins).
 *
 * Samples are known by their position in the training set, which is in file order. A rank keeps
 * what it has learned (12 bytes a sample that it plays in an epoch) until it is collected on rank
 * 0, which has the sums (12 bytes a sample of the training set). It is collected at least once an
 * epoch, in which a sample is played once: a sum grows by one summand an epoch, and its bits do not
 * depend on the number of ranks. */
#ifndef DT_TRAIN_TRACK_H
#define DT_TRAIN_TRACK_H

#include <stdint.h>

#include "base/status.h"
#include "data/plan.h"
#include "dist/comm.h"
#include "nn/network.h"
#include "run/checkpoint.h"
#include "run/insight.h"
#include "train/session.h"

typedef struct dt_track dt_track;

/* For a rank that plays the virtual ranks `own` of the plan; comm must outlive it. The caller owns
 * *out: dt_track_destroy. Collective. On an error all ranks return the same one. */
dt_status dt_track_create(dt_comm *comm, const dt_plan *plan, dt_range own, dt_track **out,
                          dt_error *error);

/* NULL is allowed. Not collective. */
void dt_track_destroy(dt_track *track);

/* Where the facts of a step's samples go (dt_batch.tracked), before dt_track_keep. */
dt_tracked *dt_track_next(dt_track *track);

/* Keeps the facts of the step that were put at dt_track_next: those of the samples at
 * positions[count]. At most one epoch may be kept before it is collected. Not collective. */
void dt_track_keep(dt_track *track, const int32_t *positions, int64_t count);

/* What the ranks have kept is added to the sums. Collective. */
void dt_track_collect(dt_track *track);

/* The sums on rank 0, for reading and for writing, valid as long as the track; NULLs elsewhere. */
dt_track_sums dt_track_get_sums(dt_track *track);

/* Rank 0's *insight (not looked at on the others) gets what the run's track knows: tracked,
 * gradient_norms, margins, hardest (the 60 largest mean norms) and doubtful (the 60 smallest mean
 * margins that are below 0; fewer of large images), with the answers of the network as it is now;
 * of equals the first in the file. Without a track, or before any step, it stays as it is. All has
 * been collected; the feed is gone. Collective. Errors, the same on all ranks: DT_ERR_INTERNAL. */
dt_status dt_track_report(dt_session *run, dt_insight *insight, dt_error *error);

#endif
