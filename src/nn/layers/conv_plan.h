/* What the passes of a convolution know of it. */
#ifndef DT_NN_CONV_PLAN_H
#define DT_NN_CONV_PLAN_H

#include <string.h>

#include "nn/layer.h"
#include "window.h"

/* The windows of a layer, and where its arrays are in work and indices. */
typedef struct plan {
    window at;
    int height, width, in, out;         /* of the input; channels of both */
    int patch, positions;               /* values of a window; windows */
    int taps_down, taps_across;         /* the most windows in which a value lies, less one */
    int errors_height, errors_width;    /* of the output's gradient with a border of zeros */
    dt_real *image, *turned;            /* bordered input; kernel, turned */
    dt_real *gradient;                  /* of a sample alone: [patch + 1][out] */
    dt_real *errors;                    /* bordered gradient of the output, or that of the windows:
                                           [positions][patch]; those of windows not left out */
    int32_t *position, *value, *output; /* [positions], [patch], [positions] */
    int32_t *to_window;                 /* [positions] */
    int32_t *first, *end;               /* [rows of windows]: those that are not left out ... */
    int32_t *seen_position;             /* ... and where they are, [positions], ... */
    int32_t *seen_output;               /* ... and their outputs, [positions] */
    int32_t *from, *to, *tap;           /* of the input's gradient: [height * width], so too,
                                           [kernel's height * width * out], at least [positions] */
} plan;

static inline size_t product(int a, int b, int c)
{
    return (size_t)a * (size_t)b * (size_t)c;
}

static inline size_t kernel_size(const plan *self)
{
    return (size_t)self->patch * (size_t)self->out;
}

static inline size_t errors_size(const plan *self)
{
    return product(self->errors_height, self->errors_width, self->out);
}

/* Copies `rows` x `columns` places of `channels` values from an image `from_width` wide into one
 * `to_width` wide. */
static inline void copy_places(int rows, int columns, int channels, const dt_real *from,
                               int from_width, dt_real *to, int to_width)
{
    for (int y = 0; y < rows; y++)
        memcpy(to + product(y, to_width, channels), from + product(y, from_width, channels),
               product(columns, channels, 1) * sizeof *to);
}

/* Whether the gradient of the input is found window by window, and added up; otherwise value by
 * value, from all its windows. A window's values fill vectors where an image of few channels does
 * not; but those of all windows must stay in cache. The bits depend on it: it is a function of the
 * shape alone. */
bool conv_goes_by_window(const plan *self);

/* Sets the gradient of the input. */
void conv_input_gradient(const plan *self, const dt_layer *layer, const dt_layer_pass *pass);

#endif
