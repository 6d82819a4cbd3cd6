#include "nn/optimizer.h"

#include <math.h>

#include "base/memory.h"
#include "optimizer_kinds.h"

enum { BLOCK = DT_SQUARES_BLOCK };

/* A tensor of the vector, or several in a row that are treated alike. */
typedef struct group {
    size_t first, end; /* in the vector */
    size_t note;       /* where its notes begin: of each block that it has a part in, two */
    bool decays, adapts;
    /* Of the update that has begun. */
    dt_real decay, keep; /* weight_decay and 1 - lr weight_decay, if it decays */
    double ratio;
} group;

struct dt_optimizer {
    const optimizer_row *row;
    dt_optimizer_spec spec;
    size_t first, count; /* of its parameters, in the vector */
    group *groups;
    size_t group_count, notes;
    int64_t steps;
    optimizer_update update;          /* that has begun */
    dt_real *arrays[DT_STATE_ARRAYS]; /* [count], NULL where the kind has no use for it */
};

const dt_optimizer_facts *dt_optimizer_facts_of(int kind)
{
    return &optimizer_rows[kind].facts;
}

int dt_optimizer_arrays(int kind)
{
    return __builtin_popcount(optimizer_rows[kind].arrays);
}

/* Blocks of the vector that a group has a part in. */
static size_t blocks_of(const group *it)
{
    return (it->end - 1) / BLOCK - it->first / BLOCK + 1;
}

/* Tensors that follow one another and are treated alike become one group: long loops. */
static dt_status build_groups(dt_optimizer *self, const dt_optimizer_part *part, dt_error *error)
{
    self->groups = dt_calloc(part->tensor_count, sizeof *self->groups, error);
    if (!self->groups)
        return error->status;
    for (size_t i = 0; i < part->tensor_count; i++) {
        const dt_tensor *tensor = &part->tensors[i];
        bool is_weight = tensor->role == DT_TENSOR_WEIGHT;
        group next = {.first = tensor->offset,
                      .end = tensor->offset + dt_tensor_count(tensor),
                      .note = self->notes,
                      .decays = self->spec.weight_decay > 0 && (is_weight || self->spec.decay_all),
                      .adapts = is_weight && self->row->direction};
        group *last = self->group_count > 0 ? &self->groups[self->group_count - 1] : NULL;
        if (next.adapts)
            self->notes += 2 * blocks_of(&next);
        if (last && !last->adapts && !next.adapts && last->decays == next.decays)
            last->end = next.end;
        else
            self->groups[self->group_count++] = next;
    }
    return DT_OK;
}

