#include "data/augment.h"

#include <math.h>
#include <string.h>

#include "base/elementary.h"
#include "base/memory.h"
#include "base/random.h"

/* Of the sequence of a sample: what is drawn from each block of random numbers. */
enum { BLOCK_PLACE, BLOCK_FORM, BLOCK_ERASE, ERASE_TRIES = 10, BLOCK_FIELD = 16 };

/* Rows of floats are as long as whole vectors of any CPU. */
enum { VECTOR = 16 };

/* Where the pixels of a row come from: the pixel of the canvas above and left of it, and how far it
 * is from there. [width] each. */
typedef struct origins {
    int32_t *pixel;
    float *right, *below;
} origins;

struct dt_augmenter {
    dt_augment augment;
    dt_shape shape;
    uint64_t seed;
    bool warps;
    int radius, pitch; /* of the smoothing; floats of a row of the fields */
    /* Of elastic: [2 radius + 1]; [height][pitch], of one direction; [pitch + 2 radius + VECTOR], a
     * row with zeros on both sides. */
    float *weights, *field, *row;
    float *moves[2]; /* [height][pitch], of x and y: 0 without elastic */
    origins origins;
    float *canvas; /* [height + 3][width + 3][channels]: the image with zeros around it */
};

/* From a pixel of the new image to its place in the old one. */
typedef struct affine {
    float xx, xy, yx, yy, x, y;
} affine;

static int radius_of(const dt_augment *augment)
{
    return augment->has[DT_AUGMENT_ELASTIC]
               ? (int)ceil(3 * augment->arguments[DT_AUGMENT_ELASTIC][0])
               : 0;
}

static int pitch_of(dt_shape shape)
{
    return (shape.width + VECTOR - 1) / VECTOR * VECTOR;
}

static size_t canvas_size(dt_shape shape)
{
    return (size_t)(shape.height + 3) * (size_t)(shape.width + 3) * (size_t)shape.channels;
}

uint64_t dt_augmenter_bytes(const dt_augment *augment, dt_shape shape)
{
    size_t radius = (size_t)radius_of(augment), pitch = (size_t)pitch_of(shape);
    size_t floats = canvas_size(shape) + 2 * (size_t)shape.height * pitch + 3 * pitch;
    if (radius > 0)
        floats += 2 * radius + 1 + (size_t)shape.height * pitch + pitch + 2 * radius + VECTOR;
    return sizeof(dt_augmenter) + floats * sizeof(float);
}

/* A normal distribution, cut off at three standard deviations. */
static void fill_weights(dt_augmenter *self)
{
    double sum = 0, sigma = self->augment.arguments[DT_AUGMENT_ELASTIC][0];
    for (int i = -self->radius; i <= self->radius; i++)
        sum += dt_exp_double(-0.5 * i * i / (sigma * sigma));
    for (int i = -self->radius; i <= self->radius; i++)
        self->weights[i + self->radius] =
            (float)(dt_exp_double(-0.5 * i * i / (sigma * sigma)) / sum);
}

static dt_status create_fields(dt_augmenter *self, dt_error *error)
{
    size_t radius = (size_t)self->radius, pitch = (size_t)self->pitch;
    size_t count = (size_t)self->shape.height * pitch;
    if (!(self->weights = dt_calloc(2 * radius + 1, sizeof(float), error)) ||
        !(self->field = dt_calloc(count, sizeof(float), error)) ||
        !(self->row = dt_calloc(pitch + 2 * radius + VECTOR, sizeof(float), error)))
        return error->status;
    fill_weights(self);
    return DT_OK;
}

dt_status dt_augmenter_create(const dt_augment *augment, dt_shape shape, uint64_t seed,
                              dt_augmenter **out, dt_error *error)
{
    dt_augmenter *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    *self = (dt_augmenter){.augment = *augment, .shape = shape, .seed = seed};
    self->radius = radius_of(augment);
    self->pitch = pitch_of(shape);
    for (int kind = 0; kind <= DT_AUGMENT_ELASTIC; kind++)
        self->warps |= augment->has[kind];
    size_t pitch = (size_t)self->pitch, count = (size_t)shape.height * pitch;
    if (!(self->canvas = dt_calloc(canvas_size(shape), sizeof(float), error)) ||
        !(self->moves[0] = dt_calloc(count, sizeof(float), error)) ||
        !(self->moves[1] = dt_calloc(count, sizeof(float), error)) ||
        !(self->origins.pixel = dt_calloc(pitch, sizeof(int32_t), error)) ||
        !(self->origins.right = dt_calloc(pitch, sizeof(float), error)) ||
        !(self->origins.below = dt_calloc(pitch, sizeof(float), error)) ||
        (self->radius > 0 && create_fields(self, error))) {
        dt_augmenter_destroy(self);
        return error->status;
    }
    *out = self;
    return DT_OK;
}

