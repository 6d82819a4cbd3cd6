#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/hdf5_reader.h"
#include "file/npz.h"
#include "file/safetensors.h"
#include "file/torch_pickle.h"
#include "file/zip.h"
#include "keras/keras_hdf5.h"
#include "onnx/onnx_import.h"
#include "weights_facts.h"
#include "weights_plan.h"

/* Members of a .keras file. source: Keras, saving_lib.py */
#define KERAS_WEIGHTS "model.weights.h5"
#define KERAS_CONFIG  "config.json"

static bool begins(const void *bytes, size_t size, const char *text, size_t length)
{
    return size >= length && memcmp(bytes, text, length) == 0;
}

/* What the file, or the archive around it, says of the network: *plan, NULL for nothing. */
static dt_status find_plan(const dt_hdf5_reader *reader, const char *config, size_t config_size,
                           network_plan **plan, dt_error *error)
{
    char *text = NULL;
    dt_status status = DT_OK;
    *plan = NULL;
    if (!config && dt_hdf5_reader_has_attribute(reader, "/", "model_config")) {
        status = dt_hdf5_reader_text_attribute(reader, "/", "model_config", &text, error);
        config_size = status ? 0 : strlen(text);
    }
    if (!status && (config || text))
        status = network_plan_of_keras(config ? config : text, config_size, plan, error);
    dt_free(text);
    return status;
}

/* own: a file of this program, in the form of Keras 3. */
static dt_status import_keras(const dt_hdf5_reader *reader, const network_plan *plan, bool own,
                              const dt_layer_list *list, dt_weights_file *out, dt_import_note *note,
                              dt_error *error)
{
    dt_bundle bundle;
    dt_text left_out = {.text = note->left_out, .size = sizeof note->left_out};
    bool is_3 = keras_is_3(reader);
    note->format = is_3 ? "a file of Keras 3" : "a weights file";
    dt_status status = is_3 ? keras3_read(reader, plan, &bundle, &left_out, error)
                            : keras2_read(reader, plan, &bundle, &left_out, error);
    if (!status && own)
        status = weights_facts_read_texts(reader, &bundle, error);
    if (!status && plan)
        status = weights_of_plan(&bundle, plan, out, note, error);
    else if (!status)
        status = dt_weights_of_bundle(&bundle, list, out, note, error);
    dt_bundle_destroy(&bundle);
    return status;
}

/* Numbers of another type among the network's datasets: of the first. */
static void note_converted(const dt_hdf5_reader *reader, dt_import_note *note)
{
    size_t count;
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    for (size_t i = 0; i < count && note->converted[0] == '\0'; i++) {
        const char *type = dt_hdf5_reader_type(reader, objects[i].path);
        if ((strstr(type, "float") || strstr(type, "integer")) &&
            strcmp(type, DT_HDF5_FLOAT) != 0 && !keras_beside(objects[i].path))
            snprintf(note->converted, sizeof note->converted, "%s values", type);
    }
}

/* config: what stands beside the weights in a .keras file, or NULL. */
static dt_status import_hdf5(const void *bytes, size_t size, const char *config, size_t config_size,
                             const dt_layer_list *list, dt_weights_file *out, dt_import_note *note,
                             dt_error *error)
{
    dt_hdf5_reader *reader;
    network_plan *plan = NULL;
    dt_status status = dt_hdf5_reader_open(bytes, size, &reader, error);
    if (status)
        return status;
    bool own = dt_hdf5_reader_has_attribute(reader, "/", DT_WEIGHTS_PREFIX "parameter_hash");
    bool known = keras_is_3(reader) || dt_hdf5_reader_has_attribute(reader, "/", "layer_names") ||
                 dt_hdf5_reader_has_attribute(reader, "/model_weights", "layer_names");
    bool other = own ? keras_is_3(reader) : known;
    if (other && !own)
        status = find_plan(reader, config, config_size, &plan, error);
    if (other && !status)
        status = import_keras(reader, plan, own, list, out, note, error);
    if (!other) {
        note->format = "a weights file";
        status = weights_of_hdf5(reader, out, error);
    }
    note_converted(reader, note);
    dt_hdf5_reader_destroy(reader);
    dt_free(plan);
    return status;
}

static void note_conversion(const dt_bundle *bundle, dt_import_note *note)
{
    snprintf(note->converted, sizeof note->converted, "%s",
             bundle->converted ? bundle->converted : "");
}

