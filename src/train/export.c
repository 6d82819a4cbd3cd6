#include "train/export.h"

static dt_status write_keras(const dt_model *model, const char *path, dt_error *error)
{
    dt_attribute facts[DT_WEIGHTS_FACTS];
    dt_weights_attributes(&model->file.facts, facts);
    dt_weights weights = {.tensors = model->file.tensors,
                          .tensor_count = model->file.tensor_count,
                          .parameters = model->file.parameters,
                          .attributes = facts,
                          .attribute_count = DT_WEIGHTS_FACTS};
    return dt_weights_write(path, &weights, error);
}

static const dt_export_format formats[] = {
    {"keras", "an HDF5 file for Keras' load_weights", NULL, write_keras},
};

const dt_export_format *dt_export_formats(size_t *count)
{
    *count = sizeof formats / sizeof *formats;
    return formats;
}
