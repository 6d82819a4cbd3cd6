#include "nn/architecture.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* What may follow a kind stands in its item: an activation behind a layer that is none, and has no
 * label. */
static bool stands_behind(const dt_layer_list *list, int index)
{
    return index > 0 && !list->layers[index].bare && !list->layers[index - 1].bare &&
           !list->layers[index - 1].label[0] &&
           dt_layer_kind_at(list->layers[index].kind)->follows &&
           !dt_layer_kind_at(list->layers[index - 1].kind)->follows;
}

static void add_layer(dt_text *to, const dt_layer_spec *spec)
{
    const dt_layer_kind *kind = dt_layer_kind_at(spec->kind);
    char value[32];
    if (!spec->bare)
        dt_text_add(to, "%s%s%s", kind->name, spec->second[0] ? " " : "", spec->second);
    for (int i = 0; i < kind->argument_count; i++) {
        const dt_argument *argument = &kind->arguments[i];
        dt_argument_text(&kind->arguments[i], spec->arguments[i], value, sizeof value);
        if (!argument->preset)
            dt_text_add(to, "%s%s", spec->bare ? "" : " ", value);
        else if (!spec->bare && strcmp(value, argument->preset) != 0)
            dt_argument_add(to, " ", argument, value);
    }
}

static size_t write_list(const dt_layer_list *list, char *text, size_t size)
{
    dt_text out = {.text = text, .size = size};
    dt_text_add(&out, "%s", "");
    for (int i = 0; i < list->count; i++) {
        if (i > 0)
            dt_text_add(&out, stands_behind(list, i) ? " " : ", ");
        add_layer(&out, &list->layers[i]);
        if (list->layers[i].label[0])
            dt_text_add(&out, " as %s", list->layers[i].label);
    }
    return out.length;
}

char *dt_layers_text(const dt_layer_list *list, char *text)
{
    write_list(list, text, DT_LAYERS_TEXT);
    return text;
}

/* Appends a layer of a kind without arguments; "identity" is none. */
static void add_activation(dt_layer_list *list, const char *name)
{
    if (strcmp(name, "identity") != 0 && list->count < DT_LAYERS_MAX)
        list->layers[list->count++] = (dt_layer_spec){.kind = dt_layer_kind_find(name)};
}

static bool has_weights(const dt_layer_list *list, int index)
{
    return dt_layer_kind_at(list->layers[index].kind)->flops != NULL;
}

/* Behind the number alone that is layer `index`: nothing if an activation is the next item, else
 * what the defaults say of the last layer with weights, and of the others. */
static const char *default_behind(const dt_layer_list *list, int index,
                                  const dt_layer_defaults *defaults)
{
    if (index + 1 < list->count && dt_layer_kind_at(list->layers[index + 1].kind)->follows)
        return "identity";
    for (int i = index + 1; i < list->count; i++)
        if (has_weights(list, i))
            return defaults->hidden;
    return defaults->output;
}

void dt_layers_open(const dt_layer_list *list, bool *hidden, bool *output)
{
    const dt_layer_defaults marks = {.hidden = "hidden", .output = "output"};
    *hidden = *output = false;
    for (int i = 0; i < list->count; i++) {
        const char *behind = list->layers[i].bare ? default_behind(list, i, &marks) : NULL;
        *hidden |= behind == marks.hidden;
        *output |= behind == marks.output;
    }
}

dt_status dt_layers_write_out(dt_layer_list *list, const dt_layer_defaults *defaults,
                              dt_error *error)
{
    dt_layer_list out = {0};
    bool fits = true;
    for (int i = 0; i < list->count; i++) {
        dt_layer_spec spec = list->layers[i];
        const dt_layer_kind *kind = dt_layer_kind_at(spec.kind);
        bool bare = spec.bare;
        const char *behind = default_behind(list, i, defaults);
        int added = 1 + (bare && strcmp(behind, "identity") != 0);
        if (strcmp(kind->name, "identity") == 0) {
            if (spec.label[0])
                memcpy(out.layers[out.count - 1].label, spec.label, sizeof spec.label);
            continue;
        }
        fits = fits && out.count + added <= DT_LAYERS_MAX;
        if (!fits)
            break;
        spec.bare = false;
        for (int j = 0; bare && j < kind->argument_count; j++)
            if (strcmp(kind->arguments[j].name, "bias") == 0)
                spec.arguments[j] = defaults->bias;
        out.layers[out.count++] = spec;
        if (bare)
            add_activation(&out, behind);
    }
    if (!fits || write_list(&out, NULL, 0) >= DT_LAYERS_TEXT)
        return dt_fail(error, DT_ERR_CONFIG,
                       "expected at most %d layers, activations among them, of %d characters when "
                       "they are written out, found more",
                       DT_LAYERS_MAX, DT_LAYERS_TEXT - 1);
    *list = out;
    return DT_OK;
}

