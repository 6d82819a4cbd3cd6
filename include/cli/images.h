/* The images that a user gives: a picture, or a file of images. */
#ifndef DT_CLI_IMAGES_H
#define DT_CLI_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shape.h"
#include "base/status.h"
#include "file/image_fit.h"

/* Images in the form that a network takes. */
typedef struct dt_images {
    int64_t count;
    bool several;    /* of a file that may have many: IDX, or a picture of many characters */
    uint8_t *pixels; /* [count][height][width][channels]; owned: dt_free */
    dt_image_character *characters; /* [count], of such a picture; else NULL; owned: dt_free */
} dt_images;

/* What the images are to be: of a network, which was trained on images of a form. */
typedef struct dt_images_form {
    dt_shape shape;
    bool transpose; /* rows and columns of IDX images are exchanged, as of the network's data */
    dt_image_form form;
    dt_image_way way;          /* for pictures */
    dt_image_decoder *decoder; /* likewise; borrowed */
    bool many;                 /* pictures are of many characters; IDX files are refused */
} dt_images_form;

/* Reads the file `path`, or standard input where that is "-": a picture (dt_image_decode,
 * dt_image_fit or, if many, dt_image_fit_many), for networks of images with one channel or three,
 * or IDX images of the shape, raw or packed with gzip, as they are. Its content says which. Errors,
 * with the path: DT_ERR_NO_INPUT, DT_ERR_DATA, DT_ERR_IO, DT_ERR_INTERNAL. */
dt_status dt_images_read(const char *path, const dt_images_form *form, dt_images *out,
                         dt_error *error);

/* Frees what they own. */
void dt_images_release(dt_images *images);

#endif
