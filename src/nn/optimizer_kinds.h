/* The table of optimizers, and what an update hands to a row's functions. */
#ifndef DT_NN_OPTIMIZER_KINDS_H
#define DT_NN_OPTIMIZER_KINDS_H

#include "nn/optimizer.h"

/* What is the same for all parameters of an update. */
typedef struct optimizer_update {
    dt_optimizer_spec spec; /* with the rates of the step */
    int64_t step;           /* 1, 2, ... */
    double lr;
    dt_real scale;      /* of the sums, which makes mean gradients of them */
    dt_real numbers[4]; /* what the row's `begin` makes of these */
    double product;     /* of nadam, from one step to the next: dt_optimizer_state */
} optimizer_update;

/* Parameters that lie together and are treated alike. */
typedef struct optimizer_portion {
    const optimizer_update *update;
    size_t at, count;       /* of the optimizer's parameters */
    dt_real *const *arrays; /* of all of them: portion_array */
    dt_real *w;             /* [count] */
    const dt_real *sum;     /* [count], of the gradients */
    dt_real scale;          /* of the sums, which makes mean gradients of them */
    dt_real decay;          /* weight_decay; 0: they do not decay */
    dt_real keep;           /* 1 - lr weight_decay, likewise */
    double ratio;           /* of lars, lamb; 1 where they do not adapt the steps */
} optimizer_portion;

/* Its part of an array of the state that the kind has, [count]. */
static inline dt_real *portion_array(const optimizer_portion *it, int id)
{
    return it->arrays[id] + it->at;
}

typedef struct optimizer_row {
    const char *name;
    unsigned arrays; /* of its state: bits 1 << DT_STATE_VELOCITY, ... */
    dt_optimizer_facts facts;
    void (*begin)(optimizer_update *update); /* sets numbers; NULL: it has none */
    void (*update)(const optimizer_portion *portion);
    /* Of kinds that scale a tensor's steps by norms; else NULL. Sets what the norm is of,
     * step[count], and moves what of the state that takes; the ratio for the Euclidean norms of a
     * tensor's parameters and steps, neither of them 0. */
    void (*direction)(const optimizer_portion *portion, dt_real *step);
    double (*ratio)(const optimizer_update *update, double decay, double parameters, double steps);
    bool rests; /* without weight decay, and with an epsilon if it uses one, a parameter whose
                   gradient is zero keeps value and state */
} optimizer_row;

extern const optimizer_row optimizer_rows[];

#endif
