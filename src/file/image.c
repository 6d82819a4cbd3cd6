#include "file/image.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* MNIST's proportions: the box of the digit in the image. */
#define BOX   20
#define FIELD 28
/* How far from the middle the centre of mass may be in an image that is taken as it is. */
#define CENTRED 0.55
/* Ink begins at so many times the noise of the border. */
#define NOISE_FACTOR 3

/* A picture's ink, 0 to 255 each, and the smallest box that has all of it. */
typedef struct ink {
    int height, width;
    float *values;         /* [height][width]; NULL: what its pixels say */
    const uint8_t *pixels; /* [height][width] */
    float of[256];         /* of a pixel */
    int top, left, bottom, right;
    double centre_y, centre_x; /* of mass, in pixels from 0 */
} ink;

static int compare_bytes(const void *a, const void *b)
{
    return *(const uint8_t *)a - *(const uint8_t *)b;
}

/* Fills border with all pixels of the edge; returns how many. */
static size_t take_border(const dt_image *image, uint8_t *border)
{
    size_t count = 0;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            if (y == 0 || x == 0 || y == image->height - 1 || x == image->width - 1)
                border[count++] = image->pixels[(size_t)y * (size_t)image->width + (size_t)x];
    return count;
}

/* The median of the border, and three times the deviation that nine of ten of its pixels keep
 * within. */
static dt_status measure_background(const dt_image *image, int *background, int *noise,
                                    dt_error *error)
{
    size_t most = 2 * ((size_t)image->height + (size_t)image->width);
    uint8_t *border = dt_calloc(most, 1, error);
    if (!border)
        return DT_ERR_INTERNAL;
    size_t count = take_border(image, border);
    qsort(border, count, 1, compare_bytes);
    *background = border[count / 2];
    for (size_t i = 0; i < count; i++)
        border[i] = (uint8_t)abs(border[i] - *background);
    qsort(border, count, 1, compare_bytes);
    *noise = NOISE_FACTOR * border[(count - 1) * 9 / 10];
    dt_free(border);
    return DT_OK;
}

static double value_at(const ink *self, int y, int x)
{
    size_t at = (size_t)y * (size_t)self->width + (size_t)x;
    return (double)(self->values ? self->values[at] : self->of[self->pixels[at]]);
}

static void measure_ink(ink *self)
{
    double sum = 0, sum_y = 0, sum_x = 0;
    self->top = self->height;
    self->left = self->width;
    self->bottom = self->right = -1;
    for (int y = 0; y < self->height; y++)
        for (int x = 0; x < self->width; x++) {
            double value = value_at(self, y, x);
            if (value <= 0)
                continue;
            self->top = y < self->top ? y : self->top;
            self->left = x < self->left ? x : self->left;
            self->bottom = y;
            self->right = x > self->right ? x : self->right;
            sum += value;
            sum_y += value * y;
            sum_x += value * x;
        }
    self->centre_y = sum_y / sum;
    self->centre_x = sum_x / sum;
}

/* The ink of a picture, which must outlive it. */
static dt_status find_ink(const dt_image *image, ink *out, dt_error *error)
{
    size_t count = (size_t)image->height * (size_t)image->width;
    int background = 0, noise = 0;
    double lighter = 0, darker = 0;
    *out = (ink){.height = image->height, .width = image->width, .pixels = image->pixels};
    dt_status status = measure_background(image, &background, &noise, error);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++) {
        int difference = image->pixels[i] - background;
        lighter += difference > noise ? difference : 0;
        darker -= difference < -noise ? difference : 0;
    }
    if (lighter + darker <= 0)
        return dt_fail(error, DT_ERR_DATA,
                       "expected a digit on a background, found nothing that stands out from grey "
                       "%d",
                       background);
    int sign = lighter > darker ? 1 : -1;
    for (int value = 0; value < 256; value++) {
        int difference = sign * (value - background);
        out->of[value] = difference > noise ? (float)difference : 0.0F;
    }
    measure_ink(out);
    return DT_OK;
}

static bool is_normal(const ink *self, int height, int width)
{
    return self->height == height && self->width == width &&
           (self->bottom - self->top + 1) * FIELD <= height * BOX &&
           (self->right - self->left + 1) * FIELD <= width * BOX &&
           fabs(self->centre_y - height / 2) <= CENTRED &&
           fabs(self->centre_x - width / 2) <= CENTRED;
}

/* Mean of the ink over the area [top, bottom) x [left, right), in fractions of pixels. */
static double mean_over(const ink *self, double top, double bottom, double left, double right)
{
    double sum = 0;
    for (int y = (int)top; y < bottom && y < self->height; y++) {
        double tall = fmin(y + 1, bottom) - fmax(y, top), row = 0;
        for (int x = (int)left; x < right && x < self->width; x++)
            row += (fmin(x + 1, right) - fmax(x, left)) * value_at(self, y, x);
        sum += tall * row;
    }
    return sum / ((bottom - top) * (right - left));
}

/* The box of `from` with its proportions kept, as large as MNIST's box, the darkest 255. */
static dt_status scale_box(const ink *from, int height, int width, ink *out, dt_error *error)
{
    double tall = from->bottom - from->top + 1, wide = from->right - from->left + 1;
    double scale = fmin(height * (double)BOX / FIELD / tall, width * (double)BOX / FIELD / wide);
    *out = (ink){.height = (int)fmax(1, floor(tall * scale + 0.5)),
                 .width = (int)fmax(1, floor(wide * scale + 0.5))};
    out->height = out->height < height ? out->height : height;
    out->width = out->width < width ? out->width : width;
    size_t count = (size_t)out->height * (size_t)out->width;
    out->values = dt_calloc(count, sizeof *out->values, error);
    if (!out->values)
        return DT_ERR_INTERNAL;
    double step_y = tall / out->height, step_x = wide / out->width, most = 0;
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++) {
            double value = mean_over(from, from->top + y * step_y, from->top + (y + 1) * step_y,
                                     from->left + x * step_x, from->left + (x + 1) * step_x);
            out->values[(size_t)y * (size_t)out->width + (size_t)x] = (float)value;
            most = fmax(most, value);
        }
    for (size_t i = 0; i < count; i++)
        out->values[i] = (float)((double)out->values[i] * 255 / most);
    measure_ink(out);
    return DT_OK;
}

/* Where a box of `size` begins, so that its centre of mass comes to the middle of `field`. */
static int place(double centre, int size, int field)
{
    int begin = (int)floor(field / 2 - centre + 0.5);
    begin = begin < field - size ? begin : field - size;
    return begin > 0 ? begin : 0;
}

static void paint(const ink *box, int top, int left, int width, uint8_t *pixels)
{
    for (int y = 0; y < box->height; y++)
        for (int x = 0; x < box->width; x++)
            pixels[(size_t)(top + y) * (size_t)width + (size_t)(left + x)] =
                (uint8_t)((float)value_at(box, y, x) + 0.5F);
}

dt_status dt_image_normalise(const dt_image *image, int height, int width, uint8_t *pixels,
                             dt_error *error)
{
    ink found, box = {0};
    dt_status status = find_ink(image, &found, error);
    memset(pixels, 0, (size_t)height * (size_t)width);
    if (!status && is_normal(&found, height, width)) {
        paint(&found, 0, 0, width, pixels);
    } else if (!status) {
        status = scale_box(&found, height, width, &box, error);
        if (!status)
            paint(&box, place(box.centre_y, box.height, height),
                  place(box.centre_x, box.width, width), width, pixels);
    }
    dt_free(box.values);
    return status;
}
