#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "file/hdf5_reader.h"
#include "nn/finite.h"
#include "keras/keras_listing.h"
#include "weights_facts.h"

/* Facts and hash of a file of this program, which has no dataset that is not listed. */
static dt_status read_own(const dt_hdf5_reader *reader, dt_weights_file *out, dt_error *error)
{
    size_t count, datasets = 0;
    dt_status status = weights_facts_of_hdf5(reader, out, error);
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    for (size_t i = 0; i < count; i++)
        datasets += !objects[i].group;
    if (!status && out->own && datasets != out->tensor_count)
        status = dt_fail(error, DT_ERR_DATA,
                         "expected the %zu datasets that weight_names lists, found %zu",
                         out->tensor_count, datasets);
    return status;
}

/* "dense/kernel:0" is "kernel". */
static dt_status name_tensor(dt_tensor *tensor, const char *path, const char *layer,
                             const char *weight, dt_error *error)
{
    const char *slash = strrchr(weight, '/');
    const char *name = slash ? slash + 1 : weight;
    size_t length = strcspn(name, ":");
    if (length == 0 || length >= sizeof tensor->name || strlen(layer) >= sizeof tensor->layer)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected names of 1 to %zu (layer) and %zu (tensor) bytes, found %zu "
                       "and %zu",
                       path, sizeof tensor->layer - 1, sizeof tensor->name - 1, strlen(layer),
                       length);
    memcpy(tensor->name, name, length);
    memcpy(tensor->layer, layer, strlen(layer));
    tensor->role = dt_tensor_role_of(tensor->name);
    return DT_OK;
}

/* A file that is being read; the tensors' paths, [tensor_count]. */
typedef struct reading {
    const dt_hdf5_reader *reader;
    bool *used;  /* [objects of the file] */
    size_t room; /* values that the file holds: several names may be of the same */
    dt_weights_file *out;
    char (*paths)[DT_HDF5_PATH_SIZE];
} reading;

/* There are at most as many as objects of the file, since each is listed once. */
static dt_status add_tensor(void *of, const keras_weight *weight, dt_error *error)
{
    reading *self = of;
    dt_weights_file *out = self->out;
    dt_tensor *tensor = &out->tensors[out->tensor_count];
    char *path = self->paths[out->tensor_count];
    int64_t shape[DT_HDF5_RANK_MAX];
    snprintf(path, DT_HDF5_PATH_SIZE, "%s", weight->path);
    dt_status status = name_tensor(tensor, path, weight->layer, weight->name, error);
    if (!status)
        status = dt_hdf5_reader_shape(self->reader, path, &tensor->rank, shape, error);
    if (status)
        return status;
    if (tensor->rank > DT_RANK_MAX)
        return dt_fail(error, DT_ERR_DATA, "%s: expected at most %d dimensions, found %d", path,
                       DT_RANK_MAX, tensor->rank);
    memcpy(tensor->shape, shape, (size_t)tensor->rank * sizeof *shape);
    tensor->offset = out->parameter_count;
    size_t count = dt_tensor_count(tensor);
    if (count == 0 || count > self->room - out->parameter_count)
        return dt_fail(error, DT_ERR_DATA, "%s: expected 1 to %zu numbers, found %zu", path,
                       self->room - out->parameter_count, count);
    out->parameter_count += count;
    out->tensor_count++;
    return DT_OK;
}

static dt_status find_tensors(reading *self, dt_error *error)
{
    const char *root = keras_listing_root(self->reader);
    if (!root)
        return dt_fail(error, DT_ERR_DATA,
                       "expected a weights file (attribute layer_names of / or /model_weights), "
                       "found %s",
                       dt_hdf5_reader_has(self->reader, "/parameters") ? "a checkpoint"
                                                                       : "another HDF5 file");
    dt_status status = keras_list(self->reader, root, add_tensor, self, self->used, error);
    if (!status && self->out->tensor_count == 0)
        status = dt_fail(error, DT_ERR_DATA, "expected layers that have weights, found none");
    return status;
}

static dt_status read_tensors(reading *self, dt_error *error)
{
    dt_weights_file *out = self->out;
    out->parameters = dt_calloc(out->parameter_count, sizeof *out->parameters, error);
    dt_status status = out->parameters ? DT_OK : DT_ERR_INTERNAL;
    for (size_t i = 0; !status && i < out->tensor_count; i++) {
        const dt_tensor *tensor = &out->tensors[i];
        float *values = out->parameters + tensor->offset;
        status = dt_hdf5_reader_floats(self->reader, self->paths[i], tensor->rank, tensor->shape,
                                       values, error);
        size_t count = dt_tensor_count(tensor);
        size_t bad = status ? count : dt_find_nonfinite(values, count);
        if (bad < count)
            status = dt_fail(error, DT_ERR_DATA, "%s: expected finite numbers, found %g at %zu",
                             self->paths[i], (double)values[bad], bad);
    }
    if (!status)
        out->parameter_hash = dt_hash(out->parameters, out->parameter_count * sizeof(float));
    return status;
}

dt_status weights_of_hdf5(const dt_hdf5_reader *reader, dt_weights_file *out, dt_error *error)
{
    *out = (dt_weights_file){0};
    size_t objects;
    dt_hdf5_reader_objects(reader, &objects);
    reading self = {.reader = reader, .room = dt_hdf5_reader_values(reader), .out = out};
    out->tensors = dt_calloc(objects, sizeof *out->tensors, error);
    self.paths = out->tensors ? dt_calloc(objects, sizeof *self.paths, error) : NULL;
    self.used = self.paths ? dt_calloc(objects, sizeof *self.used, error) : NULL;
    dt_status status = self.used ? find_tensors(&self, error) : DT_ERR_INTERNAL;
    if (!status)
        status = read_tensors(&self, error);
    if (!status)
        status = read_own(reader, out, error);
    dt_free(self.paths);
    dt_free(self.used);
    return status;
}

dt_status dt_weights_decode(const void *bytes, size_t size, dt_weights_file *out, dt_error *error)
{
    dt_hdf5_reader *reader;
    *out = (dt_weights_file){0};
    dt_status status = dt_hdf5_reader_open(bytes, size, &reader, error);
    if (!status)
        status = weights_of_hdf5(reader, out, error);
    dt_hdf5_reader_destroy(reader);
    return status;
}

dt_status dt_weights_read(const char *path, dt_weights_file *out, dt_error *error)
{
    *out = (dt_weights_file){0};
    void *bytes;
    size_t size;
    dt_status status = dt_read_file(path, DT_WEIGHTS_SIZE_MAX, &bytes, &size, error);
    if (status)
        return status;
    status = dt_weights_decode(bytes, size, out, error);
    if (status && error)
        dt_fail_in(error, "%s", path);
    dt_free(bytes);
    return status;
}

void dt_weights_destroy(dt_weights_file *file)
{
    if (!file)
        return;
    dt_weights_facts_destroy(&file->facts);
    dt_free(file->tensors);
    dt_free(file->parameters);
    *file = (dt_weights_file){0};
}
