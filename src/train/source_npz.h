/* Arrays of NumPy as a data set. */
#ifndef DT_TRAIN_SOURCE_NPZ_H
#define DT_TRAIN_SOURCE_NPZ_H

#include "base/status.h"
#include "data/source.h"

/* Whether the file at `path` is called NAME.npz. */
bool source_npz_is_named(const char *path);

/* The arrays of a .npz file: x_train and y_train, x_test and y_test, or names that say the same
 * (train_images, labels, ...). keys: "auto", or their names in that order, with commas; without the
 * last two there is no test part. With "auto", source->note names the arrays that are left out.
 *
 * Images are [n][h][w], [n][h][w][1 or 3], or [n][pixels] of a square, of numbers 0 to 255,
 * or, where all are at most 1, of 0 to 1; source->note says so. Labels are integers, [n] or [n][1],
 * or one-hot, [n][classes]: as many classes where both parts say so, though some have no samples.
 * The caller owns *out: dt_source_close. Errors: DT_ERR_NO_INPUT, DT_ERR_DATA, DT_ERR_INTERNAL. */
dt_status source_npz_open(const char *path, const char *keys, dt_source **out, dt_error *error);

#endif
