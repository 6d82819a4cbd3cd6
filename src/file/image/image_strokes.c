#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "image_ink.h"

/* A stroke is thinner than this share of the picture's smaller side. */
#define STROKE_MOST 0.3
/* Of the strongest ink: what a piece is made of, what is none, and what is full. */
#define STRONG 0.45
#define WEAK   0.2
#define FULL   0.85
/* Paper around ink lies in a shadow if this share of it does. */
#define SHADOWED 0.1
/* Shares that differ by less say nothing. */
#define ALIKE 0.05
/* Light of which nothing is made more than this many times brighter. */
#define DARKEST 40

/* Largest (or smallest) of the values at most `reach` away along a line of `count`. */
static void slide(const float *from, size_t step, int count, int reach, float sign, int *queue,
                  float *to)
{
    int first = 0, end = 0;
    for (int i = 0; i < count + reach; i++) {
        if (i < count) {
            while (end > first &&
                   sign * from[(size_t)queue[end - 1] * step] <= sign * from[(size_t)i * step])
                end--;
            queue[end++] = i;
        }
        if (i < reach)
            continue;
        while (queue[first] < i - 2 * reach)
            first++;
        to[(size_t)(i - reach) * step] = from[(size_t)queue[first] * step];
    }
}

/* The same in a square; `between` and `to` have room for the plane. */
static void spread(const plane *of, const float *from, int reach, float sign, int *queue,
                   float *between, float *to)
{
    size_t width = (size_t)of->width;
    for (int y = 0; y < of->height; y++)
        slide(from + (size_t)y * width, 1, of->width, reach, sign, queue,
              between + (size_t)y * width);
    for (int x = 0; x < of->width; x++)
        slide(between + x, width, of->height, reach, sign, queue, to + x);
}

/* Paper: what is left of the picture when thin things darker than it (sign 1) or lighter (-1) are
 * closed over. */
static dt_status find_paper(const plane *picture, int sign, float *paper, dt_error *error)
{
    int smaller = picture->height < picture->width ? picture->height : picture->width;
    int larger = picture->height + picture->width - smaller;
    int reach = (int)(smaller * STROKE_MOST / 2) + 1;
    size_t count = (size_t)picture->height * (size_t)picture->width;
    float *between = dt_calloc(2 * count, sizeof(float), error);
    int *queue = between ? dt_calloc((size_t)larger + 1, sizeof *queue, error) : NULL;
    if (queue) {
        spread(picture, picture->values, reach, (float)sign, queue, between, between + count);
        spread(picture, between + count, reach, (float)-sign, queue, between, paper);
    }
    dt_free(between);
    dt_free(queue);
    return queue ? DT_OK : DT_ERR_INTERNAL;
}

/* Strokes, with the tones that they and their paper have in the picture. */
typedef struct strokes {
    ink ink;
    double tone, paper;
} strokes;

static bool is_darker_than_paper(const strokes *of)
{
    return of->tone < of->paper;
}

/* Ink that differs from its paper: darker (sign 1) or lighter (-1), as a share of the lighter. */
static dt_status pick_strokes(const plane *picture, const float *paper, int sign, bool many,
                              ink *out, dt_error *error)
{
    plane *to = &out->plane;
    size_t count = (size_t)picture->height * (size_t)picture->width;
    for (size_t i = 0; i < count; i++) {
        double light = (double)paper[i], value = (double)picture->values[i];
        double most = fmax(DARKEST, fmax(light, value));
        to->values[i] = (float)fmax(0, fmin(255, 255 * sign * (light - value) / most));
    }
    double usual = image_quantile(to, false, 0, 0.5),
           range = image_quantile(to, false, 0, 0.995) - usual;
    double weak = usual + WEAK * range, full = usual + FULL * range;
    if (range < CONTRAST_LEAST) {
        memset(to->values, 0, count * sizeof(float));
        return DT_OK;
    }
    dt_status status = image_pick_pieces(out, weak, usual + STRONG * range, false, many, error);
    for (size_t i = 0; i < count && !status; i++) {
        double share = ((double)to->values[i] - weak) / (full - weak);
        to->values[i] = (float)(255 * fmax(0, fmin(1, share)));
    }
    return status;
}

