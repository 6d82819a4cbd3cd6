/* Reads an HDF5 file that is in memory, whoever made it: any version of the format, groups old and
 * new, chunks, the filters that HDF5 has here (gzip, shuffle, szip, ...), user blocks. An object is
 * named by its path ("/dense/dense/kernel:0"; "/" is the root).
 *
 * The HDF5 library reads it, in a child process (file/confined.h), as it does not survive hostile
 * files: one that crashes it, or takes too much of memory or time, is a damaged file. The child has
 * no file; it asks for the bytes that it needs, and its answers are checked. Links are followed
 * within the file; nothing of another file is read: external links, external storage and virtual
 * datasets are objects that are refused by name when they are asked for.
 *
 * Not collective; a reader is for one thread at a time, and any thread may have one, beside those
 * that write (file/hdf5_file.h).
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

/* Whether the bytes begin as an HDF5 file does, or have one behind a user block. */
bool dt_hdf5_is(const void *bytes, size_t size);

/* Opens the file and learns what is in it; refused are more than DT_HDF5_OBJECT_MAX objects, too
 * long paths, and too many attributes (64 MB). `bytes` must stay as they are as long as the reader
 * lives. The caller owns *out: dt_hdf5_reader_destroy. */
dt_status dt_hdf5_reader_open(const void *bytes, size_t size, dt_hdf5_reader **out,
                              dt_error *error);

/* The same for the open file `fd`, which stays the caller's and is read as far as it is asked for:
 * files larger than memory. */
dt_status dt_hdf5_reader_open_file(int fd, size_t size, dt_hdf5_reader **out, dt_error *error);

/* NULL is allowed. */
void dt_hdf5_reader_destroy(dt_hdf5_reader *reader);

/* All objects but the root, a group before what is in it, the members of a group in the order in
 * which they were made where the file keeps it, else by name. What has several names is there under
 * each; what is no group and cannot be read, as a link out of the file, counts as a dataset. They
 * live as long as the reader. */
const dt_hdf5_object *dt_hdf5_reader_objects(const dt_hdf5_reader *reader, size_t *count);

/* Whether there is a group or dataset of that path. */
bool dt_hdf5_reader_has(const dt_hdf5_reader *reader, const char *path);

/* How many values the datasets hold together, each counted once whatever names it has. */
size_t dt_hdf5_reader_values(const dt_hdf5_reader *reader);

/* The shape of the dataset `path`, which is one of integers or floats of any kind whose values are
 * all there: their bytes are in the file or, if they are packed, at most 1032 times as many or
 * 64 MB. */
dt_status dt_hdf5_reader_shape(const dt_hdf5_reader *reader, const char *path, int *rank,
                               int64_t shape[DT_HDF5_RANK_MAX], dt_error *error);

/* The type of the values of the dataset `path`, as "16-bit float"; "": there is no such dataset.
 * It lives as long as the reader. */
const char *dt_hdf5_reader_type(const dt_hdf5_reader *reader, const char *path);
#define DT_HDF5_FLOAT "32-bit float" /* of this machine's order: what need not be converted */

/* Reads the dataset `path` of integers or floats, which must have this shape[rank], as 32-bit
 * floats into values[product of shape], C order: those bit for bit, others rounded to the nearest.
 */
dt_status dt_hdf5_reader_floats(const dt_hdf5_reader *reader, const char *path, int rank,
                                const int64_t *shape, float *values, dt_error *error);

/* Reads the dataset `path`, one string, with a 0 behind it; *length: without padding. The caller
 * owns *text. */
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

/* An attribute that is one integer. */
dt_status dt_hdf5_reader_integer(const dt_hdf5_reader *reader, const char *object, const char *name,
                                 int64_t *value, dt_error *error);

/* An attribute that is a one-dimensional list of at most `most` such integers, into
 * values[*count]. */
dt_status dt_hdf5_reader_integers(const dt_hdf5_reader *reader, const char *object,
                                  const char *name, size_t most, int64_t *values, size_t *count,
                                  dt_error *error);

/* An attribute that is one float; 64-bit ones bit for bit, NaN and infinities included. */
dt_status dt_hdf5_reader_real(const dt_hdf5_reader *reader, const char *object, const char *name,
                              double *value, dt_error *error);

#endif
