/* A text that grows: in a buffer of the caller's, or in memory of its own. */
#ifndef DT_BASE_TEXT_H
#define DT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* `length` is what the text has or would have without the limit of `size`, like snprintf's answer;
 * with size > 0 the buffer always ends in 0 once something (be it "") has been added. Starts as
 * {.text = buffer, .size = sizeof buffer}; where nothing may come to be added, buffer = "".
 * One that starts as {.grows = true} has memory of its own, which the caller frees (dt_free), and
 * asks once, at the end, whether there was enough: dt_text_status. */
typedef struct dt_text {
    char *text;
    size_t size;
    size_t length;
    bool grows;
} dt_text;

/* Whether all that was added has found room. Errors: DT_ERR_INTERNAL. */
dt_status dt_text_status(const dt_text *text, dt_error *error);

/* Appends; what has no room is counted and left out. */
void dt_text_add(dt_text *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends the shortest text that strtod reads back as the same number. */
void dt_text_add_real(dt_text *to, double value);

/* Appends NULL-terminated names, of which there is one: "a, b or c". */
void dt_text_add_names(dt_text *to, const char *const *names);

/* Names of which the first few are shown: "a, b and 3 more". Starts as {.most = 2}. */
typedef struct dt_text_list {
    int most;
    const char *before; /* in front of the first one; NULL: nothing */
    int count; /* so far, of those that are not shown too: who has them at hand may set it */
} dt_text_list;

/* Appends the next name, or its first `width` bytes; one that does not fit whole into a text that
 * does not grow, and all behind it, are not shown. */
void dt_text_add_listed(dt_text *to, dt_text_list *list, int width, const char *name);

/* Appends how many are not shown. */
void dt_text_end_list(dt_text *to, const dt_text_list *list);

/* Whether `word` is one of `words`, which are separated by blanks. */
bool dt_has_word(const char *words, const char *word);

/* Whether `word` is in one of the lists nth(0), nth(1), ..., NULL behind the last, and not in
 * `own`, which is one of them. */
bool dt_has_word_elsewhere(const char *own, const char *word, const char *(*nth)(int i));

/* Whether a name ends in `ending`, in upper or lower case, and has something before it. */
bool dt_ends_in(const char *name, const char *ending);

#endif
