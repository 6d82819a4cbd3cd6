/* Reads an HDF5 file that is in memory, whoever made it.
 *
 * It reads what dt_hdf5_image makes, and what h5py makes of Keras' weights: the oldest format
 * (superblock 0), groups, datasets that are stored in one piece, attributes. Everything else is
 * refused: whatever makes a reader look at another file, at a plugin or at a filter, or makes a
 * small file claim to be a large one; and before anything is allocated for it. An object is named
 * by its path ("/dense/dense/kernel:0"; "/" is the root).
 *
 * It does without the HDF5 library, which does not survive hostile files: 1.10 reads beyond its
 * buffers when an attribute, a heap or a tree lies about its size. Here every access is checked
 * against the bytes of the file. Not collective; may be used from any thread, a reader by several.
 * source: HDF5 File Format Specification 3.0.
 *
 * Every function here fails with DT_ERR_DATA when the file is not as it must be, the message saying
 * which object, what was expected and what was found, and with DT_ERR_INTERNAL for lack of memory.
 * Nothing that is given out stays owned by the reader; what the caller owns: dt_free. */
#ifndef DT_FILE_HDF5_READER_H
#define DT_FILE_HDF5_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Most dimensions of a dataset; size of a path with its terminating 0; most objects of a file. */
#define DT_HDF5_RANK_MAX   8
#define DT_HDF5_PATH_SIZE  256
#define DT_HDF5_OBJECT_MAX 4096

typedef struct dt_hdf5_object {
    char path[DT_HDF5_PATH_SIZE];
    bool group; /* else a dataset */
} dt_hdf5_object;

typedef struct dt_hdf5_reader dt_hdf5_reader;

/* Opens the file and walks over all of its objects. Refused are: soft, external and user-defined
 * links, an object with two names, named types, more than DT_HDF5_OBJECT_MAX objects, and datasets
 * that have filters, chunks, external or virtual storage, or more than DT_HDF5_RANK_MAX dimensions.
 * `bytes` must stay as they are as long as the reader lives. The caller owns *out:
 * dt_hdf5_reader_destroy. */
dt_status dt_hdf5_reader_open(const void *bytes, size_t size, dt_hdf5_reader **out,
                              dt_error *error);

/* NULL is allowed. */
void dt_hdf5_reader_destroy(dt_hdf5_reader *reader);

/* All objects but the root, a group before what is in it, the members of a group by name. They
 * live as long as the reader. */
const dt_hdf5_object *dt_hdf5_reader_objects(const dt_hdf5_reader *reader, size_t *count);

/* Whether there is a group or dataset of that path. */
bool dt_hdf5_reader_has(const dt_hdf5_reader *reader, const char *path);

/* The shape of the dataset `path`, which is one of little-endian 32-bit floats whose values are all
 * there: the product of the shape is at most a fourth of the file's bytes. */
dt_status dt_hdf5_reader_shape(const dt_hdf5_reader *reader, const char *path, int *rank,
                               int64_t shape[DT_HDF5_RANK_MAX], dt_error *error);

/* Reads the dataset `path` of little-endian 32-bit floats, which must have this shape[rank], into
 * values[product of shape], C order, bit for bit. */
dt_status dt_hdf5_reader_floats(const dt_hdf5_reader *reader, const char *path, int rank,
                                const int64_t *shape, float *values, dt_error *error);

/* Reads the dataset `path`, one fixed-length string, with a 0 behind it; *length: without padding.
 * The caller owns *text. */
dt_status dt_hdf5_reader_text(const dt_hdf5_reader *reader, const char *path, char **text,
                              size_t *length, dt_error *error);

/* Whether the group or dataset `object` has an attribute `name`. */
bool dt_hdf5_reader_has_attribute(const dt_hdf5_reader *reader, const char *object,
                                  const char *name);

/* An attribute that is one string, of fixed or variable length. The caller owns *text. */
dt_status dt_hdf5_reader_text_attribute(const dt_hdf5_reader *reader, const char *object,
                                        const char *name, char **text, dt_error *error);

/* An attribute that is a one-dimensional list of strings, of fixed or variable length, or an empty
 * list of whatever type: texts[count] and what they point to are one block. The caller owns *texts.
 */
dt_status dt_hdf5_reader_text_list(const dt_hdf5_reader *reader, const char *object,
                                   const char *name, char ***texts, size_t *count, dt_error *error);

/* An attribute that is one little-endian 64-bit signed integer. */
dt_status dt_hdf5_reader_integer(const dt_hdf5_reader *reader, const char *object, const char *name,
                                 int64_t *value, dt_error *error);

/* An attribute that is a one-dimensional list of at most `most` such integers, into
 * values[*count]. */
dt_status dt_hdf5_reader_integers(const dt_hdf5_reader *reader, const char *object,
                                  const char *name, size_t most, int64_t *values, size_t *count,
                                  dt_error *error);

/* An attribute that is one little-endian 64-bit float; bit for bit, NaN and infinities included. */
dt_status dt_hdf5_reader_real(const dt_hdf5_reader *reader, const char *object, const char *name,
                              double *value, dt_error *error);

#endif