void dt_layers_shorten(dt_layer_list *list, const dt_layer_defaults *defaults)
{
    char text[DT_LAYERS_TEXT], again[DT_LAYERS_TEXT];
    const int dense = dt_layer_kind_find("dense");
    dt_layer_list numbers = {0}, meant;
    for (int i = 0; i < list->count; i++)
        if (list->layers[i].kind == dense) {
            numbers.layers[numbers.count] = list->layers[i];
            numbers.layers[numbers.count++].bare = true;
        }
    meant = numbers;
    if (!dt_layers_write_out(&meant, defaults, NULL) &&
        strcmp(dt_layers_text(list, text), dt_layers_text(&meant, again)) == 0)
        *list = numbers;
}

/* The activation behind layer `index`; NULL: something else stands there. */
static const char *activation_behind(const dt_layer_list *list, int index)
{
    if (index + 1 == list->count)
        return "identity";
    const dt_layer_kind *next = dt_layer_kind_at(list->layers[index + 1].kind);
    return !next->follows ? "identity" : next->map ? next->name : NULL;
}

const char *dt_layers_hidden(const dt_layer_list *list, const char *activation, bool *has,
                             bool *others)
{
    const char *first = NULL;
    int before = -1; /* the layer with weights that came last */
    *has = *others = false;
    for (int i = 0; i < list->count; i++) {
        if (!has_weights(list, i))
            continue;
        const char *behind = before >= 0 ? activation_behind(list, before) : NULL;
        *has |= behind && strcmp(behind, activation) == 0;
        *others |= behind && strcmp(behind, activation) != 0;
        first = first ? first : behind;
        before = i;
    }
    return first;
}

void dt_layers_biases(const dt_layer_list *list, bool *with, bool *without)
{
    *with = *without = false;
    for (int i = 0; i < list->count; i++) {
        const dt_layer_kind *kind = dt_layer_kind_at(list->layers[i].kind);
        for (int j = 0; j < kind->argument_count; j++)
            if (strcmp(kind->arguments[j].name, "bias") == 0)
                *(list->layers[i].arguments[j] != 0 ? with : without) = true;
    }
}

bool dt_layers_end_in_softmax(const dt_layer_list *list)
{
    return list->count > 0 &&
           strcmp(dt_layer_kind_at(list->layers[list->count - 1].kind)->name, "softmax") == 0;
}

int dt_layers_source(const dt_layer_list *list, int index)
{
    const char *label = list->layers[index].second;
    int i = index - 1;
    while (i >= 0 && (!label[0] || strcmp(list->layers[i].label, label) != 0))
        i--;
    return i;
}

int dt_layers_item(const dt_layer_list *list, int index)
{
    int number = 1;
    for (int i = 1; i <= index; i++)
        number += !stands_behind(list, i);
    return number;
}

int dt_layers_outputs(const dt_layer_list *list)
{
    dt_layer layer;
    for (int i = list->count - 1; i >= 0; i--) {
        const dt_layer_kind *kind = dt_layer_kind_at(list->layers[i].kind);
        if (kind->windows)
            return 0;
        if (kind->flops && !dt_layer_of(&list->layers[i], (dt_shape){1, 1, 1}, &layer, NULL))
            return layer.outputs;
    }
    return 0;
}

void dt_layers_set_outputs(dt_layer_list *list, int outputs)
{
    const int dense = dt_layer_kind_find("dense");
    if (dt_layers_outputs(list) == 0)
        return;
    for (int i = list->count - 1; i >= 0; i--)
        if (list->layers[i].kind == dense) {
            list->layers[i].arguments[0] = outputs;
            return;
        }
}