void dt_augmenter_destroy(dt_augmenter *self)
{
    if (!self)
        return;
    dt_free(self->weights);
    dt_free(self->field);
    dt_free(self->moves[0]);
    dt_free(self->moves[1]);
    dt_free(self->row);
    dt_free(self->origins.pixel);
    dt_free(self->origins.right);
    dt_free(self->origins.below);
    dt_free(self->canvas);
    dt_free(self);
}

/* Uniform between -most and most; 0 for a kind that is not asked for. */
static double draw(const dt_augment *augment, dt_augment_kind kind, uint32_t word)
{
    return augment->has[kind] ? (2 * dt_uniform(word) - 1) * augment->arguments[kind][0] : 0;
}

/* An image is made larger, slanted, turned and moved, about its centre; the way back is the inverse
 * of each, the last first. */
static affine draw_affine(const dt_augmenter *self, const dt_random_key *key)
{
    const dt_augment *augment = &self->augment;
    dt_random_block place = dt_random_at(key, BLOCK_PLACE), form = dt_random_at(key, BLOCK_FORM);
    double angle = draw(augment, DT_AUGMENT_ROTATE, form.word[0]) * 3.14159265358979323846 / 180;
    double size = 1 / (1 + draw(augment, DT_AUGMENT_SCALE, form.word[1]));
    double slant = draw(augment, DT_AUGMENT_SHEAR, form.word[2]);
    double cosine = dt_cos(angle), sine = dt_sin(angle);
    double yx = -sine * size, yy = cosine * size;
    double xx = cosine * size - slant * yx, xy = sine * size - slant * yy;
    double across = 0.5 * (self->shape.width - 1), down = 0.5 * (self->shape.height - 1);
    double x = across + draw(augment, DT_AUGMENT_SHIFT, place.word[0]);
    double y = down + draw(augment, DT_AUGMENT_SHIFT, place.word[1]);
    return (affine){(float)xx,
                    (float)xy,
                    (float)yx,
                    (float)yy,
                    (float)(across - xx * x - xy * y),
                    (float)(down - yx * x - yy * y)};
}

/* Uniform numbers from -alpha to alpha, eight of a block. */
static void fill_field(dt_augmenter *self, const dt_random_key *key, int direction)
{
    enum { A_BLOCK = 8 };
    float alpha = (float)self->augment.arguments[DT_AUGMENT_ELASTIC][1] * 0x1p-15F;
    uint32_t blocks = (uint32_t)(self->pitch / A_BLOCK), begin = BLOCK_FIELD;
    begin += (uint32_t)direction * (uint32_t)self->shape.height * blocks;
    size_t width = (size_t)self->shape.width, pitch = (size_t)self->pitch;
    for (int y = 0; y < self->shape.height; y++) {
        float *row = self->field + (size_t)y * pitch;
        for (uint32_t b = 0; b * A_BLOCK < width; b++) {
            dt_random_block block = dt_random_at(key, begin + (uint32_t)y * blocks + b);
            for (uint32_t i = 0; i < A_BLOCK; i++) {
                uint32_t bits = block.word[i / 2] >> 16 * (i % 2) & 0xffff;
                row[A_BLOCK * b + i] = alpha * ((float)(int)bits - 32767.5F);
            }
        }
        memset(row + width, 0, (pitch - width) * sizeof(float));
    }
}

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float vector __attribute__((vector_size(LANES * sizeof(float))));

/* Anywhere in memory. */
typedef vector loose_vector __attribute__((aligned(sizeof(float)), may_alias));

/* to[i] = the sum of weights[k] * from[k * step + i], k rising. */
static void smooth_row(const dt_augmenter *self, const float *weights, int count,
                       const float *restrict from, int step, float *restrict to)
{
    for (int i = 0; i < self->pitch; i += LANES) {
        vector sum = {0};
        for (int k = 0; k < count; k++)
            sum += weights[k] * *(const loose_vector *)(from + k * step + i);
        *(loose_vector *)(to + i) = sum;
    }
}

/* Smooths the field down its columns, then along its rows; beyond it are zeros. */
static void smooth_field(dt_augmenter *self, float *out)
{
    int height = self->shape.height, radius = self->radius, pitch = self->pitch;
    for (int y = 0; y < height; y++) {
        int first = y < radius ? 0 : y - radius;
        int end = y + radius + 1 > height ? height : y + radius + 1;
        smooth_row(self, self->weights + (first - y + radius), end - first,
                   self->field + (size_t)first * (size_t)pitch, pitch, self->row + radius);
        memset(self->row + radius + self->shape.width, 0,
               (size_t)(pitch - self->shape.width) * sizeof(float));
        smooth_row(self, self->weights, 2 * radius + 1, self->row, 1,
                   out + (size_t)y * (size_t)pitch);
    }
}

/* The image with zeros around it: one row and column in front, two behind. */
static void fill_canvas(dt_augmenter *self, const uint8_t *from)
{
    size_t count = (size_t)(self->shape.width * self->shape.channels);
    size_t pitch = (size_t)((self->shape.width + 3) * self->shape.channels);
    float *row = self->canvas + pitch + self->shape.channels;
    for (int y = 0; y < self->shape.height; y++, row += pitch, from += count)
        for (size_t i = 0; i < count; i++)
            row[i] = (float)from[i];
}

