#include "train/export.h"

#include <string.h>

#include "base/suggest.h"
#include "base/text.h"
#include "export_torch.h"
#include "file/npz.h"
#include "file/safetensors.h"
#include "model/demo.h"
#include "model/keras.h"
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
    return dt_onnx_write(path, &model->spec, &model->file, model->config.transpose, error);
}

static dt_status write_html(const dt_model *model, const char *path, dt_error *error)
{
    return dt_demo_write(path, &model->spec, &model->file, error);
}

/* The name says which of Keras' files it is. */
static dt_status write_keras(const dt_model *model, const char *path, dt_error *error)
{
    if (dt_ends_in(path, ".keras"))
        return dt_keras_write_model(path, &model->spec, &model->file, error);
    if (dt_ends_in(path, ".weights.h5"))
        return dt_keras_write_weights(path, &model->spec, &model->file, error);
    return dt_model_write(model, path, error);
}

const char *const dt_export_names[] = {"keras", "pytorch", "safetensors", "npz",
                                       "onnx",  "html",    NULL};

/* In the order of their names. */
static const dt_export_format formats[] = {
    {"weights for Keras' load_weights, in the legacy layout",
     NULL,
     {{.name = ".keras", .help = "a model for Keras"},
      {.name = ".weights.h5", .help = "weights for load_weights of Keras 3"},
      {.name = ".h5", .own = true},
      {.name = ".hdf5", .own = true}},
     write_keras},
    {"a state_dict in safetensors, and a .py of that name that loads it",
     NULL,
     {{.name = ".safetensors"}},
     export_torch},
    {"kernels [in][out], facts as metadata", NULL, {{.name = ".safetensors"}}, write_safetensors},
    {"arrays and texts for numpy.load", NULL, {{.name = ".npz"}}, write_npz},
    {"an ONNX file for onnxruntime and others", NULL, {{.name = ".onnx"}}, write_onnx},
    {"a page to draw a digit in and see what the network makes of it",
     "the settings of the run and the name of its data",
     {{.name = ".html"}, {.name = ".htm"}},
     write_html},
};

enum { FORMATS = sizeof formats / sizeof *formats };
_Static_assert(sizeof dt_export_names / sizeof *dt_export_names == FORMATS + 1, "a name each");

/* NULL: the name is not of this format. */
static const dt_export_suffix *find_suffix(const dt_export_format *format, const char *path)
{
    for (int i = 0; i < DT_EXPORT_SUFFIXES && format->suffixes[i].name; i++)
        if (dt_ends_in(path, format->suffixes[i].name))
            return &format->suffixes[i];
    return NULL;
}

const char *dt_export_help(const dt_export_format *format, const char *path)
{
    const dt_export_suffix *suffix = find_suffix(format, path);
    return suffix && suffix->help ? suffix->help : format->help;
}

/* What other programs load as something that is not written here; NULL: it is no such name. */
static const char *pickle_suffix(const char *path)
{
    static const char *const pickles[] = {".pt", ".pth", ".pkl", ".ckpt"};
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++)
        if (dt_ends_in(path, pickles[i]))
            return pickles[i];
    return NULL;
}

dt_status dt_export_check_own(const char *path, dt_error *error)
{
    const char *other = pickle_suffix(path);
    for (int i = 0; i < FORMATS && !other; i++) {
        const dt_export_suffix *suffix = find_suffix(&formats[i], path);
        if (suffix && suffix->own)
            return DT_OK;
        other = suffix ? suffix->name : NULL;
    }
    if (!other)
        return DT_OK;
    return dt_fail(error, DT_ERR_USAGE,
                   "--out %.200s: expected a name of a weights file, which ends in .h5, found one "
                   "that ends in %s; import, and export what it wrote",
                   path, other);
}

dt_status dt_export_find(const char *name, const char *path, const dt_export_format **out,
                         dt_error *error)
{
    int of_name = dt_name_find(dt_export_names, name), of_path = -1, fitting = 0;
    const char *fit[FORMATS + 1] = {NULL};
    char list[80];
    dt_text names = {.text = list, .size = sizeof list};
    dt_text_add_names(&names, dt_export_names);
    for (int i = 0; i < FORMATS; i++)
        if (find_suffix(&formats[i], path)) {
            of_path = i;
            fit[fitting++] = dt_export_names[i];
        }
    if (pickle_suffix(path))
        return dt_fail(error, DT_ERR_USAGE,
                       "--out %.200s: expected a name that ends in .safetensors, which pytorch "
                       "is written as, found that of a pickle",
                       path);
    if (of_name < 0 && fitting > 1) {
        names.length = 0;
        dt_text_add_names(&names, fit);
        return dt_fail(error, DT_ERR_USAGE, "export: %.200s can be %s: give --format", path, list);
    }
    if (of_name < 0 && fitting == 0)
        return dt_fail(error, DT_ERR_USAGE, "export: expected --format %s, found none", list);
    if (of_name >= 0 && of_path >= 0 && !find_suffix(&formats[of_name], path))
        return dt_fail(error, DT_ERR_USAGE,
                       "--out %.200s: expected a name of --format %s, found one of %s", path,
                       dt_export_names[of_name], dt_export_names[of_path]);
    *out = &formats[of_name >= 0 ? of_name : of_path];
    return DT_OK;
}
