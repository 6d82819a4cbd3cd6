/* Windows of an image, as convolutions and pooling take them: where they are. */
#ifndef DT_NN_WINDOW_H
#define DT_NN_WINDOW_H

#include "nn/layer.h"

/* The longest side of a window that an argument says. */
enum { WINDOW_MOST = 256 };

/* Words that stand for a stride as long as the window, and for a padding that leaves an image of
 * ceil(side / stride), half of it in front, rounded down (Keras and PyTorch). */
enum { WINDOW_STRIDE_OF_KERNEL = 0, WINDOW_SAME = -1 };

typedef dt_windows window;

static inline int larger(int a, int b)
{
    return a > b ? a : b;
}

static inline int least(int a, int b)
{
    return a < b ? a : b;
}

/* Places windows of self->height x self->width on a layer's input. stride, pad: its arguments
 * (dt_argument_size, or a word above).
 * Errors: DT_ERR_CONFIG: none fits, or there are more values than an int32_t can count. */
dt_status window_place(const dt_layer *layer, double stride, double pad, window *self,
                       dt_error *error);

/* The windows that reach a value `at` the padded side of an image, of `count` windows of `size`,
 * `step` apart: from the first to before the end. */
static inline int window_first(int at, int size, int step)
{
    return at < size ? 0 : (at - size) / step + 1;
}

static inline int window_end(int at, int step, int count)
{
    return least(at / step + 1, count);
}

/* The windows that see a value of the image other than zero, and few others: of each row of windows
 * those from first[row] to before end[row]. scratch: [2 * height]. */
void window_find_seeing(const window *self, dt_shape image, const dt_real *values, int32_t *scratch,
                        int32_t *first, int32_t *end);

#endif
