#include "model/weights.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "file/atomic_file.h"

#define NAME_SIZE 64
/* "/LAYER/LAYER/NAME:0" */
#define PATH_SIZE 160

/* Kernels [in][out] of the TensorFlow backend need no conversion; from 2.x on, names are as here.
 */
#define KERAS_BACKEND "tensorflow"
#define KERAS_VERSION "2.12.0"

static dt_status count_parameters(const dt_weights *weights, size_t *count, dt_error *error)
{
    *count = 0;
    for (size_t i = 0; i < weights->tensor_count; i++) {
        const dt_tensor *tensor = &weights->tensors[i];
        if (tensor->offset != *count)
            return dt_fail(error, DT_ERR_INTERNAL,
                           "tensor %s/%s: expected to begin at parameter %zu, found %zu",
                           tensor->layer, tensor->name, *count, tensor->offset);
        *count += dt_tensor_count(tensor);
    }
    return DT_OK;
}

/* Number of tensors from `first` on that belong to the same layer. */
static size_t tensors_of_layer(const dt_weights *weights, size_t first)
{
    size_t end = first + 1;
    while (end < weights->tensor_count &&
           strcmp(weights->tensors[end].layer, weights->tensors[first].layer) == 0)
        end++;
    return end - first;
}

static dt_status add_layer(dt_hdf5_image *image, const dt_tensor *tensors, size_t count,
                           const float *parameters, dt_error *error)
{
    char group[NAME_SIZE];
    snprintf(group, sizeof group, "/%s", tensors[0].layer);
    char(*names)[NAME_SIZE] = dt_calloc(count, sizeof *names, error);
    const char **name_list = dt_calloc(count, sizeof *name_list, error);
    dt_status status = DT_ERR_INTERNAL;
    if (names && name_list)
        status = dt_hdf5_image_add_group(image, group, error);

    for (size_t i = 0; !status && i < count; i++) {
        snprintf(names[i], NAME_SIZE, "%s/%s:0", tensors[i].layer, tensors[i].name);
        name_list[i] = names[i];
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s/%s", group, names[i]);
        status = dt_hdf5_image_add_floats(image, path, tensors[i].rank, tensors[i].shape,
                                          parameters + tensors[i].offset, error);
    }
    if (!status) {
        dt_attribute attribute = dt_attribute_texts("weight_names", count, name_list);
        status = dt_hdf5_image_add_attribute(image, group, &attribute, error);
    }
    dt_free(name_list);
    dt_free(names);
    return status;
}

static dt_status add_layers(dt_hdf5_image *image, const dt_weights *weights, dt_error *error)
{
    const char **layers = dt_calloc(weights->tensor_count, sizeof *layers, error);
    if (!layers)
        return DT_ERR_INTERNAL;
    dt_status status = DT_OK;
    size_t layer_count = 0;
    size_t first = 0;
    while (!status && first < weights->tensor_count) {
        size_t count = tensors_of_layer(weights, first);
        layers[layer_count++] = weights->tensors[first].layer;
        status = add_layer(image, weights->tensors + first, count, weights->parameters, error);
        first += count;
    }
    if (!status) {
        dt_attribute attribute = dt_attribute_texts("layer_names", layer_count, layers);
        status = dt_hdf5_image_add_attribute(image, "/", &attribute, error);
    }
    dt_free(layers);
    return status;
}

static dt_status add_own_attribute(dt_hdf5_image *image, dt_attribute attribute, dt_error *error)
{
    char name[NAME_SIZE];
    int length = snprintf(name, sizeof name, DT_WEIGHTS_PREFIX "%s", attribute.name);
    if (length >= (int)sizeof name)
        return dt_fail(error, DT_ERR_INTERNAL,
                       "attribute %.64s: expected a name below %d bytes, found %d", attribute.name,
                       NAME_SIZE, length);
    attribute.name = name;
    return dt_hdf5_image_add_attribute(image, "/", &attribute, error);
}

static dt_status add_facts(dt_hdf5_image *image, const dt_weights *weights, uint64_t hash,
                           dt_error *error)
{
    dt_attribute keras[] = {dt_attribute_text("backend", KERAS_BACKEND),
                            dt_attribute_text("keras_version", KERAS_VERSION)};
    dt_status status = DT_OK;
    for (size_t i = 0; !status && i < sizeof keras / sizeof *keras; i++)
        status = dt_hdf5_image_add_attribute(image, "/", &keras[i], error);

    char hash_text[DT_HASH_TEXT];
    dt_attribute own = dt_attribute_text("parameter_hash", dt_hash_text(hash, hash_text));
    if (!status)
        status = add_own_attribute(image, own, error);
    for (size_t i = 0; !status && i < weights->attribute_count; i++)
        status = add_own_attribute(image, weights->attributes[i], error);
    return status;
}

dt_status dt_weights_write(const char *path, const dt_weights *weights, dt_error *error)
{
    dt_hdf5_image *image = NULL;
    void *bytes = NULL;
    size_t size, count;
    dt_status status = count_parameters(weights, &count, error);
    if (!status)
        status = dt_hdf5_image_create(&image, error);
    if (!status)
        status = add_layers(image, weights, error);
    if (!status)
        status =
            add_facts(image, weights, dt_hash(weights->parameters, count * sizeof(float)), error);
    if (!status)
        status = dt_hdf5_image_finish(image, &bytes, &size, error);
    if (status)
        dt_fail_in(error, "%s", path);
    else
        status = dt_atomic_write(path, bytes, size, error);
    dt_free(bytes);
    dt_hdf5_image_destroy(image);
    return status;
}
