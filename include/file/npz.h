/* NumPy's .npz: a ZIP archive of .npy files.
 *
 * A .npy file: "\x93NUMPY", version, length of the header, the header (the text of a Python dict of
 * descr, fortran_order and shape, padded so that the values are aligned), the values.
 * source: NumPy, numpy.lib.format; APPNOTE.TXT of PKWARE. */
#ifndef DT_FILE_NPZ_H
#define DT_FILE_NPZ_H

#include "file/bundle.h"

/* Writes the bundle as the file `path` (dt_atomic_write), stored without compression: arrays of
 * '<f4', texts as arrays of one '<U' string, each NAME.npy, arrays first. No time of its own: the
 * same bundle, the same bytes. Not collective. Errors: those of dt_atomic_write; DT_ERR_INTERNAL.
 */
dt_status dt_npz_write(const char *path, const dt_bundle *bundle, dt_error *error);

/* Reads a file's bytes: members that are stored or deflated, arrays of 2, 4 or 8-byte floats, of
 * either byte order, C's or Fortran's, and single '<U' strings; integers, truth values and lists of
 * strings are the bundle's others. Refused are pickled objects, and members whose size is more than
 * 32 times the file's and a mebibyte, before anything is allocated for them. *out is always set:
 * dt_bundle_destroy. Errors: DT_ERR_DATA, with what was expected and found; DT_ERR_INTERNAL. */
dt_status dt_npz_decode(const void *bytes, size_t size, dt_bundle *out, dt_error *error);

#endif
