/* export and import: between a weights file and the files of other programs. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "commands.h"
#include "model/planes.h"
#include "model/weights_bundle.h"
#include "train/export.h"
#include "train/model.h"
#include "train/need.h"

dt_status command_export(const dt_invocation *invocation, dt_error *error)
{
    const dt_export_format *format;
    dt_model model = {0};
    dt_status status = dt_export_find(invocation->format, invocation->out_path, &format, error);
    if (!status)
        status = dt_need_check_file(invocation->weights_path, DT_TIMES_CONVERTED, error);
    if (!status)
        status = dt_model_read(invocation->weights_path, &invocation->config, &model, error);
    if (!status)
        status = format->write(&model, invocation->out_path, error);
    if (!status)
        dt_say("%s: %s, %zu parameters: %s%s%s", invocation->out_path,
               model.file.facts.architecture, model.file.parameter_count,
               dt_export_help(format, invocation->out_path), format->loses ? "; without " : "",
               format->loses ? format->loses : "");
    dt_model_destroy(&model);
    return status;
}

/* A file of this program keeps the version that trained it. */
static dt_status state_version(dt_model *model, dt_error *error)
{
    if (model->file.own)
        return DT_OK;
    dt_free((char *)model->file.facts.version);
    model->file.facts.version = dt_strdup(DT_VERSION, error);
    return model->file.facts.version ? DT_OK : DT_ERR_INTERNAL;
}

/* The images are said where they were found, not told. assumed: the scale of the pixels was. */
static void tell(const char *path, const dt_model *model, const dt_import_note *note, bool assumed)
{
    const dt_architecture *architecture = &model->spec.architecture;
    dt_shape input = architecture->input;
    char line[1400];
    dt_text text = {.text = line, .size = sizeof line};
    dt_text_add(&text, "%s, %zu parameters, from %s", model->file.facts.architecture,
                model->file.parameter_count, note->format);
    if (!model->file.own && dt_planes_any(architecture))
        dt_text_add(&text, "; for images of %dx%dx%d", input.height, input.width, input.channels);
    if (assumed)
        dt_text_add(&text, "; pixels as numbers from 0 to 1, or else --normalize");
    if (note->layers[0])
        dt_text_add(&text, "; layers in order: %s", note->layers);
    if (note->folded[0])
        dt_text_add(&text, "; batch normalisations folded: %s", note->folded);
    if (note->epsilon[0])
        dt_text_add(&text, "; %s (Keras' own is 0.001: say it in --layers if it is the network's)",
                    note->epsilon);
    if (note->left_out[0])
        dt_text_add(&text, "; without %s", note->left_out);
    if (note->converted[0])
        dt_text_add(&text, "; %s became 32-bit floats", note->converted);
    dt_say("%s: %s", path, line);
}

dt_status command_import(const dt_invocation *invocation, dt_error *error)
{
    dt_weights_file file = {0};
    dt_import_note note;
    dt_model model = {0};
    const dt_config *asked = &invocation->config;
    const dt_layer_list *list = dt_config_is_given(asked, "layers") ? &asked->layers : NULL;
    dt_status status = dt_export_check_own(invocation->out_path, error);
    if (!status)
        status = dt_need_check_file(invocation->from_path, DT_TIMES_CONVERTED, error);
    if (!status)
        status = dt_weights_import(invocation->from_path, list, &file, &note, error);
    if (status) {
        dt_weights_destroy(&file);
        return status;
    }
    bool assumed = !file.own && file.facts.layers && file.facts.input_scale == 0 &&
                   !dt_config_is_given(asked, "normalize");
    status = dt_model_of(invocation->from_path, &file, asked, &model, error);
    if (!status)
        status = state_version(&model, error);
    if (!status)
        status = dt_model_write(&model, invocation->out_path, error);
    if (!status)
        tell(invocation->out_path, &model, &note, assumed);
    dt_model_destroy(&model);
    return status;
}
