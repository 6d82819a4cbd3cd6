#include "model/weights_bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "layer_order.h"
#include "nn/finite.h"
#include "weights_facts.h"

/* to[columns][rows] from from[rows][columns]. */
static void transpose(const float *from, size_t rows, size_t columns, float *to)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            to[j * rows + i] = from[i * columns + j];
}

static const char *torch_name(const dt_tensor *tensor)
{
    bool factor = tensor->role == DT_TENSOR_WEIGHT || tensor->role == DT_TENSOR_GAIN;
    return factor ? "weight" : tensor->role == DT_TENSOR_SHIFT ? "bias" : tensor->name;
}

/* tensor: of the architecture; layer: its number in the list. */
static dt_status add_tensor(const dt_tensor *tensor, int layer, const float *values,
                            dt_weight_names names, dt_bundle *to, dt_error *error)
{
    char name[DT_BUNDLE_NAME];
    int64_t shape[DT_RANK_MAX];
    bool turned = names == DT_NAMES_TORCH && tensor->role == DT_TENSOR_WEIGHT;
    memcpy(shape, tensor->shape, sizeof shape);
    if (names == DT_NAMES_KERAS)
        snprintf(name, sizeof name, "%s/%s", tensor->layer, tensor->name);
    else
        snprintf(name, sizeof name, "%d.%s", layer, torch_name(tensor));
    if (turned) {
        shape[0] = tensor->shape[1];
        shape[1] = tensor->shape[0];
    }
    float *room;
    dt_status status = dt_bundle_add(to, name, tensor->rank, shape, &room, error);
    if (!status && turned)
        transpose(values, (size_t)tensor->shape[0], (size_t)tensor->shape[1], room);
    else if (!status)
        memcpy(room, values, dt_tensor_count(tensor) * sizeof *values);
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
    for (size_t i = 0; i < count && !status; i++)
        status =
            add_tensor(&tensors[i], layers[i], parameters + tensors[i].offset, names, out, error);
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
                         bool (*has_word)(const dt_layer *layer), const char *who, const char *path,
                         dt_error *error)
{
    dt_layer layer;
    for (int i = 0; dt_architecture_next(architecture, i, &layer); i++)
        if (!has_word(&layer))
            return dt_fail(error, DT_ERR_DATA,
                           "%s: layer %d: expected kinds of layers that %s, found '%s'%s", path,
                           i + 1, who, layer.kind->name,
                           dt_shape_is_image(layer.input) ? " of an image" : "");
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
    bool weight = strcmp(kind, "weight") == 0, bias = strcmp(kind, "bias") == 0;
    if (!weight && !bias && strcmp(kind, "kernel") != 0)
        return dt_fail(error, DT_ERR_DATA,
                       "array %s: expected a name that ends in .weight, .kernel or .bias (or / in "
                       "place of the dot), found another",
                       array->name);
    if (array->rank != (bias ? 1 : 2))
        return dt_fail(error, DT_ERR_DATA,
                       "array %s: expected the %s of a dense layer, of %d dimensions, found %d",
                       array->name, kind, bias ? 1 : 2, array->rank);
    size_t length = last ? (size_t)(last - array->name) : 0;
    found_layer *layer = layer_called(layers, count, array->name, length);
    if (!layer)
        return dt_fail(error, DT_ERR_DATA, "expected at most %d layers, found more", LAYERS_MAX);
    const dt_array **place = bias ? &layer->bias : &layer->kernel;
    if (*place)
        return dt_fail(error, DT_ERR_DATA, "array %s: expected one %s a layer, found %s too",
                       array->name, bias ? "bias" : "kernel or weight", (*place)->name);
    *place = array;
    if (!bias) {
        layer->transposed = weight;
        layer->inputs = array->shape[weight];
        layer->outputs = array->shape[!weight];
    }
    return DT_OK;
}

static dt_status find_layers(const dt_bundle *bundle, const dt_layer_list *list,
                             found_layer *layers, size_t *count, dt_error *error)
{
    dt_status status = DT_OK;
    for (size_t i = 0; i < bundle->array_count && !status; i++)
        status = sort_array(&bundle->arrays[i], layers, count, error);
    for (size_t i = 0; i < *count && !status; i++)
        if (!layers[i].kernel)
            status = dt_fail(error, DT_ERR_DATA,
                             "layer %s: expected a kernel or weight, found a "
                             "bias alone",
                             layers[i].name);
        else if (layers[i].bias && layers[i].bias->shape[0] != layers[i].outputs)
            status = dt_fail(error, DT_ERR_DATA,
                             "array %s: expected %" PRId64 " values, one for each output, found "
                             "%" PRId64,
                             layers[i].bias->name, layers[i].outputs, layers[i].bias->shape[0]);
    if (!status && *count == 0)
        status = dt_fail(error, DT_ERR_DATA, "expected dense layers, found no arrays");
    return status ? status : layer_order(layers, *count, list, error);
}

/* The next tensor: of layer number `layer`, in *out. */
static dt_status put_tensor(const dt_array *array, bool transposed, size_t layer, const char *name,
                            dt_weights_file *out, dt_error *error)
{
    dt_tensor *tensor = &out->tensors[out->tensor_count++];
    *tensor = (dt_tensor){
        .role = dt_tensor_role_of(name), .rank = array->rank, .offset = out->parameter_count};
    layer_name(layer, tensor->layer);
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    for (int i = 0; i < array->rank; i++)
        tensor->shape[i] = array->shape[transposed ? array->rank - 1 - i : i];
    size_t count = dt_array_count(array), bad = dt_find_nonfinite(array->values, count);
    if (bad < count)
        return dt_fail(error, DT_ERR_DATA, "array %s: expected finite numbers, found %g at %zu",
                       array->name, (double)array->values[bad], bad);
    float *values = out->parameters + tensor->offset;
    if (transposed)
        transpose(array->values, (size_t)array->shape[0], (size_t)array->shape[1], values);
    else
        memcpy(values, array->values, count * sizeof *values);
    out->parameter_count += count;
    return DT_OK;
}

static dt_status put_layers(const found_layer *layers, size_t count, dt_weights_file *out,
                            char list[DT_LAYER_LIST], dt_error *error)
{
    dt_text text = {.text = list, .size = DT_LAYER_LIST};
    dt_status status = DT_OK;
    for (size_t i = 0; i < count && !status; i++) {
        dt_text_add(&text, "%s%s", i > 0 ? ", " : "", layers[i].name);
        status = put_tensor(layers[i].kernel, layers[i].transposed, i, "kernel", out, error);
        if (!status && layers[i].bias)
            status = put_tensor(layers[i].bias, false, i, "bias", out, error);
    }
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
    dt_status status = layers ? find_layers(bundle, list, layers, &count, error) : DT_ERR_INTERNAL;
    if (!status) {
        out->tensors = dt_calloc(bundle->array_count, sizeof *out->tensors, error);
        out->parameters = dt_calloc(values, sizeof *out->parameters, error);
        status = out->tensors && out->parameters ? put_layers(layers, count, out, names, error)
                                                 : DT_ERR_INTERNAL;
    }
    dt_free(layers);
    return status ? status : weights_facts_of_texts(bundle, out, error);
}
