#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/hdf5_reader.h"
#include "file/npz.h"
#include "file/safetensors.h"
#include "model/weights_bundle.h"

/* Where Keras 3 and Keras 2.12 to 2.15 have the layers of a model.
 * source: Keras, saving_lib.py, _save_state and H5Entry */
static const char *const layer_roots[] = {"/layers/", "/_layer_checkpoint_dependencies/"};

/* A member of a .keras file. source: Keras, saving_lib.py */
#define KERAS_MEMBER "model.weights.h5"

static bool begins(const void *bytes, size_t size, const char *text, size_t length)
{
    return size >= length && memcmp(bytes, text, length) == 0;
}

/* The path below the layers of a model; NULL: it is not there. */
static const char *below_layers(const char *path)
{
    for (size_t i = 0; i < sizeof layer_roots / sizeof *layer_roots; i++) {
        size_t length = strlen(layer_roots[i]);
        if (strncmp(path, layer_roots[i], length) == 0)
            return path + length;
    }
    return NULL;
}

/* Adds "LAYER/vars/0", a kernel, or "LAYER/vars/1", a bias, which `path` ends in. */
static dt_status add_variable(const dt_hdf5_reader *reader, const char *path, const char *variable,
                              dt_bundle *to, dt_error *error)
{
    /* What dropout and its like have: it plays no part in inference. */
    if (strstr(variable, "/seed_generator"))
        return DT_OK;
    const char *slash = strchr(variable, '/');
    bool kernel = slash && strcmp(slash, "/vars/0") == 0,
         bias = slash && strcmp(slash, "/vars/1") == 0;
    int rank;
    int64_t shape[DT_HDF5_RANK_MAX];
    dt_status status = dt_hdf5_reader_shape(reader, path, &rank, shape, error);
    if (status)
        return status;
    if (!(kernel && (rank == 1 || rank == 2 || rank == 4)) && !(bias && rank == 1))
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected LAYER/vars/0 with one, two or four dimensions and "
                       "LAYER/vars/1 with one, as normalisations, dense layers and convolutions "
                       "have, found another of %d",
                       path, rank);
    char name[DT_HDF5_PATH_SIZE + 8];
    snprintf(name, sizeof name, "%.*s/%s", (int)(slash - variable), variable,
             bias        ? "bias"
             : rank == 1 ? "gamma"
                         : "kernel");
    float *values;
    status = dt_bundle_add(to, name, rank, shape, &values, error);
    return status ? status : dt_hdf5_reader_floats(reader, path, rank, shape, values, error);
}

static dt_status read_keras3(const dt_hdf5_reader *reader, dt_bundle *out, dt_error *error)
{
    size_t count;
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    dt_status status = DT_OK;
    for (size_t i = 0; i < count && !status; i++) {
        const char *variable = below_layers(objects[i].path);
        if (variable && !objects[i].group)
            status = add_variable(reader, objects[i].path, variable, out, error);
    }
    return status;
}

static dt_status import_hdf5(const void *bytes, size_t size, const dt_layer_list *list,
                             dt_weights_file *out, dt_import_note *note, dt_error *error)
{
    dt_hdf5_reader *reader;
    dt_status status = dt_hdf5_reader_open(bytes, size, &reader, error);
    if (status)
        return status;
    bool keras3 = dt_hdf5_reader_has(reader, "/layers") ||
                  dt_hdf5_reader_has(reader, "/_layer_checkpoint_dependencies");
    if (!keras3 || dt_hdf5_reader_has_attribute(reader, "/", "layer_names")) {
        dt_hdf5_reader_destroy(reader);
        note->format = "a weights file";
        return dt_weights_decode(bytes, size, out, error);
    }
    dt_bundle bundle = {0};
    note->format = "a file of Keras 3";
    status = read_keras3(reader, &bundle, error);
    if (!status)
        status = dt_weights_of_bundle(&bundle, list, out, note->layers, error);
    dt_bundle_destroy(&bundle);
    dt_hdf5_reader_destroy(reader);
    return status;
}

typedef dt_status decoder(const void *bytes, size_t size, dt_bundle *out, dt_error *error);

static dt_status import_bundle(decoder *decode, const void *bytes, size_t size,
                               const dt_layer_list *list, dt_weights_file *out,
                               dt_import_note *note, dt_error *error)
{
    dt_bundle bundle;
    dt_status status = decode(bytes, size, &bundle, error);
    note->converted = bundle.converted;
    if (!status)
        status = dt_weights_of_bundle(&bundle, list, out, note->layers, error);
    dt_bundle_destroy(&bundle);
    return status;
}

static dt_status refuse_pickle(dt_error *error)
{
    return dt_fail(
        error, DT_ERR_DATA,
        "expected a safetensors, npz or HDF5 file, found a pickle of Python, which would "
        "have to be run to be read; in PyTorch, "
        "safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")");
}

static dt_status import_zip(const void *bytes, size_t size, const dt_layer_list *list,
                            dt_weights_file *out, dt_import_note *note, dt_error *error)
{
    /* torch.save's archives have NAME/data.pkl first. */
    static const char pickle[] = "/data.pkl";
    for (size_t i = 30; i + sizeof pickle < size && i < 300; i++)
        if (memcmp((const char *)bytes + i, pickle, sizeof pickle - 1) == 0)
            return refuse_pickle(error);
    void *member;
    size_t member_size;
    dt_status status = dt_zip_member(bytes, size, KERAS_MEMBER, &member, &member_size, error);
    if (status)
        return status;
    note->format = "an npz file";
    if (!member)
        return import_bundle(dt_npz_decode, bytes, size, list, out, note, error);
    status = import_hdf5(member, member_size, list, out, note, error);
    dt_free(member);
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
    if (begins(bytes, size, "\x89HDF\r\n\x1a\n", 8))
        status = import_hdf5(bytes, size, list, out, note, &own);
    else if (begins(bytes, size, "PK", 2))
        status = import_zip(bytes, size, list, out, note, &own);
    else if (begins(bytes, size, "\x80\x02", 2) && memchr(bytes, '{', size < 9 ? size : 9) == NULL)
        status = refuse_pickle(&own);
    else
        status = import_bundle(dt_safetensors_decode, bytes, size, list, out, note, &own);
    dt_free(bytes);
    return status ? dt_fail(error, status, "%s: %s", path, own.message) : DT_OK;
}
