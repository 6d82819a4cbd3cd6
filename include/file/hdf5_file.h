/* HDF5 files built in memory.
 *
 * HDF5 never syncs and can report success on a full disk, so it never sees one: a file is built as
 * an image in memory (core driver without backing store), which is then written as bytes
 * (file/atomic_file.h). Images have the oldest format that holds their content (superblock 0), no
 * time stamps, and the same bytes for the same content. Not collective; one thread at a time, as
 * the HDF5 library demands. HDF5's own messages to stderr are switched off.
 *
 * Every function here fails with DT_ERR_INTERNAL, the object's path and HDF5's reason. */
#ifndef DT_FILE_HDF5_FILE_H
#define DT_FILE_HDF5_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum dt_attribute_kind {
    DT_ATTRIBUTE_TEXT,
    DT_ATTRIBUTE_TEXT_LIST,
    DT_ATTRIBUTE_INTEGER,
    DT_ATTRIBUTE_INTEGER_LIST,
    DT_ATTRIBUTE_REAL
} dt_attribute_kind;

/* A named value. Texts become fixed-length, zero-padded UTF-8 strings: what NumPy makes of bytes
 * and Keras therefore writes, and the only kind that its loaders of every age decode. A list is
 * one-dimensional and may be empty. HDF5 takes less than 64 KiB an attribute. Nothing is owned. */
typedef struct dt_attribute {
    const char *name;
    dt_attribute_kind kind;
    size_t count; /* of a list */
    union {
        const char *text;
        const char *const *texts;
        int64_t integer;
        const int64_t *integers;
        double real;
    };
} dt_attribute;

static inline dt_attribute dt_attribute_text(const char *name, const char *text)
{
    return (dt_attribute){.name = name, .kind = DT_ATTRIBUTE_TEXT, .text = text};
}

static inline dt_attribute dt_attribute_texts(const char *name, size_t count,
                                              const char *const *texts)
{
    return (dt_attribute){
        .name = name, .kind = DT_ATTRIBUTE_TEXT_LIST, .count = count, .texts = texts};
}

static inline dt_attribute dt_attribute_integer(const char *name, int64_t integer)
{
    return (dt_attribute){.name = name, .kind = DT_ATTRIBUTE_INTEGER, .integer = integer};
}

static inline dt_attribute dt_attribute_integers(const char *name, size_t count,
                                                 const int64_t *integers)
{
    return (dt_attribute){
        .name = name, .kind = DT_ATTRIBUTE_INTEGER_LIST, .count = count, .integers = integers};
}

static inline dt_attribute dt_attribute_real(const char *name, double real)
{
    return (dt_attribute){.name = name, .kind = DT_ATTRIBUTE_REAL, .real = real};
}

typedef struct dt_hdf5_image dt_hdf5_image;

/* An empty file in memory. The caller owns *out: dt_hdf5_image_destroy. */
dt_status dt_hdf5_image_create(dt_hdf5_image **out, dt_error *error);

/* NULL is allowed. */
void dt_hdf5_image_destroy(dt_hdf5_image *image);

/* Adds the group `path` ("/dense"), whose parent exists. */
dt_status dt_hdf5_image_add_group(dt_hdf5_image *image, const char *path, dt_error *error);

/* Adds the contiguous little-endian float dataset `path`, with the groups above it that are
 * missing. shape: [rank], values: [product of shape], C order. */
dt_status dt_hdf5_image_add_floats(dt_hdf5_image *image, const char *path, int rank,
                                   const int64_t *shape, const float *values, dt_error *error);

/* Adds the dataset `path`, one fixed-length string of `length` bytes without a 0 (at least one byte
 * wide, zero-padded), with the groups above it that are missing. What is too long for an
 * attribute. */
dt_status dt_hdf5_image_add_text(dt_hdf5_image *image, const char *path, const char *text,
                                 size_t length, dt_error *error);

/* Adds an attribute to the group or dataset `object` ("/" is the root). */
dt_status dt_hdf5_image_add_attribute(dt_hdf5_image *image, const char *object,
                                      const dt_attribute *attribute, dt_error *error);

/* Closes the file and gives its bytes; nothing can be added after that. The caller owns *bytes:
 * dt_free. */
dt_status dt_hdf5_image_finish(dt_hdf5_image *image, void **bytes, size_t *size, dt_error *error);

/* The same, with room for `room` bytes more (zeros, not counted in *size) behind the file's own. */
dt_status dt_hdf5_image_finish_with_room(dt_hdf5_image *image, size_t room, void **bytes,
                                         size_t *size, dt_error *error);

/* Writes the version of the HDF5 library, "1.10.8", into `text`. */
void dt_hdf5_version(char *text, size_t size);

#endif
