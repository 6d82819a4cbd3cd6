#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/item.h"
#include "nn/architecture.h"

static bool is_number(const char *word)
{
    return isdigit((unsigned char)word[word[0] == '-']);
}

static dt_status append(dt_item *self, const dt_layer_spec *spec, dt_layer_list *out)
{
    if (out->count == DT_LAYERS_MAX)
        return dt_fail(self->error, DT_ERR_CONFIG,
                       "expected at most %d layers, activations among them, found more",
                       DT_LAYERS_MAX);
    out->layers[out->count++] = *spec;
    return DT_OK;
}

/* A kind that computes nothing is left out, but behind a number alone, to which it says something.
 */
static dt_status append_kind(dt_item *self, const dt_layer_spec *spec, dt_layer_list *out)
{
    bool tells = out->count > 0 && out->layers[out->count - 1].bare;
    bool nothing = strcmp(dt_layer_kind_at(spec->kind)->name, "identity") == 0;
    return nothing && !tells ? DT_OK : append(self, spec, out);
}

static dt_status refuse_rest(const dt_item *self, const dt_layer_kind *kind)
{
    dt_suggestion search = {.typed = self->word};
    char expected[200];
    dt_text out = {.text = expected, .size = sizeof expected};
    dt_item_offer(kind->arguments, kind->argument_count, &search, &out);
    for (int i = 0; !kind->follows && dt_layer_kind_at(i); i++)
        if (dt_layer_kind_at(i)->follows)
            dt_suggest_offer(&search, dt_layer_kind_at(i)->name);
    dt_suggest_offer(&search, "as");
    dt_text_add(&out, "%s'as LABEL', a comma or the end", kind->follows ? "" : "an activation, ");
    return dt_item_refuse(self, expected, "", &search);
}

static dt_status take_label(dt_item *self, const char *of, char label[DT_LABEL_SIZE])
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_0123456789";
    char expected[160];
    size_t length = strlen(self->word);
    if (isalpha((unsigned char)self->word[0]) && strspn(self->word, letters) == length &&
        length < DT_LABEL_SIZE) {
        memcpy(label, self->word, length + 1);
        dt_item_advance(self);
        return DT_OK;
    }
    snprintf(expected, sizeof expected,
             "a label %s (a letter, then at most %d letters, digits, - and _)", of,
             DT_LABEL_SIZE - 2);
    return dt_item_refuse(self, expected, "", NULL);
}

static bool is_label_next(const dt_item *self)
{
    return strcmp(self->word, "as") == 0;
}

/* as LABEL, behind which the item ends. count: of the layers in front of the item. */
static dt_status parse_label(dt_item *self, int count, dt_layer_list *out)
{
    if (out->count == count)
        return dt_item_refuse(self, "a layer in front of the label, since identity is none", "",
                              NULL);
    dt_item_advance(self);
    dt_status status = take_label(self, "of this item", out->layers[out->count - 1].label);
    return status || !self->word[0] ? status : dt_item_refuse(self, "a comma or the end", "", NULL);
}

/* The activation that is the word at hand, behind which the item ends or has its label. */
static dt_status parse_activation(dt_item *self, const dt_layer_kind *before, dt_layer_list *out)
{
    char expected[3 * DT_ITEM_WORD];
    dt_layer_spec behind = {.kind = dt_layer_kind_find(self->word)};
    if (before->follows || behind.kind < 0 || !dt_layer_kind_at(behind.kind)->follows)
        return refuse_rest(self, before);
    dt_item_advance(self);
    if (!self->word[0] || is_label_next(self))
        return append_kind(self, &behind, out);
    if (!dt_item_names(before->arguments, before->argument_count, self->word))
        return dt_item_refuse(self, "'as LABEL', a comma or the end", "", NULL);
    snprintf(expected, sizeof expected, "%s in front of %s", self->word,
             dt_layer_kind_at(behind.kind)->name);
    return dt_item_refuse(self, expected, " behind it", NULL);
}

/* NAME VALUE..., an activation, and a label. */
static dt_status parse_rest(dt_item *self, dt_layer_spec *spec, dt_layer_list *out)
{
    const dt_layer_kind *kind = dt_layer_kind_at(spec->kind);
    int count = out->count;
    dt_status status =
        dt_item_take_named(self, kind->arguments, kind->argument_count, spec->arguments);
    if (!status)
        status = append_kind(self, spec, out);
    if (!status && self->word[0] && !is_label_next(self))
        status = parse_activation(self, kind, out);
    return status || !self->word[0] ? status : parse_label(self, count, out);
}

