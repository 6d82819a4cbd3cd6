/* Shapes. */
#ifndef DT_BASE_SHAPE_H
#define DT_BASE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of an image, and of what a layer makes of it: values [height][width][channels]. */
typedef struct dt_shape {
    int height, width, channels;
} dt_shape;

static inline int dt_shape_size(dt_shape shape)
{
    return shape.height * shape.width * shape.channels;
}

/* Not a row of values. */
static inline bool dt_shape_is_image(dt_shape shape)
{
    return shape.height > 1 || shape.width > 1;
}

/* Most dimensions of a tensor, and of an array in a file other than HDF5. */
#define DT_RANK_MAX 4

/* The number of values of an array of `rank` dimensions. */
static inline size_t dt_value_count(int rank, const int64_t *shape)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)shape[i];
    return count;
}

#endif
