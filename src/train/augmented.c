#include "train/augmented.h"

#include "base/memory.h"

struct dt_augmented {
    dt_augmenter *augmenter;
    size_t image_size;
    uint8_t *images; /* [most samples of a step][image_size] */
    const uint8_t **pointers;
};

/* A virtual rank has at most two samples more than its even share of a step. */
static int64_t most_samples(const dt_plan *plan, dt_range own)
{
    int64_t batch = plan->batch_size < plan->samples ? plan->batch_size : plan->samples;
    return own.count * (batch / plan->virtual_ranks + 2);
}

dt_status dt_augmented_create(const dt_augment *augment, dt_shape shape, const dt_plan *plan,
                              dt_range own, dt_augmented **out, dt_error *error)
{
    size_t most = (size_t)most_samples(plan, own);
    dt_augmented *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->image_size = (size_t)dt_shape_size(shape);
    if (dt_augmenter_create(augment, shape, plan->seed, &self->augmenter, error) ||
        !(self->images = dt_calloc(most, self->image_size, error)) ||
        !(self->pointers = dt_calloc(most, sizeof *self->pointers, error))) {
        dt_augmented_destroy(self);
        return error->status;
    }
    for (size_t i = 0; i < most; i++)
        self->pointers[i] = self->images + i * self->image_size;
    *out = self;
    return DT_OK;
}

void dt_augmented_destroy(dt_augmented *self)
{
    if (!self)
        return;
    dt_augmenter_destroy(self->augmenter);
    dt_free(self->images);
    dt_free(self->pointers);
    dt_free(self);
}

void dt_augmented_draw(dt_augmented *self, const dt_noise *noise, dt_batch *batch)
{
    for (int64_t i = 0; i < batch->count; i++)
        dt_augmenter_draw(self->augmenter, noise->epoch, (uint32_t)noise->places[i],
                          batch->images[i], self->images + (size_t)i * self->image_size);
    batch->images = self->pointers;
    batch->upcoming = 0;
}

uint64_t dt_augmented_bytes(const dt_augment *augment, dt_shape shape, int64_t samples)
{
    uint64_t image = (uint64_t)dt_shape_size(shape) + sizeof(uint8_t *);
    return sizeof(dt_augmented) + (uint64_t)samples * image + dt_augmenter_bytes(augment, shape);
}
