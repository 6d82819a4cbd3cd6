#include "image_ink.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Pixels a side in which ink is looked for, at most; of many characters, those of a square of it.
 */
#define SIDE_SEEN 512
/* Ink begins at so many times the noise of the border; a border of more noise is not one tone. */
#define NOISE_FACTOR 3
#define NOISE_LEAST  12 /* what JPEG leaves around strokes */
#define NOISE_CLEAN  36
/* What is written on a sheet has at least this share of its width. A hole has more than this share
 * of its box. */
#define WRITTEN_LEAST 0.1
#define HOLE_SOLID    0.65

typedef struct border {
    int tone, noise;
} border;

double image_mean_over(const plane *from, const double area[4])
{
    double top = area[0], bottom = area[1], left = area[2], right = area[3], sum = 0;
    for (int y = (int)top; y < bottom && y < from->height; y++) {
        const float *values = from->values + (size_t)y * (size_t)from->width;
        double row = 0;
        for (int x = (int)left; x < right && x < from->width; x++) {
            bool whole = x >= left && x + 1 <= right;
            row += (whole ? 1 : fmin(x + 1, right) - fmax(x, left)) * (double)values[x];
        }
        sum += (fmin(y + 1, bottom) - fmax(y, top)) * row;
    }
    return sum / ((bottom - top) * (right - left));
}

void image_measure_ink(ink *of)
{
    int height = of->plane.height, width = of->plane.width;
    double sum = 0, sum_y = 0, sum_x = 0;
    of->top = height;
    of->left = width;
    of->bottom = of->right = -1;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double value = (double)of->plane.values[(size_t)y * (size_t)width + (size_t)x];
            if (value <= 0)
                continue;
            of->top = y < of->top ? y : of->top;
            of->left = x < of->left ? x : of->left;
            of->bottom = y;
            of->right = x > of->right ? x : of->right;
            sum += value;
            sum_y += value * y;
            sum_x += value * x;
        }
    of->mass = sum;
    of->centre_y = sum_y / sum;
    of->centre_x = sum_x / sum;
}

void image_free_ink(ink *of)
{
    dt_free(of->plane.values);
    dt_free(of->owners);
    dt_free(of->characters);
    *of = (ink){0};
}

bool image_is_inside(const ink *inner, const ink *outer)
{
    return outer->top < inner->top && outer->left < inner->left && outer->bottom > inner->bottom &&
           outer->right > inner->right;
}

/* The picture with at most SIDE_SEEN pixels a side, or as many in all. */
static dt_status reduce(const dt_image *image, bool many, plane *out, dt_error *error)
{
    int most = image->height > image->width ? image->height : image->width;
    int times = (most + SIDE_SEEN - 1) / SIDE_SEEN;
    while (many && times > 1 &&
           image->height * image->width <= SIDE_SEEN * SIDE_SEEN * (times - 1) * (times - 1))
        times--;
    *out = (plane){(image->height + times - 1) / times, (image->width + times - 1) / times, NULL};
    size_t width = (size_t)image->width;
    out->values = dt_calloc((size_t)out->height * (size_t)out->width, sizeof(float), error);
    if (!out->values)
        return DT_ERR_INTERNAL;
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++) {
            int sum = 0, count = 0;
            for (int i = y * times; i < (y + 1) * times && i < image->height; i++)
                for (int j = x * times; j < (x + 1) * times && j < image->width; j++, count++)
                    sum += image->pixels[(size_t)i * width + (size_t)j];
            out->values[(size_t)y * (size_t)out->width + (size_t)x] =
                (float)((2 * sum + count) / (2 * count));
        }
    return DT_OK;
}

int image_quantile_of(const int64_t counts[256], double share)
{
    int64_t total = 0, below = 0;
    int value = 0;
    for (int i = 0; i < 256; i++)
        total += counts[i];
    int64_t rank = (int64_t)((double)(total - 1) * share);
    while (below + counts[value] <= rank)
        below += counts[value++];
    return value;
}

int image_quantile(const plane *of, bool border_only, int around, double share)
{
    int64_t counts[256] = {0};
    for (int y = 0; y < of->height; y++)
        for (int x = 0; x < of->width; x++) {
            bool inside = y > 0 && x > 0 && y < of->height - 1 && x < of->width - 1;
            int value = (int)of->values[(size_t)y * (size_t)of->width + (size_t)x];
            if (border_only && inside)
                continue;
            counts[abs(value - around)]++;
        }
    return image_quantile_of(counts, share);
}

/* The median of the border, and three times the deviation that nine of ten of its pixels keep
 * within, at least NOISE_LEAST. */
static border measure_border(const plane *of)
{
    int tone = image_quantile(of, true, 0, 0.5);
    int noise = NOISE_FACTOR * image_quantile(of, true, tone, 0.9);
    return (border){tone, noise > NOISE_LEAST ? noise : NOISE_LEAST};
}

