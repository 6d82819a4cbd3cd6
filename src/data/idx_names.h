/* The IDX files of a data set, by their names.
 *
 * A name is [PREFIX] PART KIND idx [TYPE] [.gz], with a dash, dot or underscore between two words:
 * train-images-idx3-ubyte, t10k-labels.idx1-ubyte.gz, emnist-letters-test-images-idx3-ubyte. A
 * directory of that name has such a file in it, as some archives unpack. The files of one prefix in
 * one directory are a data set. Not collective. */
#ifndef DT_DATA_IDX_NAMES_H
#define DT_DATA_IDX_NAMES_H

#include <limits.h>

#include "base/status.h"
#include "base/text.h"
#include "data/idx_file.h"
#include "data/source.h"

typedef struct idx_names {
    char place[PATH_MAX]; /* for people: the path, or the directory below it that has the set */
    char paths[DT_PARTS][DT_IDX_KINDS][PATH_MAX]; /* of the test part both may be "": none */
} idx_names;

/* Finds the data set that `path` means: the one in that directory or, where that has none, in the
 * directories below it, two levels deep; or of several in a directory the one that DIRECTORY/PREFIX
 * or any of its files names. A raw file goes before a packed one, a file before a directory, and
 * then the first by name. Contents are not looked at.
 * Errors: DT_ERR_NO_INPUT: there is none, a part of one or more than one, with what was seen;
 * DT_ERR_INTERNAL. note: files of other parts, as of validation, and files of
 * arrays beside the set are left out, and named there; above it, they are a second set. */
dt_status idx_names_find(const char *path, idx_names *out, dt_text *note, dt_error *error);

#endif
