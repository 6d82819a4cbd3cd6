/* What random layers draw from in training: a pure function of these, of the number of the layer
 * and of the value. Nothing is stored, and no result depends on how samples are cut into tiles or
 * dealt to ranks. */
#ifndef DT_NN_NOISE_H
#define DT_NN_NOISE_H

#include <stdint.h>

typedef struct dt_noise {
    uint64_t seed;
    uint32_t epoch;
    const int32_t *places; /* of the samples, in the order of the epoch */
} dt_noise;

#endif
