/* Finding a name in a list, and "Did you mean ...?": the nearest one to a name that is misspelt. */
#ifndef DT_BASE_SUGGEST_H
#define DT_BASE_SUGGEST_H

#include <stddef.h>

/* Longer words are never suggested, and never find a suggestion. */
#define DT_SUGGEST_MAX 63

/* Damerau-Levenshtein distance: the least number of insertions, deletions, replacements and swaps
 * of two neighbours that turn `a` into `b` (no part edited twice). Dashes and underscores are the
 * same. Both at most DT_SUGGEST_MAX characters; SIZE_MAX when one is longer.
 * source: F. Damerau, CACM 7(3), 1964; "optimal string alignment". */
size_t dt_edit_distance(const char *a, const char *b);

/* The index of `name` in a NULL-terminated list, dashes and underscores alike; -1: it is not there.
 */
int dt_name_find(const char *const *names, const char *name);

/* A search: set `typed`, offer the candidates one by one, then `word` is the nearest of those at
 * distance 1 + length / 4 or less of `typed` (the first of equals), or NULL. Upper case counts as
 * lower case. Nothing is owned. */
typedef struct dt_suggestion {
    const char *typed;
    const char *word;
    size_t distance; /* of `word` */
} dt_suggestion;

void dt_suggest_offer(dt_suggestion *search, const char *candidate);

#endif