/* Where in the canvas the place `at` of the image is: no further than its zeros. */
static inline float on_canvas(float at, int size)
{
    at += 1;
    at = at < 0 ? 0 : at;
    return at > (float)(size + 1) ? (float)(size + 1) : at;
}

static void find_origins(const dt_augmenter *self, const affine *map, int y)
{
    const origins *to = &self->origins;
    int width = self->shape.width, height = self->shape.height;
    size_t row = (size_t)y * (size_t)self->pitch;
    const float *across_more = self->moves[0] + row, *down_more = self->moves[1] + row;
    float across_begin = map->xy * (float)y + map->x, down_begin = map->yy * (float)y + map->y;
    for (int x = 0; x < width; x++) {
        float across = on_canvas(map->xx * (float)x + across_begin + across_more[x], width);
        float down = on_canvas(map->yx * (float)x + down_begin + down_more[x], height);
        int left = (int)across, above = (int)down;
        to->right[x] = across - (float)left;
        to->below[x] = down - (float)above;
        to->pixel[x] = above * (width + 3) + left;
    }
}

static void warp(dt_augmenter *self, const affine *map, uint8_t *to)
{
    int width = self->shape.width, channels = self->shape.channels;
    int pitch = (width + 3) * channels;
    const origins from = self->origins;
    for (int y = 0; y < self->shape.height; y++, to += width * channels) {
        find_origins(self, map, y);
        for (int c = 0; c < channels; c++) {
            const float *canvas = self->canvas + c;
            for (int x = 0; x < width; x++) {
                int at = from.pixel[x] * channels;
                float left = canvas[at], right = canvas[at + channels];
                float top = left + from.right[x] * (right - left);
                left = canvas[at + pitch], right = canvas[at + pitch + channels];
                float bottom = left + from.right[x] * (right - left);
                to[x * channels + c] = (uint8_t)(int)(top + from.below[x] * (bottom - top) + 0.5F);
            }
        }
    }
}

static void flip(const dt_augmenter *self, uint8_t *image)
{
    int width = self->shape.width, channels = self->shape.channels;
    for (int y = 0; y < self->shape.height; y++, image += width * channels)
        for (int left = 0, right = width - 1; left < right; left++, right--)
            for (int c = 0; c < channels; c++) {
                uint8_t kept = image[left * channels + c];
                image[left * channels + c] = image[right * channels + c];
                image[right * channels + c] = kept;
            }
}

/* source: Z. Zhong et al., Random Erasing, AAAI 2020; numbers of torchvision's RandomErasing. */
static void erase(const dt_augmenter *self, const dt_random_key *key, uint8_t *image)
{
    const double log_ratio = 1.1939224684724346; /* of 3.3 */
    dt_shape shape = self->shape;
    for (uint32_t i = 0; i < ERASE_TRIES; i++) {
        dt_random_block block = dt_random_at(key, BLOCK_ERASE + i);
        double area = (0.02 + 0.31 * dt_uniform(block.word[0])) * shape.height * shape.width;
        double ratio = dt_exp_double((2 * dt_uniform(block.word[1]) - 1) * log_ratio);
        int height = (int)(sqrt(area * ratio) + 0.5), width = (int)(sqrt(area / ratio) + 0.5);
        if (height >= shape.height || width >= shape.width)
            continue;
        uint32_t y = dt_below(block.word[2], 0, (uint32_t)(shape.height - height + 1));
        uint32_t x = dt_below(block.word[3], 0, (uint32_t)(shape.width - width + 1));
        for (int r = 0; r < height; r++)
            memset(image +
                       ((y + (uint32_t)r) * (uint32_t)shape.width + x) * (uint32_t)shape.channels,
                   0, (size_t)(width * shape.channels));
        return;
    }
}

void dt_augmenter_draw(dt_augmenter *self, uint32_t epoch, uint32_t place, const uint8_t *from,
                       uint8_t *to)
{
    const dt_augment *augment = &self->augment;
    dt_random_key key = {self->seed, DT_STREAM_AUGMENT, 0, epoch, place};
    for (int direction = 0; direction < 2 && self->radius > 0; direction++) {
        fill_field(self, &key, direction);
        smooth_field(self, self->moves[direction]);
    }
    if (self->warps) {
        affine map = draw_affine(self, &key);
        fill_canvas(self, from);
        warp(self, &map, to);
    } else {
        memcpy(to, from, (size_t)dt_shape_size(self->shape));
    }
    dt_random_block chance = dt_random_at(&key, BLOCK_PLACE);
    if (augment->has[DT_AUGMENT_FLIP] && dt_uniform(chance.word[2]) < 0.5)
        flip(self, to);
    if (augment->has[DT_AUGMENT_ERASE] &&
        dt_uniform(chance.word[3]) < augment->arguments[DT_AUGMENT_ERASE][0])
        erase(self, &key, to);
}
