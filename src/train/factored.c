#include "train/factored.h"

#include <stdlib.h>

#include "base/memory.h"
#include "dist/shared.h"
#include "dist/tree.h"
#include "nn/factors.h"

struct dt_factored {
    int count;
    dt_factors *list;     /* [count]: the layers that it may pay for ... */
    int64_t *most;        /* ... with up to so many samples a step */
    dt_shared *shared;    /* the first rank has the rows */
    dt_segment *segments; /* [virtual ranks], of the step */
    dt_multiplier *multiplier;
    dt_factors *chosen; /* [count]: those of this step ... */
    dt_range *ranges;   /* ... and where in the gradient */
    dt_factoring factoring;
};

static dt_factored_when decision = DT_FACTORED_IF_IT_PAYS;

void dt_factored_set(dt_factored_when when)
{
    decision = when;
}

/* The most samples a step for which it pays to leave a gradient as factors. They are written once
 * and read by all ranks, the inputs in parts; else each rank writes most of a gradient, and reads a
 * part of every other. The weights were found by measuring. */
static int64_t find_most(const dt_factors *of, int ranks, int64_t batch)
{
    double inputs = of->of_images ? of->rows / 4.0 : 3.0 * of->rows, others = ranks - 1;
    double a_sample = 12 * (inputs + (2.0 + ranks) * of->columns);
    double most = (double)of->rows * of->columns * others * others / a_sample;
    if (decision == DT_FACTORED_ALWAYS)
        return batch;
    return decision == DT_FACTORED_NEVER ? 0 : most < (double)batch ? (int64_t)most : batch;
}

static uint64_t row_bytes(const dt_factors *factors, int64_t samples)
{
    return (dt_factors_bytes(factors, samples) + DT_ALIGNMENT - 1) / DT_ALIGNMENT * DT_ALIGNMENT;
}

/* Those for which it pays with some number of samples; *bytes become those of all rows. NULL: no
 * memory. */
static dt_status find_layers(dt_factored *self, const dt_session *run, const dt_network_spec *spec,
                             int64_t batch, uint64_t *bytes, dt_error *error)
{
    size_t all = (size_t)dt_factors_find(spec, NULL);
    *bytes = 0;
    if (!(self->list = dt_calloc(all, sizeof *self->list, error)) ||
        !(self->chosen = dt_calloc(all, sizeof *self->chosen, error)) ||
        !(self->ranges = dt_calloc(all, sizeof *self->ranges, error)) ||
        !(self->most = dt_calloc(all, sizeof *self->most, error)))
        return error->status;
    dt_factors_find(spec, self->list);
    if (!dt_reduce_may_make(run->comm, (dt_allreduce)run->config.allreduce,
                            (int)run->config.virtual_ranks))
        return DT_OK;
    for (size_t i = 0; i < all; i++) {
        int64_t most = find_most(&self->list[i], dt_comm_size(run->comm), batch);
        if (most == 0)
            continue;
        self->list[self->count] = self->list[i];
        self->most[self->count++] = most;
        *bytes += row_bytes(&self->list[i], most);
    }
    return DT_OK;
}

static void free_layers(dt_factored *self)
{
    dt_free(self->list);
    dt_free(self->chosen);
    dt_free(self->ranges);
    dt_free(self->most);
}

/* All virtual ranks' vectors to one sum. */
static dt_status fold(dt_factored *self, int virtual_ranks, int *levels, dt_error *error)
{
    size_t count = (size_t)virtual_ranks;
    self->segments = dt_calloc(count, sizeof *self->segments, error);
    dt_node *nodes = self->segments ? dt_calloc(count, sizeof *nodes, error) : NULL;
    int *merges = nodes ? dt_calloc(count, sizeof *merges, error) : NULL;
    for (int i = 0; merges && i < virtual_ranks; i++)
        nodes[i] = (dt_node){i, i + 1};
    if (merges)
        dt_tree_fold(virtual_ranks, virtual_ranks, nodes, merges, levels);
    for (int i = 0; merges && i < virtual_ranks; i++)
        self->segments[i].merges = merges[i];
    dt_status status = merges ? DT_OK : error->status;
    dt_free(nodes);
    dt_free(merges);
    return status;
}

