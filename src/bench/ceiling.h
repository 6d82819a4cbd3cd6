/* The raw ceiling of a step: the matrix products that the flops of its layers are, by the kernels,
 * shapes and tiles that are the fastest, on arrays that stay where they are, and w -= lr g where a
 * gradient is written: everywhere but in the rows that a sparse step of a single tile leaves out.
 * No images, activations, biases, losses, reduction. Not collective. */
#ifndef DT_BENCH_CEILING_H
#define DT_BENCH_CEILING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/network.h"

typedef struct step_ceiling step_ceiling;

/* For the layers of a network. images: CEILING_IMAGES samples in the order in which they are
 * played, which decide on the columns that are not zero. They are copied. The caller owns *out:
 * ceiling_destroy, also after an error. Errors: DT_ERR_INTERNAL. */
enum { CEILING_IMAGES = 2048 };
dt_status ceiling_create(const dt_network *network, const uint8_t *const *images,
                         step_ceiling **out, dt_error *error);

/* NULL is allowed. */
void ceiling_destroy(step_ceiling *self);

/* Sets the ceiling up for steps of `samples` samples (>= 0) of this rank: cuts them into tiles and
 * finds the columns of each; all of them unless `sparse`. */
void ceiling_prepare(step_ceiling *self, int64_t samples, bool sparse);

/* One step. */
void ceiling_step(step_ceiling *self);

#endif
