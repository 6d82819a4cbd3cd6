/* The images that a user gives: a picture, or a file of images. */
#ifndef DT_CLI_IMAGES_H
#define DT_CLI_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shape.h"
#include "base/status.h"

/* Images in the form that a network takes. */
typedef struct dt_images {
    int64_t count;
    bool several;    /* of an IDX file, which may have many; else of a picture */
    uint8_t *pixels; /* [count][height][width][channels]; owned: dt_free */
} dt_images;

/* Reads the file `path`, or standard input where that is "-": a PNG (dt_image_normalise), for
 * networks of images with one channel, or IDX images of the shape, raw or packed with gzip, as they
 * are; `transpose`: with rows and columns exchanged, as the network's data were. Its content says
 * which.
 * Errors, with the path: DT_ERR_NO_INPUT, DT_ERR_DATA, DT_ERR_IO, DT_ERR_INTERNAL. */
dt_status dt_images_read(const char *path, dt_shape shape, bool transpose, dt_images *out,
                         dt_error *error);

#endif
