/* Pictures of digits, brought into the form of MNIST's. */
#ifndef DT_FILE_IMAGE_H
#define DT_FILE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Largest height and width of a picture. */
#define DT_IMAGE_SIDE_MAX 4096

typedef struct dt_image {
    int height, width; /* 1 to DT_IMAGE_SIDE_MAX */
    uint8_t *pixels;   /* [height][width], 0 black, 255 white; owned: dt_free */
} dt_image;

/* Decodes a PNG of any kind. Colours become luma (source: ITU-R BT.601: 0.299 R + 0.587 G +
 * 0.114 B); what is transparent shows white behind it, or black where the picture itself is light.
 * Errors: DT_ERR_DATA for what is no whole and undamaged PNG (but for the check sum of its end
 * mark), or one that is too large, before memory is taken for it; DT_ERR_INTERNAL. */
dt_status dt_image_decode_png(const void *bytes, size_t size, dt_image *out, dt_error *error);

/* Pixels that are to become a PNG. */
typedef struct dt_raster {
    int height, width;           /* 1 to DT_IMAGE_SIDE_MAX */
    int channels;                /* 1: grey, or numbers of colours; 3: RGB; 4: RGBA */
    const uint8_t *pixels;       /* [height][width][channels] */
    const uint8_t (*colours)[4]; /* [256] RGBA, for 1 channel; NULL: grey */
} dt_raster;

/* Encodes a PNG of 8 bits a channel; equal rasters give equal bytes. The caller owns *bytes:
 * dt_free; NULL after an error. Errors: DT_ERR_INTERNAL. */
dt_status dt_image_encode_png(const dt_raster *raster, void **bytes, size_t *size, dt_error *error);

/* Brings a picture into the form of MNIST's digits, pixels[height][width], 0 background, 255 ink.
 * source: Y. LeCun, http://yann.lecun.com/exdb/mnist/: the digit fits into a box of 20 x 20 of the
 * 28 x 28 pixels with its proportions kept, grey by anti-aliasing, and its centre of mass is in the
 * middle. In MNIST that is at 14, 14, counted from 0 (measured: all 70,000 are within 0.52).
 *
 * The background is the median of the border, ink what differs from it towards the side (darker,
 * lighter) where more does, beyond the noise of the border. A picture of height x width whose ink
 * is already so is taken as it is, but that light becomes background.
 * Errors: DT_ERR_DATA for a picture without ink; DT_ERR_INTERNAL. */
dt_status dt_image_normalise(const dt_image *image, int height, int width, uint8_t *pixels,
                             dt_error *error);

#endif
