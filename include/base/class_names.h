/* What the classes of a data set are called.
 *
 * The names are one text, a line a class, in the order of the classes: so they travel between ranks
 * and stand in files. NULL and "" are the numbers 0, 1, 2, ... */
#ifndef DT_BASE_CLASS_NAMES_H
#define DT_BASE_CLASS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define DT_CLASSES_MAX    256
#define DT_CLASS_NAME     256         /* bytes of a name, with its 0 */
#define DT_CLASS_NAMES    (48 * 1024) /* bytes of all names: an attribute of HDF5 has 64 KB */
#define DT_CLASSES_LISTED 400         /* bytes of dt_class_list */

/* The name of class 0 .. DT_CLASSES_MAX; returns `name`. One beyond the names is its number. */
char *dt_class_name(const char *names, int class, char name[DT_CLASS_NAME]);

/* How many names there are; of NULL and "" 0. */
int dt_class_count(const char *names);

/* The class of that name; -1: none. `classes`: how many there are. */
int dt_class_find(const char *names, int classes, const char *name);

/* "0", "17", "-3": a whole number as JSON writes it, within an int. */
bool dt_class_is_number(const char *name);

/* All names in few words: "0 to 9", "cat, dog, frog and 7 more". Returns `text`. */
char *dt_class_list(const char *names, int classes, char text[DT_CLASSES_LISTED]);

/* Whether names that were read are those of so many classes: a line each, none empty, too long or
 * twice there, in less than DT_CLASS_NAMES bytes. Errors: DT_ERR_DATA. */
dt_status dt_class_names_check(const char *names, int classes, dt_error *error);

#endif
