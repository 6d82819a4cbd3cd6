#include <math.h>

#include "base/memory.h"
#include "image_pieces.h"

/* A line goes from side to side with at most this slope, at least this share of it ink, and is no
 * thicker than this share of the picture. */
#define SLOPE_MOST 0.1
#define LINE_LEAST 0.9
#define LINE_THICK 0.03
/* Along a line every so many pixels are looked at to find it. */
#define LINE_STEP 3
/* A frame has ink in at most this share of its box, a piece in it at least so large, and sides that
 * are at most so far from the box, for at least this share of two that are opposite: the others may
 * have been taken for lines. */
#define FRAME_FULL   0.3
#define FRAME_HELD   0.3
#define FRAME_SLANT  0.15
#define FRAME_CLOSED 0.8
/* A piece is a speck if it is smaller than this share of the picture's smaller side. */
#define SPECK 0.06

/* Squares of 2 x 2 pixels of ink in what was written, at least, as a share of its pixels; noise has
 * fewer. */
#define SOLID 0.5

typedef image_piece piece;

typedef struct pieces {
    plane *ink;
    double strong;
    uint8_t *mask; /* 1: ink that is strong */
    int *labels;   /* of the mask: numbers of pieces, from 1 */
    int *stack;
    piece *list;
    int count;
} pieces;

static size_t at(const pieces *self, int y, int x)
{
    return (size_t)y * (size_t)self->ink->width + (size_t)x;
}

int image_piece_longer(const piece *of)
{
    int tall = of->bottom - of->top + 1, wide = of->right - of->left + 1;
    return tall > wide ? tall : wide;
}

int image_piece_gap(const piece *a, const piece *b)
{
    int down = a->top > b->top ? a->top - b->bottom : b->top - a->bottom;
    int across = a->left > b->left ? a->left - b->right : b->left - a->right;
    return down > across ? down : across;
}

bool image_piece_is_inside(const piece *inner, const piece *outer)
{
    return inner->top >= outer->top && inner->bottom <= outer->bottom &&
           inner->left >= outer->left && inner->right <= outer->right;
}

void image_piece_join(piece *to, const piece *other)
{
    to->top = other->top < to->top ? other->top : to->top;
    to->left = other->left < to->left ? other->left : to->left;
    to->bottom = other->bottom > to->bottom ? other->bottom : to->bottom;
    to->right = other->right > to->right ? other->right : to->right;
    to->mass += other->mass;
}

/* A line of the mask across (or down) the picture: at `along` it is at begin + slope * along. */
typedef struct line {
    bool down;
    int length, side; /* the pixels along it; those that it may be at */
    double begin, slope;
} line;

static uint8_t *mask_at(const pieces *self, const line *of, int along, int aside)
{
    return &self->mask[of->down ? at(self, along, aside) : at(self, aside, along)];
}

static int place_of(const line *of, int along)
{
    return (int)floor(of->begin + of->slope * along + 0.5);
}

/* How many pixels aside are ink where the line goes, or a pixel beside it; *first: the first of
 * them. Of more than `most` not all are counted. */
static int thickness(const pieces *self, const line *of, int along, int most, int *first)
{
    int middle = place_of(of, along);
    for (int i = 0; i < 3; i++) {
        static const int beside[] = {0, -1, 1};
        int from = middle + beside[i], end = from;
        if (from < 0 || from >= of->side || !*mask_at(self, of, along, from))
            continue;
        while (from > 0 && end - from < most && *mask_at(self, of, along, from - 1))
            from--;
        while (end + 1 < of->side && end - from < most && *mask_at(self, of, along, end + 1))
            end++;
        *first = from;
        return end - from + 1;
    }
    return 0;
}

/* Whether nearly all of it is ink, and at most `most` thick in nearly all places. */
static bool is_line(const pieces *self, const line *of, int most)
{
    int seen = 0, inked = 0, thin = 0, first;
    for (int along = 0; along < of->length; along += LINE_STEP, seen++) {
        int place = place_of(of, along);
        if (place < 0 || place >= of->side)
            return false;
        inked += *mask_at(self, of, along, place);
        if (inked < seen - (1 - LINE_LEAST) * of->length / LINE_STEP)
            return false;
    }
    for (int along = 0; along < of->length; along += LINE_STEP) {
        int thick = thickness(self, of, along, most, &first);
        thin += thick > 0 && thick <= most;
    }
    return inked >= LINE_LEAST * seen && thin >= 0.6 * seen;
}

