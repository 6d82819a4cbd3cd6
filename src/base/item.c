#include "base/item.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM_SHOWN = 60 };

void dt_argument_text(const dt_argument *argument, double value, char *text, size_t size)
{
    dt_text real = {.text = text, .size = size};
    if (argument->word && value == argument->means) {
        snprintf(text, size, "%s", argument->word);
        return;
    }
    switch (argument->type) {
    case DT_ARGUMENT_INTEGER:
        snprintf(text, size, "%.0f", value);
        break;
    case DT_ARGUMENT_REAL:
        dt_text_add_real(&real, value);
        break;
    case DT_ARGUMENT_BOOL:
        snprintf(text, size, "%s", value != 0 ? "true" : "false");
        break;
    case DT_ARGUMENT_SIZE:
        dt_text_add(&real, "%d", dt_argument_height(value));
        if (!argument->preset || dt_argument_height(value) != dt_argument_width(value))
            dt_text_add(&real, "x%d", dt_argument_width(value));
        break;
    }
}

void dt_argument_expects(const dt_argument *argument, char *text, size_t size)
{
    static const char *const numbers[] = {[DT_ARGUMENT_INTEGER] = "an integer",
                                          [DT_ARGUMENT_REAL] = "a number",
                                          [DT_ARGUMENT_SIZE] = "HEIGHTxWIDTH, or one for both,"};
    dt_text out = {.text = text, .size = size};
    if (argument->type == DT_ARGUMENT_BOOL)
        dt_text_add(&out, "true or false");
    else
        dt_text_add(&out, "%s from %.15g to %.15g", numbers[argument->type], argument->min,
                    argument->max);
    if (argument->word)
        dt_text_add(&out, ", or %s", argument->word);
}

void dt_argument_add(dt_text *to, const char *before, const dt_argument *argument,
                     const char *value)
{
    bool word = argument->word && strcmp(value, argument->word) == 0;
    dt_text_add(to, "%s%s%s%s", before, word ? "" : argument->name, word ? "" : " ", value);
}

/* "5x3", or "5" of both. */
static bool parse_size(const dt_argument *argument, const char *word, double *value)
{
    char *end;
    if (!isdigit((unsigned char)word[0]))
        return false;
    long height = strtol(word, &end, 10), width = height;
    if (*end == 'x' && isdigit((unsigned char)end[1]))
        width = strtol(end + 1, &end, 10);
    if (*end != '\0' || fmin((double)height, (double)width) < argument->min ||
        fmax((double)height, (double)width) > argument->max)
        return false;
    *value = dt_argument_size((int)height, (int)width);
    return true;
}

static bool parse_value(const dt_argument *argument, const char *word, double *value)
{
    char *end;
    if (argument->word && strcmp(word, argument->word) == 0) {
        *value = argument->means;
        return true;
    }
    if (argument->type == DT_ARGUMENT_SIZE)
        return parse_size(argument, word, value);
    if (argument->type == DT_ARGUMENT_BOOL) {
        *value = strcmp(word, "true") == 0;
        return *value != 0 || strcmp(word, "false") == 0;
    }
    size_t digits =
        strspn(word, argument->type == DT_ARGUMENT_INTEGER ? "0123456789" : "0123456789+-.eE");
    if (word[0] == '\0' || word[digits] != '\0')
        return false;
    *value = strtod(word, &end);
    return *end == '\0' && *value >= argument->min && *value <= argument->max;
}

void dt_argument_presets(const dt_argument *arguments, int count, double *values)
{
    for (int i = 0; i < count; i++)
        if (arguments[i].preset)
            (void)parse_value(&arguments[i], arguments[i].preset, &values[i]);
}

bool dt_item_next(dt_item *self, const char *text)
{
    const char *at = text;
    if (self->begin) {
        at = self->end + strspn(self->end, " \t");
        if (*at++ == '\0')
            return false;
    }
    self->begin = at + strspn(at, " \t");
    self->end = self->begin + strcspn(self->begin, ",");
    while (self->end > self->begin && strchr(" \t", self->end[-1]))
        self->end--;
    self->at = self->begin;
    self->number++;
    dt_item_advance(self);
    return true;
}

