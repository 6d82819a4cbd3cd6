#include "layer_match.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "model/input_shape.h"
#include "model/planes.h"

bool layer_match_needed(const dt_layer_list *list)
{
    for (int i = 0; i < list->count; i++) {
        const dt_layer_kind *kind = dt_layer_kind_at(list->layers[i].kind);
        if (kind->tensors && strcmp(kind->name, "dense") != 0)
            return true;
    }
    return dt_planes_needed(list);
}

static bool fits_tensor(const dt_array *array, const dt_tensor *tensor, bool turned)
{
    int64_t shape[DT_RANK_MAX];
    if (!array || array->rank != tensor->rank)
        return false;
    memcpy(shape, tensor->shape, sizeof shape);
    if (turned)
        dt_planes_shape(tensor, shape);
    return memcmp(array->shape, shape, (size_t)tensor->rank * sizeof *shape) == 0;
}

/* Whether its name is what Keras calls another kind. */
static bool is_another(const found_layer *found, const dt_layer_kind *kind)
{
    char stem[DT_BUNDLE_NAME];
    const char *slash = strrchr(found->name, '/');
    layer_stem(slash ? slash + 1 : found->name, stem);
    if (strcmp(stem, kind->keras) == 0)
        return false;
    for (int i = 0; dt_layer_kind_at(i); i++)
        if (dt_layer_kind_at(i)->keras && strcmp(stem, dt_layer_kind_at(i)->keras) == 0)
            return true;
    return false;
}

static bool fits(const found_layer *found, const dt_layer *layer)
{
    bool bias = false;
    if (is_another(found, layer->kind))
        return false;
    for (int i = 0; i < layer->tensor_count; i++) {
        const dt_array *array = layer_array(found, &layer->tensors[i]);
        bias |= array == found->bias;
        if (!fits_tensor(array, &layer->tensors[i], found->transposed))
            return false;
    }
    return bias || !found->bias;
}

/* Leaves them as they are if they do not match. */
static bool match(found_layer *layers, size_t count, const dt_architecture *architecture)
{
    size_t place = 0, order[LAYERS_MAX];
    bool used[LAYERS_MAX] = {false};
    dt_layer layer;
    for (int i = 0; dt_architecture_next(architecture, i, &layer); i++) {
        size_t at = 0;
        if (layer.tensor_count == 0)
            continue;
        while (at < count && (used[at] || !fits(&layers[at], &layer)))
            at++;
        if (at >= count)
            return false;
        used[at] = true;
        order[place++] = at;
    }
    for (size_t i = 0; place == count && i < count; i++) {
        size_t at = order[i];
        for (size_t j = 0; j < i; j++)
            at += order[j] > order[i];
        found_layer found = layers[at];
        memmove(layers + i + 1, layers + i, (at - i) * sizeof *layers);
        layers[i] = found;
    }
    return place == count;
}

static dt_status refuse(const found_layer *layers, size_t count, const char *expected,
                        dt_error *error)
{
    char list[400] = "";
    dt_text text = {.text = list, .size = sizeof list};
    for (size_t i = 0; i < count; i++) {
        dt_text_add(&text, "%s%s ", i > 0 ? ", " : "", layers[i].kernel->name);
        for (int j = 0; j < layers[i].kernel->rank; j++)
            dt_text_add(&text, "[%" PRId64 "]", layers[i].kernel->shape[j]);
        dt_text_add(&text, "%s", layers[i].bias ? "" : " without bias");
    }
    return dt_fail(error, DT_ERR_DATA, "expected the layers with weights that %s; found %s",
                   expected, list);
}

dt_status layer_match(found_layer *layers, size_t count, const dt_architecture *architecture,
                      dt_error *error)
{
    return match(layers, count, architecture)
               ? DT_OK
               : refuse(layers, count, "the file says it has", error);
}

typedef struct found_layers {
    found_layer *layers;
    size_t count;
} found_layers;

static bool matches(const dt_architecture *architecture, const void *found)
{
    const found_layers *self = found;
    return match(self->layers, self->count, architecture);
}

dt_status layer_match_input(found_layer *layers, size_t count, dt_architecture *architecture,
                            dt_error *error)
{
    const found_layers found = {layers, count};
    if (dt_find_input(architecture, matches, &found))
        return DT_OK;
    return refuse(layers, count, "the setting layers says, for square images of 1 or 3 channels",
                  error);
}

dt_status layer_match_refuse(const found_layer *layers, size_t count, dt_error *error)
{
    dt_tensor kernels[LAYERS_MAX];
    for (size_t i = 0; i < count; i++) {
        const dt_array *kernel = layers[i].kernel;
        const int64_t *window = kernel->shape + (layers[i].transposed ? 2 : 0);
        kernels[i] = (dt_tensor){.rank = kernel->rank};
        if (kernel->rank % 2)
            kernels[i].role = DT_TENSOR_GAIN;
        if (kernel->rank == 4)
            memcpy(kernels[i].shape, window, 2 * sizeof *window);
        kernels[i].shape[kernel->rank - 1] = layers[i].outputs;
    }
    return dt_fail_without_layers(kernels, count, error);
}
