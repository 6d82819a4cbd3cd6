#include "model/weights_bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "batchnorm.h"
#include "layer_match.h"
#include "model/planes.h"
#include "weights_facts.h"
#include "weights_put.h"

/* A tensor of the architecture. */
static dt_status add_keras(const dt_tensor *tensor, const float *values, dt_bundle *to,
                           dt_error *error)
{
    char name[DT_BUNDLE_NAME];
    float *room;
    snprintf(name, sizeof name, "%s/%s", tensor->layer, tensor->name);
    dt_status status = dt_bundle_add(to, name, tensor->rank, tensor->shape, &room, error);
    if (!status)
        memcpy(room, values, dt_tensor_count(tensor) * sizeof *values);
    return status;
}

static const char *torch_name(const dt_tensor *tensor)
{
    bool factor = tensor->role == DT_TENSOR_WEIGHT || tensor->role == DT_TENSOR_GAIN;
    return factor ? "weight" : tensor->role == DT_TENSOR_SHIFT ? "bias" : tensor->name;
}

static dt_status add_torch(const dt_tensor *tensor, const dt_planes *walk, const float *values,
                           dt_bundle *to, dt_error *error)
{
    char name[DT_BUNDLE_NAME];
    int64_t shape[DT_RANK_MAX];
    size_t sizes[3];
    float *room;
    snprintf(name, sizeof name, "%d.%s", walk->module, torch_name(tensor));
    dt_planes_shape(tensor, shape);
    dt_status status = dt_bundle_add(to, name, tensor->rank, shape, &room, error);
    dt_planes_sizes(walk, tensor, sizes);
    if (!status)
        dt_planes_reverse(values, sizes, room);
    return status;
}

static dt_status add_tensors(const dt_architecture *architecture, const float *parameters,
                             dt_weight_names names, dt_bundle *out, dt_error *error)
{
    size_t count = dt_architecture_tensors(architecture, NULL, NULL);
    dt_tensor *tensors = dt_calloc(count, sizeof *tensors, error);
    int *layers = dt_calloc(count, sizeof *layers, error);
    dt_status status = tensors && layers ? DT_OK : DT_ERR_INTERNAL;
    if (!status)
        dt_architecture_tensors(architecture, tensors, layers);
    dt_planes walk = {.image = dt_planes_any(architecture)};
    size_t next = 0;
    for (int i = 0; !status && dt_planes_next(architecture, i, &walk); i++)
        for (; !status && next < count && layers[next] == i; next++) {
            const float *values = parameters + tensors[next].offset;
            status = names == DT_NAMES_KERAS ? add_keras(&tensors[next], values, out, error)
                                             : add_torch(&tensors[next], &walk, values, out, error);
        }
    dt_free(tensors);
    dt_free(layers);
    return status;
}

dt_status dt_bundle_of_weights(const dt_architecture *architecture, const dt_weights_file *file,
                               dt_weight_names names, dt_bundle *out, dt_error *error)
{
    *out = (dt_bundle){0};
    dt_status status = DT_OK;
    if (names == DT_NAMES_TORCH) /* a mark that loaders of PyTorch's world look for */
        status = dt_bundle_add_text(out, "format", "pt", error);
    if (!status)
        status = add_tensors(architecture, file->parameters, names, out, error);
    return status ? status : weights_facts_to_texts(file, out, error);
}

dt_status dt_check_words(const dt_architecture *architecture,
                         bool (*has_word)(const dt_layer_kind *kind), const char *who,
                         const char *path, dt_error *error)
{
    dt_layer layer;
    for (int i = 0; dt_architecture_next(architecture, i, &layer); i++)
        if (!has_word(layer.kind))
            return dt_fail(error, DT_ERR_DATA,
                           "%s: layer %d: expected kinds of layers that %s, found '%s'", path,
                           dt_layers_item(&architecture->list, i), who, layer.kind->name);
    return DT_OK;
}

static bool has_bias(const found_layer *layers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (layers[i].bias)
            return true;
    return false;
}

static bool has_others_than_dense(const found_layer *layers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (layers[i].kernel->rank != 2)
            return true;
    return false;
}

