#define _GNU_SOURCE /* memfd_create */
#include "cli/images.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/idx_file.h"
#include "data/source.h"
#include "file/image_fit.h"

/* Bytes of a file or of standard input, at most. */
#define SIZE_MOST ((size_t)1 << 32)

/* Bytes that say what a file is. */
enum { HEAD = 16 };

/* Standard input as a file that can be read again; *fd: -1 after an error. */
static dt_status open_stdin(int *fd, dt_error *error)
{
    void *bytes;
    size_t size;
    dt_status status =
        dt_read_stream(STDIN_FILENO, "standard input", SIZE_MOST, &bytes, &size, error);
    if (status)
        return status;
    *fd = memfd_create("standard input", MFD_CLOEXEC);
    if (*fd < 0 || !dt_write_all(*fd, bytes, size, NULL))
        status = dt_fail(error, DT_ERR_IO, "standard input: cannot keep it in memory: %m");
    dt_free(bytes);
    if (!status)
        lseek(*fd, 0, SEEK_SET);
    return status;
}

typedef enum content { PICTURE, IDX, OTHER } content;

static content content_of(int fd)
{
    uint8_t bytes[HEAD] = {0};
    size_t count = 0;
    dt_read_at(fd, bytes, sizeof bytes, 0, &count);
    if (dt_image_is_known(bytes, count))
        return PICTURE;
    bool gzip = bytes[0] == 0x1f && bytes[1] == 0x8b;
    return count >= 4 && (gzip || (bytes[0] == 0 && bytes[1] == 0)) ? IDX : OTHER;
}

static dt_status fit_one(const dt_image *image, const dt_images_form *form, dt_images *out,
                         dt_error *error)
{
    dt_shape shape = form->shape;
    out->count = 1;
    out->pixels = dt_calloc((size_t)dt_shape_size(shape), 1, error);
    return out->pixels ? dt_image_fit(image, &form->form, form->way, shape.height, shape.width,
                                      out->pixels, error)
                       : DT_ERR_INTERNAL;
}

static dt_status fit_many(const dt_image *image, const dt_images_form *form, dt_images *out,
                          dt_error *error)
{
    dt_image_characters found;
    dt_status status =
        dt_image_fit_many(image, &form->form, form->shape.height, form->shape.width, &found, error);
    *out = (dt_images){found.count, true, found.pixels, found.characters};
    return status;
}

static dt_status fit_picture(const void *bytes, size_t size, const dt_images_form *form,
                             dt_images *out, dt_error *error)
{
    dt_image image;
    dt_shape shape = form->shape;
    if (shape.channels != 1 && shape.channels != 3)
        return dt_fail(error, DT_ERR_DATA,
                       "expected an IDX file, since the network takes images of %d channels, found "
                       "a picture",
                       shape.channels);
    dt_status status = dt_image_decode(form->decoder, bytes, size, shape.channels, &image, error);
    if (!status)
        status = (form->many ? fit_many : fit_one)(&image, form, out, error);
    dt_free(image.pixels);
    return status;
}

static dt_status read_picture(int fd, const char *name, const dt_images_form *form, dt_images *out,
                              dt_error *error)
{
    void *bytes;
    size_t size;
    dt_error own = {0};
    dt_status status = dt_read_stream(fd, name, SIZE_MOST, &bytes, &size, error);
    if (status)
        return status;
    status = fit_picture(bytes, size, form, out, &own);
    dt_free(bytes);
    return status ? dt_fail(error, status, "%s: %s", name, own.message) : DT_OK;
}

static dt_status read_idx(int fd, const char *name, dt_shape shape, dt_images *out, dt_error *error)
{
    dt_idx_file file;
    dt_status status = dt_idx_open_descriptor(fd, name, DT_IDX_IMAGES, &file, error);
    if (!status && (file.height != shape.height || file.width != shape.width))
        status = dt_fail(error, DT_ERR_DATA,
                         "%s: expected images of %d x %d, as the network takes them, found %d x %d",
                         file.shown, shape.height, shape.width, file.height, file.width);
    if (!status && file.channels != shape.channels)
        status = dt_fail(error, DT_ERR_DATA,
                         "%s: expected images of %d channels, as the network takes them, found %d",
                         file.shown, shape.channels, file.channels);
    if (!status) {
        out->several = true;
        out->count = file.count;
        out->pixels = dt_calloc((size_t)file.count, (size_t)dt_shape_size(shape), error);
        status =
            out->pixels ? dt_idx_read(&file, 0, file.count, out->pixels, error) : DT_ERR_INTERNAL;
    }
    return status;
}

static dt_shape turned(dt_shape shape)
{
    return (dt_shape){shape.width, shape.height, shape.channels};
}

/* shape: of the images as they are stored. */
static dt_status turn(dt_shape shape, dt_images *images, dt_error *error)
{
    size_t size = (size_t)dt_shape_size(shape);
    uint8_t *image = dt_calloc(size, 1, error);
    for (int64_t i = 0; i < images->count && image; i++) {
        memcpy(image, images->pixels + (size_t)i * size, size);
        dt_transpose(shape, image, images->pixels + (size_t)i * size);
    }
    dt_free(image);
    return image ? DT_OK : DT_ERR_INTERNAL;
}

void dt_images_release(dt_images *images)
{
    dt_free(images->pixels);
    dt_free(images->characters);
    *images = (dt_images){0};
}

dt_status dt_images_read(const char *path, const dt_images_form *form, dt_images *out,
                         dt_error *error)
{
    dt_shape stored = form->transpose ? turned(form->shape) : form->shape;
    *out = (dt_images){0};
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    int fd = -1;
    dt_status status =
        is_stdin ? open_stdin(&fd, error) : dt_file_open(path, DT_OPEN_READ, &fd, error);
    content found = status ? OTHER : content_of(fd);
    if (found == PICTURE)
        status = read_picture(fd, name, form, out, error);
    else if (found == IDX && form->many)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected a picture for --many, found IDX images",
                         name);
    else if (found == IDX)
        status = read_idx(fd, name, stored, out, error);
    else if (!status)
        status = dt_fail(error, DT_ERR_DATA,
                         "%s: expected a picture (" DT_IMAGE_KINDS
                         ") or IDX images, found something else",
                         name);
    if (fd >= 0)
        close(fd);
    if (!status && found == IDX && form->transpose)
        status = turn(stored, out, error);
    if (status)
        dt_images_release(out);
    return status;
}
