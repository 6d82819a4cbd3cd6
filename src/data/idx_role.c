#include "idx_role.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static const char *const part_words[] = {"train", "training", "t10k", "test", "testing", NULL};
static const dt_part part_of_word[] = {DT_TRAIN, DT_TRAIN, DT_TEST, DT_TEST, DT_TEST};
static const char *const kind_words[] = {"images", "labels", NULL};
static const char *const type_words[] = {"ubyte", "byte", "short", "int", NULL};

static bool is_separator(char c)
{
    return c == '-' || c == '.' || c == '_';
}

/* The number of the word at `text`, which ends at a separator or at `end`; -1: none. */
static int find_word(const char *text, const char *end, const char *const *words, const char **next)
{
    size_t length = 0;
    while (text + length < end && !is_separator(text[length]))
        length++;
    *next = text + length + (text + length < end);
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == length && strncasecmp(text, words[i], length) == 0)
            return i;
    return -1;
}

/* "idx3-ubyte", "idx1", "idx" up to `end`. */
static bool is_idx_ending(const char *text, const char *end)
{
    const char *rest;
    if (end - text < 3 || strncasecmp(text, "idx", 3) != 0)
        return false;
    text += 3;
    if (text < end && isdigit((unsigned char)*text))
        text++;
    return text == end ||
           (is_separator(*text) && find_word(text + 1, end, type_words, &rest) >= 0 && rest == end);
}

bool idx_role_find(const char *name, idx_role *out)
{
    const char *end = name + strlen(name), *next, *behind;
    *out = (idx_role){.gzip = dt_ends_in(name, ".gz")};
    end -= out->gzip ? 3 : 0;
    for (const char *at = name; at < end; at = next) {
        int word = find_word(at, end, part_words, &next);
        int kind = word < 0 ? -1 : find_word(next, end, kind_words, &behind);
        if (kind < 0 || !is_idx_ending(behind, end))
            continue;
        out->part = part_of_word[word];
        out->kind = (dt_idx_kind)kind;
        out->word = word;
        out->prefix = at > name ? (int)(at - name) - 1 : 0;
        return true;
    }
    return false;
}

bool idx_role_is_any(const char *name)
{
    const char *end = name + strlen(name), *next;
    end -= dt_ends_in(name, ".gz") ? 3 : 0;
    for (const char *at = name; at < end; at = next)
        if (find_word(at, end, kind_words, &next) >= 0 && is_idx_ending(next, end))
            return true;
    return false;
}
