#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "session_data.h"

/* Images that are looked at, at least, if there are so many. */
#define IMAGES 4096
/* A byte that differs by more than this from the background is ink. */
#define NOISE 32
/* A set has a background if at least this share of its images' borders is of it. */
#define BACKGROUND_LEAST 0.6

/* Shares of an image, in so many parts, are counted: sums of counts are the same for any ranks. */
enum { PARTS = 256 };

typedef int64_t counts[PARTS + 1];

/* What is counted of a rank's images, and then of all ranks'. */
typedef struct tally {
    counts border;       /* bytes */
    counts extent;       /* of the ink */
    counts middle[2][2]; /* of its box, by mass; down, across */
} tally;

typedef struct view {
    const uint8_t *pixels;
    int height, width, background;
} view;

static void count_border(const view *of, tally *to)
{
    for (int y = 0; y < of->height; y++) {
        int step = y == 0 || y == of->height - 1 || of->width == 1 ? 1 : of->width - 1;
        for (int x = 0; x < of->width; x += step)
            to->border[of->pixels[y * of->width + x]]++;
    }
}

static void add_share(int64_t *to, double share)
{
    to[(int)(share * PARTS + 0.5)]++;
}

/* The ink of a row. */
typedef struct inked {
    int64_t mass, sum; /* of the ink; of that times where it is */
    int first, last;
} inked;

/* Without branches: it is done for millions of pixels whenever a run starts. flip: 255 where ink is
 * dark, else 0. */
static inked look_at_row(const uint8_t *pixels, int width, int flip)
{
    inked out = {0, 0, width, -1};
    for (int x = 0; x < width; x++) {
        int value = pixels[x] ^ flip, ink = value > NOISE ? value : 0;
        int first = ink > 0 ? x : width, last = ink > 0 ? x : -1;
        out.mass += ink;
        out.sum += ink * x;
        out.first = first < out.first ? first : out.first;
        out.last = last > out.last ? last : out.last;
    }
    return out;
}

static void count_ink(const view *of, tally *to)
{
    int first[2] = {of->height, of->width}, last[2] = {-1, -1};
    int64_t mass = 0, sums[2] = {0, 0};
    const double sides[2] = {of->height, of->width};
    for (int y = 0; y < of->height; y++) {
        const uint8_t *pixels = of->pixels + (size_t)y * (size_t)of->width;
        inked row = look_at_row(pixels, of->width, of->background > 0 ? of->background : 0);
        if (row.mass == 0)
            continue;
        mass += row.mass;
        sums[0] += row.mass * y;
        sums[1] += row.sum;
        first[0] = y < first[0] ? y : first[0];
        last[0] = y;
        first[1] = row.first < first[1] ? row.first : first[1];
        last[1] = row.last > last[1] ? row.last : last[1];
    }
    if (mass == 0)
        return;
    add_share(to->extent,
              fmax((last[0] - first[0] + 1) / sides[0], (last[1] - first[1] + 1) / sides[1]));
    for (int i = 0; i < 2; i++) {
        add_share(to->middle[false][i], (first[i] + last[i]) / 2.0 / sides[i]);
        add_share(to->middle[true][i], (double)sums[i] / (double)mass / sides[i]);
    }
}

/* Every so many positions of the whole training set, of those that this rank holds. */
static void count_images(const dt_session *run, int background,
                         void (*count)(const view *, tally *), tally *to)
{
    const dt_subset *train = &run->dataset->subsets[DT_SUBSET_TRAIN];
    dt_shape shape = run->source->shape;
    int64_t step = train->count / IMAGES + 1, first = train->held.first;
    for (int64_t p = (first + step - 1) / step * step; p < first + train->held.count; p += step) {
        size_t at = (size_t)(p - first) * (size_t)dt_shape_size(shape);
        view image = {train->images + at, shape.height, shape.width, background};
        count(&image, to);
    }
}

/* all: room for a tally of each rank. */
static void add_up(const dt_session *run, tally *own, tally *all)
{
    int ranks = dt_comm_size(run->comm);
    dt_comm_all_gather(run->comm, own, sizeof *own, all);
    *own = (tally){0};
    for (int r = 0; r < ranks; r++)
        for (size_t i = 0; i < sizeof *own / sizeof(int64_t); i++)
            ((int64_t *)own)[i] += ((const int64_t *)&all[r])[i];
}

static int64_t sum(const int64_t *of, int first, int end)
{
    int64_t out = 0;
    for (int i = first; i < end; i++)
        out += of[i];
    return out;
}

static double median(const int64_t *of)
{
    int64_t half = sum(of, 0, PARTS + 1) / 2, below = 0;
    int i = 0;
    while (below + of[i] <= half && i < PARTS)
        below += of[i++];
    return (double)i / PARTS;
}

/* How far the values are from their median, all together. */
static double scatter(const int64_t *of)
{
    double middle = median(of), out = 0;
    for (int i = 0; i <= PARTS; i++)
        out += (double)of[i] * fabs((double)i / PARTS - middle);
    return out;
}

static int find_background(const tally *of)
{
    double all = (double)sum(of->border, 0, PARTS);
    if ((double)sum(of->border, 0, NOISE + 1) >= BACKGROUND_LEAST * all)
        return 0;
    return (double)sum(of->border, 255 - NOISE, PARTS) >= BACKGROUND_LEAST * all ? 255 : -1;
}

static void conclude(const tally *of, int background, dt_image_form *out)
{
    const counts(*middle)[2] = of->middle;
    bool by_mass = scatter(middle[true][0]) + scatter(middle[true][1]) <
                   scatter(middle[false][0]) + scatter(middle[false][1]);
    *out = (dt_image_form){background,
                           median(of->extent),
                           by_mass,
                           {median(middle[by_mass][0]), median(middle[by_mass][1])}};
    if (sum(of->extent, 0, PARTS + 1) == 0)
        out->extent = (double)NAN;
}

dt_status session_measure_form(dt_session *run, dt_error *error)
{
    run->form = (dt_image_form){.background = -1, .extent = (double)NAN};
    if (run->source->whole)
        run->form = (dt_image_form){-1, 1, false, {0.5, 0.5}};
    if (run->source->whole || run->source->shape.channels != 1)
        return DT_OK;
    tally *own = dt_calloc(1 + (size_t)dt_comm_size(run->comm), sizeof *own, error);
    dt_status status = dt_comm_agree(run->comm, own ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        count_images(run, 0, count_border, own);
        add_up(run, own, own + 1);
        int background = find_background(own);
        *own = (tally){0};
        count_images(run, background, count_ink, own);
        add_up(run, own, own + 1);
        conclude(own, background, &run->form);
    }
    dt_free(own);
    return status;
}
