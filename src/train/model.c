#include "train/model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "train/need.h"

/* Mean and standard deviation of the MNIST training pixels in [0, 1], as the article has them. */
static const double mnist_mean = 0.1307, mnist_deviation = 0.3081;

dt_normalization dt_normalization_of(dt_normalize normalize)
{
    double unit = 1.0 / 255.0;
    if (normalize == DT_NORMALIZE_UNIT)
        return (dt_normalization){unit, 0};
    return (dt_normalization){unit / mnist_deviation, -mnist_mean / mnist_deviation};
}

void dt_model_specify(const dt_config *config, dt_shape shape, dt_model_spec *out)
{
    *out = (dt_model_spec){
        .shape = shape,
        .normalization = dt_normalization_of((dt_normalize)config->normalize),
        .layer_count = config->layer_count,
        .bias = config->bias,
        .activation = (dt_activation)config->activation,
        .output_activation = (dt_output_activation)config->output_activation,
        .loss = (dt_loss)config->loss,
    };
    memcpy(out->layers, config->layers, sizeof out->layers);
}

dt_network_spec dt_model_network(const dt_model_spec *spec)
{
    return (dt_network_spec){
        .inputs = dt_shape_size(spec->shape),
        .input_scale = spec->normalization.scale,
        .input_shift = spec->normalization.shift,
        .dense_count = spec->layer_count,
        .widths = spec->layers,
        .bias = spec->bias,
        .activation = spec->activation,
        .output_softmax = spec->output_activation == DT_OUTPUT_SOFTMAX,
        .loss = spec->loss,
    };
}

dt_status dt_model_build(const dt_model_spec *spec, dt_network **out, dt_error *error)
{
    dt_network_spec network = dt_model_network(spec);
    return dt_network_create(&network, out, error);
}

static dt_status check_tensor(const dt_tensor *tensor, const char *name, int rank,
                              const int64_t *shape, dt_error *error)
{
    if (strcmp(tensor->name, name) == 0 && tensor->rank == rank &&
        memcmp(tensor->shape, shape, (size_t)rank * sizeof *shape) == 0)
        return DT_OK;
    char text[128];
    dt_text found = {.text = text, .size = sizeof text};
    for (int i = 0; i < tensor->rank; i++)
        dt_text_add(&found, "[%" PRId64 "]", tensor->shape[i]);
    dt_text_add(&found, "%s", "");
    return dt_fail(error, DT_ERR_DATA,
                   "tensor %s/%s: expected a dense network, here the %s [%" PRId64 "]%s of a "
                   "layer, found %s",
                   tensor->layer, tensor->name, name, shape[0], rank == 2 ? "[any]" : "", text);
}

/* The sizes of a dense network, from its tensors: kernel, bias, kernel, bias, ... */
static dt_status read_sizes(const dt_weights_file *file, dt_model_spec *spec, int64_t *inputs,
                            dt_error *error)
{
    const dt_tensor *tensors = file->tensors;
    spec->bias = file->tensor_count > 1 && strcmp(tensors[1].name, "bias") == 0;
    size_t step = spec->bias ? 2 : 1;
    *inputs = tensors[0].shape[0];
    int64_t width = *inputs;
    for (size_t i = 0; i < file->tensor_count; i += step) {
        const dt_tensor *kernel = &tensors[i];
        int64_t shape[] = {width, kernel->rank == 2 ? kernel->shape[1] : 1};
        dt_status status = check_tensor(kernel, "kernel", 2, shape, error);
        if (status == DT_OK && spec->bias && i + 1 == file->tensor_count)
            status = dt_fail(error, DT_ERR_DATA, "layer %s: expected a bias, as before, found none",
                             kernel->layer);
        width = shape[1];
        if (status == DT_OK && spec->bias)
            status = check_tensor(kernel + 1, "bias", 1, &width, error);
        if (status == DT_OK && (spec->layer_count == DT_LAYERS_MAX || width > 1 << 20))
            status = dt_fail(error, DT_ERR_DATA,
                             "layer %s: expected at most %d layers of at most %d outputs, found "
                             "%d and %" PRId64,
                             kernel->layer, DT_LAYERS_MAX, 1 << 20, spec->layer_count + 1, width);
        if (status != DT_OK)
            return status;
        spec->layers[spec->layer_count++] = (int)width;
    }
    if (width > 256 || *inputs > 1 << 24)
        return dt_fail(error, DT_ERR_DATA,
                       "expected at most %d inputs and 256 classes, found %" PRId64 " and %" PRId64,
                       1 << 24, *inputs, width);
    return DT_OK;
}

