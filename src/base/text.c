#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* Room for `added` bytes more, if there is memory, and has been so far. */
static void make_room(dt_text *self, size_t added)
{
    bool failed = self->length > 0 && self->length >= self->size;
    char *larger =
        failed ? NULL : dt_grow(self->text, &self->size, self->length + added + 1, 1, NULL);
    if (larger)
        self->text = larger;
}

void dt_text_add(dt_text *to, const char *format, ...)
{
    for (bool grew = !to->grows;; grew = true) {
        size_t room = to->length < to->size ? to->size - to->length : 0;
        va_list args;
        va_start(args, format);
        int added = vsnprintf(room > 0 ? to->text + to->length : NULL, room, format, args);
        va_end(args);
        if (added >= 0 && (size_t)added >= room && !grew) {
            make_room(to, (size_t)added);
            continue;
        }
        to->length += added > 0 ? (size_t)added : 0;
        return;
    }
}

dt_status dt_text_status(const dt_text *self, dt_error *error)
{
    if (self->length < self->size)
        return DT_OK;
    return dt_fail(error, DT_ERR_INTERNAL, "out of memory for a text of %zu bytes", self->length);
}

/* "%g" leaves out the zeros behind the digits: 15 are as short as fewer. */
void dt_text_add_real(dt_text *to, double value)
{
    char text[32];
    int digits = 15;
    do
        snprintf(text, sizeof text, "%.*g", digits, value);
    while (digits++ < 17 && strtod(text, NULL) != value && !isnan(value));
    dt_text_add(to, "%s", text);
}

void dt_text_add_names(dt_text *to, const char *const *names)
{
    dt_text_add(to, "%s", *names);
    while (*++names)
        dt_text_add(to, "%s%s", names[1] ? ", " : " or ", *names);
}

void dt_text_add_listed(dt_text *to, dt_text_list *list, int width, const char *name)
{
    const char *before = list->before ? list->before : "";
    size_t end = to->length + strnlen(name, (size_t)width) + sizeof ",  and 2147483647 more";
    if (list->count > 0 && list->count < list->most && !to->grows && end > to->size)
        list->most = list->count;
    if (list->count++ < list->most)
        dt_text_add(to, "%s%.*s", list->count > 1 ? ", " : before, width, name);
}

void dt_text_end_list(dt_text *to, const dt_text_list *list)
{
    if (list->count > list->most)
        dt_text_add(to, " and %d more", list->count - list->most);
}

bool dt_has_word(const char *words, const char *word)
{
    size_t length;
    for (words += strspn(words, " "); *words; words += length, words += strspn(words, " ")) {
        length = strcspn(words, " ");
        if (strlen(word) == length && strncmp(words, word, length) == 0)
            return true;
    }
    return false;
}

bool dt_has_word_elsewhere(const char *own, const char *word, const char *(*nth)(int i))
{
    if (dt_has_word(own, word))
        return false;
    for (int i = 0; nth(i); i++)
        if (dt_has_word(nth(i), word))
            return true;
    return false;
}

bool dt_ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), size = strlen(ending);
    return length > size && strcasecmp(name + length - size, ending) == 0;
}