dt_status dt_layers_trainable(const dt_layer_list *list, dt_error *error)
{
    int dropout = -1;
    for (int i = list->count - 1; i >= 0; i--) {
        const dt_layer_kind *kind = dt_layer_kind_at(list->layers[i].kind);
        if (kind->tensors && dropout < 0)
            return DT_OK;
        if (kind->tensors)
            return dt_fail(error, DT_ERR_CONFIG,
                           "layer %d: dropout: expected a layer with parameters behind it, since "
                           "it would drop what the network answers, found none",
                           dt_layers_item(list, dropout));
        dropout = strcmp(kind->name, "dropout") == 0 ? i : dropout;
    }
    return dt_fail(error, DT_ERR_CONFIG,
                   "expected a layer that can be trained, found none with parameters");
}

/* outputs: of the layers in front of it. */
static dt_status check_second(const dt_layer_list *list, int index, const dt_layer *layer,
                              const dt_shape *outputs, dt_error *error)
{
    int source = dt_layers_source(list, index);
    dt_shape has = layer->input, other = source < 0 ? has : outputs[source];
    if (has.height == other.height && has.width == other.width && has.channels == other.channels)
        return DT_OK;
    return dt_fail(
        error, DT_ERR_CONFIG,
        "%s %s: expected two inputs of the same shape, found %dx%dx%d in front of it and "
        "%dx%dx%d of '%s' (layer %d)",
        layer->kind->name, layer->second, has.height, has.width, has.channels, other.height,
        other.width, other.channels, layer->second, dt_layers_item(list, source));
}

dt_status dt_architecture_check(const dt_architecture *self, dt_shape *output, dt_error *error)
{
    dt_shape outputs[DT_LAYERS_MAX];
    dt_status status = dt_layers_trainable(&self->list, error);
    *output = self->input;
    for (int i = 0; i < self->list.count && !status; i++) {
        dt_layer layer;
        status = dt_layer_of(&self->list.layers[i], *output, &layer, error);
        if (!status)
            status = check_second(&self->list, i, &layer, outputs, error);
        if (status && error)
            dt_fail_in(error, "layer %d", dt_layers_item(&self->list, i));
        *output = outputs[i] = layer.output;
    }
    return status;
}

bool dt_architecture_next(const dt_architecture *self, int index, dt_layer *layer)
{
    if (index == self->list.count)
        return false;
    dt_shape input = index > 0 ? layer->output : self->input;
    (void)dt_layer_of(&self->list.layers[index], input, layer, NULL);
    layer->source = dt_layers_source(&self->list, index);
    return true;
}

static void name_layer(const dt_layer_list *list, int index, char *name, size_t size)
{
    const dt_layer_kind *kind = dt_layer_kind_at(list->layers[index].kind);
    int before = 0;
    for (int i = 0; i < index; i++)
        before += list->layers[i].kind == list->layers[index].kind;
    if (before == 0)
        snprintf(name, size, "%s", kind->keras);
    else
        snprintf(name, size, "%s_%d", kind->keras, before);
}

size_t dt_architecture_tensors(const dt_architecture *self, dt_tensor *tensors, int *layers)
{
    size_t count = 0, offset = 0;
    dt_layer layer;
    for (int i = 0; dt_architecture_next(self, i, &layer); i++) {
        for (int j = 0; j < layer.tensor_count; j++, count++) {
            if (layers)
                layers[count] = i;
            if (!tensors)
                continue;
            tensors[count] = layer.tensors[j];
            tensors[count].offset += offset;
            name_layer(&self->list, i, tensors[count].layer, sizeof tensors[count].layer);
        }
        offset += layer.parameter_count;
    }
    return count;
}

int dt_architecture_outputs(const dt_architecture *self)
{
    dt_shape output;
    (void)dt_architecture_check(self, &output, NULL);
    return dt_shape_size(output);
}

static void add_values(dt_text *to, const char *before, dt_shape shape, bool image)
{
    if (image)
        dt_text_add(to, "%s%dx%dx%d", before, shape.height, shape.width, shape.channels);
    else
        dt_text_add(to, "%s%d", before, dt_shape_size(shape));
}

char *dt_architecture_text(const dt_architecture *self, char *text, size_t size)
{
    dt_text out = {.text = text, .size = size};
    dt_layer layer;
    bool images = false;
    for (int i = 0; i < self->list.count; i++)
        images |= dt_layer_kind_at(self->list.layers[i].kind)->windows != NULL;
    add_values(&out, "", self->input, images);
    for (int i = 0; dt_architecture_next(self, i, &layer); i++)
        if (has_weights(&self->list, i))
            add_values(&out, "-", layer.output, layer.output.height * layer.output.width > 1);
    return text;
}
