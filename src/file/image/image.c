#include "file/image_fit.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "image_ink.h"

const dt_image_form dt_image_form_mnist = {0, 20.0 / 28, true, {0.5, 0.5}};

const char *const dt_image_way_names[] = {"auto", "mnist", "none", NULL};

/* The box of `from` with its proportions kept, as large as the form says, the darkest 255. */
static dt_status scale_box(const ink *from, double extent, int height, int width, ink *out,
                           dt_error *error)
{
    double tall = from->bottom - from->top + 1, wide = from->right - from->left + 1;
    double scale = fmin(height * extent / tall, width * extent / wide);
    plane *to = &out->plane;
    *to = (plane){(int)fmax(1, floor(tall * scale + 0.5)), (int)fmax(1, floor(wide * scale + 0.5)),
                  NULL};
    to->height = to->height < height ? to->height : height;
    to->width = to->width < width ? to->width : width;
    size_t count = (size_t)to->height * (size_t)to->width;
    to->values = dt_calloc(count, sizeof *to->values, error);
    if (!to->values)
        return DT_ERR_INTERNAL;
    double step_y = tall / to->height, step_x = wide / to->width, most = 0;
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++) {
            double area[] = {from->top + y * step_y, from->top + (y + 1) * step_y,
                             from->left + x * step_x, from->left + (x + 1) * step_x};
            double value = image_mean_over(&from->plane, area);
            to->values[(size_t)y * (size_t)to->width + (size_t)x] = (float)value;
            most = fmax(most, value);
        }
    for (size_t i = 0; i < count; i++)
        to->values[i] = (float)((double)to->values[i] * 255 / most);
    image_measure_ink(out);
    return DT_OK;
}

/* Where a box of `size` begins, so that its middle comes to `middle` of `field`. */
static int place(double centre, int size, double middle, int field)
{
    int begin = (int)floor(middle - centre + 0.5);
    begin = begin < field - size ? begin : field - size;
    return begin > 0 ? begin : 0;
}

static void paint(const ink *box, const dt_image_form *form, int height, int width, uint8_t *pixels)
{
    const plane *from = &box->plane;
    double centre_y = form->by_mass ? box->centre_y : (from->height - 1) / 2.0;
    double centre_x = form->by_mass ? box->centre_x : (from->width - 1) / 2.0;
    int top = place(centre_y, from->height, floor(form->middle[0] * height * 4 + 0.5) / 4, height);
    int left = place(centre_x, from->width, floor(form->middle[1] * width * 4 + 0.5) / 4, width);
    memset(pixels, 0, (size_t)height * (size_t)width);
    for (int y = 0; y < from->height; y++)
        for (int x = 0; x < from->width; x++)
            pixels[(size_t)(top + y) * (size_t)width + (size_t)(left + x)] =
                (uint8_t)(from->values[(size_t)y * (size_t)from->width + (size_t)x] + 0.5F);
}

static dt_status fit_character(ink *alone, const dt_image_form *form, int height, int width,
                               uint8_t *pixels, dt_error *error)
{
    ink box = {0};
    image_measure_ink(alone);
    dt_status status = scale_box(alone, form->extent, height, width, &box, error);
    if (!status)
        paint(&box, form, height, width, pixels);
    for (size_t i = 0; i < (size_t)height * (size_t)width && form->background > 0; i++)
        pixels[i] = (uint8_t)(form->background - pixels[i]);
    image_free_ink(&box);
    return status;
}

/* Each character's image. */
static dt_status fit_characters(const ink *found, const dt_image_form *form, int height, int width,
                                uint8_t *pixels, dt_error *error)
{
    size_t count = (size_t)found->plane.height * (size_t)found->plane.width;
    ink alone = {.plane = {found->plane.height, found->plane.width, NULL}};
    alone.plane.values = dt_calloc(count, sizeof(float), error);
    dt_status status = alone.plane.values ? DT_OK : DT_ERR_INTERNAL;
    for (int number = 1; number <= found->count && !status; number++) {
        for (size_t i = 0; i < count; i++)
            alone.plane.values[i] = found->owners[i] == number ? found->plane.values[i] : 0;
        status = fit_character(&alone, form, height, width, pixels, error);
        pixels += (size_t)height * (size_t)width;
    }
    image_free_ink(&alone);
    return status;
}

static dt_status fit_ink(const dt_image *image, const dt_image_form *form, int height, int width,
                         uint8_t *pixels, dt_error *error)
{
    ink found;
    dt_status status = image_find_ink(image, false, &found, error);
    if (!status)
        status = fit_characters(&found, form, height, width, pixels, error);
    image_free_ink(&found);
    return status;
}