/* Ink on a border of one tone: what differs from it towards the side where more does. */
static dt_status find_even(const plane *picture, border paper, bool many, ink *out, dt_error *error)
{
    size_t count = (size_t)picture->height * (size_t)picture->width;
    double lighter = 0, darker = 0;
    float tone = (float)paper.tone, noise = (float)paper.noise;
    for (size_t i = 0; i < count; i++) {
        float difference = picture->values[i] - tone;
        lighter += difference > noise ? (double)difference : 0;
        darker -= difference < -noise ? (double)difference : 0;
    }
    float sign = lighter > darker ? 1 : -1;
    out->plane = (plane){picture->height, picture->width, dt_calloc(count, sizeof(float), error)};
    if (!out->plane.values)
        return DT_ERR_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        float difference = sign * (picture->values[i] - tone);
        out->plane.values[i] = difference > noise ? difference : 0;
    }
    dt_status status = image_pick_pieces(out, 0, noise, true, many, error);
    image_measure_ink(out);
    return status;
}

/* Whether ink on a sheet may be what was written on it: it is inside, of some size and contrast,
 * and no hole of a bold digit, which is solid and has the tone around the digit. */
static bool is_written(const plane *picture, const ink *on, const ink *sheet, double shorter,
                       int around)
{
    size_t count = (size_t)picture->height * (size_t)picture->width, inked = 0;
    double tone = 0, sheet_tone = 0;
    if (on->mass <= 0 || !image_is_inside(on, sheet))
        return false;
    for (size_t i = 0; i < count; i++) {
        double value = (double)picture->values[i], weight = (double)on->plane.values[i];
        inked += weight > 0;
        tone += value * weight / on->mass;
        sheet_tone += weight > 0 ? 0 : value * (double)sheet->plane.values[i] / sheet->mass;
    }
    int tall = on->bottom - on->top + 1, wide = on->right - on->left + 1;
    int longer = tall > wide ? tall : wide;
    bool hole =
        fabs(tone - around) < fabs(tone - sheet_tone) && (double)inked > HOLE_SOLID * tall * wide;
    return longer >= WRITTEN_LEAST * shorter && fabs(tone - sheet_tone) >= CONTRAST_LEAST && !hole;
}

/* Whether ink fills nearly all of the picture, as a sheet or a screen does, whatever its form. */
static bool fills_picture(const ink *of)
{
    size_t count = (size_t)of->plane.height * (size_t)of->plane.width, inked = 0;
    for (size_t i = 0; i < count; i++)
        inked += of->plane.values[i] > 0;
    double box = (double)(of->bottom - of->top + 1) * (of->right - of->left + 1);
    return box > 0.4 * (double)count && (double)inked > 0.7 * box;
}

/* Ink found in the box of a sheet, in the plane of the sheet; it becomes out's. */
static dt_status put_back(ink *found, const ink *sheet, ink *out, dt_error *error)
{
    const plane *from = &found->plane;
    size_t height = (size_t)sheet->plane.height, width = (size_t)sheet->plane.width;
    out->plane = sheet->plane;
    out->plane.values = dt_calloc(height * width, sizeof(float), error);
    out->owners = out->plane.values ? dt_calloc(height * width, sizeof(int), error) : NULL;
    if (!out->owners)
        return DT_ERR_INTERNAL;
    for (int y = 0; y < from->height; y++) {
        size_t to = (size_t)(sheet->top + y) * width + (size_t)sheet->left;
        size_t at = (size_t)y * (size_t)from->width;
        memcpy(out->plane.values + to, from->values + at, (size_t)from->width * sizeof(float));
        memcpy(out->owners + to, found->owners + at, (size_t)from->width * sizeof(int));
    }
    out->count = found->count;
    out->characters = found->characters;
    found->characters = NULL;
    image_measure_ink(out);
    return DT_OK;
}

/* Of ink that has the form of a sheet what is written on it; mass 0: nothing. */
static dt_status find_written(const plane *picture, border around, const ink *on, bool many,
                              ink *out, dt_error *error)
{
    plane sheet;
    ink found = {0};
    double shorter;
    dt_status status = image_cut_sheet(picture, on, &sheet, &shorter, error);
    if (!status && shorter > 0)
        status = image_find_strokes(&sheet, many, &found, error);
    if (!status && found.mass > 0)
        status = put_back(&found, on, out, error);
    if (!status && !is_written(picture, out, on, shorter, around.tone))
        out->mass = 0;
    dt_free(sheet.values);
    image_free_ink(&found);
    return status;
}

/* Ink on a border of one tone, or, where that is a sheet, on the sheet. */
static dt_status find_on_even(const plane *picture, border edge, bool many, ink *out,
                              dt_error *error)
{
    ink on = {0};
    dt_status status = find_even(picture, edge, many, out, error);
    if (!status && out->mass > 0 && fills_picture(out))
        status = image_find_strokes(picture, many, &on, error);
    else if (!status && out->mass > 0)
        status = find_written(picture, edge, out, many, &on, error);
    if (!status && on.mass > 0) {
        ink sheet = *out;
        *out = on;
        on = sheet;
    }
    image_free_ink(&on);
    return status;
}

dt_status image_find_ink(const dt_image *image, bool many, ink *out, dt_error *error)
{
    plane picture;
    *out = (ink){0};
    dt_status status = reduce(image, many, &picture, error);
    border edge = status ? (border){0} : measure_border(&picture);
    if (!status)
        status = edge.noise <= NOISE_CLEAN ? find_on_even(&picture, edge, many, out, error)
                                           : image_find_strokes(&picture, many, out, error);
    dt_free(picture.values);
    if (status || out->mass > 0)
        return status;
    return dt_fail(error, DT_ERR_DATA,
                   "expected a digit on a background, found nothing that stands out from grey %d",
                   edge.tone);
}
