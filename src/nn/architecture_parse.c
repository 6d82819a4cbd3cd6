#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/text.h"
#include "nn/architecture.h"

enum { WORD_SIZE = DT_SUGGEST_MAX + 1, ITEM_SHOWN = 60 };

/* An item of a list that is being read. */
typedef struct item {
    const char *begin, *end; /* without blanks around it */
    const char *at;          /* the next word */
    char word[WORD_SIZE];    /* the one at hand; "" behind the last */
    int number;              /* 1, 2, ... */
    dt_layer_list *out;
    dt_error *error;
} item;

/* The next word becomes the one at hand; one that is too long is cut: it is no word of ours. */
static void advance(item *self)
{
    size_t length = 0;
    while (self->at < self->end && strchr(" \t", *self->at))
        self->at++;
    for (; self->at < self->end && !strchr(" \t", *self->at); self->at++)
        if (length < sizeof self->word - 1)
            self->word[length++] = *self->at;
    self->word[length] = '\0';
}

/* where: behind the word that was found, of a word that would be right elsewhere; "" otherwise. */
static dt_status refuse_at(const item *self, const char *expected, const char *where,
                           const dt_suggestion *search)
{
    const char *meant = search ? search->word : NULL;
    int length = (int)(self->end - self->begin);
    return dt_fail(self->error, DT_ERR_CONFIG,
                   "layer %d, '%.*s%s': expected %s, found %s%.40s%s%s%s%s%s", self->number,
                   length < ITEM_SHOWN ? length : ITEM_SHOWN, self->begin,
                   length > ITEM_SHOWN ? "..." : "", expected, self->word[0] ? "'" : "",
                   self->word[0] ? self->word : "nothing", self->word[0] ? "'" : "", where,
                   meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

static dt_status refuse(const item *self, const char *expected, const dt_suggestion *search)
{
    return refuse_at(self, expected, "", search);
}

static bool is_number(const char *word)
{
    return isdigit((unsigned char)word[word[0] == '-']);
}

/* "5x3", or "5" of both. */
static bool parse_size(const dt_layer_argument *argument, const char *word, double *value)
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
    *value = dt_size((int)height, (int)width);
    return true;
}

static bool parse_value(const dt_layer_argument *argument, const char *word, double *value)
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

static dt_status take_value(item *self, const dt_layer_argument *argument, double *value)
{
    char values[64], expected[160];
    if (parse_value(argument, self->word, value)) {
        advance(self);
        return DT_OK;
    }
    dt_layer_argument_expects(argument, values, sizeof values);
    snprintf(expected, sizeof expected, "%s for %s (%s)", values, argument->name, argument->help);
    return refuse(self, expected, NULL);
}

static dt_status append(item *self, const dt_layer_spec *spec)
{
    if (self->out->count == DT_LAYERS_MAX)
        return dt_fail(self->error, DT_ERR_CONFIG,
                       "expected at most %d layers, activations among them, found more",
                       DT_LAYERS_MAX);
    self->out->layers[self->out->count++] = *spec;
    return DT_OK;
}

/* A kind that computes nothing is left out, but behind a number alone, to which it says something.
 */
static dt_status append_kind(item *self, const dt_layer_spec *spec)
{
    bool tells = self->out->count > 0 && self->out->layers[self->out->count - 1].bare;
    bool nothing = strcmp(dt_layer_kind_at(spec->kind)->name, "identity") == 0;
    return nothing && !tells ? DT_OK : append(self, spec);
}

static dt_status refuse_rest(const item *self, const dt_layer_kind *kind)
{
    dt_suggestion search = {.typed = self->word};
    char expected[200];
    dt_text out = {.text = expected, .size = sizeof expected};
    for (int i = 0; i < kind->argument_count; i++) {
        if (!kind->arguments[i].preset)
            continue;
        dt_suggest_offer(&search, kind->arguments[i].name);
        dt_text_add(&out, "%s, ", kind->arguments[i].name);
        if (kind->arguments[i].word) {
            dt_suggest_offer(&search, kind->arguments[i].word);
            dt_text_add(&out, "%s, ", kind->arguments[i].word);
        }
    }
    for (int i = 0; !kind->follows && dt_layer_kind_at(i); i++)
        if (dt_layer_kind_at(i)->follows)
            dt_suggest_offer(&search, dt_layer_kind_at(i)->name);
    dt_text_add(&out, "%sa comma or the end", kind->follows ? "" : "an activation, ");
    return refuse(self, expected, &search);
}

/* Whether the word alone says what the argument is. */
static bool is_word_of(const dt_layer_argument *argument, const char *word)
{
    return argument->preset && argument->word && dt_edit_distance(word, argument->word) == 0;
}

/* The argument of the kind that is given by its name `word`, or by its own word; -1: none. */
static int find_argument(const dt_layer_kind *kind, const char *word)
{
    for (int i = 0; i < kind->argument_count; i++)
        if (kind->arguments[i].preset && (dt_edit_distance(word, kind->arguments[i].name) == 0 ||
                                          is_word_of(&kind->arguments[i], word)))
            return i;
    return -1;
}

/* The activation that is the word at hand, behind which the item ends. */
static dt_status parse_activation(item *self, const dt_layer_kind *before)
{
    char expected[3 * WORD_SIZE];
    dt_layer_spec behind = {.kind = dt_layer_kind_find(self->word)};
    if (before->follows || behind.kind < 0 || !dt_layer_kind_at(behind.kind)->follows)
        return refuse_rest(self, before);
    advance(self);
    if (!self->word[0])
        return append_kind(self, &behind);
    if (find_argument(before, self->word) < 0)
        return refuse(self, "a comma or the end", NULL);
    snprintf(expected, sizeof expected, "%s in front of %s", self->word,
             dt_layer_kind_at(behind.kind)->name);
    return refuse_at(self, expected, " behind it", NULL);
}

/* NAME VALUE..., and an activation. */
static dt_status parse_rest(item *self, dt_layer_spec *spec)
{
    const dt_layer_kind *kind = dt_layer_kind_at(spec->kind);
    bool given[DT_ARGUMENTS_MAX] = {false};
    for (int index; (index = find_argument(kind, self->word)) >= 0;) {
        char once[WORD_SIZE + 8];
        snprintf(once, sizeof once, "%s once", kind->arguments[index].name);
        if (given[index])
            return refuse_at(self, once, " a second time", NULL);
        given[index] = true;
        if (!is_word_of(&kind->arguments[index], self->word))
            advance(self);
        dt_status status = take_value(self, &kind->arguments[index], &spec->arguments[index]);
        if (status)
            return status;
    }
    dt_status status = append_kind(self, spec);
    return status || !self->word[0] ? status : parse_activation(self, kind);
}

static void set_presets(dt_layer_spec *spec)
{
    const dt_layer_kind *kind = dt_layer_kind_at(spec->kind);
    for (int i = 0; i < kind->argument_count; i++)
        if (kind->arguments[i].preset)
            (void)parse_value(&kind->arguments[i], kind->arguments[i].preset, &spec->arguments[i]);
}

static dt_status refuse_kind(const item *self)
{
    dt_suggestion search = {.typed = self->word};
    for (int i = 0; dt_layer_kind_at(i); i++)
        dt_suggest_offer(&search, dt_layer_kind_at(i)->name);
    return refuse(self, "a number or a kind of layer (--help layers)", &search);
}

static dt_status parse_item(item *self)
{
    advance(self);
    bool bare = is_number(self->word);
    dt_layer_spec spec = {.kind = dt_layer_kind_find(bare ? "dense" : self->word), .bare = bare};
    if (spec.kind < 0)
        return refuse_kind(self);
    const dt_layer_kind *kind = dt_layer_kind_at(spec.kind);
    set_presets(&spec);
    if (!bare)
        advance(self);
    for (int i = 0; i < kind->argument_count; i++) {
        if (kind->arguments[i].preset)
            continue;
        dt_status status = take_value(self, &kind->arguments[i], &spec.arguments[i]);
        if (status)
            return status;
    }
    if (bare && self->word[0])
        return refuse(self, "a comma, or 'dense' before the number", NULL);
    return bare ? append(self, &spec) : parse_rest(self, &spec);
}

dt_status dt_layers_parse(const char *text, dt_layer_list *out, dt_error *error)
{
    dt_layer_list list = {0};
    item next = {.out = &list, .error = error};
    if (strlen(text) >= DT_LAYERS_TEXT)
        return dt_fail(error, DT_ERR_CONFIG, "expected layers of at most %d characters, found %zu",
                       DT_LAYERS_TEXT - 1, strlen(text));
    for (const char *at = text;; at = next.end + strspn(next.end, " \t") + 1) {
        next.begin = at + strspn(at, " \t");
        next.end = next.begin + strcspn(next.begin, ",");
        while (next.end > next.begin && strchr(" \t", next.end[-1]))
            next.end--;
        next.at = next.begin;
        next.number++;
        dt_status status = parse_item(&next);
        if (status)
            return status;
        if (next.end[strspn(next.end, " \t")] == '\0')
            break;
    }
    if (list.count == 0)
        return dt_fail(error, DT_ERR_CONFIG, "expected a layer, found '%s', which is none", text);
    *out = list;
    return DT_OK;
}
