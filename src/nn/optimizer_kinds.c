#include "optimizer_kinds.h"

#include <math.h>

#include "base/elementary.h"

/* What the loops below read. */
#define BEGIN(portion)                                                                             \
    const dt_optimizer_spec *spec = &(portion)->update->spec;                                      \
    size_t count = (portion)->count;                                                               \
    dt_real scale = (portion)->scale, lr = (dt_real)(portion)->update->lr;                         \
    dt_real *restrict w = (portion)->w;                                                            \
    const dt_real *restrict sum = (portion)->sum;                                                  \
    dt_real *restrict b = (portion)->arrays[DT_STATE_VELOCITY];                                    \
    dt_real *restrict s = (portion)->arrays[DT_STATE_SQUARE];                                      \
    (void)spec, (void)lr, (void)b, (void)s

/* The mean gradient of parameter i, with the L2 term. */
#define GRADIENT dt_fma(scale, sum[i], decay *w[i])

static void update_sgd(const optimizer_portion *it)
{
    BEGIN(it);
    dt_real decay = it->decay;
    for (size_t i = 0; i < count; i++)
        w[i] = dt_fma(-lr, GRADIENT, w[i]);
}

static void update_momentum(const optimizer_portion *it)
{
    BEGIN(it);
    dt_real decay = it->decay, momentum = (dt_real)spec->momentum;
    for (size_t i = 0; i < count; i++) {
        b[i] = dt_fma(momentum, b[i], GRADIENT);
        w[i] = dt_fma(-lr, b[i], w[i]);
    }
}

static void update_nesterov(const optimizer_portion *it)
{
    BEGIN(it);
    dt_real decay = it->decay, momentum = (dt_real)spec->momentum;
    for (size_t i = 0; i < count; i++) {
        dt_real g = GRADIENT;
        b[i] = dt_fma(momentum, b[i], g);
        w[i] = dt_fma(-lr, dt_fma(momentum, b[i], g), w[i]);
    }
}

static void update_adagrad(const optimizer_portion *it)
{
    BEGIN(it);
    dt_real decay = it->decay, epsilon = (dt_real)spec->epsilon;
    for (size_t i = 0; i < count; i++) {
        dt_real g = GRADIENT;
        s[i] = dt_fma(g, g, s[i]);
        w[i] -= lr * g / (dt_sqrt(s[i]) + epsilon);
    }
}

static void update_rmsprop(const optimizer_portion *it)
{
    BEGIN(it);
    dt_real decay = it->decay, epsilon = (dt_real)spec->epsilon;
    dt_real alpha = (dt_real)spec->alpha, one_minus_alpha = (dt_real)(1 - spec->alpha);
    for (size_t i = 0; i < count; i++) {
        dt_real g = GRADIENT;
        s[i] = dt_fma(alpha, s[i], one_minus_alpha * g * g);
        w[i] -= lr * g / (dt_sqrt(s[i]) + epsilon);
    }
}

/* adam and its like: the step of m, and what corrects the root of v. */
enum { STEP_SIZE, CORRECTION };

static void begin_adam(optimizer_update *it)
{
    double lr = it->lr, beta1 = it->spec.beta1, beta2 = it->spec.beta2;
    it->numbers[STEP_SIZE] = (dt_real)(lr / (1 - dt_power(beta1, it->step)));
    it->numbers[CORRECTION] = (dt_real)(1 / sqrt(1 - dt_power(beta2, it->step)));
}

#define BEGIN_ADAM(portion)                                                                        \
    BEGIN(portion);                                                                                \
    dt_real beta1 = (dt_real)spec->beta1, one_minus_beta1 = (dt_real)(1 - spec->beta1);            \
    dt_real beta2 = (dt_real)spec->beta2, one_minus_beta2 = (dt_real)(1 - spec->beta2);            \
    dt_real epsilon = (dt_real)spec->epsilon;                                                      \
    const dt_real *numbers = (portion)->update->numbers

/* The moments of parameter i. */
#define MOVE_MOMENTS(g)                                                                            \
    b[i] = dt_fma(beta1, b[i], one_minus_beta1 * (g));                                             \
    s[i] = dt_fma(beta2, s[i], one_minus_beta2 * (g) * (g))

static inline void adam(const optimizer_portion *it, dt_real decay, dt_real keep)
{
    BEGIN_ADAM(it);
    dt_real step_size = numbers[STEP_SIZE], correction = numbers[CORRECTION];
    for (size_t i = 0; i < count; i++) {
        dt_real g = GRADIENT;
        MOVE_MOMENTS(g);
        dt_real divisor = dt_fma(dt_sqrt(s[i]), correction, epsilon);
        w[i] = dt_fma(keep, w[i], -(step_size * b[i] / divisor));
    }
}

static void update_adam(const optimizer_portion *it)
{
    adam(it, it->decay, 1);
}

static void update_adamw(const optimizer_portion *it)
{
    adam(it, 0, it->keep);
}

/* ---- the table ---- */

#define VELOCITY (1U << DT_STATE_VELOCITY)
#define SQUARE   (1U << DT_STATE_SQUARE)
#define MOMENTS  (VELOCITY | SQUARE)

/* name, arrays, {default lr, epsilon, weight_decay}, functions. The numbers of kinds are stored
 * nowhere; their order is that of --help. */
#define KINDS(ROW)                                                                                 \
    ROW("sgd", 0, {1e-3, 1e-8, 0}, .update = update_sgd, .rests = true)                            \
    ROW("momentum", VELOCITY, {1e-3, 1e-8, 0}, .update = update_momentum)                          \
    ROW("nesterov", VELOCITY, {1e-3, 1e-8, 0}, .update = update_nesterov)                          \
    ROW("adagrad", SQUARE, {1e-2, 1e-10, 0}, .update = update_adagrad, .rests = true)              \
    ROW("rmsprop", SQUARE, {1e-2, 1e-8, 0}, .update = update_rmsprop)                              \
    ROW("adam", MOMENTS, {1e-3, 1e-8, 0}, .begin = begin_adam, .update = update_adam)              \
    ROW("adamw", MOMENTS, {1e-3, 1e-8, 1e-2}, .begin = begin_adam, .update = update_adamw)

#define NAME(of, ...) of,
const char *const dt_optimizer_names[] = {KINDS(NAME) NULL};

#define ROW(of, has, ...) {.name = (of), .arrays = (has), .defaults = __VA_ARGS__},
const optimizer_row optimizer_rows[] = {KINDS(ROW)};
