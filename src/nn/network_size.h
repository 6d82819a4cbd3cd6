/* What a network needs besides its parameters and tiles. */
#ifndef DT_NN_NETWORK_SIZE_H
#define DT_NN_NETWORK_SIZE_H

#include "nn/layer.h"

/* Elements of the arrays that layers use by turns, and of the intervals of all of them. */
typedef struct network_scratch {
    size_t intervals, indices, work;
} network_scratch;

/* Raises it to what this layer needs. */
void network_scratch_add(const dt_layer *layer, network_scratch *room);

/* Whether the gradient by what goes into layer i takes the place of that by what comes out. */
static inline bool network_shares_gradient(const dt_layer *layer, int i)
{
    return i > 0 && layer->kind->map;
}

#endif
