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
    dt_text_add(&out, "%sa comma or the end", kind->follows ? "" : "an activation, ");
    return dt_item_refuse(self, expected, "", &search);
}

/* The activation that is the word at hand, behind which the item ends. */
static dt_status parse_activation(dt_item *self, const dt_layer_kind *before, dt_layer_list *out)
{
    char expected[3 * DT_ITEM_WORD];
    dt_layer_spec behind = {.kind = dt_layer_kind_find(self->word)};
    if (before->follows || behind.kind < 0 || !dt_layer_kind_at(behind.kind)->follows)
        return refuse_rest(self, before);
    dt_item_advance(self);
    if (!self->word[0])
        return append_kind(self, &behind, out);
    if (!dt_item_names(before->arguments, before->argument_count, self->word))
        return dt_item_refuse(self, "a comma or the end", "", NULL);
    snprintf(expected, sizeof expected, "%s in front of %s", self->word,
             dt_layer_kind_at(behind.kind)->name);
    return dt_item_refuse(self, expected, " behind it", NULL);
}

/* NAME VALUE..., and an activation. */
static dt_status parse_rest(dt_item *self, dt_layer_spec *spec, dt_layer_list *out)
{
    const dt_layer_kind *kind = dt_layer_kind_at(spec->kind);
    dt_status status =
        dt_item_take_named(self, kind->arguments, kind->argument_count, spec->arguments);
    if (!status)
        status = append_kind(self, spec, out);
    return status || !self->word[0] ? status : parse_activation(self, kind, out);
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
    dt_status status =
        dt_item_take_values(self, kind->arguments, kind->argument_count, spec.arguments);
    if (status)
        return status;
    if (bare && self->word[0])
        return dt_item_refuse(self, "a comma, or 'dense' before the number", "", NULL);
    return bare ? append(self, &spec, out) : parse_rest(self, &spec, out);
}

dt_status dt_layers_parse(const char *text, dt_layer_list *out, dt_error *error)
{
    dt_layer_list list = {0};
    dt_item item = {.noun = "layer", .error = error};
    if (strlen(text) >= DT_LAYERS_TEXT)
        return dt_fail(error, DT_ERR_CONFIG, "expected layers of at most %d characters, found %zu",
                       DT_LAYERS_TEXT - 1, strlen(text));
    while (dt_item_next(&item, text)) {
        dt_status status = parse_item(&item, &list);
        if (status)
            return status;
    }
    if (list.count == 0)
        return dt_fail(error, DT_ERR_CONFIG, "expected a layer, found '%s', which is none", text);
    *out = list;
    return DT_OK;
}
