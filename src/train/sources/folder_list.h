/* The pictures of a data set that is folders of pictures, one a class, by their names. */
#ifndef DT_TRAIN_FOLDER_LIST_H
#define DT_TRAIN_FOLDER_LIST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/class_names.h"
#include "base/status.h"
#include "data/source.h"
#include "folder_names.h"

/* Names that are passed over and shown; bytes of one. */
enum { FOLDER_SHOWN = 4, FOLDER_NAME = 256 };

typedef struct folder_seen {
    dev_t device;
    ino_t inode;
} folder_seen;

typedef struct folder_list {
    char *base[DT_PARTS]; /* folders that have the classes; NULL: no part */
    int classes;          /* of the training part, by name, bytewise */
    char class_names[DT_CLASSES_MAX][FOLDER_NAME];
    folder_names files;                          /* paths below the folders of the classes */
    int64_t first[DT_PARTS][DT_CLASSES_MAX + 1]; /* of each class, and of the next, in `files` */
    int64_t others;                              /* files and folders that are passed over */
    char other_names[FOLDER_SHOWN][FOLDER_NAME]; /* the first of them by name, each once */
    int other_count;
    folder_seen *seen; /* folders of the class that is being read */
    size_t seen_count, seen_room;
} folder_list;

/* Finds the pictures of the folder `path`: in train/CLASS and test/CLASS (or training, testing;
 * val, valid, validation where there is no test; or names that begin so, as train_set and
 * test_set), or in CLASS; or the same in the only folder that is in it. Below a class they may lie
 * in folders. A file is a picture by its ending, or by its content where the ending is that of no
 * picture; what begins with a dot is none. Pictures are sorted by class and path, bytewise.
 *
 * What is neither picture nor folder of a class, also a validation part beside a test part, is
 * passed over and counted. Refused are pictures beside the folders of classes, a class without
 * training pictures or only in the test part, names of classes that cannot be shown, links that
 * lead back up, or to a folder of the same class. *out is always set: folder_list_free. Not
 * collective. Errors: DT_ERR_NO_INPUT, DT_ERR_DATA, DT_ERR_IO, with the path; DT_ERR_INTERNAL. */
dt_status folder_list_read(const char *path, folder_list *out, dt_error *error);

/* The class of a sample of a part. */
int folder_list_class(const folder_list *self, dt_part part, int64_t sample);

/* Writes the path of its picture; returns `path`. */
char *folder_list_path(const folder_list *self, dt_part part, int64_t sample, char path[PATH_MAX]);

void folder_list_free(folder_list *self);

#endif
