#include "keras_listing.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* source: Keras, legacy_h5_format.py */
const char *keras_listing_root(const dt_hdf5_reader *reader)
{
    static const char list[] = "layer_names", whole[] = "/model_weights";
    return dt_hdf5_reader_has_attribute(reader, "/", list)     ? ""
           : dt_hdf5_reader_has_attribute(reader, whole, list) ? whole
                                                               : NULL;
}

typedef struct listing {
    const dt_hdf5_reader *reader;
    const char *root;
    keras_take *take;
    void *self;
    bool *used;
} listing;

static dt_status join(char path[DT_HDF5_PATH_SIZE], const char *a, const char *b, dt_error *error)
{
    int length = snprintf(path, DT_HDF5_PATH_SIZE, "%s/%s", a, b);
    return length < DT_HDF5_PATH_SIZE
               ? DT_OK
               : dt_fail(error, DT_ERR_DATA, "%s...: expected a path below %d bytes, found %d",
                         path, DT_HDF5_PATH_SIZE, length);
}

static dt_status use(const listing *self, const char *path, dt_error *error)
{
    size_t count;
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(self->reader, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(objects[i].path, path) == 0) {
            if (self->used[i])
                return dt_fail(error, DT_ERR_DATA, "%s: expected once in weight_names, found again",
                               path);
            self->used[i] = true;
        }
    return DT_OK;
}

/* *before: the layer in front, if it has no weights; then this one. */
static dt_status list_layer(const listing *self, const char *layer, const char **before,
                            dt_error *error)
{
    char group[DT_HDF5_PATH_SIZE], path[DT_HDF5_PATH_SIZE], **names = NULL;
    size_t count = 0;
    dt_status status = join(group, self->root, layer, error);
    if (!status)
        status =
            dt_hdf5_reader_text_list(self->reader, group, "weight_names", &names, &count, error);
    for (size_t i = 0; !status && i < count; i++) {
        const keras_weight weight = {layer, names[i], path, *before};
        status = join(path, group, names[i], error);
        if (!status)
            status = use(self, path, error);
        if (!status)
            status = self->take(self->self, &weight, error);
    }
    *before = count == 0 ? layer : NULL;
    dt_free(names);
    return status;
}

dt_status keras_list(const dt_hdf5_reader *reader, const char *root, keras_take *take, void *self,
                     bool *used, dt_error *error)
{
    const listing all = {reader, root, take, self, used};
    const char *before = NULL;
    char **layers = NULL;
    size_t count = 0;
    dt_status status = dt_hdf5_reader_text_list(reader, root[0] ? root : "/", "layer_names",
                                                &layers, &count, error);
    for (size_t i = 0; !status && i < count; i++)
        status = list_layer(&all, layers[i], &before, error);
    dt_free(layers);
    return status;
}
