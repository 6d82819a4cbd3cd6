#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "image_ink.h"

/* A sheet has at least this share of the picture, of the smallest rectangle around it, and of what
 * its sides enclose; it is at most so many times as long as it is wide. */
#define SHEET_LEAST  0.05
#define SHEET_SQUARE 0.88
#define SHEET_INKED  0.8
#define SHEET_LONG   2.5
/* Its rim is no paper: this share of its width, and pixels. */
#define RIM_SHARE  0.02
#define RIM_PIXELS 2
/* Degrees from one rectangle that is tried to the next. */
#define TURN 3

/* What the sides of ink enclose: in each row of its box from the first to the last pixel of ink, as
 * counted from the box, which is before the first where there is none. */
typedef struct extent {
    int height;
    int *first, *last;
} extent;

static double enclose(const ink *of, const extent *out)
{
    double area = 0;
    for (int y = 0; y < out->height; y++) {
        const float *row =
            of->plane.values + (size_t)(of->top + y) * (size_t)of->plane.width + of->left;
        out->first[y] = of->plane.width;
        out->last[y] = -1;
        for (int x = 0; x <= of->right - of->left; x++)
            if (row[x] > 0) {
                out->first[y] = x < out->first[y] ? x : out->first[y];
                out->last[y] = x;
            }
        area += out->last[y] < 0 ? 0 : out->last[y] - out->first[y] + 1;
    }
    return area;
}

/* The sides of the rectangle around it that is turned so. */
static void measure_turned(const extent *of, double degrees, double sides[2])
{
    double c = cos(degrees * M_PI / 180), s = sin(degrees * M_PI / 180);
    double least[2] = {INFINITY, INFINITY}, most[2] = {-INFINITY, -INFINITY};
    for (int y = 0; y < of->height; y++)
        for (int end = 0; end < 2 && of->last[y] >= 0; end++) {
            int x = end ? of->last[y] : of->first[y];
            const double at[] = {x * c + y * s, y * c - x * s};
            for (int i = 0; i < 2; i++) {
                least[i] = fmin(least[i], at[i]);
                most[i] = fmax(most[i], at[i]);
            }
        }
    for (int i = 0; i < 2; i++)
        sides[i] = most[i] - least[i] + 1;
}

/* The shorter side of a sheet; 0: it is none. */
static double measure_sheet(const ink *of, const extent *sides)
{
    double area = enclose(of, sides), inked = 0, smallest = INFINITY, shorter = 0, longer = 0;
    size_t count = (size_t)of->plane.height * (size_t)of->plane.width;
    for (size_t i = 0; i < count; i++)
        inked += of->plane.values[i] > 0;
    if (area < SHEET_LEAST * (double)count || inked < SHEET_INKED * area)
        return 0;
    for (int degrees = 0; degrees < 90; degrees += TURN) {
        double turned[2];
        measure_turned(sides, degrees, turned);
        if (turned[0] * turned[1] >= smallest)
            continue;
        smallest = turned[0] * turned[1];
        shorter = fmin(turned[0], turned[1]);
        longer = fmax(turned[0], turned[1]);
    }
    return area > SHEET_SQUARE * smallest && longer <= SHEET_LONG * shorter ? shorter : 0;
}

/* The row less its rim; false: nothing is left. */
static bool row_inside(const extent *of, int y, int rim, int *first, int *last)
{
    *first = 0;
    *last = y >= rim && y < of->height - rim ? of->last[y] : -1;
    for (int i = y - rim; i <= y + rim && *last >= 0; i++) {
        *first = of->first[i] > *first ? of->first[i] : *first;
        *last = of->last[i] < *last ? of->last[i] : *last;
    }
    *first += rim;
    *last -= rim;
    return *first <= *last;
}

/* Continues what is inside over the box: along each row, and beyond the rows as the nearest. */
static void continue_sheet(const extent *sides, int rim, plane *to)
{
    size_t width = (size_t)to->width;
    int rows = 0;
    for (int y = 0; y < to->height; y++) {
        float *row = to->values + (size_t)y * width;
        int first, last;
        if (!row_inside(sides, y, rim, &first, &last)) {
            if (rows > 0)
                memcpy(row, row - width, width * sizeof *row);
            continue;
        }
        for (int x = 0; x < to->width; x++)
            row[x] = row[x < first ? first : x > last ? last : x];
        for (int above = 0; above < y && rows == 0; above++)
            memcpy(to->values + (size_t)above * width, row, width * sizeof *row);
        rows++;
    }
}

dt_status image_cut_sheet(const plane *picture, const ink *of, plane *out, double *shorter,
                          dt_error *error)
{
    int height = of->bottom - of->top + 1, width = of->right - of->left + 1;
    extent sides = {.height = height};
    *out = (plane){height, width, NULL};
    *shorter = 0;
    sides.first = dt_calloc(2 * (size_t)height, sizeof *sides.first, error);
    if (!sides.first)
        return DT_ERR_INTERNAL;
    sides.last = sides.first + height;
    *shorter = measure_sheet(of, &sides);
    if (*shorter > 0)
        out->values = dt_calloc((size_t)height * (size_t)width, sizeof *out->values, error);
    for (int y = 0; y < height && out->values; y++)
        memcpy(out->values + (size_t)y * (size_t)width,
               picture->values + (size_t)(of->top + y) * (size_t)picture->width + of->left,
               (size_t)width * sizeof *out->values);
    if (out->values)
        continue_sheet(&sides, RIM_PIXELS + (int)(RIM_SHARE * *shorter), out);
    dt_free(sides.first);
    return *shorter > 0 && !out->values ? DT_ERR_INTERNAL : DT_OK;
}
