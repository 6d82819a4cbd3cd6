/* Pictures: what is in their files, and pixels that become a file. */
#ifndef DT_FILE_IMAGE_H
#define DT_FILE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Largest height and width of a picture, and the most pixels. */
#define DT_IMAGE_SIDE_MAX   16384
#define DT_IMAGE_PIXELS_MAX (64 << 20)

typedef struct dt_image {
    int height, width; /* 1 to DT_IMAGE_SIDE_MAX */
    int channels;      /* 1: grey, 0 black, 255 white; 3: red, green, blue */
    uint8_t *pixels;   /* [height][width][channels]; owned: dt_free */
} dt_image;

/* True for what begins as a picture that dt_image_decode knows: a few bytes of a file say it. */
bool dt_image_is_known(const void *bytes, size_t size);

/* The kinds of pictures that are known, for messages: "JPEG, PNG, ...". */
#define DT_IMAGE_KINDS "JPEG, PNG, GIF, BMP, WebP, TIFF or PNM"

/* Decodes pictures, one after the other, in one confined process (file/confined.h): what a hostile
 * file does to libraries it does there. The process begins with the first picture, and anew with
 * the next one after a picture that ended it. Not collective; for one thread at a time. */
typedef struct dt_image_decoder dt_image_decoder;

/* The caller owns *out: dt_image_decoder_end. Errors: DT_ERR_INTERNAL. */
dt_status dt_image_decoder_begin(dt_image_decoder **out, dt_error *error);

/* Decodes a picture of 1 or 3 channels out of the bytes of its file, by content; of several
 * pictures in one file, the first. A JPEG that says by EXIF how the camera was held is turned
 * upright. A picture with a side of 2 * DT_IMAGE_ENOUGH pixels or more is made smaller, by means
 * over squares, as far as that side keeps DT_IMAGE_ENOUGH. Colours become luma for one channel
 * (0.299 R + 0.587 G + 0.114 B; source: ITU-R BT.601); what is transparent shows white behind it,
 * or black where the picture itself is light.
 *
 * *out is always set. Errors: DT_ERR_DATA for what is no whole and undamaged picture, is too large
 * (before memory is taken for it), or ends the process; DT_ERR_INTERNAL. */
dt_status dt_image_decode(dt_image_decoder *decoder, const void *bytes, size_t size, int channels,
                          dt_image *out, dt_error *error);
#define DT_IMAGE_ENOUGH 1024

/* Height and width of the upright picture, before it would be made smaller, as the file says them;
 * without pixels. closely: also the channels that its content needs: 1 where all is grey; else 0.
 * What is beyond the head of a file is not looked at, unless the colours are in doubt. Errors: as
 * dt_image_decode. */
dt_status dt_image_look(dt_image_decoder *decoder, const void *bytes, size_t size, bool closely,
                        dt_image *out, dt_error *error);

/* Ends the process until there is another picture. */
void dt_image_decoder_rest(dt_image_decoder *decoder);

/* NULL is allowed. */
void dt_image_decoder_end(dt_image_decoder *decoder);

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

#endif
