#include "model/weights_bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "layer_match.h"
#include "layer_order.h"
#include "model/planes.h"
#include "nn/finite.h"
#include "weights_facts.h"

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

static found_layer *layer_called(found_layer *layers, size_t *count, const char *name,
                                 size_t length)
{
    for (size_t i = 0; i < *count; i++)
        if (strlen(layers[i].name) == length && memcmp(layers[i].name, name, length) == 0)
            return &layers[i];
    if (*count == LAYERS_MAX)
        return NULL;
    found_layer *layer = &layers[(*count)++];
    memcpy(layer->name, name, length);
    return layer;
}

static dt_status sort_array(const dt_array *array, found_layer *layers, size_t *count,
                            dt_error *error)
{
    const char *dot = strrchr(array->name, '.'), *slash = strrchr(array->name, '/');
    const char *last = !dot || (slash && slash > dot) ? slash : dot;
    const char *kind = last ? last + 1 : array->name;
    bool weight = strcmp(kind, "weight") == 0, gamma = strcmp(kind, "gamma") == 0;
    bool beta = strcmp(kind, "beta") == 0, bias = beta || strcmp(kind, "bias") == 0;
    bool kernel = strcmp(kind, "kernel") == 0, normalises = array->rank % 2 == 1;
    if (!weight && !bias && !kernel && !gamma)
        return dt_fail(error, DT_ERR_DATA,
                       "array %s: expected a name that ends in .weight, .kernel, .bias, .gamma or "
                       ".beta (or / in place of the dot), found another",
                       array->name);
    if (array->rank < 1 || array->rank > 4 || (normalises ? kernel : gamma || bias))
        return dt_fail(error, DT_ERR_DATA,
                       "array %s: expected the %s of a dense layer, convolution or normalisation, "
                       "of %s dimensions, found %d",
                       array->name, kind,
                       gamma || bias ? "1 or 3"
                       : weight      ? "1 to 4"
                                     : "2 or 4",
                       array->rank);
    size_t length = last ? (size_t)(last - array->name) : 0;
    found_layer *layer = layer_called(layers, count, array->name, length);
    if (!layer)
        return dt_fail(error, DT_ERR_DATA, "expected at most %d layers, found more", LAYERS_MAX);
    const dt_array **place = bias ? &layer->bias : &layer->kernel;
    if (*place)
        return dt_fail(error, DT_ERR_DATA, "array %s: expected one %s a layer, found %s too",
                       array->name, bias ? "bias or beta" : "kernel, weight or gamma",
                       (*place)->name);
    *place = array;
    if (!bias && normalises) {
        layer->transposed = weight;
        layer->inputs = layer->outputs = (int64_t)dt_array_count(array);
    } else if (!bias) {
        layer->transposed = weight;
        layer->inputs = array->shape[weight ? 1 : array->rank - 2];
        layer->outputs = array->shape[weight ? 0 : array->rank - 1];
    }
    return DT_OK;
}