/* Where strokes cross, they stay. */
static void erase_line(const pieces *self, const line *of, int most)
{
    int first = 0;
    for (int along = 0; along < of->length; along++) {
        int thick = thickness(self, of, along, most, &first);
        for (int i = 0; i < thick && thick <= most; i++)
            *mask_at(self, of, along, first + i) = 0;
    }
}

static void erase_lines(const pieces *self)
{
    int height = self->ink->height, width = self->ink->width;
    int most = (int)fmax(1, LINE_THICK * (height < width ? height : width));
    for (int down = 0; down < 2; down++) {
        line of = {.down = down, .length = down ? height : width, .side = down ? width : height};
        int reach = (int)(SLOPE_MOST * of.length);
        for (int begin = 0; begin < of.side; begin++)
            for (int rise = -reach; rise <= reach; rise++) {
                of.begin = begin;
                of.slope = (double)rise / of.length;
                if (is_line(self, &of, most))
                    erase_line(self, &of, most);
            }
    }
}

/* Gives the label to what hangs together with the pixel. */
static void fill(const pieces *self, int y, int x, int label)
{
    int height = self->ink->height, width = self->ink->width, depth = 0;
    self->labels[at(self, y, x)] = label;
    self->stack[depth++] = (int)at(self, y, x);
    while (depth > 0) {
        int here = self->stack[--depth], row = here / width, column = here % width;
        for (int i = row - 1; i <= row + 1; i++)
            for (int j = column - 1; j <= column + 1; j++) {
                if (i < 0 || j < 0 || i >= height || j >= width || !self->mask[at(self, i, j)] ||
                    self->labels[at(self, i, j)])
                    continue;
                self->labels[at(self, i, j)] = label;
                self->stack[depth++] = (int)at(self, i, j);
            }
    }
}

static void measure_piece(const pieces *self, int y, int x, piece *it)
{
    if (it->count++ == 0)
        *it = (piece){.top = y, .left = x, .right = x, .count = 1};
    it->bottom = y;
    it->left = x < it->left ? x : it->left;
    it->right = x > it->right ? x : it->right;
    it->mass += (double)self->ink->values[at(self, y, x)];
    it->at_edge |= y == 0 || x == 0 || y == self->ink->height - 1 || x == self->ink->width - 1;
}

static dt_status find_pieces(pieces *self, dt_error *error)
{
    int height = self->ink->height, width = self->ink->width;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            if (self->mask[at(self, y, x)] && !self->labels[at(self, y, x)])
                fill(self, y, x, ++self->count);
    self->list = dt_calloc((size_t)self->count + 1, sizeof *self->list, error);
    if (!self->list)
        return DT_ERR_INTERNAL;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            if (self->labels[at(self, y, x)])
                measure_piece(self, y, x, &self->list[self->labels[at(self, y, x)] - 1]);
    return DT_OK;
}

/* How many of the lines of pixels across the box of a piece (or down) begin and end with ink near
 * its sides. */
static int count_closed(const pieces *self, const piece *of, bool down)
{
    int label = (int)(of - self->list) + 1, closed = 0;
    int first = down ? of->left : of->top, last = down ? of->right : of->bottom;
    int begin = down ? of->top : of->left, end = down ? of->bottom : of->right;
    int near = (int)(FRAME_SLANT * (end - begin + 1));
    for (int i = first; i <= last; i++) {
        int from = begin, to = end;
        while (from <= begin + near &&
               self->labels[down ? at(self, from, i) : at(self, i, from)] != label)
            from++;
        while (to >= end - near && self->labels[down ? at(self, to, i) : at(self, i, to)] != label)
            to--;
        closed += from <= begin + near && to >= end - near;
    }
    return closed;
}

/* Whether a piece is sides around another one. */
static bool is_frame(const pieces *self, const piece *of)
{
    int tall = of->bottom - of->top + 1, wide = of->right - of->left + 1;
    bool holds = false;
    for (int i = 0; i < self->count && !holds; i++) {
        const piece *in = &self->list[i];
        holds = in->top > of->top && in->left > of->left && in->bottom < of->bottom &&
                in->right < of->right &&
                image_piece_longer(in) >= FRAME_HELD * (tall < wide ? tall : wide);
    }
    return holds && of->count <= FRAME_FULL * tall * wide &&
           (count_closed(self, of, false) >= FRAME_CLOSED * tall ||
            count_closed(self, of, true) >= FRAME_CLOSED * wide);
}

