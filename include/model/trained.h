/* A trained network, as the writers of files for other programs take it. */
#ifndef DT_MODEL_TRAINED_H
#define DT_MODEL_TRAINED_H

#include "data/source.h"
#include "model/weights.h"
#include "nn/network.h"

/* Points to what belongs to somebody else. The file has its facts; its tensors are those of the
 * network: of each dense layer the kernel and, with bias, the bias. */
typedef struct dt_trained {
    dt_shape shape; /* of an image */
    dt_network_spec network;
    const dt_weights_file *file;
} dt_trained;

#endif
