#include "nn/optimizer.h"

#include <math.h>

#include "base/memory.h"
#include "base/suggest.h"
#include "optimizer_kinds.h"

struct dt_optimizer {
    const optimizer_row *row;
    dt_optimizer_spec spec;
    int64_t steps;
    optimizer_update update;          /* that has begun */
    dt_real *arrays[DT_STATE_ARRAYS]; /* [count], NULL where the kind has no use for it */
};

int dt_optimizer_find(const char *name)
{
    for (int i = 0; dt_optimizer_names[i]; i++)
        if (dt_edit_distance(name, dt_optimizer_names[i]) == 0)
            return i;
    return -1;
}

const dt_optimizer_defaults *dt_optimizer_defaults_of(int kind)
{
    return &optimizer_rows[kind].defaults;
}

int dt_optimizer_arrays(int kind)
{
    return __builtin_popcount(optimizer_rows[kind].arrays);
}

dt_status dt_optimizer_create(const dt_optimizer_spec *spec, size_t count, dt_optimizer **out,
                              dt_error *error)
{
    dt_optimizer *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->row = &optimizer_rows[spec->kind];
    self->spec = *spec;
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        if (self->row->arrays >> i & 1 &&
            !(self->arrays[i] = dt_calloc(count, sizeof(dt_real), error))) {
            dt_optimizer_destroy(self);
            return error->status;
        }
    *out = self;
    return DT_OK;
}

void dt_optimizer_destroy(dt_optimizer *self)
{
    if (!self)
        return;
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        dt_free(self->arrays[i]);
    dt_free(self);
}

dt_optimizer_state dt_optimizer_get_state(dt_optimizer *self)
{
    dt_optimizer_state state = {.steps = &self->steps};
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        state.arrays[i] = self->arrays[i];
    return state;
}

bool dt_optimizer_skips_zeros(const dt_optimizer *self)
{
    /* 0 / 0 moves a parameter. */
    bool divides = self->row->arrays && (dt_real)self->spec.epsilon <= 0;
    return self->row->rests && !divides && self->spec.weight_decay == 0;
}

void dt_optimizer_begin(dt_optimizer *self, double scale, const dt_rates *rates)
{
    self->update = (optimizer_update){
        .spec = self->spec, .step = ++self->steps, .lr = rates->lr, .scale = (dt_real)scale};
    if (!isnan(rates->momentum))
        self->update.spec.momentum = self->update.spec.beta1 = rates->momentum;
    if (self->row->begin)
        self->row->begin(&self->update);
}

void dt_optimizer_update(dt_optimizer *self, const dt_interval *where, dt_real *restrict w,
                         const dt_real *restrict gradient_sum)
{
    const optimizer_update *update = &self->update;
    optimizer_portion portion = {.update = update,
                                 .count = where->end - where->first,
                                 .w = w + where->first,
                                 .sum = gradient_sum + where->first,
                                 .decay = (dt_real)update->spec.weight_decay,
                                 .keep = (dt_real)(1 - update->lr * update->spec.weight_decay)};
    for (int i = 0; i < DT_STATE_ARRAYS; i++)
        if (self->arrays[i])
            portion.arrays[i] = self->arrays[i] + where->first;
    self->row->update(&portion);
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
