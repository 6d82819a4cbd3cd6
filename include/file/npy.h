/* One .npy file in memory; see file/npz.h. */
#ifndef DT_FILE_NPY_H
#define DT_FILE_NPY_H

#include <stdint.h>

#include "file/bundle.h"

/* The file's bytes: of an array, of a text. The caller owns *bytes: dt_free. */
dt_status dt_npy_of_array(const dt_array *array, void **bytes, size_t *size, dt_error *error);
dt_status dt_npy_of_text(const char *text, void **bytes, size_t *size, dt_error *error);

/* Adds what the file holds to the bundle, by that name. Errors: those of dt_npz_decode. */
dt_status dt_npy_read(const uint8_t *bytes, size_t size, const char *name, dt_bundle *to,
                      dt_error *error);

#endif
