/* Arrays of numbers as a data set, whatever file they are in. */
#ifndef DT_TRAIN_SOURCE_ARRAYS_H
#define DT_TRAIN_SOURCE_ARRAYS_H

#include "base/arrays.h"
#include "data/source.h"

/* Makes a data set of the arrays that `keys` says (array_roles.h); `path` and `what` are for
 * messages: "arrays" in PATH.
 *
 * Images are [n][h][w], [n][h][w][1 or 3], or [n][pixels] of a square, of numbers 0 to 255,
 * or, where all are at most 1, of 0 to 1; source->note says so. Labels are integers, [n] or [n][1],
 * or one-hot, [n][classes]: as many classes where both parts say so, though some have no samples.
 * With keys "auto", source->note names the arrays that are left out.
 *
 * The source owns `arrays`, which are closed after an error too. The caller owns *out:
 * dt_source_close. Errors: DT_ERR_DATA, DT_ERR_CONFIG (keys), DT_ERR_IO, DT_ERR_INTERNAL. */
dt_status source_arrays_open(dt_arrays *arrays, const char *what, const char *path,
                             const char *keys, dt_source **out, dt_error *error);

#endif
