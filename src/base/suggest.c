#include "base/suggest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

static char folded(char c)
{
    return c == '-' ? '_' : c;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t dt_edit_distance(const char *a, const char *b)
{
    size_t rows = strnlen(a, DT_SUGGEST_MAX + 1), columns = strnlen(b, DT_SUGGEST_MAX + 1);
    if (rows > DT_SUGGEST_MAX || columns > DT_SUGGEST_MAX)
        return SIZE_MAX;

    size_t table[3][DT_SUGGEST_MAX + 1];
    for (size_t j = 0; j <= columns; j++)
        table[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t *now = table[i % 3];
        const size_t *above = table[(i - 1) % 3], *two_above = table[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            char x = folded(a[i - 1]), y = folded(b[j - 1]);
            size_t edited = 1 + min_size(above[j], now[j - 1]);
            now[j] = min_size(edited, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && folded(a[i - 2]) == y)
                now[j] = min_size(now[j], two_above[j - 2] + 1);
        }
    }
    return table[rows % 3][columns];
}

int dt_name_find(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (dt_edit_distance(name, names[i]) == 0)
            return i;
    return -1;
}

/* The word in lower case, cut to what is compared. */
static const char *lower(const char *word, char out[DT_SUGGEST_MAX + 2])
{
    size_t length = strnlen(word, DT_SUGGEST_MAX + 1);
    for (size_t i = 0; i < length; i++)
        out[i] = (char)tolower((unsigned char)word[i]);
    out[length] = '\0';
    return out;
}

void dt_suggest_offer(dt_suggestion *search, const char *candidate)
{
    char typed[DT_SUGGEST_MAX + 2], word[DT_SUGGEST_MAX + 2];
    size_t distance = dt_edit_distance(lower(search->typed, typed), lower(candidate, word));
    if (distance > 1 + strlen(search->typed) / 4)
        return;
    if (!search->word || distance < search->distance) {
        search->word = candidate;
        search->distance = distance;
    }
}