typedef dt_status decoder(const void *bytes, size_t size, dt_bundle *out, dt_error *error);

static dt_status import_bundle(decoder *decode, const void *bytes, size_t size,
                               const dt_layer_list *list, dt_weights_file *out,
                               dt_import_note *note, dt_error *error)
{
    dt_bundle bundle;
    dt_status status = decode(bytes, size, &bundle, error);
    note_conversion(&bundle, note);
    if (!status)
        status = dt_weights_of_bundle(&bundle, list, out, note, error);
    dt_bundle_destroy(&bundle);
    return status;
}

static dt_status refuse_pickle(dt_error *error)
{
    return dt_fail(
        error, DT_ERR_DATA,
        "expected a file of PyTorch 1.6 or later, found a pickle of Python, which would have to be "
        "run to be read; in PyTorch, torch.save(torch.load(\"OLD\"), \"NEW\") makes one");
}

/* A .keras file. */
static dt_status import_archive(dt_zip *zip, const dt_layer_list *list, dt_weights_file *out,
                                dt_import_note *note, dt_error *error)
{
    void *weights, *config = NULL;
    size_t weights_size, config_size = 0, at = dt_zip_find(zip, KERAS_CONFIG);
    dt_status status =
        dt_zip_read(zip, dt_zip_find(zip, KERAS_WEIGHTS), &weights, &weights_size, error);
    if (!status && at < dt_zip_count(zip))
        status = dt_zip_read(zip, at, &config, &config_size, error);
    if (!status)
        status = import_hdf5(weights, weights_size, config, config_size, list, out, note, error);
    dt_free(weights);
    dt_free(config);
    return status;
}

static dt_status import_torch(dt_zip *zip, const dt_layer_list *list, dt_weights_file *out,
                              dt_import_note *note, dt_error *error)
{
    dt_bundle bundle;
    note->format = "a file of PyTorch";
    dt_status status = dt_torch_read(zip, dt_torch_find(zip), &bundle, error);
    note_conversion(&bundle, note);
    if (!status)
        status = dt_weights_of_bundle(&bundle, list, out, note, error);
    dt_bundle_destroy(&bundle);
    return status;
}

static dt_status import_zip(const void *bytes, size_t size, const dt_layer_list *list,
                            dt_weights_file *out, dt_import_note *note, dt_error *error)
{
    dt_zip *zip;
    dt_status status = dt_zip_open(bytes, size, &zip, error);
    if (status)
        return status;
    note->format = "an npz file";
    if (dt_zip_find(zip, KERAS_WEIGHTS) < dt_zip_count(zip))
        status = import_archive(zip, list, out, note, error);
    else if (dt_torch_find(zip) < dt_zip_count(zip))
        status = import_torch(zip, list, out, note, error);
    else
        status = import_bundle(dt_npz_decode, bytes, size, list, out, note, error);
    dt_zip_close(zip);
    return status;
}

dt_status dt_weights_import(const char *path, const dt_layer_list *list, dt_weights_file *out,
                            dt_import_note *note, dt_error *error)
{
    *out = (dt_weights_file){0};
    *note = (dt_import_note){.format = "a safetensors file"};
    void *bytes;
    size_t size;
    dt_error own = {0};
    dt_status status = dt_read_file(path, DT_WEIGHTS_SIZE_MAX, &bytes, &size, error);
    if (status)
        return status;
    if (dt_hdf5_is(bytes, size))
        status = import_hdf5(bytes, size, NULL, 0, list, out, note, &own);
    else if (onnx_is(bytes, size))
        status = onnx_import(bytes, size, out, note, &own);
    else if (begins(bytes, size, "PK", 2))
        status = import_zip(bytes, size, list, out, note, &own);
    else if (begins(bytes, size, "\x80\x02", 2) && memchr(bytes, '{', size < 9 ? size : 9) == NULL)
        status = refuse_pickle(&own);
    else if (!dt_safetensors_is(bytes, size))
        status = dt_fail(&own, DT_ERR_DATA,
                         "expected safetensors, npz, ONNX, Keras or PyTorch, found something else");
    else
        status = import_bundle(dt_safetensors_decode, bytes, size, list, out, note, &own);
    dt_free(bytes);
    return status ? dt_fail(error, status, "%s: %s", path, own.message) : DT_OK;
}
