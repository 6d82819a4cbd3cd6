/* Optimizers: from the summed gradient to new parameters. Formulas and defaults are PyTorch's,
 * where it has them. Weights alone decay, unless decay_all is set.
 *
 * With g the mean gradient (sum / samples), clipped, plus weight_decay * w where nothing else is
 * said:
 *
 *   sgd       w -= lr g
 *   momentum  b = momentum b + g;  w -= lr b
 *   nesterov  b = momentum b + g;  w -= lr (g + momentum b)
 *   adagrad   s += g^2;  w -= lr g / (sqrt(s) + eps)
 *   rmsprop   s = alpha s + (1 - alpha) g^2;  w -= lr g / (sqrt(s) + eps)
 *   adam      m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 *             w -= lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)
 *   adamw     w *= 1 - lr weight_decay; then as adam, without weight decay in g
 *   amsgrad   as adam, with the largest v so far instead of v
 *   nadam     m and v as adam; mu_t = beta1 (1 - 0.96^(0.004 t) / 2); M_t: the product of mu_1 to
 *             mu_t; w -= lr ((1 - mu_t) / (1 - M_t) g + mu_t+1 / (1 - M_t+1) m) /
 *             (sqrt(v / (1 - beta2^t)) + eps); where beta1 follows a cycle, mu_1 to mu_t
 *             have that of their step, mu_t+1 that of step t
 *   radam     m and v as adam; r = 2 / (1 - beta2) - 1; q = r - 2 t beta2^t / (1 - beta2^t); with
 *             q > 5: w -= lr / (1 - beta1^t) m sqrt((q - 4) (q - 2) r / ((r - 4) (r - 2) q)
 *             (1 - beta2^t)) / (sqrt(v) + eps), else w -= lr / (1 - beta1^t) m
 *   lion      w *= 1 - lr weight_decay; w -= lr sign(beta1 m + (1 - beta1) g);
 *             m = beta2 m + (1 - beta2) g, without weight decay in g
 *   lars      b = momentum b + lr ratio g, of a tensor of weights with the ratio
 *             trust |w| / (|g without weight decay| + weight_decay |w|);  w -= b
 *   lamb      m and v as adam, without weight decay in g; u = m / (1 - beta1^t) /
 *             (sqrt(v / (1 - beta2^t)) + eps) + weight_decay w; w -= lr ratio u, of a tensor of
 *             weights with the ratio |w| / |u|
 *             (lars, lamb: the ratio is 1 for other tensors, and where one of the norms is 0)
 * source: torch.optim (SGD, Adagrad, RMSprop, Adam, AdamW, NAdam, RAdam); X. Chen et al., Symbolic
 * Discovery of Optimization Algorithms, arXiv:2302.06675 (lion); Y. You et al., Large Batch
 * Training of Convolutional Networks, arXiv:1708.03888 (lars), and Large Batch Optimization for
 * Deep Learning, arXiv:1904.00962 (lamb).
 *
 * The kinds are a table (src/nn/optimizer_kinds.c): a row and a function are an optimizer. */
#ifndef DT_NN_OPTIMIZER_H
#define DT_NN_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/real.h"
#include "nn/schedule.h"
#include "nn/support.h"
#include "nn/tensor.h"

/* Of all kinds, in the order of their numbers. */
extern const char *const dt_optimizer_names[];

typedef struct dt_optimizer_spec {
    int kind;
    double momentum; /* for the kinds in whose formulas they stand */
    double alpha;
    double beta1, beta2;
    double epsilon;
    double trust;
    double weight_decay; /* 0: none */
    bool decay_all;      /* of biases, gains and shifts too, not of weights alone */
    double clip_norm;    /* largest Euclidean norm of the mean gradient; 0: no clipping */
    double clip_value;   /* largest magnitude of an element of the mean gradient, which clip_norm
                            has clipped; 0: no clipping */
} dt_optimizer_spec;

/* What people read of a kind: its defaults, the settings that it uses besides lr, weight_decay and
 * those of clipping ("beta1 beta2"), and what it is. */
typedef struct dt_optimizer_facts {
    double lr, beta2, epsilon, weight_decay;
    const char *uses, *help;
} dt_optimizer_facts;

const dt_optimizer_facts *dt_optimizer_facts_of(int kind);

