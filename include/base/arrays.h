/* Named arrays of numbers in a file, whatever its format: read row by row, since data sets are
 * larger than memory. Not collective. */
#ifndef DT_BASE_ARRAYS_H
#define DT_BASE_ARRAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shape.h"
#include "base/status.h"
#include "base/text.h"

#define DT_ARRAYS_MAX 64
#define DT_ARRAY_NAME 128

typedef struct dt_array_row {
    char name[DT_ARRAY_NAME];
    char kind;       /* 'b' bool, 'i', 'u' integer, 'f' float; 0: something else, whose shape is not
                        known */
    char other[120]; /* what that is; "": no numbers */
    int width;       /* bytes of a value */
    bool fortran;
    bool packed; /* to read rows, all are unpacked from where the last reading ended */
    int rank;
    int64_t shape[DT_RANK_MAX];
} dt_array_row;

typedef struct dt_arrays dt_arrays;

struct dt_arrays {
    int count;
    dt_array_row *rows; /* [count], in the order of the file */
    char note[300];     /* what else people should know of them; "": nothing */
    void *state;        /* of the format */
    /* Reads rows first .. first + count - 1 of a C-order array of numbers of one dimension at least
     * as doubles into values[count * values of a row]; of 'u' of width 1 as bytes into bytes[]. The
     * whole integers up to 2^53 are exact. Errors, with the path: DT_ERR_DATA, DT_ERR_IO,
     * DT_ERR_INTERNAL. */
    dt_status (*read)(dt_arrays *arrays, int array, int64_t first, int64_t count, double *values,
                      dt_error *error);
    dt_status (*read_bytes)(dt_arrays *arrays, int array, int64_t first, int64_t count,
                            uint8_t *bytes, dt_error *error);
    void (*close)(dt_arrays *arrays); /* frees all of it */
};

/* How many values a row of the array has. */
static inline int64_t dt_array_row_size(const dt_array_row *array)
{
    return (int64_t)dt_value_count(array->rank - 1, array->shape + 1);
}

/* Whether a file of this name is one of arrays: .npz or HDF5. */
static inline bool dt_arrays_is_name(const char *name)
{
    return dt_ends_in(name, ".npz") || dt_ends_in(name, ".h5") || dt_ends_in(name, ".hdf5");
}

/* NULL is allowed. */
static inline void dt_arrays_close(dt_arrays *arrays)
{
    if (arrays)
        arrays->close(arrays);
}

#endif
