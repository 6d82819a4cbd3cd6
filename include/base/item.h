/* Lists of items, as --layers takes them: "KIND VALUE... [NAME VALUE]..., KIND ...". What a kind
 * takes is a table of arguments; reading, writing, help and suggestions come from it. */
#ifndef DT_BASE_ITEM_H
#define DT_BASE_ITEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/suggest.h"
#include "base/text.h"

enum { DT_ITEM_WORD = DT_SUGGEST_MAX + 1 };

typedef enum dt_argument_type {
    DT_ARGUMENT_INTEGER,
    DT_ARGUMENT_REAL,
    DT_ARGUMENT_BOOL, /* true or false: 1 or 0 */
    DT_ARGUMENT_SIZE  /* a height and a width: dt_argument_size */
} dt_argument_type;

/* The value of an argument that is a size, and what it says. Both are below DT_SIZE_BASE. */
#define DT_SIZE_BASE 4096
static inline double dt_argument_size(int height, int width)
{
    return (double)height * DT_SIZE_BASE + (double)width;
}
static inline int dt_argument_height(double size)
{
    return (int)size / DT_SIZE_BASE;
}
static inline int dt_argument_width(double size)
{
    return (int)size % DT_SIZE_BASE;
}

typedef struct dt_argument {
    const char *name;
    dt_argument_type type;
    double min, max;    /* numbers, and each side of a size: both ends allowed */
    const char *preset; /* as it would be written; NULL: it must be given, behind the kind's name */
    const char *help;   /* no full stop */
    const char *word;   /* stands for the value `means`, without the argument's name; NULL: none */
    double means;       /* no number that the argument takes */
} dt_argument;

/* What every argument has, and other members behind it. */
#define DT_ARGUMENT(of, is, from, to, by_itself, says, ...)                                        \
    {                                                                                              \
        .name = (of), .type = (is), .min = (from), .max = (to), .preset = (by_itself),             \
        .help = (says), __VA_ARGS__                                                                \
    }

/* Writes the values that an argument takes: "an integer from 1 to 1048576". */
void dt_argument_expects(const dt_argument *argument, char *text, size_t size);

/* Writes a value as it is read. */
void dt_argument_text(const dt_argument *argument, double value, char *text, size_t size);

/* Adds an argument that has a preset, with its value's text: " stride 2", " same". */
void dt_argument_add(dt_text *to, const char *before, const dt_argument *argument,
                     const char *value);

/* Sets the values of those of arguments[count] that have a preset to it. */
void dt_argument_presets(const dt_argument *arguments, int count, double *values);

/* An item of a list that is being read. */
typedef struct dt_item {
    const char *noun;        /* what an item is: "layer" */
    const char *begin, *end; /* without blanks around it; NULL before the first */
    const char *at;          /* the next word */
    char word[DT_ITEM_WORD]; /* the one at hand; "" behind the last */
    int number;              /* 1, 2, ... */
    dt_error *error;
} dt_item;

/* Goes on to the next item of `text`, and to its first word. False: there is none. Starts as
 * {.noun = "layer", .error = error}; a list has one item at least, which may be empty. */
bool dt_item_next(dt_item *self, const char *text);

/* The next word becomes the one at hand; one that is too long is cut: it is no word of ours. */
void dt_item_advance(dt_item *self);

/* Fails: "layer 2, 'conv 3': expected ..., found nothing". where: behind the word that was found,
 * of a word that would be right elsewhere; "" otherwise. search: of what may have been meant; NULL:
 * nothing. */
dt_status dt_item_refuse(const dt_item *self, const char *expected, const char *where,
                         const dt_suggestion *search);

/* Offers the arguments of arguments[count] that may be given by name, and their words, and adds
 * them to *to, each with ", " behind it: for a refusal of what stands in their place. */
void dt_item_offer(const dt_argument *arguments, int count, dt_suggestion *search, dt_text *to);

/* Takes the values of those of arguments[count] that must be given, in their order. */
dt_status dt_item_take_values(dt_item *self, const dt_argument *arguments, int count,
                              double *values);

/* Takes NAME VALUE... of arguments[count] (at most 32) as long as there are some. */
dt_status dt_item_take_named(dt_item *self, const dt_argument *arguments, int count,
                             double *values);

/* Whether the word names one of arguments[count], or is the own word of one. */
bool dt_item_names(const dt_argument *arguments, int count, const char *word);

#endif
