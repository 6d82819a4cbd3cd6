#include "data/source.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "data/glyphs.h"

enum {
    SIDE = 28,  /* pixels of an image's side */
    PITCH = 32, /* floats of a row of the canvas: whole vectors */
    PIXELS = SIDE * SIDE,
    WAVES = 3,  /* of the elastic displacement */
    PIECES = 4, /* straight pieces of a curve between two points */
    TRACE_MAX = DT_GLYPH_POINTS_MAX * PIECES
};

/* MNIST's frame: the digit fits a box of 20 pixels, its centre of mass is at pixel (14, 14). */
static const float box = 20.0F, centre = 14.0F;

/* Pixels over which a stroke fades at most. */
static const float edge_max = 1.7F;

/* How far one hand is from another: standard deviations, lengths in heights of the digit. */
static const float vary_slant = 0.28F, vary_turn = 0.07F, vary_aspect = 0.20F, vary_bend = 0.043F,
                   vary_joint = 0.022F;

typedef struct point {
    float x, y;
    float radius; /* of the pen */
} point;

/* A wave of the elastic displacement: direction and length, phase, amplitude. */
typedef struct wave {
    float across, down, phase, push_x, push_y;
} wave;

typedef struct hand {
    float matrix[2][2];
    wave waves[WAVES];
    float radius;   /* of the pen, pixels */
    float pressure; /* how much the radius varies along a stroke */
    float size;     /* longer side of the digit, pixels */
    float off_x, off_y;
    float edge; /* width of the grey edge of a stroke, pixels */
    float ink, grain;
} hand;

/* A digit as a chain of points; a piece of a stroke ends at each point that is not `lifted`. */
typedef struct trace {
    int count;
    point at[TRACE_MAX];
    bool lifted[TRACE_MAX];
} trace;

/* Only operations that IEEE 754 rounds exactly: the last bits of sines and exponentials depend on
 * the library and the processor. */

/* Uniform integer in [0, bound). */
static int below(dt_random_sequence *random, uint32_t bound)
{
    uint32_t high = dt_random_next(random);
    return (int)dt_below(high, dt_random_next(random), bound);
}

/* Uniform from low to high. */
static float uniform(dt_random_sequence *random, float low, float high)
{
    return low + (high - low) * ((float)(dt_random_next(random) >> 9) + 0.5F) * 0x1p-23F;
}

/* Nearly normal with mean 0, standard deviation 1 and bounds 3.5: the sum of four bytes. */
static float deviate(dt_random_sequence *random)
{
    uint32_t word = dt_random_next(random);
    uint32_t sum = (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24);
    return ((float)sum - 510.0F) * (1.0F / 147.8F);
}

/* A parabola for the sine: period 1, amplitude 1. */
static float swing(float turns)
{
    float phase = turns - (float)(int)turns;
    float folded = phase < 0.0F ? phase + 0.5F : phase - 0.5F;
    return -8.0F * folded * (1.0F - 2.0F * fabsf(folded));
}

static hand draw_hand(dt_random_sequence *random)
{
    hand h;
    float slant = 0.12F + vary_slant * deviate(random);
    float half = vary_turn * deviate(random); /* tangent of half the angle */
    float stretch = vary_aspect * deviate(random);
    float width = 0.9F * (1.0F + stretch + 0.5F * stretch * stretch);
    float cosine = (1.0F - half * half) / (1.0F + half * half);
    float sine = 2.0F * half / (1.0F + half * half);
    h.matrix[0][0] = cosine * width;
    h.matrix[0][1] = -sine - cosine * slant;
    h.matrix[1][0] = sine * width;
    h.matrix[1][1] = cosine - sine * slant;
    for (int i = 0; i < WAVES; i++) {
        h.waves[i].across = uniform(random, -1.0F, 1.0F);
        h.waves[i].down = uniform(random, -1.0F, 1.0F);
        h.waves[i].phase = uniform(random, 0.0F, 1.0F);
        h.waves[i].push_x = vary_bend * deviate(random);
        h.waves[i].push_y = vary_bend * deviate(random);
    }
    float weight = deviate(random);
    h.radius = 1.52F + 0.36F * weight + 0.02F * weight * weight;
    h.pressure = uniform(random, 0.0F, 0.3F);
    h.size = box * uniform(random, 0.93F, 1.0F);
    h.off_x = uniform(random, -0.5F, 0.5F);
    h.off_y = uniform(random, -0.5F, 0.5F);
    h.edge = uniform(random, 1.0F, edge_max);
    h.ink = uniform(random, 0.95F, 1.3F);
    h.grain = uniform(random, 0.0F, 0.3F);
    return h;
}

static const dt_glyph *draw_form(dt_random_sequence *random, int digit)
{
    int count;
    const dt_glyph *form = dt_glyph_forms(digit, &count);
    int percent = below(random, 100);
    while (percent >= form->weight)
        percent -= form++->weight;
    return form;
}

