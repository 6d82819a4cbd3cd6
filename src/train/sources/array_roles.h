/* Which arrays of a file are a data set, by their names. */
#ifndef DT_TRAIN_ARRAY_ROLES_H
#define DT_TRAIN_ARRAY_ROLES_H

#include "base/arrays.h"
#include "base/text.h"
#include "data/source.h"

enum { ARRAY_IMAGES, ARRAY_LABELS, ARRAY_KINDS, ARRAY_NONE = -1 };

typedef struct array_roles {
    int of[DT_PARTS][ARRAY_KINDS]; /* numbers of arrays; ARRAY_NONE: both of the test part */
} array_roles;

/* keys: "auto": x_train and y_train, with x_test and y_test or without, or names that say the same
 * (train_images, labels, train/data, ...); or their names in that order, with commas. `path` is for
 * messages. Errors: DT_ERR_CONFIG: the keys; DT_ERR_DATA: no such arrays. */
dt_status array_roles_find(const char *path, const dt_arrays *arrays, const char *keys,
                           array_roles *out, dt_error *error);

/* Adds the arrays that are passed over, since their names do not say what they are. */
void array_roles_note_rest(const array_roles *self, const dt_arrays *arrays, dt_text *note);

#endif