/* How far around strokes their surroundings go. */
static int reach_around(const ink *of)
{
    int tall = of->bottom - of->top, wide = of->right - of->left;
    return 1 + (tall > wide ? tall : wide) / 4;
}

/* The tone of the paper of strokes: under those that are lighter; of those that are darker, where
 * the paper around them is most like them, since a shadow on it is no ink. */
static double find_tone(const ink *of, const float *paper, int sign)
{
    int around = reach_around(of), height = of->plane.height, width = of->plane.width;
    int64_t counts[256] = {0};
    double mean = 0;
    for (int y = of->top - around; y <= of->bottom + around; y++)
        for (int x = of->left - around; x <= of->right + around; x++) {
            if (y < 0 || x < 0 || y >= height || x >= width)
                continue;
            size_t i = (size_t)y * (size_t)width + (size_t)x;
            counts[(int)paper[i]]++;
            mean += (double)of->plane.values[i] / of->mass * (double)paper[i];
        }
    return sign > 0 ? image_quantile_of(counts, SHADOWED) : mean;
}

static dt_status find_strokes(const plane *picture, int sign, bool many, strokes *out,
                              dt_error *error)
{
    size_t count = (size_t)picture->height * (size_t)picture->width;
    plane *to = &out->ink.plane;
    *out = (strokes){.ink.plane = {picture->height, picture->width, NULL}};
    float *paper = dt_calloc(count, sizeof(float), error);
    to->values = paper ? dt_calloc(count, sizeof(float), error) : NULL;
    dt_status status = to->values ? find_paper(picture, sign, paper, error) : DT_ERR_INTERNAL;
    if (!status)
        status = pick_strokes(picture, paper, sign, many, &out->ink, error);
    if (!status)
        image_measure_ink(&out->ink);
    for (size_t i = 0; i < count && !status && out->ink.mass > 0; i++) {
        double weight = (double)to->values[i] / out->ink.mass;
        out->tone += weight * (double)picture->values[i];
    }
    if (!status && out->ink.mass > 0)
        out->paper = find_tone(&out->ink, paper, sign);
    dt_free(paper);
    return status;
}

/* How much of what surrounds strokes has their tone rather than that of their paper: 0 to 1. What
 * strokes enclose looks like ink of the paper's tone, and has paper around it. */
static double share_outside(const plane *picture, const strokes *of)
{
    const ink *box = &of->ink;
    int around = reach_around(box), alike = 0, all = 0;
    for (int y = box->top - around; y <= box->bottom + around; y++)
        for (int x = box->left - around; x <= box->right + around; x++) {
            if (y < 0 || x < 0 || y >= picture->height || x >= picture->width ||
                (y >= box->top && y <= box->bottom && x >= box->left && x <= box->right))
                continue;
            double value = (double)picture->values[(size_t)y * (size_t)picture->width + (size_t)x];
            alike += (value < (of->tone + of->paper) / 2) == is_darker_than_paper(of);
            all++;
        }
    return all > 0 ? (double)alike / all : 0;
}

/* Whether of two kinds of strokes the second is the digit. Where both have paper around them, a
 * sheet has the digit in it. */
static bool is_better(const plane *picture, const strokes *first, const strokes *second)
{
    if (first->ink.mass <= 0 || second->ink.mass <= 0)
        return second->ink.mass > 0;
    double here = share_outside(picture, first), there = share_outside(picture, second);
    if (fabs(here - there) >= ALIKE)
        return there < here;
    if (image_is_inside(&first->ink, &second->ink) || image_is_inside(&second->ink, &first->ink))
        return image_is_inside(&second->ink, &first->ink);
    return second->ink.mass > first->ink.mass;
}

dt_status image_find_strokes(const plane *picture, bool many, ink *out, dt_error *error)
{
    strokes darker, lighter = {0};
    dt_status status = find_strokes(picture, 1, false, &darker, error);
    if (!status)
        status = find_strokes(picture, -1, false, &lighter, error);
    bool second = !status && is_better(picture, &darker, &lighter);
    strokes *better = second ? &lighter : &darker;
    image_free_ink(second ? &darker.ink : &lighter.ink);
    if (!status && many) {
        image_free_ink(&better->ink);
        status = find_strokes(picture, second ? -1 : 1, true, better, error);
    }
    *out = better->ink;
    return status;
}