static dt_status find_layers(const dt_bundle *bundle, found_layer *layers, size_t *count,
                             dt_error *error)
{
    dt_status status = DT_OK;
    for (size_t i = 0; i < bundle->array_count && !status; i++)
        status = sort_array(&bundle->arrays[i], layers, count, error);
    for (size_t i = 0; i < *count && !status; i++)
        if (!layers[i].kernel)
            status = dt_fail(error, DT_ERR_DATA,
                             "layer %s: expected a kernel, weight or gamma, found a bias alone",
                             layers[i].name);
        else if (layers[i].bias && (int64_t)dt_array_count(layers[i].bias) != layers[i].outputs)
            status =
                dt_fail(error, DT_ERR_DATA,
                        "array %s: expected %" PRId64 " values, one for each output, found "
                        "%zu",
                        layers[i].bias->name, layers[i].outputs, dt_array_count(layers[i].bias));
    if (!status && *count == 0)
        status = dt_fail(error, DT_ERR_DATA, "expected dense layers, found no arrays");
    return status;
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
static dt_status order_layers(found_layer *layers, size_t count, const dt_layer_list *list,
                              const dt_weights_facts *facts, dt_architecture *architecture,
                              dt_error *error)
{
    const dt_layer_defaults defaults = {"identity", "identity", has_bias(layers, count)};
    dt_shape output;
    dt_error own;
    if (!list && has_others_than_dense(layers, count)) {
        layer_sort(layers, count);
        return layer_match_refuse(layers, count, error);
    }
    if (!list || !layer_match_needed(list))
        return layer_order(layers, count, list, error);
    architecture->list = *list;
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

/* The next tensor in *out. sizes: of the array (dt_planes_reverse); NULL: it is as the tensor. */
static dt_status put_tensor(const dt_array *array, const size_t *sizes, const dt_tensor *tensor,
                            dt_weights_file *out, dt_error *error)
{
    size_t count = dt_array_count(array), bad = dt_find_nonfinite(array->values, count);
    if (bad < count)
        return dt_fail(error, DT_ERR_DATA, "array %s: expected finite numbers, found %g at %zu",
                       array->name, (double)array->values[bad], bad);
    dt_tensor *added = &out->tensors[out->tensor_count++];
    *added = *tensor;
    added->offset = out->parameter_count;
    if (sizes)
        dt_planes_reverse(array->values, sizes, out->parameters + added->offset);
    else
        memcpy(out->parameters + added->offset, array->values, count * sizeof(float));
    out->parameter_count += count;
    return DT_OK;
}

/* Of dense layer number `number`. */
static dt_status put_dense(const found_layer *layer, size_t number, dt_weights_file *out,
                           dt_error *error)
{
    const size_t sizes[] = {(size_t)layer->outputs, (size_t)layer->inputs, 1};
    dt_tensor kernel = {.name = "kernel",
                        .role = DT_TENSOR_WEIGHT,
                        .rank = 2,
                        .shape = {layer->inputs, layer->outputs}};
    dt_tensor bias = {.name = "bias", .role = DT_TENSOR_BIAS, .rank = 1, .shape = {layer->outputs}};
    layer_name(number, kernel.layer);
    layer_name(number, bias.layer);
    dt_status status =
        put_tensor(layer->kernel, layer->transposed ? sizes : NULL, &kernel, out, error);
    if (!status && layer->bias)
        status = put_tensor(layer->bias, NULL, &bias, out, error);
    return status;
}

static dt_status put_layer(const found_layer *found, const dt_planes *walk,
                           const dt_tensor *tensors, dt_weights_file *out, dt_error *error)
{
    dt_status status = DT_OK;
    for (int i = 0; i < walk->layer.tensor_count && !status; i++) {
        size_t ours[3];
        dt_planes_sizes(walk, &tensors[i], ours);
        const size_t theirs[] = {ours[2], ours[1], ours[0]};
        status = put_tensor(layer_array(found, &tensors[i]), found->transposed ? theirs : NULL,
                            &tensors[i], out, error);
    }
    return status;
}

/* A file of PyTorch's, in which the values of an image in a row have its order. */
static dt_status check_order(const found_layer *layers, const dt_architecture *architecture,
                             dt_error *error)
{
    const char *where;
    if (!layers[0].transposed || dt_planes_ordered(architecture, &where))
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "expected a dense layer between the values of an image in a row and %s, since "
                   "in PyTorch these have another order, found none",
                   where);
}

static dt_status put_network(const found_layer *layers, const dt_architecture *architecture,
                             dt_weights_file *out, dt_error *error)
{
    size_t count = dt_architecture_tensors(architecture, NULL, NULL);
    dt_tensor *tensors = dt_calloc(count, sizeof *tensors, error), *next = tensors;
    dt_status status = tensors ? check_order(layers, architecture, error) : DT_ERR_INTERNAL;
    dt_planes walk = {.image = dt_planes_any(architecture)};
    if (!status)
        dt_architecture_tensors(architecture, tensors, NULL);
    for (int i = 0; !status && dt_planes_next(architecture, i, &walk); i++) {
        if (walk.layer.tensor_count == 0)
            continue;
        status = put_layer(layers++, &walk, next, out, error);
        next += walk.layer.tensor_count;
    }
    dt_free(tensors);
    const dt_shape input = architecture->input;
    const int64_t shape[] = {input.height, input.width, input.channels};
    memcpy(out->facts.input_shape, shape, sizeof shape);
    return status;
}

static void list_names(const found_layer *layers, size_t count, char list[DT_LAYER_LIST])
{
    dt_text text = {.text = list, .size = DT_LAYER_LIST};
    for (size_t i = 0; i < count; i++)
        dt_text_add(&text, "%s%s", i > 0 ? ", " : "", layers[i].name);
}

/* The layers, which have been found, in their order. */
static dt_status put_layers(found_layer *layers, size_t count, const dt_layer_list *list,
                            dt_weights_file *out, char names[DT_LAYER_LIST], dt_error *error)
{
    dt_architecture architecture = {.list.count = 0};
    dt_layer_list own;
    bool knows =
        out->own && !dt_layers_parse(out->facts.layers, &own, NULL) && layer_match_needed(&own);
    dt_status status = order_layers(layers, count, knows ? &own : list, knows ? &out->facts : NULL,
                                    &architecture, error);
    if (status)
        return status;
    list_names(layers, count, names);
    if (architecture.list.count > 0)
        status = put_network(layers, &architecture, out, error);
    for (size_t i = 0; i < count && !status && architecture.list.count == 0; i++)
        status = put_dense(&layers[i], i, out, error);
    out->parameter_hash = dt_hash(out->parameters, out->parameter_count * sizeof(float));
    return status;
}

dt_status dt_weights_of_bundle(const dt_bundle *bundle, const dt_layer_list *list,
                               dt_weights_file *out, char names[DT_LAYER_LIST], dt_error *error)
{
    *out = (dt_weights_file){0};
    names[0] = '\0';
    size_t count = 0, values = 0;
    for (size_t i = 0; i < bundle->array_count; i++)
        values += dt_array_count(&bundle->arrays[i]);
    found_layer *layers = dt_calloc(LAYERS_MAX, sizeof *layers, error);
    dt_status status = layers ? find_layers(bundle, layers, &count, error) : DT_ERR_INTERNAL;
    if (!status)
        status = weights_facts_of_texts(bundle, out, error);
    if (!status) {
        out->tensors = dt_calloc(bundle->array_count, sizeof *out->tensors, error);
        out->parameters = dt_calloc(values, sizeof *out->parameters, error);
        status = out->tensors && out->parameters
                     ? put_layers(layers, count, list, out, names, error)
                     : DT_ERR_INTERNAL;
    }
    dt_free(layers);
    return status ? status : weights_facts_check_hash(bundle, out, error);
}
