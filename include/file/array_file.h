/* The arrays of a file (base/arrays.h), read piece by piece: data sets that are larger than memory.
 * What cannot be read as numbers has no kind.
 *
 * The caller owns *out: dt_arrays_close. Errors of both, with the path: DT_ERR_NO_INPUT;
 * DT_ERR_DATA for what is no such file; DT_ERR_IO; DT_ERR_INTERNAL. */
#ifndef DT_FILE_ARRAY_FILE_H
#define DT_FILE_ARRAY_FILE_H

#include "base/arrays.h"

/* Of a .npz file (file/npz.h): members stored or deflated; bools, integers or floats of 1 to 8
 * bytes, in either byte order. The check sum of one is looked at when its last value is read in one
 * pass. */
dt_status dt_npz_open(const char *path, dt_arrays **out, dt_error *error);

/* The datasets of an HDF5 file (file/hdf5_reader.h), called by their paths without the first slash:
 * integers and floats of any kind, chunked and packed. A child reads them, but for bytes that are
 * stored in one piece. */
dt_status dt_hdf5_arrays_open(const char *path, dt_arrays **out, dt_error *error);

#endif
