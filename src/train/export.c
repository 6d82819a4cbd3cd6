#include "train/export.h"

#include "export_torch.h"
#include "file/npz.h"
#include "file/safetensors.h"
#include "model/demo.h"
#include "model/onnx.h"
#include "model/weights_bundle.h"

static dt_status write_bundle(const dt_model *model, const char *path,
                              dt_status (*write)(const char *, const dt_bundle *, dt_error *),
                              dt_error *error)
{
    dt_bundle bundle;
    dt_status status = dt_bundle_of_weights(&model->spec.architecture, &model->file, DT_NAMES_KERAS,
                                            &bundle, error);
    if (!status)
        status = write(path, &bundle, error);
    dt_bundle_destroy(&bundle);
    return status;
}

static dt_status write_safetensors(const dt_model *model, const char *path, dt_error *error)
{
    return write_bundle(model, path, dt_safetensors_write, error);
}

static dt_status write_npz(const dt_model *model, const char *path, dt_error *error)
{
    return write_bundle(model, path, dt_npz_write, error);
}

static dt_status write_onnx(const dt_model *model, const char *path, dt_error *error)
{
    return dt_onnx_write(path, &model->spec, &model->file, error);
}

static dt_status write_html(const dt_model *model, const char *path, dt_error *error)
{
    return dt_demo_write(path, &model->spec, &model->file, error);
}

static const dt_export_format formats[] = {
    {"keras", "an HDF5 file for Keras' load_weights", NULL, dt_model_write},
    {"pytorch", "a state_dict in safetensors, and a .py of that name that loads it", NULL,
     export_torch},
    {"safetensors", "kernels [in][out], facts as metadata", NULL, write_safetensors},
    {"npz", "arrays and texts for numpy.load", NULL, write_npz},
    {"onnx", "an ONNX file for onnxruntime and others", NULL, write_onnx},
    {"html", "a page to draw a digit in and see what the network makes of it",
     "the settings of the run and the name of its data", write_html},
};

const char *const dt_export_names[] = {"keras", "pytorch", "safetensors", "npz",
                                       "onnx",  "html",    NULL};

const dt_export_format *dt_export_formats(size_t *count)
{
    *count = sizeof formats / sizeof *formats;
    return formats;
}