/* The points of a glyph where this hand puts them, about (0, 0). */
static void place_joints(dt_random_sequence *random, const dt_glyph *form, const hand *h,
                         point *joint)
{
    for (int i = 0; i < form->count; i++) {
        joint[i].x = 0.01F * (float)form->point[i].x - 0.5F + vary_joint * deviate(random);
        joint[i].y = 0.01F * (float)form->point[i].y - 0.5F + vary_joint * deviate(random);
        joint[i].radius = h->radius * (1.0F + h->pressure * uniform(random, -1.0F, 1.0F));
    }
}

static bool starts(const dt_glyph *form, int i)
{
    return i == form->count || form->point[i].pen == DT_PEN_DOWN;
}

/* Direction of the stroke at joint i, seen from its neighbour `beside` (i - 1 or i + 1): along the
 * chord of both neighbours where the pen runs through, else along the chord to this one. */
static point direction(const dt_glyph *form, const point *joint, int i, int beside)
{
    bool through = form->point[i].pen == DT_PEN_SMOOTH && !starts(form, i + 1);
    int first = through || beside < i ? i - 1 : i;
    int last = through || beside > i ? i + 1 : i;
    float factor = through ? 0.5F : 1.0F;
    return (point){.x = factor * (joint[last].x - joint[first].x),
                   .y = factor * (joint[last].y - joint[first].y)};
}

/* Strokes through the joints: cubic Hermite curves with the directions of Catmull and Rom. */
static void trace_strokes(const dt_glyph *form, const point *joint, trace *t)
{
    t->count = 0;
    for (int i = 0; i < form->count; i++) {
        if (starts(form, i)) {
            t->lifted[t->count] = true;
            t->at[t->count++] = joint[i];
            continue;
        }
        point a = joint[i - 1], b = joint[i];
        point leave = direction(form, joint, i - 1, i), arrive = direction(form, joint, i, i - 1);
        for (int k = 1; k <= PIECES; k++) {
            float u = (float)k / PIECES, v = 1.0F - u;
            float at_a = v * v * (1.0F + 2.0F * u), at_b = u * u * (1.0F + 2.0F * v);
            float from_a = u * v * v, to_b = -u * u * v;
            t->lifted[t->count] = false;
            t->at[t->count++] =
                (point){.x = at_a * a.x + at_b * b.x + from_a * leave.x + to_b * arrive.x,
                        .y = at_a * a.y + at_b * b.y + from_a * leave.y + to_b * arrive.y,
                        .radius = v * a.radius + u * b.radius};
        }
    }
}

/* Elastic displacement, then the affine map. */
static void distort(const hand *h, trace *t)
{
    for (int i = 0; i < t->count; i++) {
        float x = t->at[i].x, y = t->at[i].y;
        float bent_x = x, bent_y = y;
        for (int k = 0; k < WAVES; k++) {
            const wave *w = &h->waves[k];
            float height = swing(w->across * x + w->down * y + w->phase);
            bent_x += w->push_x * height;
            bent_y += w->push_y * height;
        }
        t->at[i].x = h->matrix[0][0] * bent_x + h->matrix[0][1] * bent_y;
        t->at[i].y = h->matrix[1][0] * bent_x + h->matrix[1][1] * bent_y;
    }
}

/* From heights of the digit to pixels, as MNIST does: the longer side fills the box, and the centre
 * of mass of the ink (length times width of the strokes) is at the centre of the image. */
static void fit(const hand *h, trace *t)
{
    point low = t->at[0], high = t->at[0];
    float mass = 0.0F, mean_x = 0.0F, mean_y = 0.0F, thickest = 0.0F;
    for (int i = 0; i < t->count; i++) {
        point b = t->at[i];
        low.x = fminf(low.x, b.x);
        low.y = fminf(low.y, b.y);
        high.x = fmaxf(high.x, b.x);
        high.y = fmaxf(high.y, b.y);
        thickest = fmaxf(thickest, b.radius);
        if (t->lifted[i])
            continue;
        point a = t->at[i - 1];
        float dx = b.x - a.x, dy = b.y - a.y;
        float piece = sqrtf(dx * dx + dy * dy) * (a.radius + b.radius);
        mass += piece;
        mean_x += piece * 0.5F * (a.x + b.x);
        mean_y += piece * 0.5F * (a.y + b.y);
    }
    float side = fmaxf(high.x - low.x, high.y - low.y);
    float scale = (h->size - 2.0F * thickest - h->edge) / side;
    for (int i = 0; i < t->count; i++) {
        t->at[i].x = (t->at[i].x - mean_x / mass) * scale + centre + h->off_x;
        t->at[i].y = (t->at[i].y - mean_y / mass) * scale + centre + h->off_y;
    }
}