/* The index of a name that a file of ours has. */
static dt_status find_name(const char *attribute, const char *name, const char *const *names,
                           int *index, dt_error *error)
{
    for (*index = 0; names[*index]; (*index)++)
        if (strcmp(name, names[*index]) == 0)
            return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "attribute " DT_WEIGHTS_PREFIX "%s of /: expected a name that this version "
                   "knows, found '%.40s'",
                   attribute, name);
}

static void shape_text(const dt_model_spec *spec, int64_t inputs, dt_text *out)
{
    dt_text_add(out, "%" PRId64, inputs);
    for (int i = 0; i < spec->layer_count; i++)
        dt_text_add(out, "-%d", spec->layers[i]);
}

/* What a file of ours says, beside its tensors. */
static dt_status read_facts(const dt_weights_facts *facts, int64_t inputs, dt_model_spec *spec,
                            dt_error *error)
{
    int activation, output_activation, loss;
    const int64_t *shape = facts->input_shape;
    char text[DT_TEXT_MAX];
    dt_text found = {.text = text, .size = sizeof text};
    shape_text(spec, inputs, &found);
    if (strcmp(facts->architecture, text) != 0)
        return dt_fail(error, DT_ERR_DATA,
                       "expected tensors of the architecture %.200s, as its attribute says, found "
                       "%.200s",
                       facts->architecture, text);
    if (shape[0] > inputs || shape[1] > inputs || shape[2] > inputs ||
        (inputs / shape[0] / shape[1]) * shape[0] * shape[1] != inputs ||
        inputs / shape[0] / shape[1] != shape[2] || facts->classes != dt_model_classes(spec))
        return dt_fail(
            error, DT_ERR_DATA,
            "expected images of %" PRId64 " values in %d classes, as the tensors say, "
            "found the input_shape %" PRId64 " x %" PRId64 " x %" PRId64 " and %" PRId64 " classes",
            inputs, dt_model_classes(spec), shape[0], shape[1], shape[2], facts->classes);
    dt_status status =
        find_name("activation", facts->activation, dt_activation_names, &activation, error);
    if (status == DT_OK)
        status = find_name("output_activation", facts->output_activation,
                           dt_output_activation_names, &output_activation, error);
    if (status == DT_OK)
        status = find_name("loss", facts->loss, dt_loss_names, &loss, error);
    if (status != DT_OK)
        return status;
    spec->shape = (dt_shape){(int)shape[0], (int)shape[1], (int)shape[2]};
    spec->normalization = (dt_normalization){facts->input_scale, facts->input_shift};
    spec->activation = (dt_activation)activation;
    spec->output_activation = (dt_output_activation)output_activation;
    spec->loss = (dt_loss)loss;
    return DT_OK;
}

static bool is_given(const dt_config *asked, const char *name)
{
    size_t count;
    return asked->given[dt_setting_find(name) - dt_settings(&count)];
}

/* What a file from elsewhere does not say. */
static dt_status take_asked(const dt_config *asked, int64_t inputs, dt_model_spec *spec,
                            dt_error *error)
{
    static const char *const needed[] = {"normalize", "loss", "output_activation", "activation"};
    size_t count = sizeof needed / sizeof *needed - (spec->layer_count == 1);
    for (size_t i = 0; i < count; i++)
        if (!is_given(asked, needed[i]))
            return dt_fail(error, DT_ERR_CONFIG,
                           "%s is not known: this file was not written by dist-train and does not "
                           "say it; expected the settings normalize, loss, output_activation%s",
                           needed[i], spec->layer_count > 1 ? " and activation" : "");
    int side = (int)(sqrt((double)inputs) + 0.5);
    if ((int64_t)side * side != inputs)
        return dt_fail(error, DT_ERR_DATA,
                       "expected square images with one channel, found a network of %" PRId64
                       " inputs",
                       inputs);
    spec->shape = (dt_shape){side, side, 1};
    spec->normalization = dt_normalization_of((dt_normalize)asked->normalize);
    spec->activation = (dt_activation)asked->activation;
    spec->output_activation = (dt_output_activation)asked->output_activation;
    spec->loss = (dt_loss)asked->loss;
    return DT_OK;
}

/* Settings that are part of the network. normalize is among them but has no name in every file. */
static void put_spec(const dt_model_spec *spec, dt_config *config)
{
    memcpy(config->layers, spec->layers, sizeof config->layers);
    config->layer_count = spec->layer_count;
    config->classes = dt_model_classes(spec);
    config->bias = spec->bias;
    config->activation = (int)spec->activation;
    config->output_activation = (int)spec->output_activation;
    config->loss = (int)spec->loss;
    for (int i = DT_NORMALIZE_UNIT; i <= DT_NORMALIZE_STANDARD; i++) {
        dt_normalization known = dt_normalization_of((dt_normalize)i);
        if (known.scale == spec->normalization.scale && known.shift == spec->normalization.shift)
            config->normalize = i;
    }
}

