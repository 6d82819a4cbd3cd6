#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <leptonica/allheaders.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "file/confined.h"
#include "image_decode.h"

/* Bytes of the child beside those of the file; the seconds of a picture are those in which it must
 * answer, those of its processor are for all pictures of a data set. */
#define MEMORY_MOST  ((size_t)1 << 30)
#define SECONDS_MOST (1000 * 1000)
enum { PATIENCE = 60 };

enum { LOOK = -2, LOOK_CLOSELY = -1 };

/* What goes to the child in front of the bytes of a file. */
typedef struct request {
    uint64_t size;
    int64_t channels; /* LOOK, LOOK_CLOSELY: no pixels */
} request;

/* What comes back, in front of the pixels. */
typedef struct answer {
    int32_t status, height, width, channels;
    char message[sizeof(((dt_error *)0)->message)];
} answer;

struct dt_image_decoder {
    dt_confined *child; /* NULL: not yet, or no longer */
    size_t most;        /* bytes of a file that it has memory for */
};

static size_t size_of(int height, int width, int channels)
{
    return (size_t)height * (size_t)width * (size_t)channels;
}

/* The child: one picture. */
static void serve_picture(const request *asked)
{
    dt_error error = {0};
    dt_image image = {0};
    void *bytes = dt_calloc((size_t)asked->size, 1, &error);
    if (!bytes)
        _Exit(DT_ERR_INTERNAL);
    dt_confined_hear(bytes, (size_t)asked->size);
    bool pixels = asked->channels > 0;
    dt_status status =
        pixels ? image_decode_here(bytes, (size_t)asked->size, (int)asked->channels, &image, &error)
               : image_look_here(bytes, (size_t)asked->size, asked->channels == LOOK_CLOSELY,
                                 &image, &error);
    answer out = {(int32_t)status, image.height, image.width, image.channels, ""};
    snprintf(out.message, sizeof out.message, "%s", error.message);
    dt_confined_tell(&out, sizeof out);
    if (!status && pixels)
        dt_confined_tell(image.pixels, size_of(image.height, image.width, image.channels));
    dt_free(image.pixels);
    dt_free(bytes);
}

/* A child comes before libraries are set up (file/confined.h); some that decode need it, such as
 * LZMA's. The loader sets up one that is asked for, and what that needs. */
static void set_up_library(void)
{
    Dl_info library;
    if (dladdr((void *)(uintptr_t)pixReadMem, &library))
        dlopen(library.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
}

static void work(void)
{
    request asked;
    set_up_library();
    for (;;) {
        dt_confined_hear(&asked, sizeof asked);
        serve_picture(&asked);
    }
}

dt_status dt_image_decoder_begin(dt_image_decoder **out, dt_error *error)
{
    *out = dt_calloc(1, sizeof **out, error);
    return *out ? DT_OK : DT_ERR_INTERNAL;
}

void dt_image_decoder_rest(dt_image_decoder *decoder)
{
    dt_confined_end(decoder->child);
    decoder->child = NULL;
}

static dt_status start_child(dt_image_decoder *self, size_t size, dt_error *error)
{
    if (self->child && size <= self->most)
        return DT_OK;
    dt_image_decoder_rest(self);
    self->most = size > MEMORY_MOST / 64 ? 2 * size : MEMORY_MOST / 64;
    const dt_confined_limits limits = {MEMORY_MOST + self->most, SECONDS_MOST, PATIENCE};
    return dt_confined_start(work, limits, &self->child, error);
}

static dt_status disobeys(dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA,
                   "expected a picture, found one that makes its decoder say nonsense");
}

static bool is_sound(const answer *of, int channels)
{
    return of->height >= 1 && of->height <= DT_IMAGE_SIDE_MAX && of->width >= 1 &&
           of->width <= DT_IMAGE_SIDE_MAX &&
           (int64_t)of->height * of->width <= DT_IMAGE_PIXELS_MAX &&
           (channels > 0               ? of->channels == channels
            : channels == LOOK_CLOSELY ? of->channels == 1 || of->channels == 3
                                       : of->channels == 0);
}

/* *failed: the file is no picture, as a child says that goes on. */
static dt_status ask(dt_image_decoder *self, const request *what, const void *bytes, bool *failed,
                     dt_image *out, dt_error *error)
{
    answer found;
    dt_status status = dt_confined_send(self->child, what, sizeof *what, error);
    if (!status)
        status = dt_confined_send(self->child, bytes, (size_t)what->size, error);
    if (!status)
        status = dt_confined_receive(self->child, &found, sizeof found, error);
    if (status)
        return status;
    found.message[sizeof found.message - 1] = '\0';
    *failed = found.status;
    if (*failed)
        return dt_fail(error, found.status == DT_ERR_INTERNAL ? DT_ERR_INTERNAL : DT_ERR_DATA, "%s",
                       found.message);
    if (!is_sound(&found, (int)what->channels))
        return disobeys(error);
    *out = (dt_image){found.height, found.width, found.channels, NULL};
    if (what->channels < 0)
        return DT_OK;
    size_t size = size_of(found.height, found.width, found.channels);
    if (!(out->pixels = dt_calloc(size, 1, error)))
        return DT_ERR_INTERNAL;
    return dt_confined_receive(self->child, out->pixels, size, error);
}

static dt_status serve_one(dt_image_decoder *self, const request *what, const void *bytes,
                           dt_image *out, dt_error *error)
{
    bool failed = false;
    *out = (dt_image){0};
    dt_status status = start_child(self, (size_t)what->size, error);
    if (!status)
        status = ask(self, what, bytes, &failed, out, error);
    if (status) {
        dt_free(out->pixels);
        *out = (dt_image){0};
    }
    if (status && !failed)
        dt_image_decoder_rest(self);
    return status;
}

dt_status dt_image_decode(dt_image_decoder *decoder, const void *bytes, size_t size, int channels,
                          dt_image *out, dt_error *error)
{
    const request what = {size, channels};
    return serve_one(decoder, &what, bytes, out, error);
}

dt_status dt_image_look(dt_image_decoder *decoder, const void *bytes, size_t size, bool closely,
                        dt_image *out, dt_error *error)
{
    const request what = {size, closely ? LOOK_CLOSELY : LOOK};
    return serve_one(decoder, &what, bytes, out, error);
}

void dt_image_decoder_end(dt_image_decoder *decoder)
{
    if (decoder)
        dt_image_decoder_rest(decoder);
    dt_free(decoder);
}