/* depth[y][x] = max(itself, how far pixel (x, y) is inside the piece a-b of a stroke). About the
 * outline that is (r^2 - d^2) / 2r, d the distance from the axis: exact there, and no root. */
static void draw_piece(point a, point b, float edge, float depth[SIDE][PITCH])
{
    float dx = b.x - a.x, dy = b.y - a.y;
    float per_length = 1.0F / (dx * dx + dy * dy + 1e-12F);
    float reach = fmaxf(a.radius, b.radius) + 0.5F * edge;
    float radius = 0.5F * (a.radius + b.radius), per_width = 0.5F / radius;
    int top = (int)fmaxf(fminf(a.y, b.y) - reach, 0.0F);
    int bottom = (int)fminf(fmaxf(a.y, b.y) + reach, SIDE - 1);
    for (int y = top; y <= bottom; y++) {
        float *row = depth[y];
        float ay = (float)y - a.y;
        for (int x = 0; x < PITCH; x++) {
            float ax = (float)x - a.x;
            float along = (ax * dx + ay * dy) * per_length;
            along = along < 0.0F ? 0.0F : along > 1.0F ? 1.0F : along;
            float gap_x = ax - along * dx, gap_y = ay - along * dy;
            float inside = (radius * radius - gap_x * gap_x - gap_y * gap_y) * per_width;
            row[x] = row[x] > inside ? row[x] : inside;
        }
    }
}

/* Grey values: a soft edge, and the grain of the paper where there is ink. */
static void ink(dt_random_sequence *random, const hand *h, float depth[SIDE][PITCH], uint8_t *image)
{
    float per_edge = 1.0F / h->edge;
    for (int y = 0; y < SIDE; y++) {
        uint8_t grain[SIDE];
        for (int x = 0; x < SIDE; x += 4) {
            uint32_t word = dt_random_next(random);
            memcpy(grain + x, &word, 4);
        }
        for (int x = 0; x < SIDE; x++) {
            float cover = 0.5F + depth[y][x] * per_edge;
            cover = cover < 0.0F ? 0.0F : cover > 1.0F ? 1.0F : cover;
            float paper = h->ink - h->grain * (float)grain[x] * (1.0F / 255.0F);
            image[y * SIDE + x] = (uint8_t)(255.0F * cover * (paper < 1.0F ? paper : 1.0F));
        }
    }
}

/* Writes image[28][28] and returns its label. */
static uint8_t draw_sample(uint64_t seed, dt_part part, int64_t index, uint8_t *image)
{
    dt_random_sequence random = dt_random_sequence_of((dt_random_key){
        .seed = seed, .stream = DT_STREAM_GLYPH, .epoch = part, .sample = (uint32_t)index});
    int digit = below(&random, DT_GLYPH_DIGITS);
    const dt_glyph *form = draw_form(&random, digit);
    hand h = draw_hand(&random);
    point joint[DT_GLYPH_POINTS_MAX];
    place_joints(&random, form, &h, joint);
    trace t;
    trace_strokes(form, joint, &t);
    distort(&h, &t);
    fit(&h, &t);
    float depth[SIDE][PITCH] __attribute__((aligned(DT_ALIGNMENT)));
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < PITCH; x++)
            depth[y][x] = -edge_max;
    for (int i = 0; i < t.count; i++)
        if (!t.lifted[i])
            draw_piece(t.at[i - 1], t.at[i], h.edge, depth);
    ink(&random, &h, depth, image);
    return (uint8_t)digit;
}

static dt_status read_synthetic(dt_source *source, dt_part part, int64_t first, int64_t count,
                                uint8_t *images, int32_t *labels, dt_error *error)
{
    (void)error;
    uint64_t seed = *(const uint64_t *)source->state;
    uint8_t unseen[PIXELS];
    for (int64_t i = 0; i < count; i++)
        labels[i] = draw_sample(seed, part, first + i, images ? images + i * PIXELS : unseen);
    return DT_OK;
}

static void close_synthetic(dt_source *source)
{
    dt_free(source->state);
    dt_free(source);
}

dt_status dt_source_open_synthetic(uint64_t seed, dt_source **out, dt_error *error)
{
    dt_source *source = dt_calloc(1, sizeof *source, error);
    uint64_t *state = dt_calloc(1, sizeof *state, error);
    if (!source || !state) {
        dt_free(source);
        dt_free(state);
        return DT_ERR_INTERNAL;
    }
    *state = seed;
    *source = (dt_source){.name = "synthetic digits",
                          .shape = {SIDE, SIDE, 1},
                          .count = {[DT_TRAIN] = 60000, [DT_TEST] = 10000},
                          .state = state,
                          .read = read_synthetic,
                          .close = close_synthetic};
    dt_classes_of_number(source, DT_GLYPH_DIGITS);
    *out = source;
    return DT_OK;
}
