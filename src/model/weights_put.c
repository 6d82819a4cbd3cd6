#include "weights_put.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "found_layers.h"
#include "model/planes.h"
#include "nn/finite.h"

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

dt_status weights_put_dense(const found_layer *layer, size_t number, dt_weights_file *out,
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

dt_status weights_put_network(const found_layer *layers, const dt_architecture *architecture,
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
    out->parameter_hash = dt_hash(out->parameters, out->parameter_count * sizeof(float));
    return status;
}

dt_status weights_find_layers(dt_bundle *bundle, dt_weights_file *out, dt_import_note *note,
                              found_layer **layers, size_t *count, dt_error *error)
{
    dt_text left_out = {
        .text = note->left_out, .size = sizeof note->left_out, .length = strlen(note->left_out)};
    *out = (dt_weights_file){0};
    *count = 0;
    *layers = dt_calloc(LAYERS_MAX, sizeof **layers, error);
    return *layers ? found_layers_of(bundle, *layers, count, &left_out, error) : DT_ERR_INTERNAL;
}

void weights_list_names(const found_layer *layers, size_t count, char list[DT_LAYER_LIST])
{
    dt_text text = {.text = list, .size = DT_LAYER_LIST};
    for (size_t i = 0; i < count; i++)
        dt_text_add(&text, "%s%s", i > 0 ? ", " : "", layers[i].name);
}

dt_status weights_make_room(const dt_bundle *bundle, dt_weights_file *out, dt_error *error)
{
    size_t values = 0;
    for (size_t i = 0; i < bundle->array_count; i++)
        values += dt_array_count(&bundle->arrays[i]);
    out->tensors = dt_calloc(bundle->array_count, sizeof *out->tensors, error);
    out->parameters = dt_calloc(values, sizeof *out->parameters, error);
    return out->tensors && out->parameters ? DT_OK : DT_ERR_INTERNAL;
}
