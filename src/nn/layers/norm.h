/* What layer and group normalisation share. A sample is [positions][channels], and its channels are
 * cut into groups of equal size. The values of a group, at all positions, get mean 0 and variance
 * 1; then every channel has a gain and a shift. */
#ifndef DT_NN_NORM_H
#define DT_NN_NORM_H

#include "nn/layer.h"

typedef struct norm {
    int positions, channels, groups;
    double epsilon;
} norm;

/* Refuses groups of a single value: it would always be the shift. */
dt_status norm_check(const norm *self, const dt_layer *layer, dt_error *error);

/* Sets the layer's tensors, of shape[rank], in all as many as channels; their number. */
int norm_tensors(dt_layer *layer, int rank, const int64_t *shape);

/* What the passes need of layer->work. */
size_t norm_work(const norm *self);

void norm_forward(const norm *self, const dt_layer *layer, const dt_layer_pass *pass);
void norm_backward(const norm *self, const dt_layer *layer, const dt_layer_pass *pass);

#endif
