#include "train/feed.h"

#include "base/memory.h"

typedef struct feed_window {
    int64_t first, end; /* steps of the epoch */
    dt_delivery delivery;
    int32_t *wanted, *places; /* positions of the samples; their places in the epoch's order */
    int64_t *counts; /* [window_steps][own.count]: samples of each virtual rank in each step */
} feed_window;

struct dt_feed {
    const dt_plan *plan;
    dt_exchange *exchange;
    dt_range own;
    int64_t window_steps; /* the same on all ranks: bringing is collective */
    feed_window windows[DT_DELIVERY_SLOTS];
    int current;    /* the window that is played; the other one is on its way */
    int64_t step;   /* the next one */
    int64_t sample; /* of the current window, the first of the next step */
};

static dt_status create_window(feed_window *self, size_t samples, size_t slices, dt_error *error)
{
    if ((self->wanted = dt_calloc(samples, sizeof *self->wanted, error)) &&
        (self->places = dt_calloc(samples, sizeof *self->places, error)) &&
        (self->delivery.images = dt_calloc(samples, sizeof *self->delivery.images, error)) &&
        (self->delivery.labels = dt_calloc(samples, 1, error)) &&
        (self->counts = dt_calloc(slices, sizeof *self->counts, error)))
        return DT_OK;
    return error->status;
}

dt_status dt_feed_create(const dt_plan *plan, dt_exchange *exchange, dt_range own, int ranks,
                         dt_feed **out, dt_error *error)
{
    dt_feed *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->plan = plan;
    self->exchange = exchange;
    self->own = own;
    /* A rank plays at most one virtual rank more than its even share, and a virtual rank at most
     * two samples more than its even share of a step (one of the cut, one of a round of shards). */
    int64_t most_virtual = plan->virtual_ranks / ranks + 1;
    int64_t most_samples = dt_plan_batch(plan, 0) / plan->virtual_ranks + 2;
    self->window_steps = DT_FEED_WINDOW / (most_virtual * most_samples);
    if (self->window_steps < 1)
        self->window_steps = 1;
    size_t samples = (size_t)(self->window_steps * own.count * most_samples);
    size_t slices = (size_t)(self->window_steps * own.count);
    for (int i = 0; i < DT_DELIVERY_SLOTS; i++)
        if (create_window(&self->windows[i], samples, slices, error)) {
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
    for (int i = 0; i < DT_DELIVERY_SLOTS; i++) {
        dt_exchange_end(self->exchange, i);
        dt_free(self->windows[i].wanted);
        dt_free(self->windows[i].places);
        dt_free(self->windows[i].delivery.images);
        dt_free(self->windows[i].delivery.labels);
        dt_free(self->windows[i].counts);
    }
    dt_free(self);
}

/* Sets the window that begins with step `first` on its way, unless the epoch ends before it. */
static dt_status begin_window(dt_feed *self, int slot, int64_t first, dt_error *error)
{
    feed_window *window = &self->windows[slot];
    int64_t steps = dt_plan_steps(self->plan), count = 0, *next = window->counts;
    window->first = first;
    window->end = first + self->window_steps < steps ? first + self->window_steps : steps;
    if (first >= steps)
        return DT_OK;
    for (int64_t step = first; step < window->end; step++)
        for (int64_t v = 0; v < self->own.count; v++) {
            dt_range slice = dt_plan_slice(self->plan, step, (int)(self->own.first + v));
            for (int64_t i = 0; i < slice.count; i++) {
                window->places[count] = (int32_t)(slice.first + i);
                window->wanted[count++] = self->plan->order[slice.first + i];
            }
            *next++ = slice.count;
        }
    window->delivery.count = count;
    window->delivery.wanted = window->wanted;
    return dt_exchange_begin(self->exchange, slot, &window->delivery, error);
}

/* The window that is under way in `slot` becomes the current one. */
static dt_status enter_window(dt_feed *self, int slot, dt_error *error)
{
    dt_exchange_end(self->exchange, slot);
    self->current = slot;
    self->sample = 0;
    return begin_window(self, !slot, self->windows[slot].end, error);
}

dt_status dt_feed_start_epoch(dt_feed *self, int64_t first_step, dt_error *error)
{
    self->step = first_step;
    for (int i = 0; i < DT_DELIVERY_SLOTS; i++)
        dt_exchange_end(self->exchange, i);
    dt_status status = begin_window(self, 0, first_step, error);
    return status ? status : enter_window(self, 0, error);
}

dt_status dt_feed_step(dt_feed *self, dt_play *play, dt_error *error)
{
    if (self->step == self->windows[self->current].end) {
        dt_status status = enter_window(self, !self->current, error);
        if (status)
            return status;
    }
    const feed_window *window = &self->windows[self->current];
    play->counts = window->counts + (self->step - window->first) * self->own.count;
    play->step = self->step;
    play->step_samples = dt_plan_batch(self->plan, self->step);
    play->batch.count = 0;
    for (int64_t v = 0; v < self->own.count; v++)
        play->batch.count += play->counts[v];
    play->batch.images = window->delivery.images + self->sample;
    play->batch.labels = window->delivery.labels + self->sample;
    play->batch.draw = NULL;
    play->batch.tracked = NULL;
    play->positions = window->wanted + self->sample;
    play->noise = (dt_noise){.seed = self->plan->seed,
                             .epoch = self->plan->epoch,
                             .places = window->places + self->sample};
    self->sample += play->batch.count;
    play->batch.upcoming = window->delivery.count - self->sample;
    self->step++;
    return DT_OK;
}
