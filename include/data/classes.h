/* The classes of a data set, and which of its labels each is.
 *
 * Data sets count from 0 or from 1, leave numbers out, or have names. Networks have outputs 0 ..
 * classes - 1. The classes of a set are its labels in ascending order; what they are called stays
 * with the network, so that other data are sorted by the same names. Not collective. */
#ifndef DT_DATA_CLASSES_H
#define DT_DATA_CLASSES_H

#include "base/class_names.h"
#include "data/source.h"

/* What arrays and columns of labels are called; NULL behind the last. */
extern const char *const dt_label_words[];

/* Different labels, ascending; one more than there may be classes: too many. No pointers: it can be
 * sent to other ranks as bytes. */
typedef struct dt_label_set {
    int32_t count;
    int32_t labels[DT_CLASSES_MAX + 1];
} dt_label_set;

void dt_label_set_add(dt_label_set *set, int32_t label);

/* Adds the labels of samples first .. first + count - 1 of a part. Errors: those of
 * dt_source_read. */
dt_status dt_label_set_read(dt_label_set *set, dt_source *source, dt_part part, int64_t first,
                            int64_t count, dt_error *error);

/* Whether all labels are in 0 .. classes - 1. */
bool dt_label_set_within(const dt_label_set *set, int classes);

/* The classes become the labels of the set: of several parts, and ranks, of the source. Errors:
 * DT_ERR_DATA: more than DT_CLASSES_MAX, or fewer than 2; DT_ERR_INTERNAL. */
dt_status dt_classes_of_labels(dt_source *source, const dt_label_set *set, dt_error *error);

/* The classes become those of a network with these names, or with the numbers 0 .. classes - 1
 * where names is NULL: a label belongs to the class that has its name, that of the data or, where
 * these have none, its number. Errors: DT_ERR_DATA: the data have a name that the network has not;
 * DT_ERR_INTERNAL. */
dt_status dt_classes_of_names(dt_source *source, const char *names, int classes, dt_error *error);

#endif