dt_status dt_optimizer_create(const dt_optimizer_spec *spec, const dt_optimizer_part *part,
                              dt_optimizer **out, dt_error *error)
{
    dt_optimizer *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->row = &optimizer_rows[spec->kind];
    self->spec = *spec;
    self->first = part->first;
    self->count = part->count;
    self->update.product = (double)NAN;
    dt_status status = build_groups(self, part, error);
    for (int i = 0; i < DT_STATE_ARRAYS && !status; i++)
        if (self->row->arrays >> i & 1 &&
            !(self->arrays[i] = dt_calloc(part->count, sizeof(dt_real), error)))
            status = error->status;
    if (status) {
        dt_optimizer_destroy(self);
        return status;
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
    dt_free(self->groups);
    dt_free(self);
}

dt_optimizer_state dt_optimizer_get_state(dt_optimizer *self)
{
    dt_optimizer_state state = {.steps = &self->steps, .product = &self->update.product};
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
    optimizer_update *update = &self->update;
    update->spec = self->spec;
    update->step = ++self->steps;
    update->lr = rates->lr;
    update->scale = (dt_real)scale;
    if (!isnan(rates->momentum))
        update->spec.momentum = update->spec.beta1 = rates->momentum;
    if (self->row->begin)
        self->row->begin(update);
    double decay = update->spec.weight_decay;
    for (group *it = self->groups; it < self->groups + self->group_count; it++) {
        it->decay = it->decays ? (dt_real)decay : 0;
        it->keep = it->decays ? (dt_real)(1 - update->lr * decay) : 1;
        it->ratio = 1;
    }
}

/* What is left of an interval. */
typedef struct walk {
    size_t end;
    const group *group;        /* of the portion */
    optimizer_portion portion; /* the one at hand; before the first an empty one */
    const dt_real *sum;        /* of all of the optimizer's */
    bool by_blocks;
} walk;

static inline void walk_begin(walk *it, const dt_optimizer *self, const dt_interval *where,
                              dt_real *w, const dt_real *sum, bool by_blocks)
{
    it->end = where->end;
    it->group = self->groups;
    it->portion.update = &self->update;
    it->portion.at = where->first;
    it->portion.count = 0;
    it->portion.arrays = self->arrays;
    it->portion.w = w + where->first;
    it->portion.scale = self->update.scale;
    it->sum = sum;
    it->by_blocks = by_blocks || self->spec.clip_value > 0;
}

/* source: torch.nn.utils.clip_grad_value_. Out of line, for others' short intervals. */
static __attribute__((noinline)) void clip(optimizer_portion *portion, dt_real scale, dt_real most,
                                           dt_real room[BLOCK])
{
    for (size_t i = 0; i < portion->count; i++) {
        dt_real g = scale * portion->sum[i];
        room[i] = g > most ? most : g < -most ? -most : g;
    }
    portion->sum = room;
    portion->scale = 1;
}

/* The next parameters that are treated alike; false: there are none. room: for their gradients, if
 * these are clipped. */
static inline bool walk_next(const dt_optimizer *self, walk *it, dt_real room[BLOCK])
{
    optimizer_portion *portion = &it->portion;
    size_t at = portion->at + portion->count;
    if (at == it->end)
        return false;
    while (it->group->end <= self->first + at)
        it->group++;
    size_t end = it->group->end - self->first, block = (at / BLOCK + 1) * BLOCK;
    end = end < it->end ? end : it->end;
    end = it->by_blocks && end > block ? block : end;
    portion->w += portion->count;
    portion->sum = it->sum + at;
    portion->at = at;
    portion->count = end - at;
    portion->decay = it->group->decay;
    portion->keep = it->group->keep;
    portion->ratio = it->group->ratio;
    if (self->spec.clip_value > 0)
        clip(portion, self->update.scale, (dt_real)self->spec.clip_value, room);
    return true;
}

size_t dt_optimizer_notes(const dt_optimizer *self)
{
    return self->notes + (self->row->direction != NULL); /* it looks, though no tensor adapts */
}

uint64_t dt_optimizer_notes_bytes(int kind, uint64_t parameters)
{
    return optimizer_rows[kind].direction ? 2 * (parameters / BLOCK + 1) * sizeof(double) : 0;
}

void dt_optimizer_note(dt_optimizer *self, dt_real *w, const dt_real *gradient_sum, double *notes)
{
    const dt_interval all = {0, self->count};
    dt_real room[BLOCK], step[BLOCK];
    walk it;
    for (walk_begin(&it, self, &all, w, gradient_sum, true); walk_next(self, &it, room);) {
        size_t block = (self->first + it.portion.at) / BLOCK - it.group->first / BLOCK;
        double *note = notes + it.group->note + 2 * block;
        self->row->direction(&it.portion, step);
        if (it.group->adapts) {
            note[0] = dt_squares(it.portion.count, it.portion.w);
            note[1] = dt_squares(it.portion.count, step);
        }
    }
}

void dt_optimizer_find_ratios(dt_optimizer *self, const double *notes)
{
    for (group *it = self->groups; it < self->groups + self->group_count; it++) {
        double squares[2] = {0};
        for (size_t i = 0; it->adapts && i < 2 * blocks_of(it); i++)
            squares[i % 2] += notes[it->note + i];
        double decay = it->decays ? self->spec.weight_decay : 0;
        bool adapts = squares[0] > 0 && squares[1] > 0;
        it->ratio =
            adapts ? self->row->ratio(&self->update, decay, sqrt(squares[0]), sqrt(squares[1])) : 1;
    }
}

void dt_optimizer_update(dt_optimizer *self, const dt_interval *where, dt_real *w,
                         const dt_real *gradient_sum)
{
    dt_real room[BLOCK];
    walk it;
    for (walk_begin(&it, self, where, w, gradient_sum, false); walk_next(self, &it, room);)
        self->row->update(&it.portion);
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