/* The settings of the file's run with what was asked for in their place. error: not NULL. */
static dt_status merge_settings(const char *path, const dt_config *asked, dt_model *out,
                                dt_error *error)
{
    static const char *const network[] = {"classes", "layers", "activation", "output_activation",
                                          "bias",    "loss",   "normalize"};
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    char text[DT_TEXT_MAX], own[DT_TEXT_MAX];
    dt_config_defaults(&out->config);
    if (out->file.own && out->file.facts.config[0]) {
        dt_status status =
            dt_config_read_ini_text(&out->config, path, out->file.facts.config, error);
        if (status == DT_OK)
            status = dt_config_resolve(&out->config, error);
        if (status != DT_OK) {
            dt_fail_in(error, "the settings in the file");
            return error->status = DT_ERR_DATA;
        }
    }
    put_spec(&out->spec, &out->config);
    for (size_t i = 0; i < sizeof network / sizeof *network; i++) {
        const dt_setting *setting = dt_setting_find(network[i]);
        dt_config_get(asked, setting, text);
        dt_config_get(&out->config, setting, own);
        if (is_given(asked, network[i]) && strcmp(text, own) != 0)
            return dt_fail(error, DT_ERR_CONFIG,
                           "%s: expected %s, as this file has it, found %s; leave it away",
                           network[i], own, text);
    }
    dt_status status = DT_OK;
    for (size_t i = 0; i < count && status == DT_OK; i++)
        if (asked->given[i])
            status = dt_config_set(&out->config, &settings[i],
                                   dt_config_get(asked, &settings[i], text), error);
    memcpy(out->config.given, asked->given, sizeof asked->given);
    return status;
}

/* For a file that has none. */
static dt_status state_facts(const dt_model_spec *spec, int64_t inputs, dt_weights_facts *out,
                             dt_error *error)
{
    char text[DT_TEXT_MAX];
    dt_text architecture = {.text = text, .size = sizeof text};
    shape_text(spec, inputs, &architecture);
    *out = (dt_weights_facts){
        .architecture = dt_strdup(text, error),
        .input_shape = {spec->shape.height, spec->shape.width, spec->shape.channels},
        .input_scale = spec->normalization.scale,
        .input_shift = spec->normalization.shift,
        .classes = dt_model_classes(spec),
        .activation = dt_strdup(dt_activation_names[spec->activation], error),
        .output_activation = dt_strdup(dt_output_activation_names[spec->output_activation], error),
        .loss = dt_strdup(dt_loss_names[spec->loss], error),
        .version = dt_strdup("", error),
        .data_source = dt_strdup("", error),
        .config = dt_strdup("", error),
        .epoch = -1,
        .step = -1,
        .samples = -1,
        .val_accuracy = (double)NAN,
        .test_accuracy = (double)NAN,
    };
    bool whole = out->architecture && out->activation && out->output_activation && out->loss &&
                 out->version && out->data_source && out->config;
    return whole ? DT_OK : DT_ERR_INTERNAL;
}

dt_status dt_model_read(const char *path, const dt_config *asked, dt_model *out, dt_error *error)
{
    dt_weights_file file = {0};
    dt_status status = dt_need_check_file(path, 2, error);
    if (status == DT_OK)
        status = dt_weights_read(path, &file, error);
    if (status != DT_OK) {
        *out = (dt_model){.file = file};
        return status;
    }
    return dt_model_of(path, &file, asked, out, error);
}

dt_status dt_model_of(const char *path, const dt_weights_file *file, const dt_config *asked,
                      dt_model *out, dt_error *error)
{
    *out = (dt_model){.file = *file};
    int64_t inputs;
    dt_error own = {0};
    dt_status status = read_sizes(&out->file, &out->spec, &inputs, &own);
    if (status == DT_OK)
        status = out->file.own ? read_facts(&out->file.facts, inputs, &out->spec, &own)
                               : take_asked(asked, inputs, &out->spec, &own);
    if (status == DT_OK && !out->file.own)
        status = state_facts(&out->spec, inputs, &out->file.facts, &own);
    if (status == DT_OK)
        status = merge_settings(path, asked, out, &own);
    if (status != DT_OK)
        return dt_fail(error, status, "%s: %s", path, own.message);
    return DT_OK;
}

dt_status dt_model_write(const dt_model *model, const char *path, dt_error *error)
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

void dt_model_destroy(dt_model *model)
{
    if (model)
        dt_weights_destroy(&model->file);
}
