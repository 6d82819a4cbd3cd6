#include "array_roles.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "data/classes.h"

enum { LISTED_MOST = 4, SHOWN_MOST = 8 };

#define SEPARATORS "_-. /"

static const char *const part_words[] = {"train", "training", "test", "testing", NULL};
static const char *const image_words[] = {"x",        "images", "image",  "imgs", "data",
                                          "features", "pixels", "inputs", NULL};
static const char *const other_words[] = {"set", NULL}; /* train_set_x */
enum { TEST_WORD = 2 };

static int find_word(const char *text, size_t length, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == length && strncasecmp(text, words[i], length) == 0)
            return i;
    return ARRAY_NONE;
}

/* Whether the name says what the array is: a word of a kind, and one of a part or none. */
static bool find_role(const char *name, dt_part *part, int *kind)
{
    int part_words_seen = 0, kind_words_seen = 0;
    *part = DT_TRAIN;
    *kind = ARRAY_IMAGES;
    for (const char *at = name; *at; at += strspn(at, SEPARATORS)) {
        size_t length = strcspn(at, SEPARATORS);
        int as_part = find_word(at, length, part_words);
        bool image = find_word(at, length, image_words) != ARRAY_NONE,
             label = find_word(at, length, dt_label_words) != ARRAY_NONE;
        if (as_part != ARRAY_NONE) {
            *part = as_part >= TEST_WORD ? DT_TEST : DT_TRAIN;
            part_words_seen++;
        } else if (image || label) {
            *kind = label ? ARRAY_LABELS : ARRAY_IMAGES;
            kind_words_seen++;
        } else if (find_word(at, length, other_words) == ARRAY_NONE) {
            return false;
        }
        at += length;
    }
    return kind_words_seen == 1 && part_words_seen <= 1;
}

static dt_status choose_by_name(const char *path, const dt_arrays *arrays, array_roles *self,
                                dt_error *error)
{
    for (int i = 0; i < arrays->count; i++) {
        dt_part part;
        int kind;
        if (!find_role(arrays->rows[i].name, &part, &kind))
            continue;
        int *place = &self->of[part][kind];
        if (*place != ARRAY_NONE)
            return dt_fail(error, DT_ERR_DATA,
                           "%.300s: expected one array of a kind, found %s and %s; say which with "
                           "--keys",
                           path, arrays->rows[*place].name, arrays->rows[i].name);
        *place = i;
    }
    return DT_OK;
}

static dt_status choose_by_keys(const char *path, const dt_arrays *arrays, const char *keys,
                                array_roles *self, dt_error *error)
{
    int names = 1, key = 0;
    for (const char *at = keys; (at = strchr(at, ',')); at++)
        names++;
    if (names != ARRAY_KINDS && names != DT_PARTS * ARRAY_KINDS)
        return dt_fail(error, DT_ERR_CONFIG,
                       "keys: expected 2 or 4 names, IMAGES,LABELS or IMAGES,LABELS,TEST_IMAGES,"
                       "TEST_LABELS, found %d in '%.300s'",
                       names, keys);
    for (const char *at = keys; key < names; key++) {
        at += strspn(at, " ");
        size_t length = strcspn(at, ",");
        int found = ARRAY_NONE;
        for (int i = 0; i < arrays->count; i++)
            if (strlen(arrays->rows[i].name) == length &&
                strncmp(arrays->rows[i].name, at, length) == 0)
                found = i;
        if (found == ARRAY_NONE)
            return dt_fail(error, DT_ERR_CONFIG,
                           "keys: expected names of arrays of %.300s, found '%.*s'", path,
                           (int)length, at);
        self->of[key / ARRAY_KINDS][key % ARRAY_KINDS] = found;
        at += length + (at[length] == ',');
    }
    return DT_OK;
}

static dt_status refuse_arrays(const char *path, const dt_arrays *arrays, dt_error *error)
{
    char text[400] = "";
    dt_text seen = {.text = text, .size = sizeof text};
    dt_text_list list = {.most = SHOWN_MOST};
    for (int i = 0; i < arrays->count; i++)
        dt_text_add_listed(&seen, &list, 80, arrays->rows[i].name);
    dt_text_end_list(&seen, &list);
    return dt_fail(error, DT_ERR_DATA,
                   "%.300s: expected arrays like x_train and y_train, with x_test and y_test or "
                   "without, found %s; say which with --keys IMAGES,LABELS",
                   path, arrays->count > 0 ? text : "none");
}

dt_status array_roles_find(const char *path, const dt_arrays *arrays, const char *keys,
                           array_roles *out, dt_error *error)
{
    *out = (array_roles){{{ARRAY_NONE, ARRAY_NONE}, {ARRAY_NONE, ARRAY_NONE}}};
    dt_status status = strcmp(keys, "auto") == 0 ? choose_by_name(path, arrays, out, error)
                                                 : choose_by_keys(path, arrays, keys, out, error);
    for (int part = 0; part < DT_PARTS && !status; part++) {
        const int *of = out->of[part];
        int found = (of[ARRAY_IMAGES] != ARRAY_NONE) + (of[ARRAY_LABELS] != ARRAY_NONE);
        if (found == 1 || (found == 0 && part == DT_TRAIN))
            status = refuse_arrays(path, arrays, error);
    }
    return status;
}

static bool is_used(const array_roles *self, int array)
{
    for (int i = 0; i < DT_PARTS * ARRAY_KINDS; i++)
        if (self->of[i / ARRAY_KINDS][i % ARRAY_KINDS] == array)
            return true;
    return false;
}

void array_roles_note_rest(const array_roles *self, const dt_arrays *arrays, dt_text *note)
{
    dt_text_list list = {.most = LISTED_MOST,
                         .before = note->length > 0 ? "; without " : "without "};
    for (int i = 0; i < arrays->count; i++)
        if (!is_used(self, i))
            dt_text_add_listed(note, &list, INT_MAX, arrays->rows[i].name);
    dt_text_end_list(note, &list);
}
