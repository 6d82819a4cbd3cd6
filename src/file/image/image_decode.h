/* Decoding by Leptonica, for the child process of dt_image_decode. */
#ifndef DT_FILE_IMAGE_DECODE_H
#define DT_FILE_IMAGE_DECODE_H

#include "file/image.h"

/* As dt_image_decode, in this process: a hostile file may cost memory and time, and libraries may
 * write to standard error. */
dt_status image_decode_here(const void *bytes, size_t size, int channels, dt_image *out,
                            dt_error *error);

/* As dt_image_look, likewise. */
dt_status image_look_here(const void *bytes, size_t size, bool closely, dt_image *out,
                          dt_error *error);

#endif
