#include "train/augmented.h"

#include "base/memory.h"

struct dt_augmented {
    dt_augmenter *augmenter;
    size_t image_size;
    uint8_t *images; /* [most][image_size] */
    const uint8_t **pointers;
    dt_noise noise;               /* of the step's samples */
    const uint8_t *const *before; /* their images */
};

dt_status dt_augmented_create(const dt_augment *augment, dt_shape shape, uint64_t seed, int most,
                              dt_augmented **out, dt_error *error)
{
    dt_augmented *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->image_size = (size_t)dt_shape_size(shape);
    if (dt_augmenter_create(augment, shape, seed, &self->augmenter, error) ||
        !(self->images = dt_calloc((size_t)most, self->image_size, error)) ||
        !(self->pointers = dt_calloc((size_t)most, sizeof *self->pointers, error))) {
        dt_augmented_destroy(self);
        return error->status;
    }
    for (int i = 0; i < most; i++)
        self->pointers[i] = self->images + (size_t)i * self->image_size;
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

static const uint8_t *const *draw(void *drawing, int64_t first, int count)
{
    const dt_augmented *self = drawing;
    for (int i = 0; i < count; i++)
        dt_augmenter_draw(self->augmenter, self->noise.epoch,
                          (uint32_t)self->noise.places[first + i], self->before[first + i],
                          self->images + (size_t)i * self->image_size);
    return self->pointers;
}

void dt_augmented_step(dt_augmented *self, const dt_noise *noise, dt_batch *batch)
{
    self->noise = *noise;
    self->before = batch->images;
    batch->draw = draw;
    batch->drawing = self;
}

uint64_t dt_augmented_bytes(const dt_augment *augment, dt_shape shape, int most)
{
    uint64_t image = (uint64_t)dt_shape_size(shape) + sizeof(uint8_t *);
    return sizeof(dt_augmented) + (uint64_t)most * image + dt_augmenter_bytes(augment, shape);
}
