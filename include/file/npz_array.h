/* The arrays of a .npz file (file/npz.h), read piece by piece: data sets that are larger than
 * memory.
 *
 * Members are stored or deflated; values are bools, integers or floats of 1 to 8 bytes, in either
 * byte order. Not collective. */
#ifndef DT_FILE_NPZ_ARRAY_H
#define DT_FILE_NPZ_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define DT_NPZ_ARRAYS_MAX 64
#define DT_NPZ_NAME       64
#define DT_NPZ_RANK_MAX   4

typedef struct dt_npz_array {
    char name[DT_NPZ_NAME]; /* without ".npy" */
    char kind;              /* 'b' bool, 'i', 'u' integer, 'f' float; 0: something else, whose shape
                               is not known */
    int width;              /* bytes of a value */
    bool big_endian, fortran;
    int rank;
    int64_t shape[DT_NPZ_RANK_MAX];
} dt_npz_array;

typedef struct dt_npz dt_npz;

/* Opens the file and looks at its arrays. The caller owns *out: dt_npz_close. Errors, with the
 * path: DT_ERR_NO_INPUT; DT_ERR_DATA for what is no such file; DT_ERR_INTERNAL. */
dt_status dt_npz_open(const char *path, dt_npz **out, dt_error *error);

/* The arrays, in the order of the file: *count of them. */
const dt_npz_array *dt_npz_arrays(const dt_npz *npz, int *count);

/* Reads `count` values from value `first` on, in the order of the file, as numbers. What is stored
 * is found at once; of what is packed, and comes behind the last range, only what lies between is
 * passed over. The check sum is looked at when the last value is read in one pass.
 * Errors, with path and array: DT_ERR_DATA, DT_ERR_INTERNAL. */
dt_status dt_npz_read(dt_npz *npz, int array, int64_t first, int64_t count, double *values,
                      dt_error *error);

/* NULL is allowed. */
void dt_npz_close(dt_npz *npz);

#endif
