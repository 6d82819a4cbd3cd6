#include <stdlib.h>

#include "base/memory.h"
#include "image_pieces.h"

/* Pieces stand above each other if they share this part of the narrower one's width; characters are
 * in one line if they share this part of the lower one's height. */
#define SHARED 0.5
/* Of the height of the largest piece: a character's, at least and at most. */
#define LOW  0.4
#define HIGH 1.5
/* Of its mass: a character's, at least. */
#define LIGHT 0.1
/* A character whose width is so many times its height is rather two that touch. */
#define WIDE 1.5

typedef struct character {
    image_piece box;
    int line;
} character;

typedef struct characters {
    character *list;
    character **order; /* [count] of the list */
    int count;
} characters;

static int height_of(const image_piece *of)
{
    return of->bottom - of->top + 1;
}

static int width_of(const image_piece *of)
{
    return of->right - of->left + 1;
}

static int lesser(int a, int b)
{
    return a < b ? a : b;
}

/* How many columns, or rows, both are in. */
static int shared_columns(const image_piece *a, const image_piece *b)
{
    return lesser(a->right, b->right) + lesser(-a->left, -b->left) + 1;
}

static int shared_rows(const image_piece *a, const image_piece *b)
{
    return lesser(a->bottom, b->bottom) + lesser(-a->top, -b->top) + 1;
}

static bool belong_together(const image_piece *a, const image_piece *b, const image_piece *first)
{
    int size = image_piece_longer(first);
    image_piece both = *a;
    image_piece_join(&both, b);
    return shared_columns(a, b) >= SHARED * lesser(width_of(a), width_of(b)) &&
           image_piece_gap(a, b) <= IMAGE_NEAR * size && height_of(&both) <= HIGH * size;
}

/* Each large piece is one; then those that belong together are made one, until none do. */
static void join_pieces(const image_piece *list, int count, const image_piece *first,
                        characters *out)
{
    for (int i = 0; i < count; i++)
        if (!list[i].dropped && list[i].mass >= IMAGE_MASS * first->mass)
            out->list[out->count++].box = list[i];
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < out->count; i++)
            for (int j = out->count - 1; j > i; j--) {
                if (!belong_together(&out->list[i].box, &out->list[j].box, first))
                    continue;
                image_piece_join(&out->list[i].box, &out->list[j].box);
                out->list[j] = out->list[--out->count];
                more = true;
            }
    }
}

static void drop_small(characters *of, const image_piece *first)
{
    int kept = 0;
    for (int i = 0; i < of->count; i++)
        if (height_of(&of->list[i].box) >= LOW * height_of(first) &&
            of->list[i].box.mass >= LIGHT * first->mass)
            of->list[kept++] = of->list[i];
    of->count = kept;
}

static int compare_left(const void *a, const void *b)
{
    const character *one = *(character *const *)a, *other = *(character *const *)b;
    int left = one->box.left - other->box.left;
    return left ? left : one->box.top - other->box.top;
}

static int compare_lines(const void *a, const void *b)
{
    const character *one = *(character *const *)a, *other = *(character *const *)b;
    return one->line != other->line ? one->line - other->line : compare_left(a, b);
}

/* Gives each its line, and orders them. A line is known by twice the middle of its first character:
 * what follows stands beside the character before it, so that it may rise. */
static void order(characters *of)
{
    for (int i = 0; i < of->count; i++)
        of->order[i] = &of->list[i];
    qsort(of->order, (size_t)of->count, sizeof *of->order, compare_left);
    for (int i = 0; i < of->count; i++) {
        image_piece *it = &of->order[i]->box;
        int before = i - 1;
        while (before >= 0 &&
               shared_rows(it, &of->order[before]->box) <
                   SHARED * lesser(height_of(it), height_of(&of->order[before]->box)))
            before--;
        of->order[i]->line = before >= 0 ? of->order[before]->line : it->top + it->bottom;
    }
    qsort(of->order, (size_t)of->count, sizeof *of->order, compare_lines);
}

/* A piece is of the character that has it in its box. */
static void number_pieces(const characters *of, image_piece *list, int count)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < of->count && !list[i].dropped && !list[i].character; j++)
            if (image_piece_is_inside(&list[i], &of->order[j]->box))
                list[i].character = j + 1;
}

static dt_status describe(const characters *of, ink *out, dt_error *error)
{
    out->count = of->count;
    out->characters = dt_calloc((size_t)of->count, sizeof *out->characters, error);
    if (!out->characters)
        return DT_ERR_INTERNAL;
    for (int i = 0, line = 0; i < of->count; i++) {
        const character *it = of->order[i];
        line += i > 0 && it->line != of->order[i - 1]->line;
        out->characters[i] =
            (dt_image_character){line, width_of(&it->box) > WIDE * height_of(&it->box)};
    }
    return DT_OK;
}

dt_status image_find_characters(image_piece *list, int count, const image_piece *first, ink *out,
                                dt_error *error)
{
    characters found = {dt_calloc((size_t)count, sizeof *found.list, error), NULL, 0};
    found.order = found.list ? dt_calloc((size_t)count, sizeof *found.order, error) : NULL;
    dt_status status = found.order ? DT_OK : DT_ERR_INTERNAL;
    if (!status) {
        join_pieces(list, count, first, &found);
        drop_small(&found, first);
        order(&found);
        number_pieces(&found, list, count);
        status = describe(&found, out, error);
    }
    dt_free(found.list);
    dt_free(found.order);
    return status;
}