/* One channel of the whole picture, scaled; as it is where it has the size. */
static dt_status scale_channel(const dt_image *image, int channel, int height, int width,
                               uint8_t *pixels, dt_error *error)
{
    size_t count = (size_t)image->height * (size_t)image->width, channels = (size_t)image->channels;
    plane from = {image->height, image->width, dt_calloc(count, sizeof(float), error)};
    if (!from.values)
        return DT_ERR_INTERNAL;
    for (size_t i = 0; i < count; i++)
        from.values[i] = image->pixels[i * channels + (size_t)channel];
    double step_y = (double)image->height / height, step_x = (double)image->width / width;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double area[] = {y * step_y, (y + 1) * step_y, x * step_x, (x + 1) * step_x};
            pixels[((size_t)y * (size_t)width + (size_t)x) * channels + (size_t)channel] =
                (uint8_t)(image_mean_over(&from, area) + 0.5);
        }
    dt_free(from.values);
    return DT_OK;
}

static bool has_size(const dt_image *image, int height, int width)
{
    return image->height == height && image->width == width;
}

/* Whether images of the form have no margin. */
static bool fills(const dt_image_form *form)
{
    return form->extent > 0.95;
}

/* Whether a picture is light on dark, or dark on light, as the form is: by the mean of its border,
 * which is background. Where a set fills its frames it may be ink; then there is more inside. */
static bool looks_like(const dt_image *image, const dt_image_form *form)
{
    double sums[2] = {0, 0}, counts[2] = {0, 0};
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            bool edge = y == 0 || x == 0 || y == image->height - 1 || x == image->width - 1;
            sums[edge] += image->pixels[(size_t)y * (size_t)image->width + (size_t)x];
            counts[edge]++;
        }
    if (counts[0] == 0)
        return true;
    double inside = sums[0] / counts[0], border = sums[1] / counts[1];
    bool light = border > 255.0 / 2;
    return light == (form->background > 0) || inside == border ||
           (fills(form) && light == (inside > border));
}

static dt_status check_grey(const dt_image *image, dt_error *error)
{
    if (image->channels == 1)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "expected a network of images with one channel, for pictures fitted as MNIST's "
                   "are, found one with %d",
                   image->channels);
}

/* Of a form that has ink. */
static const dt_image_form *form_of_ink(const dt_image_form *form)
{
    return form->background < 0 ? &dt_image_form_mnist : form;
}

dt_status dt_image_fit(const dt_image *image, const dt_image_form *form, dt_image_way way,
                       int height, int width, uint8_t *pixels, dt_error *error)
{
    bool auto_way = way == DT_WAY_AUTO, scenes = image->channels != 1 || form->background < 0;
    bool own = auto_way && !scenes && has_size(image, height, width);
    bool other = own && !looks_like(image, form);
    bool whole = way == DT_WAY_NONE || (auto_way && scenes) || (own && (!other || fills(form)));
    dt_status status = way == DT_WAY_MNIST ? check_grey(image, error) : DT_OK;
    if (!status && !whole)
        return fit_ink(image, form_of_ink(form), height, width, pixels, error);
    for (int channel = 0; channel < image->channels && !status; channel++)
        status = scale_channel(image, channel, height, width, pixels, error);
    for (size_t i = 0; i < (size_t)height * (size_t)width && other && !status; i++)
        pixels[i] = (uint8_t)(255 - pixels[i]);
    return status;
}

dt_status dt_image_fit_many(const dt_image *image, const dt_image_form *form, int height, int width,
                            dt_image_characters *out, dt_error *error)
{
    ink found = {0};
    *out = (dt_image_characters){0};
    dt_status status = check_grey(image, error);
    if (!status)
        status = image_find_ink(image, true, &found, error);
    if (!status && found.count > DT_IMAGE_CHARACTERS_MOST)
        status =
            dt_fail(error, DT_ERR_DATA, "expected a picture of at most %d characters, found %d",
                    DT_IMAGE_CHARACTERS_MOST, found.count);
    if (!status) {
        size_t size = (size_t)height * (size_t)width;
        out->count = found.count;
        out->pixels = dt_calloc((size_t)found.count, size, error);
        status = out->pixels
                     ? fit_characters(&found, form_of_ink(form), height, width, out->pixels, error)
                     : DT_ERR_INTERNAL;
    }
    if (!status) {
        out->characters = found.characters;
        found.characters = NULL;
    }
    image_free_ink(&found);
    if (status) {
        dt_free(out->pixels);
        *out = (dt_image_characters){0};
    }
    return status;
}
