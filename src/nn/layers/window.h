/* Windows of an image, as convolutions and pooling take them: where they are. */
#ifndef DT_NN_LAYERS_WINDOW_H
#define DT_NN_LAYERS_WINDOW_H

#include "nn/layer.h"

/* The longest side of an image, and of a window. */
enum { WINDOW_MOST = 256 };

/* Words that stand for a stride as long as the window, and for a padding that leaves an image of
 * ceil(side / stride), half of it in front, rounded down (Keras and PyTorch). */
enum { WINDOW_STRIDE_OF_KERNEL = 0, WINDOW_SAME = -1 };

typedef dt_windows window;

/* Of a layer's input. kernel, stride, pad: its arguments (dt_size, or a word above).
 * Errors: DT_ERR_CONFIG: no window fits. */
dt_status window_of(const dt_layer *layer, double kernel, double stride, double pad, window *out,
                    dt_error *error);

#endif