/* The arrays that the state of an optimizer may have, and what checkpoints call them. */
#define DT_STATE_LIST(ARRAY)                                                                       \
    ARRAY(VELOCITY, "velocity") ARRAY(SQUARE, "square") ARRAY(LARGEST, "largest")
#define DT_STATE_ID(id, name) DT_STATE_##id,
enum { DT_STATE_LIST(DT_STATE_ID) DT_STATE_ARRAYS };

/* How many of them a kind has. */
int dt_optimizer_arrays(int kind);

typedef struct dt_optimizer dt_optimizer;

/* What an optimizer updates: a part of a vector of parameters, whose tensors say how. */
typedef struct dt_optimizer_part {
    const dt_tensor *tensors; /* [tensor_count], together the whole vector; only read by
                                 dt_optimizer_create */
    size_t tensor_count;
    size_t first, count; /* first: a multiple of DT_SQUARES_BLOCK, or the vector's end */
} dt_optimizer_part;

/* An optimizer of a part, its state zero, its step 0. Owned by the caller. */
dt_status dt_optimizer_create(const dt_optimizer_spec *spec, const dt_optimizer_part *part,
                              dt_optimizer **out, dt_error *error);
void dt_optimizer_destroy(dt_optimizer *optimizer);

/* What it carries from step to step: all that a restart must bring back. */
typedef struct dt_optimizer_state {
    int64_t *steps;                   /* updates so far */
    double *product;                  /* nadam's M of these; NaN, to be found as if beta1 had always
                                         been that of the next one: of none, and of files before it
                                         was kept; of other kinds NaN */
    dt_real *arrays[DT_STATE_ARRAYS]; /* [count] each; NULL where the kind has no use for it */
} dt_optimizer_state;

/* A view into the optimizer, for reading and for writing; valid as long as it lives. */
dt_optimizer_state dt_optimizer_get_state(dt_optimizer *optimizer);

/* True if a parameter whose gradient is zero keeps its value, and its state: sgd and adagrad
 * without weight decay. */
bool dt_optimizer_skips_zeros(const dt_optimizer *optimizer);

/* Whether an update has to know the norm of the gradient: with clip_norm. */
bool dt_optimizer_clips(const dt_optimizer *optimizer);

/* What the sum of the gradients of `samples` samples (samples >= 1) is multiplied with: their mean,
 * clipped. norm: the Euclidean norm of the mean; of no meaning unless the optimizer clips. */
double dt_optimizer_scale(const dt_optimizer *optimizer, int64_t samples, double norm);

/* Begins an update: from gradients of `scale` times the sums that follow, at the rates of its step.
 */
void dt_optimizer_begin(dt_optimizer *optimizer, double scale, const dt_rates *rates);

/* How many numbers a kind that looks at the norms of tensors (lars, lamb) notes of a whole vector;
 * 0: it is another kind. */
size_t dt_optimizer_notes(const dt_optimizer *optimizer);

/* About how many bytes these take, for a vector of so many parameters. */
uint64_t dt_optimizer_notes_bytes(int kind, uint64_t parameters);

/* For such a kind, before dt_optimizer_update: notes this part's share of the norms, in its places
 * in notes[]; all of the part, as for dt_optimizer_update. When all parts have, everybody finds the
 * ratios of the tensors. The notes are sums of DT_SQUARES_BLOCK elements: the bits do not depend on
 * the parts. */
void dt_optimizer_note(dt_optimizer *optimizer, dt_real *parameters, const dt_real *gradient_sum,
                       double *notes);
void dt_optimizer_find_ratios(dt_optimizer *optimizer, const double *notes);

/* Updates the parameters in an interval of the optimizer's [count], from the sum of their
 * gradients; both arrays begin where the optimizer's do. The intervals of one update do not
 * overlap, and are all of it unless the optimizer skips zeros.
 * Each parameter's update depends on its own gradient and state, and on the ratio of its tensor:
 * optimizers of parts of a vector do what one of all of it does, whatever the intervals.
 * Deterministic: same input, same bits, whatever zeros are left out. */
void dt_optimizer_update(dt_optimizer *optimizer, const dt_interval *where, dt_real *parameters,
                         const dt_real *gradient_sum);

#endif
