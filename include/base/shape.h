/* The shape of an image, and of what a layer makes of it: values [height][width][channels]. */
#ifndef DT_BASE_SHAPE_H
#define DT_BASE_SHAPE_H

typedef struct dt_shape {
    int height, width, channels;
} dt_shape;

static inline int dt_shape_size(dt_shape shape)
{
    return shape.height * shape.width * shape.channels;
}

#endif