/* Puts the layers into their order. list: the one to go by, or NULL; *architecture becomes the
 * network if that has more than dense layers. facts: of a file of ours, else NULL. */
static dt_status order_layers(found_layer *layers, size_t count, bool ordered,
                              const dt_layer_list *list, const dt_weights_facts *facts,
                              dt_architecture *architecture, dt_error *error)
{
    const dt_layer_defaults defaults = {"identity", "identity", has_bias(layers, count)};
    dt_shape output;
    dt_error own;
    if (!list && has_others_than_dense(layers, count)) {
        layer_sort(layers, count);
        return layer_match_refuse(layers, count, error);
    }
    if (!list || !layer_match_needed(list))
        return layer_order(layers, count, ordered, list, error);
    architecture->list = *list;
    if (!ordered)
        layer_sort(layers, count);
    if (!facts) {
        dt_status status = dt_layers_write_out(&architecture->list, &defaults, error);
        return status ? status : layer_match_input(layers, count, architecture, error);
    }
    const int64_t *shape = facts->input_shape;
    architecture->input = (dt_shape){(int)shape[0], (int)shape[1], (int)shape[2]};
    if (dt_architecture_check(architecture, &output, &own))
        return dt_fail(error, DT_ERR_DATA, "the layers in the file: %s", own.message);
    return layer_match(layers, count, architecture, error);
}

/* Normalisations from Keras, whose own epsilon is another than the one that a list has if it says
 * none. source: keras.layers.LayerNormalization, GroupNormalization */
static void note_epsilon(const found_layer *layers, size_t count, const dt_layer_list *list,
                         dt_import_note *note)
{
    const double keras = 1e-3;
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any |= layers[i].kernel->rank % 2 == 1 && !layers[i].transposed;
    for (int i = 0; any && i < list->count; i++) {
        const dt_layer_kind *kind = dt_layer_kind_at(list->layers[i].kind);
        for (int j = 0; kind->keras && j < kind->argument_count; j++)
            if (strcmp(kind->arguments[j].name, "epsilon") == 0 &&
                list->layers[i].arguments[j] != keras)
                snprintf(note->epsilon, sizeof note->epsilon, "%s with epsilon %g", kind->name,
                         list->layers[i].arguments[j]);
    }
}

/* The layers, which have been found, in their order. */
static dt_status put_layers(found_layer *layers, size_t count, const dt_bundle *bundle,
                            const dt_layer_list *list, dt_weights_file *out, dt_import_note *note,
                            dt_error *error)
{
    dt_architecture architecture = {.list.count = 0};
    dt_layer_list own;
    bool knows =
        out->own && !dt_layers_parse(out->facts.layers, &own, NULL) && layer_match_needed(&own);
    dt_status status = order_layers(layers, count, bundle->ordered, knows ? &own : list,
                                    knows ? &out->facts : NULL, &architecture, error);
    if (!status)
        status = weights_make_room(bundle, out, error);
    if (status)
        return status;
    weights_list_names(layers, count, note->layers);
    if (list && !out->own)
        note_epsilon(layers, count, list, note);
    if (architecture.list.count > 0)
        status = weights_put_network(layers, &architecture, out, error);
    for (size_t i = 0; i < count && !status && architecture.list.count == 0; i++)
        status = weights_put_dense(&layers[i], i, out, error);
    out->parameter_hash = dt_hash(out->parameters, out->parameter_count * sizeof(float));
    return status;
}

dt_status dt_weights_of_bundle(dt_bundle *bundle, const dt_layer_list *list, dt_weights_file *out,
                               dt_import_note *note, dt_error *error)
{
    size_t count;
    found_layer *layers;
    dt_text folded = {.text = note->folded, .size = sizeof note->folded};
    dt_status status = weights_find_layers(bundle, out, note, &layers, &count, error);
    note->layers[0] = '\0';
    if (!status)
        status = batchnorm_fold_all(bundle, layers, &count, bundle->ordered, &folded, error);
    if (!status)
        status = weights_facts_of_texts(bundle, out, error);
    if (!status)
        status = put_layers(layers, count, bundle, list, out, note, error);
    dt_free(layers);
    return status ? status : weights_facts_check_hash(bundle, out, error);
}
