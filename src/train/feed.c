#include "train/feed.h"

#include "base/memory.h"

/* Samples that a rank holds ready at most, unless one step has more. */
enum { WINDOW_SAMPLES = 4096 };

struct dt_feed {
    const dt_plan *plan;
    dt_exchange *exchange;
    dt_range own;
    int64_t window_steps; /* the same on all ranks: fetching is collective */
    int64_t window_first; /* the steps that are ready: [first, end) */
    int64_t window_end;
    int64_t *places; /* [window_steps * own.count + 1]: where a virtual rank's samples of a
                        step begin in the arrays below */
    int64_t step;    /* made ready last */
    int32_t *wanted;
    const uint8_t **images;
    uint8_t *labels;
};

dt_status dt_feed_create(const dt_plan *plan, dt_exchange *exchange, dt_range own, int ranks,
                         dt_feed **out, dt_error *error)
{
    dt_feed *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->plan = plan;
    self->exchange = exchange;
    self->own = own;
    /* A virtual rank plays at most one sample more than its even share of a step (one of the places
     * of a step, and one for the step's beginning between two rounds), a rank at most one virtual
     * rank more than its even share. */
    int64_t most_virtual = plan->virtual_ranks / ranks + 1;
    int64_t batch = plan->batch_size < plan->samples ? plan->batch_size : plan->samples;
    int64_t most_samples = most_virtual * (batch / plan->virtual_ranks + 2);
    self->window_steps = WINDOW_SAMPLES / most_samples;
    if (self->window_steps < 1)
        self->window_steps = 1;
    size_t capacity = (size_t)(self->window_steps * most_samples);
    size_t slices = (size_t)(self->window_steps * own.count);
    if (!(self->places = dt_calloc(slices + 1, sizeof *self->places, error)) ||
        !(self->wanted = dt_calloc(capacity, sizeof *self->wanted, error)) ||
        !(self->images = dt_calloc(capacity, sizeof *self->images, error)) ||
        !(self->labels = dt_calloc(capacity, sizeof *self->labels, error))) {
        dt_feed_destroy(self);
        return error->status;
    }
    *out = self;
    return DT_OK;
}

void dt_feed_destroy(dt_feed *self)
{
    if (!self)
        return;
    dt_free(self->places);
    dt_free(self->wanted);
    dt_free(self->images);
    dt_free(self->labels);
    dt_free(self);
}

void dt_feed_start_epoch(dt_feed *self)
{
    self->window_first = self->window_end = 0;
}

static dt_status fetch_window(dt_feed *self, int64_t first, dt_error *error)
{
    int64_t steps = dt_plan_steps(self->plan);
    self->window_first = first;
    self->window_end = first + self->window_steps < steps ? first + self->window_steps : steps;
    int64_t count = 0, *place = self->places;
    for (int64_t step = first; step < self->window_end; step++)
        for (int64_t v = 0; v < self->own.count; v++) {
            dt_range slice = dt_plan_slice(self->plan, step, (int)(self->own.first + v));
            *place++ = count;
            for (int64_t i = 0; i < slice.count; i++)
                self->wanted[count++] = self->plan->order[slice.first + i];
        }
    *place = count;
    return dt_exchange_fetch(self->exchange, self->wanted, count, self->images, self->labels,
                             error);
}

dt_status dt_feed_step(dt_feed *self, int64_t step, dt_error *error)
{
    self->step = step;
    if (self->window_first <= step && step < self->window_end)
        return DT_OK;
    return fetch_window(self, step, error);
}

dt_samples dt_feed_samples(const dt_feed *self, int v)
{
    int64_t slice = (self->step - self->window_first) * self->own.count + v - self->own.first;
    int64_t first = self->places[slice];
    return (dt_samples){.count = self->places[slice + 1] - first,
                        .images = self->images + first,
                        .labels = self->labels + first};
}