static dt_status refuse_kind(const dt_item *self)
{
    dt_suggestion search = {.typed = self->word};
    for (int i = 0; dt_layer_kind_at(i); i++)
        dt_suggest_offer(&search, dt_layer_kind_at(i)->name);
    return dt_item_refuse(self, "a number or a kind of layer (--help layers)", "", &search);
}

static dt_status parse_item(dt_item *self, dt_layer_list *out)
{
    bool bare = is_number(self->word);
    dt_layer_spec spec = {.kind = dt_layer_kind_find(bare ? "dense" : self->word), .bare = bare};
    if (spec.kind < 0)
        return refuse_kind(self);
    const dt_layer_kind *kind = dt_layer_kind_at(spec.kind);
    dt_argument_presets(kind->arguments, kind->argument_count, spec.arguments);
    if (!bare)
        dt_item_advance(self);
    dt_status status = kind->second ? take_label(self, kind->second, spec.second) : DT_OK;
    if (!status)
        status = dt_item_take_values(self, kind->arguments, kind->argument_count, spec.arguments);
    if (status)
        return status;
    if (bare && self->word[0])
        return dt_item_refuse(self, "a comma, or 'dense' before the number", "", NULL);
    return bare ? append(self, &spec, out) : parse_rest(self, &spec, out);
}

/* A list that has been read, and the items that its layers are in. */
typedef struct reading {
    dt_layer_list list;
    int items[DT_LAYERS_MAX];
} reading;

/* The first layer from `first` on that has, or takes, a label; -1: none. */
static int find_label(const dt_layer_list *list, int first, const char *label, bool takes)
{
    for (int i = first; i < list->count; i++)
        if (strcmp(takes ? list->layers[i].second : list->layers[i].label, label) == 0)
            return i;
    return -1;
}

static dt_status refuse_second(const reading *self, int index, dt_error *error)
{
    const dt_layer_list *list = &self->list;
    const char *label = list->layers[index].second;
    dt_suggestion search = {.typed = label};
    int later = find_label(list, index, label, false);
    for (int i = 0; i < index; i++)
        if (list->layers[i].label[0])
            dt_suggest_offer(&search, list->layers[i].label);
    if (later >= 0)
        return dt_fail(error, DT_ERR_CONFIG,
                       "layer %d: expected the label of a layer in front of it, found '%s', which "
                       "is that of layer %d",
                       self->items[index], label, self->items[later]);
    return dt_fail(error, DT_ERR_CONFIG,
                   "layer %d: expected the label of a layer in front of it ('as %s'), found '%s', "
                   "which none has%s%s%s",
                   self->items[index], label, label, search.word ? "; did you mean '" : "",
                   search.word ? search.word : "", search.word ? "'?" : "");
}

/* Each label is of one layer, and taken behind it. */
static dt_status check_labels(const reading *self, dt_error *error)
{
    const dt_layer_list *list = &self->list;
    for (int i = 0; i < list->count; i++)
        if (list->layers[i].second[0] && dt_layers_source(list, i) < 0)
            return refuse_second(self, i, error);
    for (int i = 0; i < list->count; i++) {
        const char *label = list->layers[i].label;
        int twin = find_label(list, i + 1, label, false);
        if (label[0] && twin >= 0)
            return dt_fail(error, DT_ERR_CONFIG,
                           "layer %d: expected a label of its own, found '%s', which is that of "
                           "layer %d",
                           self->items[twin], label, self->items[i]);
        if (label[0] && find_label(list, i + 1, label, true) < 0)
            return dt_fail(error, DT_ERR_CONFIG,
                           "layer %d: expected a layer behind it that takes '%s', as in 'add %s', "
                           "found none",
                           self->items[i], label, label);
    }
    return DT_OK;
}

dt_status dt_layers_parse(const char *text, dt_layer_list *out, dt_error *error)
{
    reading self = {0};
    dt_item item = {.noun = "layer", .error = error};
    if (strlen(text) >= DT_LAYERS_TEXT)
        return dt_fail(error, DT_ERR_CONFIG, "expected layers of at most %d characters, found %zu",
                       DT_LAYERS_TEXT - 1, strlen(text));
    while (dt_item_next(&item, text)) {
        int first = self.list.count;
        dt_status status = parse_item(&item, &self.list);
        if (status)
            return status;
        for (int i = first; i < self.list.count; i++)
            self.items[i] = item.number;
    }
    if (self.list.count == 0)
        return dt_fail(error, DT_ERR_CONFIG, "expected a layer, found '%s', which is none", text);
    dt_status status = check_labels(&self, error);
    if (!status)
        *out = self.list;
    return status;
}
