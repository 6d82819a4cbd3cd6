#include "nn/optimizer.h"

#include <math.h>

#include "base/elementary.h"
#include "base/memory.h"

const char *const dt_optimizer_names[] = {"sgd",     "momentum", "nesterov", "adagrad",
                                          "rmsprop", "adam",     "adamw",    NULL};

struct dt_optimizer {
    dt_optimizer_spec spec;
    int64_t steps;
    /* Of the update that has begun. */
    double lr, momentum, beta1;
    dt_real scale, step_size, correction; /* adam, adamw: of m and of the root of v */
    /* [count], NULL where the kind has no use for it */
    dt_real *velocity; /* momentum, nesterov: b; adam, adamw: m */
    dt_real *square;   /* adagrad, rmsprop: s; adam, adamw: v */
};

double dt_optimizer_default_lr(dt_optimizer_kind kind)
{
    return kind == DT_ADAGRAD || kind == DT_RMSPROP ? 1e-2 : 1e-3;
}

double dt_optimizer_default_epsilon(dt_optimizer_kind kind)
{
    return kind == DT_ADAGRAD ? 1e-10 : 1e-8;
}

double dt_optimizer_default_weight_decay(dt_optimizer_kind kind)
{
    return kind == DT_ADAMW ? 1e-2 : 0;
}

static const struct {
    int velocity, square;
} needs[] = {
    [DT_SGD] = {0, 0},     [DT_MOMENTUM] = {1, 0}, [DT_NESTEROV] = {1, 0}, [DT_ADAGRAD] = {0, 1},
    [DT_RMSPROP] = {0, 1}, [DT_ADAM] = {1, 1},     [DT_ADAMW] = {1, 1},
};

int dt_optimizer_arrays(dt_optimizer_kind kind)
{
    return needs[kind].velocity + needs[kind].square;
}

dt_status dt_optimizer_create(const dt_optimizer_spec *spec, size_t count, dt_optimizer **out,
                              dt_error *error)
{
    dt_optimizer *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->spec = *spec;
    if (needs[spec->kind].velocity && !(self->velocity = dt_calloc(count, sizeof(dt_real), error)))
        goto failed;
    if (needs[spec->kind].square && !(self->square = dt_calloc(count, sizeof(dt_real), error)))
        goto failed;
    *out = self;
    return DT_OK;
failed:
    dt_optimizer_destroy(self);
    return error->status;
}

void dt_optimizer_destroy(dt_optimizer *self)
{
    if (!self)
        return;
    dt_free(self->velocity);
    dt_free(self->square);
    dt_free(self);
}

dt_optimizer_state dt_optimizer_get_state(dt_optimizer *self)
{
    return (dt_optimizer_state){&self->steps, self->velocity, self->square};
}

bool dt_optimizer_skips_zeros(const dt_optimizer *self)
{
    const dt_optimizer_spec *spec = &self->spec;
    /* adagrad: 0 / 0 moves a parameter. */
    bool adagrad = spec->kind == DT_ADAGRAD && (dt_real)spec->epsilon > 0;
    return (spec->kind == DT_SGD || adagrad) && spec->weight_decay == 0;
}

/* The mean gradient of parameter i, with the L2 term. */
#define GRADIENT dt_fma(scale, gradient_sum[i], decay *w[i])

void dt_optimizer_begin(dt_optimizer *self, double scale, const dt_rates *rates)
{
    bool own = isnan(rates->momentum);
    self->steps++;
    self->scale = (dt_real)scale;
    self->lr = rates->lr;
    self->momentum = own ? self->spec.momentum : rates->momentum;
    self->beta1 = own ? self->spec.beta1 : rates->momentum;
    if (self->velocity && self->square) {
        self->step_size = (dt_real)(self->lr / (1 - dt_power(self->beta1, self->steps)));
        self->correction = (dt_real)(1 / sqrt(1 - dt_power(self->spec.beta2, self->steps)));
    }
}

void dt_optimizer_update(dt_optimizer *self, const dt_interval *where, dt_real *restrict w,
                         const dt_real *restrict gradient_sum)
{
    const dt_optimizer_spec *spec = &self->spec;
    size_t first = where->first, end = where->end;
    dt_real scale = self->scale, lr = (dt_real)self->lr;
    dt_real *restrict b = self->velocity, *restrict s = self->square;
    dt_real decay = spec->kind == DT_ADAMW ? 0 : (dt_real)spec->weight_decay;
    dt_real momentum = (dt_real)self->momentum, epsilon = (dt_real)spec->epsilon;
    dt_real alpha = (dt_real)spec->alpha, one_minus_alpha = (dt_real)(1 - spec->alpha);
    switch (spec->kind) {
    case DT_SGD:
        for (size_t i = first; i < end; i++)
            w[i] = dt_fma(-lr, GRADIENT, w[i]);
        break;
    case DT_MOMENTUM:
        for (size_t i = first; i < end; i++) {
            b[i] = dt_fma(momentum, b[i], GRADIENT);
            w[i] = dt_fma(-lr, b[i], w[i]);
        }
        break;
    case DT_NESTEROV:
        for (size_t i = first; i < end; i++) {
            dt_real g = GRADIENT;
            b[i] = dt_fma(momentum, b[i], g);
            w[i] = dt_fma(-lr, dt_fma(momentum, b[i], g), w[i]);
        }
        break;
    case DT_ADAGRAD:
        for (size_t i = first; i < end; i++) {
            dt_real g = GRADIENT;
            s[i] = dt_fma(g, g, s[i]);
            w[i] -= lr * g / (dt_sqrt(s[i]) + epsilon);
        }
        break;
    case DT_RMSPROP:
        for (size_t i = first; i < end; i++) {
            dt_real g = GRADIENT;
            s[i] = dt_fma(alpha, s[i], one_minus_alpha * g * g);
            w[i] -= lr * g / (dt_sqrt(s[i]) + epsilon);
        }
        break;
    case DT_ADAM:
    case DT_ADAMW: {
        dt_real beta1 = (dt_real)self->beta1, one_minus_beta1 = (dt_real)(1 - self->beta1);
        dt_real beta2 = (dt_real)spec->beta2, one_minus_beta2 = (dt_real)(1 - spec->beta2);
        dt_real step_size = self->step_size, correction = self->correction;
        dt_real keep =
            spec->kind == DT_ADAMW ? (dt_real)(1 - self->lr * spec->weight_decay) : (dt_real)1;
        for (size_t i = first; i < end; i++) {
            dt_real g = GRADIENT;
            b[i] = dt_fma(beta1, b[i], one_minus_beta1 * g);
            s[i] = dt_fma(beta2, s[i], one_minus_beta2 * g * g);
            dt_real divisor = dt_fma(dt_sqrt(s[i]), correction, epsilon);
            w[i] = dt_fma(keep, w[i], -(step_size * b[i] / divisor));
        }
        break;
    }
    }
}

bool dt_optimizer_clips(const dt_optimizer *self)
{
    return self->spec.clip_norm > 0;
}

double dt_optimizer_scale(const dt_optimizer *self, int64_t samples, double norm)
{
    double scale = 1.0 / (double)samples;
    /* source: torch.nn.utils.clip_grad_norm_ */
    double factor = dt_optimizer_clips(self) ? self->spec.clip_norm / (norm + 1e-6) : 1;
    return factor < 1 ? scale * factor : scale;
}
