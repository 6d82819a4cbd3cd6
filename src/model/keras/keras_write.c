#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "file/atomic_file.h"
#include "file/hdf5_file.h"
#include "file/zip.h"
#include "keras_config.h"
#include "model/keras.h"
#include "../weights_facts.h"

/* "/layers/LAYER/vars/N" */
#define PATH_SIZE 96

static dt_status add_tensors(const dt_weights_file *file, dt_hdf5_image *image, dt_error *error)
{
    dt_status status = dt_hdf5_image_add_group(image, "/vars", error);
    int number = 0;
    for (size_t i = 0; i < file->tensor_count && !status; i++) {
        const dt_tensor *tensor = &file->tensors[i];
        bool same = i > 0 && strcmp(tensor->layer, file->tensors[i - 1].layer) == 0;
        char path[PATH_SIZE];
        number = same ? number + 1 : 0;
        snprintf(path, sizeof path, "/layers/%s/vars/%d", tensor->layer, number);
        status = dt_hdf5_image_add_floats(image, path, tensor->rank, tensor->shape,
                                          file->parameters + tensor->offset, error);
    }
    return status;
}

static dt_status add_facts(const dt_weights_file *file, dt_hdf5_image *image, dt_error *error)
{
    dt_bundle texts = {0};
    dt_status status = weights_facts_to_texts(file, &texts, error);
    for (size_t i = 0; i < texts.text_count && !status; i++) {
        dt_attribute fact = dt_attribute_text(texts.texts[i].name, texts.texts[i].text);
        status = dt_hdf5_image_add_attribute(image, "/", &fact, error);
    }
    dt_bundle_destroy(&texts);
    return status;
}

/* The file's bytes; the caller owns *bytes: dt_free. */
static dt_status make_weights(const dt_weights_file *file, void **bytes, size_t *size,
                              dt_error *error)
{
    dt_hdf5_image *image = NULL;
    *bytes = NULL;
    dt_status status = dt_hdf5_image_create(&image, error);
    if (!status)
        status = dt_hdf5_image_add_group(image, "/layers", error);
    if (!status)
        status = add_tensors(file, image, error);
    if (!status)
        status = add_facts(file, image, error);
    if (!status)
        status = dt_hdf5_image_finish(image, bytes, size, error);
    dt_hdf5_image_destroy(image);
    return status;
}

dt_status dt_keras_write_weights(const char *path, const dt_network_spec *network,
                                 const dt_weights_file *file, dt_error *error)
{
    void *bytes = NULL;
    size_t size;
    dt_text config = {.grows = true};
    dt_status status = keras_config_of(path, network, &config, error);
    if (!status)
        status = make_weights(file, &bytes, &size, error);
    if (!status)
        status = dt_atomic_write(path, bytes, size, error);
    dt_free(config.text);
    dt_free(bytes);
    return status;
}

dt_status dt_keras_write_model(const char *path, const dt_network_spec *network,
                               const dt_weights_file *file, dt_error *error)
{
    static const char metadata[] = "{\"keras_version\": \"3.4.1\", \"date_saved\": \"\"}";
    void *bytes = NULL;
    size_t size = 0;
    dt_text config = {.grows = true};
    dt_status status = keras_config_of(path, network, &config, error);
    if (!status)
        status = make_weights(file, &bytes, &size, error);
    const dt_zip_part parts[] = {{"metadata.json", metadata, sizeof metadata - 1},
                                 {"config.json", config.text, config.length},
                                 {"model.weights.h5", bytes, size}};
    if (!status)
        status = dt_zip_write(path, parts, sizeof parts / sizeof *parts, error);
    dt_free(config.text);
    dt_free(bytes);
    return status;
}
