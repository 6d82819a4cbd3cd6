/* Names in folders of pictures, and what they are the names of. */
#ifndef DT_TRAIN_FOLDER_NAMES_H
#define DT_TRAIN_FOLDER_NAMES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Names, one behind the other. {0} has none. */
typedef struct folder_names {
    char *bytes; /* each with a 0 behind it */
    size_t used, room;
    size_t *at; /* [count], where each begins */
    size_t count, at_room;
} folder_names;

/* Errors: DT_ERR_INTERNAL. */
dt_status folder_names_add(folder_names *to, const char *name, dt_error *error);

const char *folder_names_at(const folder_names *of, size_t i);

/* Sorts the names from `first` on, bytewise. */
void folder_names_sort(folder_names *of, size_t first);

void folder_names_free(folder_names *of);

/* All names in a folder, sorted. *out is always set: folder_names_free. Errors: DT_ERR_NO_INPUT,
 * DT_ERR_IO, DT_ERR_INTERNAL. */
dt_status folder_names_list(const char *path, folder_names *out, dt_error *error);

/* Whether `path` is a folder, or a link to one. */
bool folder_is_one(const char *path);

typedef enum folder_entry { FOLDER_PICTURE, FOLDER_FOLDER, FOLDER_OTHER } folder_entry;

/* A picture has the ending of one, whatever is in it, or another or none and is one by its content.
 * Hidden names are others. */
folder_entry folder_entry_of(const char *folder, const char *name);

/* Whether something in the folder, or in folders below it so many levels deep, has the ending of a
 * picture; below_alone: in the folders below it. After a million names, or some thousand folders,
 * it looks no further; links that lead back up are not followed. */
bool folder_holds_picture(const char *path, int levels, bool below_alone);

#endif
