/* A folder of pictures, one folder a class, as a data set. */
#ifndef DT_TRAIN_SOURCE_FOLDER_H
#define DT_TRAIN_SOURCE_FOLDER_H

#include <stdbool.h>

#include "base/status.h"
#include "data/source.h"
#include "dist/comm.h"

/* Whether `path` is a folder with pictures in it or near below it, and no IDX files; where there
 * are CSV files, with pictures in the folders in it. */
bool source_folder_is(const char *path);

/* The pictures that folder_list_read finds: the names are there, the shape is not known yet (height
 * 0) until source_folder_settle. The classes are called like their folders, in bytewise order;
 * where all of these are whole numbers, they are labels. The caller owns *out: dt_source_close. Not
 * collective. Errors: those of folder_list_read. */
dt_status source_folder_open(const char *path, dt_source **out, dt_error *error);

/* Settles the shape of the images, all ranks together, each looking at its share of the pictures.
 * size: width and height; 0, 0: that of all pictures, which must be the same. Channels: 1 where all
 * pictures are grey, whatever their files are, else 3. network: of one that is used, or NULL: what
 * it takes are the shape and the channels, and pictures are not looked at.
 *
 * Images are then pictures as dt_image_decode and dt_image_fit make them, as wholes, of that size.
 * A picture that cannot be read or decoded is refused by name. Collective; the ranks may differ in
 * the status. Errors: DT_ERR_DATA, DT_ERR_CONFIG, DT_ERR_NO_INPUT, DT_ERR_IO, DT_ERR_INTERNAL. */
dt_status source_folder_settle(dt_comm *comm, dt_source *source, const int size[2],
                               const dt_shape *network, dt_error *error);

#endif