static dt_status build(dt_factored *self, const dt_session *run, uint64_t *bytes, dt_error *error)
{
    int levels = 1;
    int64_t batch = dt_plan_largest_batch(run->plan.samples, run->plan.batch_size);
    dt_status status =
        find_layers(self, run, dt_network_spec_of(run->network), batch, bytes, error);
    if (!status && self->count > 0)
        status = fold(self, (int)run->config.virtual_ranks, &levels, error);
    if (!status && self->count > 0)
        status = dt_multiplier_create(self->count, self->list, levels, &self->multiplier, error);
    return status;
}

dt_status dt_factored_create(dt_session *run, dt_factored **out, dt_error *error)
{
    uint64_t bytes = 0;
    dt_factored *self = dt_calloc(1, sizeof *self, error);
    dt_status status = self ? build(self, run, &bytes, error) : error->status;
    status = dt_comm_agree(run->comm, status, error);
    if (!status && self->count > 0)
        status =
            dt_comm_agree(run->comm,
                          dt_shared_create(run->comm, dt_comm_host_rank(run->comm) == 0 ? bytes : 0,
                                           &self->shared, error),
                          error);
    if (status || self->count == 0) {
        dt_factored_destroy(self);
        *out = NULL;
        return status;
    }
    char *rows = dt_shared_segment(self->shared, 0);
    for (int i = 0; i < self->count; i++) {
        dt_factors_place(&self->list[i], self->most[i], rows);
        rows += row_bytes(&self->list[i], self->most[i]);
    }
    *out = self;
    return DT_OK;
}

uint64_t dt_factored_need(const dt_session *run, const dt_network_spec *spec, int64_t samples,
                          uint64_t *shared)
{
    dt_factored self = {0};
    dt_error error;
    uint64_t bytes = 0, own = 0;
    int levels = 1;
    int64_t batch = dt_plan_largest_batch(samples, run->config.batch_size);
    find_layers(&self, run, spec, batch, &bytes, &error);
    for (int64_t v = 1; v < run->config.virtual_ranks; v *= 2)
        levels++;
    if (self.count > 0)
        own = dt_multiplier_bytes(self.count, self.list, levels);
    free_layers(&self);
    *shared = dt_comm_host_rank(run->comm) == 0 ? bytes : 0;
    return own + *shared;
}

void dt_factored_destroy(dt_factored *self)
{
    if (!self)
        return;
    dt_shared_destroy(self->shared);
    dt_multiplier_destroy(self->multiplier);
    dt_free(self->segments);
    free_layers(self);
    dt_free(self);
}

static void cut(dt_factored *self, const dt_session *run, int64_t step)
{
    dt_range own = run->own_virtual_ranks;
    self->factoring.row = 0;
    for (int v = 0; v < run->config.virtual_ranks; v++) {
        int64_t samples = dt_plan_slice(&run->plan, step, v).count;
        self->segments[v].samples = samples;
        self->factoring.row += v < own.first ? samples : 0;
    }
}

dt_factoring *dt_factored_begin(dt_session *run, const dt_play *play)
{
    dt_factored *self = run->factored;
    if (!self)
        return NULL;
    self->factoring = (dt_factoring){.list = self->chosen};
    for (int i = 0; i < self->count; i++) {
        const dt_factors *of = &self->list[i];
        int64_t size = (int64_t)of->rows * of->columns;
        if (play->step_samples > self->most[i])
            continue;
        self->ranges[self->factoring.count] = (dt_range){(int64_t)of->offset, size};
        self->chosen[self->factoring.count++] = *of;
    }
    if (self->factoring.count == 0)
        return NULL;
    cut(self, run, play->step);
    return &self->factoring;
}

/* Of the gradient, for dt_reduce_make. */
static size_t make(void *state, int range, size_t first, size_t end, float *gradient)
{
    const dt_session *run = state;
    dt_factored *self = run->factored;
    const dt_factors *of = &self->chosen[range];
    const dt_interval part = {first - of->offset, end - of->offset};
    return of->offset + dt_multiplier_run(self->multiplier, of, (int)run->config.virtual_ranks,
                                          self->segments, part, gradient + of->offset);
}

void dt_factored_end(dt_session *run)
{
    const dt_factored *self = run->factored;
    const dt_made made = {.count = self->factoring.count,
                          .ranges = self->ranges,
                          .make = make,
                          .state = run,
                          .largest = self->factoring.largest};
    dt_reduce_make(run->reduce, &made);
}