/* The largest piece but for those that are dropped; NULL: none. */
static piece *largest(const pieces *self, bool with_edge, int least)
{
    piece *out = NULL;
    for (int i = 0; i < self->count; i++) {
        piece *it = &self->list[i];
        if (!it->dropped && (with_edge || !it->at_edge) && image_piece_longer(it) >= least &&
            (!out || it->mass > out->mass))
            out = it;
    }
    return out;
}

/* Takes the piece, and what is near to what has been taken, until nothing more is. */
static void take_around(pieces *self, piece *first)
{
    piece all = *first;
    first->character = 1;
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < self->count; i++) {
            piece *it = &self->list[i];
            if (it->dropped || it->character ||
                (!image_piece_is_inside(it, &all) &&
                 (it->mass < IMAGE_MASS * first->mass ||
                  image_piece_gap(it, &all) > IMAGE_NEAR * image_piece_longer(first))))
                continue;
            it->character = 1;
            more = true;
            image_piece_join(&all, it);
        }
    }
}

static bool is_solid(const pieces *self, const piece *of)
{
    int label = (int)(of - self->list) + 1, squares = 0;
    for (int y = of->top; y < of->bottom; y++)
        for (int x = of->left; x < of->right; x++) {
            const int *here = &self->labels[at(self, y, x)], *below = here + self->ink->width;
            squares +=
                here[0] == label && here[1] == label && below[0] == label && below[1] == label;
        }
    return squares >= SOLID * of->count;
}

static dt_status choose(pieces *self, bool clean, bool many, ink *out, dt_error *error)
{
    int height = self->ink->height, width = self->ink->width;
    int least = (int)(SPECK * (height < width ? height : width));
    for (int i = 0; i < self->count; i++)
        self->list[i].dropped = is_frame(self, &self->list[i]);
    piece *first = clean ? NULL : largest(self, false, least);
    if (!first)
        first = largest(self, true, 0);
    for (int i = 0; i < self->count; i++)
        self->list[i].dropped |= first && self->list[i].at_edge && !first->at_edge;
    if (first && !clean && !is_solid(self, first))
        return DT_OK;
    if (first && many)
        return image_find_characters(self->list, self->count, first, out, error);
    if (first)
        take_around(self, first);
    out->count = first != NULL;
    return DT_OK;
}

/* Of which character a pixel is, or else one beside it; a pixel of a piece that is of none is not.
 */
static int character_at(const pieces *self, int y, int x)
{
    int own = self->labels[at(self, y, x)], found = 0;
    if (own)
        return self->list[own - 1].character;
    for (int i = y - 1; i <= y + 1; i++)
        for (int j = x - 1; j <= x + 1; j++) {
            if (found || i < 0 || j < 0 || i >= self->ink->height || j >= self->ink->width)
                continue;
            int label = self->labels[at(self, i, j)];
            found = label ? self->list[label - 1].character : 0;
        }
    return found;
}

static dt_status pick(pieces *self, double weak, bool clean, bool many, ink *out, dt_error *error)
{
    plane *of = self->ink;
    size_t count = (size_t)of->height * (size_t)of->width;
    for (size_t i = 0; i < count; i++)
        self->mask[i] = (double)of->values[i] > self->strong;
    erase_lines(self);
    dt_status status = find_pieces(self, error);
    if (!status)
        status = choose(self, clean, many, out, error);
    for (int y = 0; y < of->height && !status; y++)
        for (int x = 0; x < of->width; x++) {
            float *value = &of->values[at(self, y, x)];
            int character = (double)*value > weak ? character_at(self, y, x) : 0;
            out->owners[at(self, y, x)] = character;
            *value = character ? *value : 0;
        }
    return status;
}

dt_status image_pick_pieces(ink *of, double weak, double strong, bool clean, bool many,
                            dt_error *error)
{
    size_t count = (size_t)of->plane.height * (size_t)of->plane.width;
    pieces self = {.ink = &of->plane, .strong = strong, .mask = dt_calloc(count, 1, error)};
    self.labels = self.mask ? dt_calloc(count, sizeof *self.labels, error) : NULL;
    self.stack = self.labels ? dt_calloc(count, sizeof *self.stack, error) : NULL;
    of->owners = self.stack ? dt_calloc(count, sizeof *of->owners, error) : NULL;
    dt_status status = of->owners ? pick(&self, weak, clean, many, of, error) : DT_ERR_INTERNAL;
    dt_free(self.mask);
    dt_free(self.labels);
    dt_free(self.stack);
    dt_free(self.list);
    return status;
}
