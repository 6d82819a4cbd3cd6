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
    (void)spec, (void)lr
#define VELOCITY_OF(portion) dt_real *restrict b = portion_array(portion, DT_STATE_VELOCITY)
#define SQUARE_OF(portion)   dt_real *restrict s = portion_array(portion, DT_STATE_SQUARE)

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
    VELOCITY_OF(it);
    dt_real decay = it->decay, momentum = (dt_real)spec->momentum;
    for (size_t i = 0; i < count; i++) {
        b[i] = dt_fma(momentum, b[i], GRADIENT);
        w[i] = dt_fma(-lr, b[i], w[i]);
    }
}

static void update_nesterov(const optimizer_portion *it)
{
    BEGIN(it);
    VELOCITY_OF(it);
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
    SQUARE_OF(it);
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
    SQUARE_OF(it);
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
    VELOCITY_OF(portion);                                                                          \
    SQUARE_OF(portion);                                                                            \
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

static void update_amsgrad(const optimizer_portion *it)
{
    BEGIN_ADAM(it);
    dt_real decay = it->decay;
    dt_real step_size = numbers[STEP_SIZE], correction = numbers[CORRECTION];
    dt_real *restrict largest = portion_array(it, DT_STATE_LARGEST);
    for (size_t i = 0; i < count; i++) {
        dt_real g = GRADIENT;
        MOVE_MOMENTS(g);
        largest[i] = s[i] > largest[i] ? s[i] : largest[i];
        dt_real divisor = dt_fma(dt_sqrt(largest[i]), correction, epsilon);
        w[i] -= step_size * b[i] / divisor;
    }
}

/* mu_t / beta1 */
static double nadam_share(int64_t step)
{
    return 1 - 0.5 * dt_exp_double((double)step * 0.004 * dt_log(0.96));
}

enum { GRADIENT_STEP = CORRECTION + 1 };

static void begin_nadam(optimizer_update *it)
{
    double lr = it->lr, beta1 = it->spec.beta1;
    double mu = beta1 * nadam_share(it->step), next = beta1 * nadam_share(it->step + 1);
    if (isnan(it->product)) {
        it->product = dt_power(beta1, it->step - 1);
        for (int64_t before = 1; before < it->step; before++)
            it->product *= nadam_share(before);
    }
    it->product *= mu;
    begin_adam(it);
    it->numbers[STEP_SIZE] = (dt_real)(lr * next / (1 - it->product * next));
    it->numbers[GRADIENT_STEP] = (dt_real)(lr * (1 - mu) / (1 - it->product));
}

static void update_nadam(const optimizer_portion *it)
{
    BEGIN_ADAM(it);
    dt_real decay = it->decay, gradient_step = numbers[GRADIENT_STEP];
    dt_real step_size = numbers[STEP_SIZE], correction = numbers[CORRECTION];
    for (size_t i = 0; i < count; i++) {
        dt_real g = GRADIENT;
        MOVE_MOMENTS(g);
        dt_real divisor = dt_fma(dt_sqrt(s[i]), correction, epsilon);
        w[i] -= dt_fma(step_size, b[i], gradient_step * g) / divisor;
    }
}

/* STEP_SIZE: of m / (sqrt(v) + eps); of m alone while the steps are too few for v, where CORRECTION
 * is 0. */
static void begin_radam(optimizer_update *it)
{
    double beta2 = it->spec.beta2, power = dt_power(beta2, it->step), left = 1 - power;
    double step_size = it->lr / (1 - dt_power(it->spec.beta1, it->step));
    double r = 2 / (1 - beta2) - 1, q = r - 2 * (double)it->step * power / left;
    bool adapts = q > 5;
    if (adapts)
        step_size *= sqrt((q - 4) * (q - 2) * r / ((r - 4) * (r - 2) * q) * left);
    it->numbers[STEP_SIZE] = (dt_real)step_size;
    it->numbers[CORRECTION] = adapts;
}

static void update_radam(const optimizer_portion *it)
{
    BEGIN_ADAM(it);
    dt_real decay = it->decay, step_size = numbers[STEP_SIZE];
    bool adapts = numbers[CORRECTION] != 0;
    for (size_t i = 0; i < count; i++) {
        dt_real g = GRADIENT;
        MOVE_MOMENTS(g);
        w[i] -= step_size * b[i] / (adapts ? dt_sqrt(s[i]) + epsilon : 1);
    }
}

static void update_lion(const optimizer_portion *it)
{
    BEGIN(it);
    VELOCITY_OF(it);
    dt_real beta1 = (dt_real)spec->beta1, one_minus_beta1 = (dt_real)(1 - spec->beta1);
    dt_real beta2 = (dt_real)spec->beta2, one_minus_beta2 = (dt_real)(1 - spec->beta2);
    dt_real keep = it->keep, decay = 0;
    for (size_t i = 0; i < count; i++) {
        dt_real g = GRADIENT, c = dt_fma(beta1, b[i], one_minus_beta1 * g);
        dt_real sign = (dt_real)(c > 0) - (dt_real)(c < 0);
        b[i] = dt_fma(beta2, b[i], one_minus_beta2 * g);
        w[i] = dt_fma(-lr, sign, keep * w[i]);
    }
}

/* The mean gradient, before the decay. */
static void direct_lars(const optimizer_portion *it, dt_real *step)
{
    for (size_t i = 0; i < it->count; i++)
        step[i] = it->scale * it->sum[i];
}

static double ratio_lars(const optimizer_update *it, double decay, double parameters, double steps)
{
    return it->spec.trust * parameters / (steps + decay * parameters);
}

static void update_lars(const optimizer_portion *it)
{
    BEGIN(it);
    VELOCITY_OF(it);
    dt_real decay = it->decay, momentum = (dt_real)spec->momentum;
    dt_real rate = (dt_real)(it->update->lr * it->ratio);
    for (size_t i = 0; i < count; i++) {
        b[i] = dt_fma(momentum, b[i], rate * GRADIENT);
        w[i] -= b[i];
    }
}

enum { MEAN_CORRECTION = CORRECTION + 1 };

static void begin_lamb(optimizer_update *it)
{
    begin_adam(it);
    it->numbers[MEAN_CORRECTION] = (dt_real)(1 / (1 - dt_power(it->spec.beta1, it->step)));
}

/* What lamb multiplies with the rate and the ratio, of moments that have moved. */
#define LAMB_STEP                                                                                  \
    dt_fma(it->decay, w[i], mean_correction *b[i] / dt_fma(dt_sqrt(s[i]), correction, epsilon))

static void direct_lamb(const optimizer_portion *it, dt_real *restrict step)
{
    BEGIN_ADAM(it);
    dt_real decay = 0, correction = numbers[CORRECTION], mean_correction = numbers[MEAN_CORRECTION];
    for (size_t i = 0; i < count; i++) {
        dt_real g = GRADIENT;
        MOVE_MOMENTS(g);
        step[i] = LAMB_STEP;
    }
}

static double ratio_lamb(const optimizer_update *it, double decay, double parameters, double steps)
{
    (void)it, (void)decay;
    return parameters / steps;
}

static void update_lamb(const optimizer_portion *it)
{
    BEGIN_ADAM(it);
    dt_real correction = numbers[CORRECTION], mean_correction = numbers[MEAN_CORRECTION];
    dt_real rate = (dt_real)(it->update->lr * it->ratio);
    (void)scale, (void)sum, (void)beta1, (void)one_minus_beta1, (void)beta2, (void)one_minus_beta2;
    for (size_t i = 0; i < count; i++)
        w[i] = dt_fma(-rate, LAMB_STEP, w[i]);
}

/* ---- the table ---- */

#define VELOCITY (1U << DT_STATE_VELOCITY)
#define SQUARE   (1U << DT_STATE_SQUARE)
#define LARGEST  (1U << DT_STATE_LARGEST)
#define MOMENTS  (VELOCITY | SQUARE)
#define ADAM     "beta1 beta2 epsilon"

/* name, arrays, {default lr, beta2, epsilon, weight_decay, settings that it uses, help}, functions.
 * No file has the number of a kind. */
#define KINDS(ROW)                                                                                 \
    ROW("sgd", 0, {1e-3, 0.999, 1e-8, 0, "", "along the gradient"}, .update = update_sgd,          \
        .rests = true)                                                                             \
    ROW("momentum", VELOCITY,                                                                      \
        {1e-3, 0.999, 1e-8, 0, "momentum", "along a running sum of gradients"},                    \
        .update = update_momentum)                                                                 \
    ROW("nesterov", VELOCITY,                                                                      \
        {1e-3, 0.999, 1e-8, 0, "momentum", "momentum that looks a step ahead"},                    \
        .update = update_nesterov)                                                                 \
    ROW("adagrad", SQUARE,                                                                         \
        {1e-2, 0.999, 1e-10, 0, "epsilon", "gradient divided by the root of the sum of squares"},  \
        .update = update_adagrad, .rests = true)                                                   \
    ROW("rmsprop", SQUARE,                                                                         \
        {1e-2, 0.999, 1e-8, 0, "alpha epsilon",                                                    \
         "gradient divided by the root of the mean square"},                                       \
        .update = update_rmsprop)                                                                  \
    ROW("adam", MOMENTS,                                                                           \
        {1e-3, 0.999, 1e-8, 0, ADAM, "mean gradient divided by the root of the mean square"},      \
        begin_adam, update_adam)                                                                   \
    ROW("adamw", MOMENTS, {1e-3, 0.999, 1e-8, 1e-2, ADAM, "adam with decoupled weight decay"},     \
        begin_adam, update_adamw)                                                                  \
    ROW("amsgrad", MOMENTS | LARGEST,                                                              \
        {1e-3, 0.999, 1e-8, 0, ADAM, "adam with the largest mean square so far"}, begin_adam,      \
        update_amsgrad)                                                                            \
    ROW("nadam", MOMENTS, {2e-3, 0.999, 1e-8, 0, ADAM, "adam that looks a step ahead"},            \
        begin_nadam, update_nadam)                                                                 \
    ROW("radam", MOMENTS,                                                                          \
        {1e-3, 0.999, 1e-8, 0, ADAM, "adam, rectified while its squares are few"}, begin_radam,    \
        update_radam)                                                                              \
    ROW("lion", VELOCITY,                                                                          \
        {1e-4, 0.99, 1e-8, 0, "beta1 beta2", "by the sign; decoupled weight decay"},               \
        .update = update_lion)                                                                     \
    ROW("lars", VELOCITY,                                                                          \
        {0.1, 0.999, 1e-8, 1e-4, "momentum trust",                                                 \
         "momentum; each weight tensor's step is scaled to its norm: for large batches"},          \
        .update = update_lars, .direction = direct_lars, .ratio = ratio_lars)                      \
    ROW("lamb", MOMENTS,                                                                           \
        {1e-3, 0.999, 1e-6, 1e-2, ADAM, "adamw, scaled as lars: for large batches"}, begin_lamb,   \
        update_lamb, .direction = direct_lamb, .ratio = ratio_lamb)

#define NAME(of, ...) of,
const char *const dt_optimizer_names[] = {KINDS(NAME) NULL};

#define ROW(of, has, ...) {.name = (of), .arrays = (has), .facts = __VA_ARGS__},
const optimizer_row optimizer_rows[] = {KINDS(ROW)};