void dt_item_advance(dt_item *self)
{
    size_t length = 0;
    while (self->at < self->end && strchr(" \t", *self->at))
        self->at++;
    for (; self->at < self->end && !strchr(" \t", *self->at); self->at++)
        if (length < sizeof self->word - 1)
            self->word[length++] = *self->at;
    self->word[length] = '\0';
}

dt_status dt_item_refuse(const dt_item *self, const char *expected, const char *where,
                         const dt_suggestion *search)
{
    const char *meant = search ? search->word : NULL;
    int length = (int)(self->end - self->begin);
    return dt_fail(self->error, DT_ERR_CONFIG,
                   "%s %d, '%.*s%s': expected %s, found %s%.40s%s%s%s%s%s", self->noun,
                   self->number, length < ITEM_SHOWN ? length : ITEM_SHOWN, self->begin,
                   length > ITEM_SHOWN ? "..." : "", expected, self->word[0] ? "'" : "",
                   self->word[0] ? self->word : "nothing", self->word[0] ? "'" : "", where,
                   meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

void dt_item_offer(const dt_argument *arguments, int count, dt_suggestion *search, dt_text *to)
{
    for (int i = 0; i < count; i++) {
        if (!arguments[i].preset)
            continue;
        dt_suggest_offer(search, arguments[i].name);
        dt_text_add(to, "%s, ", arguments[i].name);
        if (arguments[i].word) {
            dt_suggest_offer(search, arguments[i].word);
            dt_text_add(to, "%s, ", arguments[i].word);
        }
    }
}

static dt_status take_value(dt_item *self, const dt_argument *argument, double *value)
{
    char values[64], expected[160];
    if (parse_value(argument, self->word, value)) {
        dt_item_advance(self);
        return DT_OK;
    }
    dt_argument_expects(argument, values, sizeof values);
    snprintf(expected, sizeof expected, "%s for %s (%s)", values, argument->name, argument->help);
    return dt_item_refuse(self, expected, "", NULL);
}

dt_status dt_item_take_values(dt_item *self, const dt_argument *arguments, int count,
                              double *values)
{
    dt_status status = DT_OK;
    for (int i = 0; i < count && !status; i++)
        if (!arguments[i].preset)
            status = take_value(self, &arguments[i], &values[i]);
    return status;
}

/* Whether the word alone says what the argument is. */
static bool is_word_of(const dt_argument *argument, const char *word)
{
    return argument->preset && argument->word && dt_edit_distance(word, argument->word) == 0;
}

/* The argument that is given by its name `word`, or by its own word; -1: none. */
static int find_argument(const dt_argument *arguments, int count, const char *word)
{
    for (int i = 0; i < count; i++)
        if (arguments[i].preset &&
            (dt_edit_distance(word, arguments[i].name) == 0 || is_word_of(&arguments[i], word)))
            return i;
    return -1;
}

bool dt_item_names(const dt_argument *arguments, int count, const char *word)
{
    return find_argument(arguments, count, word) >= 0;
}

dt_status dt_item_take_named(dt_item *self, const dt_argument *arguments, int count, double *values)
{
    uint32_t given = 0;
    for (int index; (index = find_argument(arguments, count, self->word)) >= 0;) {
        char once[DT_ITEM_WORD + 8];
        snprintf(once, sizeof once, "%s once", arguments[index].name);
        if (given >> index & 1)
            return dt_item_refuse(self, once, " a second time", NULL);
        given |= 1U << index;
        if (!is_word_of(&arguments[index], self->word))
            dt_item_advance(self);
        dt_status status = take_value(self, &arguments[index], &values[index]);
        if (status)
            return status;
    }
    return DT_OK;
}
