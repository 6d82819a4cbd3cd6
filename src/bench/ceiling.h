/* The raw ceiling of a step: its matrix products, with the kernels, shapes and tiles that are the
 * fastest, on arrays that stay where they are, and w -= lr g where a gradient is written:
 * everywhere but in the rows that a sparse step of a single tile leaves out. No images,
 * activations, biases, losses, reduction. Not collective. */
#ifndef DT_BENCH_CEILING_H
#define DT_BENCH_CEILING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/network.h"

typedef struct dt_ceiling dt_ceiling;

/* For a network's dense layers. images: DT_CEILING_IMAGES samples in the order in which they are
 * played, which decide on the columns that are not zero. They are copied. The caller owns *out.
 * Errors: DT_ERR_INTERNAL. */
enum { DT_CEILING_IMAGES = 2048 };
dt_status dt_ceiling_create(const dt_network *network, const uint8_t *const *images,
                            dt_ceiling **out, dt_error *error);

/* NULL is allowed. */
void dt_ceiling_destroy(dt_ceiling *ceiling);

/* Sets the ceiling up for steps of `samples` samples (>= 0) of this rank: cuts them into tiles and
 * finds each tile's columns; all of them unless `sparse`. */
void dt_ceiling_prepare(dt_ceiling *ceiling, int64_t samples, bool sparse);

/* One step. */
void dt_ceiling_step(dt_ceiling *ceiling);

#endif
