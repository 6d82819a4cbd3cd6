/* How the gradients of samples are added up: a stack of sums, as in a postfix expression.
 *
 * Samples come in segments. The gradients of a segment's samples are added one after the other into
 * a new sum on top of the stack; then, as often as the segment says, the two sums on top are
 * replaced by (lower + upper). So a caller states any tree of segments without the network knowing
 * what it is for, and the network can do all of it while a block of the gradient is in registers
 * and L1 cache. With one segment and no merge it is a plain sum. */
#ifndef DT_NN_SUMMATION_H
#define DT_NN_SUMMATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/real.h"

/* Most sums on the stack at any time. */
#define DT_SUMS_MAX 40

typedef struct dt_segment {
    int64_t samples; /* >= 0 */
    int merges;      /* >= 0, and fewer than there are sums after this segment */
} dt_segment;

/* The part of a segment that lies in one tile. */
typedef struct dt_piece {
    int samples; /* of the tile, following those of the piece before */
    bool fresh;  /* begins a new sum; else it goes on with the one on top of the stack */
    int merges;  /* after it; 0 for a piece that does not end its segment */
} dt_piece;

/* Whoever uses elements of the sums while others are still worked on. */
typedef struct dt_listener {
    size_t part; /* about as many elements become final from one call to the next; > 0 */
    /* From element `first` on, the sums that are left on the stack hold their final values. */
    void (*final)(void *state, size_t first);
    void *state;
} dt_listener;

/* What to do with the gradients of a tile. */
typedef struct dt_summation {
    int piece_count;
    const dt_piece *pieces;
    int depth;                   /* sums on the stack before the first piece */
    dt_real *const *sums;        /* [depth after any piece] arrays, the bottom of the stack first */
    size_t offset;               /* where in each array the matrix at hand begins */
    bool sparse;                 /* depth is 0, and what no piece adds to need not be written */
    const dt_listener *listener; /* in the last tile, unless nobody listens: else NULL */
} dt_summation;

/* The sums of a tile for a layer that finds the gradient of one sample after the other:
 *     for (dt_running_sum it = dt_running_sum_begin(summation, count); dt_running_sum_next(&it);)
 *         it.sum[0 .. count - 1] = or += the gradient of it.sample
 * Each sample's gradient is a sum of its own before it is added, so that no result depends on how
 * samples are cut into tiles. */
typedef struct dt_running_sum {
    int sample;   /* of the tile */
    bool fresh;   /* its gradient is the sum: to be set, else added */
    dt_real *sum; /* [count], the layer's part of it */
    const dt_summation *summation;
    size_t count;
    int piece, left, top;
} dt_running_sum;

dt_running_sum dt_running_sum_begin(const dt_summation *summation, size_t count);
bool dt_running_sum_next(dt_running_sum *self);

/* Sets or adds gradient[count], of the sample at hand. */
void dt_running_sum_add(const dt_running_sum *self, const dt_real *gradient);

#endif
