#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <leptonica/allheaders.h>
#include <stdio.h>

#include "base/memory.h"
#include "file/confined.h"
#include "image_decode.h"

/* What a child may take: bytes beside the file, seconds of a processor; and be silent for. */
#define MEMORY_MOST ((size_t)1 << 30)
enum { SECONDS_MOST = 20, PATIENCE = 80 };

/* What goes there, in front of the file; and what comes back, in front of the pixels. */
typedef struct question {
    uint64_t size;
    int32_t channels;
} question;

typedef struct answer {
    int32_t status, height, width, channels;
    char message[sizeof(((dt_error *)0)->message)];
} answer;

static size_t size_of(const answer *of)
{
    return (size_t)of->height * (size_t)of->width * (size_t)of->channels;
}

/* A child comes before libraries are set up (file/confined.h); some that decode need it, such as
 * LZMA's. The loader sets up one that is asked for, and what that needs. */
static void set_up_library(void)
{
    Dl_info library;
    if (dladdr((void *)(uintptr_t)pixReadMem, &library))
        dlopen(library.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
}

/* In the child. */
static void decode(void)
{
    question asked = {0};
    dt_image image = {0};
    dt_error error = {0};
    set_up_library();
    dt_confined_hear(&asked, sizeof asked);
    void *bytes = dt_calloc((size_t)asked.size + 1, 1, &error);
    dt_status status = DT_ERR_INTERNAL;
    if (bytes) {
        dt_confined_hear(bytes, (size_t)asked.size);
        status = image_decode_here(bytes, (size_t)asked.size, asked.channels, &image, &error);
    }
    answer out = {(int32_t)status, image.height, image.width, image.channels, ""};
    snprintf(out.message, sizeof out.message, "%s", error.message);
    dt_confined_tell(&out, sizeof out);
    if (!status)
        dt_confined_tell(image.pixels, size_of(&out));
}

static bool is_sound(const answer *of, int channels)
{
    return of->height >= 1 && of->height <= DT_IMAGE_SIDE_MAX && of->width >= 1 &&
           of->width <= DT_IMAGE_SIDE_MAX && of->channels == channels &&
           (int64_t)of->height * of->width <= DT_IMAGE_PIXELS_MAX;
}

static dt_status take_answer(dt_confined *child, int channels, dt_image *out, dt_error *error)
{
    answer found;
    dt_status status = dt_confined_receive(child, &found, sizeof found, error);
    if (status)
        return status;
    found.message[sizeof found.message - 1] = '\0';
    if (found.status)
        return dt_fail(error, found.status == DT_ERR_INTERNAL ? DT_ERR_INTERNAL : DT_ERR_DATA, "%s",
                       found.message);
    if (!is_sound(&found, channels))
        return dt_fail(error, DT_ERR_DATA,
                       "expected a picture, found one that misleads its "
                       "decoder");
    dt_image image = {found.height, found.width, channels, dt_calloc(size_of(&found), 1, error)};
    if (!image.pixels)
        return DT_ERR_INTERNAL;
    status = dt_confined_receive(child, image.pixels, size_of(&found), error);
    if (status)
        dt_free(image.pixels);
    else
        *out = image;
    return status;
}

dt_status dt_image_decode(const void *bytes, size_t size, int channels, dt_image *out,
                          dt_error *error)
{
    const dt_confined_limits limits = {MEMORY_MOST + size, SECONDS_MOST, PATIENCE};
    const question asked = {size, channels};
    dt_confined *child;
    *out = (dt_image){0};
    dt_status status = dt_confined_start(decode, limits, &child, error);
    if (!status)
        status = dt_confined_send(child, &asked, sizeof asked, error);
    if (!status)
        status = dt_confined_send(child, bytes, size, error);
    if (!status)
        status = take_answer(child, channels, out, error);
    dt_confined_end(child);
    return status;
}
