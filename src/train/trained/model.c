#include "train/model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/suggest.h"
#include "base/text.h"
#include "model/input_shape.h"
#include "model/planes.h"
#include "model_settings.h"
#include "train/need.h"

#define LAYERS_ATTRIBUTE "attribute " DT_WEIGHTS_PREFIX "layers of /"

/* Mean and standard deviation of the MNIST training pixels in [0, 1], as the article has them. */
static const double mnist_mean = 0.1307, mnist_deviation = 0.3081;

dt_normalization dt_normalization_of(dt_normalize normalize)
{
    double unit = 1.0 / 255.0;
    if (normalize == DT_NORMALIZE_UNIT)
        return (dt_normalization){unit, 0};
    return (dt_normalization){unit / mnist_deviation, -mnist_mean / mnist_deviation};
}

dt_status dt_model_specify(const dt_config *config, dt_shape shape, int classes,
                           dt_network_spec *out, dt_error *error)
{
    dt_shape output;
    *out = (dt_network_spec){
        .architecture = {.input = shape, .list = config->layers},
        .normalization = dt_normalization_of((dt_normalize)config->normalize),
        .loss = (dt_loss)config->loss,
        .label_smoothing = config->label_smoothing,
    };
    dt_status status = dt_architecture_check(&out->architecture, &output, error);
    bool image = output.height > 1 || output.width > 1;
    char sides[40] = "";
    if (image)
        snprintf(sides, sizeof sides, "%dx%dx", output.height, output.width);
    if (!status && dt_shape_size(output) != classes)
        status = dt_fail(error, DT_ERR_CONFIG,
                         "expected the last layer to have one output a class, %d, found %s%d",
                         classes, sides, output.channels);
    return status && error ? dt_fail_in(error, "layers") : status;
}

static dt_status refuse_tensor(const dt_tensor *expected, const dt_tensor *found, dt_error *error)
{
    const dt_tensor *both[] = {expected, found}, *where = found ? found : expected;
    char texts[2][128];
    for (int i = 0; i < 2; i++) {
        dt_text out = {.text = texts[i], .size = sizeof texts[i]};
        dt_text_add(&out, "%s%s%s", both[i] ? "the " : "none", both[i] ? both[i]->name : "",
                    both[i] ? " " : "");
        for (int j = 0; both[i] && j < both[i]->rank; j++)
            dt_text_add(&out, "[%" PRId64 "]", both[i]->shape[j]);
    }
    return dt_fail(error, DT_ERR_DATA,
                   "tensor %s/%s: expected %s, as layers and input_shape say, found %s",
                   where->layer, where->name, texts[0], texts[1]);
}

static bool same_tensor(const dt_tensor *a, const dt_tensor *b)
{
    return strcmp(a->name, b->name) == 0 && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* Whether the tensors are those of the architecture, in its order. */
static dt_status check_tensors(const dt_weights_file *file, const dt_architecture *architecture,
                               dt_error *error)
{
    size_t count = dt_architecture_tensors(architecture, NULL, NULL);
    dt_tensor *tensors = dt_calloc(count, sizeof *tensors, error);
    if (!tensors)
        return DT_ERR_INTERNAL;
    dt_architecture_tensors(architecture, tensors, NULL);
    dt_status status = DT_OK;
    for (size_t i = 0; !status && (i < count || i < file->tensor_count); i++) {
        const dt_tensor *expected = i < count ? &tensors[i] : NULL;
        const dt_tensor *found = i < file->tensor_count ? &file->tensors[i] : NULL;
        if (!expected || !found || !same_tensor(expected, found))
            status = refuse_tensor(expected, found, error);
    }
    dt_free(tensors);
    return status;
}

static bool has_bias(const dt_weights_file *file)
{
    for (size_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, "bias") == 0)
            return true;
    return false;
}

/* The list of a file that has none: a row of dense layers, all with a bias or all without, whose
 * kernels say their sizes. check_tensors finds what does not fit. */
static dt_status list_of_tensors(const dt_weights_file *file, const char *activation,
                                 const char *output, dt_layer_list *list, dt_error *error)
{
    char text[DT_LAYERS_TEXT];
    dt_text out = {.text = text, .size = sizeof text};
    dt_layer_defaults defaults = {activation, output, has_bias(file)};
    for (size_t i = 0; i < file->tensor_count; i++) {
        const dt_tensor *tensor = &file->tensors[i];
        if (tensor->rank == 2)
            dt_text_add(&out, "%s%" PRId64, out.length > 0 ? ", " : "", tensor->shape[1]);
        else if (tensor->rank == 4)
            return dt_fail_without_layers(file->tensors, file->tensor_count, error);
        else if (strcmp(tensor->name, "bias") != 0)
            return dt_fail(error, DT_ERR_DATA,
                           "tensor %s/%s: expected the kernel [inputs][outputs] or the bias "
                           "[outputs] of a dense layer, found another of %d dimensions",
                           tensor->layer, tensor->name, tensor->rank);
    }
    if (out.length == 0 || out.length >= sizeof text)
        return dt_fail(error, DT_ERR_DATA, "expected 1 to %d dense layers, found %s", DT_LAYERS_MAX,
                       out.length == 0 ? "none" : "more");
    dt_status status = dt_layers_parse(text, list, error);
    return status ? status : dt_layers_write_out(list, &defaults, error);
}

/* The index of a name that a file of ours has. */
static dt_status find_name(const char *attribute, const char *name, const char *const *names,
                           int *index, dt_error *error)
{
    *index = dt_name_find(names, name);
    if (*index >= 0)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "attribute " DT_WEIGHTS_PREFIX "%s of /: expected a name that this version "
                   "knows, found '%.40s'",
                   attribute, name);
}

/* The list of a file of ours: as it says, or as one written before 0.2 says in its tensors and two
 * names. */
static dt_status read_list(const dt_weights_file *file, dt_layer_list *list, dt_error *error)
{
    const dt_weights_facts *facts = &file->facts;
    int index;
    if (facts->layers[0])
        return dt_layers_parse(facts->layers, list, error) ? dt_fail_in(error, LAYERS_ATTRIBUTE)
                                                           : DT_OK;
    dt_status status =
        find_name("activation", facts->activation, dt_activation_names, &index, error);
    if (!status)
        status = find_name("output_activation", facts->output_activation,
                           dt_output_activation_names, &index, error);
    return status ? status
                  : list_of_tensors(file, facts->activation, facts->output_activation, list, error);
}

/* What a file of ours says, beside its tensors. */
static dt_status read_facts(const dt_weights_file *file, dt_network_spec *spec, dt_error *error)
{
    const dt_weights_facts *facts = &file->facts;
    const int64_t *shape = facts->input_shape;
    int loss;
    dt_status status = find_name("loss", facts->loss, dt_loss_names, &loss, error);
    if (!status)
        status = read_list(file, &spec->architecture.list, error);
    if (status)
        return error->status = DT_ERR_DATA;
    spec->architecture.input = (dt_shape){(int)shape[0], (int)shape[1], (int)shape[2]};
    spec->normalization = (dt_normalization){facts->input_scale, facts->input_shift};
    spec->loss = (dt_loss)loss;
    return DT_OK;
}

/* The list that the setting layers says, of which a number alone has a bias if the file has any. */
static dt_status list_of_setting(const dt_weights_file *file, const dt_config *asked,
                                 const char *activation, const char *output, dt_layer_list *list,
                                 dt_error *error)
{
    dt_layer_defaults defaults = {activation, output, has_bias(file)};
    *list = asked->layers;
    return dt_layers_write_out(list, &defaults, error);
}

static bool has_tensors(const dt_architecture *architecture, const void *file)
{
    return !check_tensors(file, architecture, NULL);
}

/* The images of a network from elsewhere are squares: as its import found, or as its tensors say.
 */
static dt_status take_input(const dt_weights_file *file, dt_architecture *architecture,
                            dt_error *error)
{
    const int64_t *shape = file->facts.input_shape, inputs = file->tensors[0].shape[0];
    int side = (int)(sqrt((double)inputs) + 0.5);
    if (shape[0] > 0)
        architecture->input = (dt_shape){(int)shape[0], (int)shape[1], (int)shape[2]};
    else if (file->tensors[0].rank != 2 || dt_planes_needed(&architecture->list))
        return dt_find_input(architecture, has_tensors, file)
                   ? DT_OK
                   : dt_fail(error, DT_ERR_DATA,
                             "expected tensors of the network that the setting layers says, for "
                             "square images of 1 or 3 channels, found others");
    else if (inputs > 1 << 24 || (int64_t)side * side != inputs)
        return dt_fail(error, DT_ERR_DATA,
                       "expected square images with one channel, found a network of %" PRId64
                       " inputs; if those are images of 3 channels, begin --layers with "
                       "'maxpool 1', which changes nothing and takes images",
                       inputs);
    else
        architecture->input = (dt_shape){side, side, 1};
    return DT_OK;
}

/* What a file from elsewhere that says its network leaves open. */
static dt_status take_said(const dt_config *asked, const dt_weights_facts *facts,
                           dt_network_spec *spec, dt_error *error)
{
    const int64_t *shape = facts->input_shape;
    int loss = DT_CROSS_ENTROPY;
    dt_status status = find_name("loss", facts->loss, dt_loss_names, &loss, error);
    if (!status)
        status = dt_layers_parse(facts->layers, &spec->architecture.list, error);
    spec->architecture.input = (dt_shape){(int)shape[0], (int)shape[1], (int)shape[2]};
    spec->normalization = (dt_normalization){facts->input_scale, facts->input_shift};
    int said = dt_config_is_given(asked, "normalize") ? asked->normalize : DT_NORMALIZE_UNIT;
    if (facts->input_scale == 0)
        spec->normalization = dt_normalization_of((dt_normalize)said);
    spec->loss = (dt_loss)loss;
    return status;
}

/* What a file from elsewhere does not say. */
static dt_status take_asked(const dt_config *asked, const dt_weights_file *file,
                            dt_network_spec *spec, dt_error *error)
{
    if (file->facts.layers)
        return take_said(asked, &file->facts, spec, error);
    static const char *const needed[] = {"normalize", "loss", "output_activation", "activation"};
    const char *activation = dt_activation_names[asked->activation];
    const char *behind = dt_output_activation_names[asked->output_activation];
    dt_layer_list *list = &spec->architecture.list;
    bool given = dt_config_is_given(asked, "layers"), has, others, hidden, output = true;
    dt_status status = given ? list_of_setting(file, asked, activation, behind, list, error)
                             : list_of_tensors(file, activation, behind, list, error);
    if (status)
        return error->status = DT_ERR_DATA;
    if (given)
        dt_layers_open(&asked->layers, &hidden, &output);
    else
        hidden = dt_layers_hidden(list, "", &has, &others) != NULL;
    const bool open[] = {true, true, output, hidden};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (open[i] && !dt_config_is_given(asked, needed[i]))
            return dt_fail(error, DT_ERR_CONFIG,
                           "%s is not known: this file was not written by dist-train and does not "
                           "say it; expected the settings normalize, loss%s%s",
                           needed[i], output ? ", output_activation" : "",
                           hidden ? " and activation" : "");
    spec->normalization = dt_normalization_of((dt_normalize)asked->normalize);
    spec->loss = (dt_loss)asked->loss;
    return take_input(file, &spec->architecture, error);
}

/* Whether list, images, tensors and classes fit together. */
static dt_status check_whole(const dt_weights_file *file, const dt_network_spec *spec,
                             dt_error *error)
{
    dt_shape output;
    char text[DT_TEXT_MAX];
    if (dt_architecture_check(&spec->architecture, &output, error)) {
        if (file->own && file->facts.layers[0])
            dt_fail_in(error, LAYERS_ATTRIBUTE);
        return error->status = DT_ERR_DATA;
    }
    dt_status status = check_tensors(file, &spec->architecture, error);
    if (status)
        return status;
    int64_t classes = file->own ? file->facts.classes : dt_shape_size(output);
    if (dt_shape_size(output) > 256 || classes != dt_shape_size(output))
        return dt_fail(error, DT_ERR_DATA,
                       "expected at most 256 classes, as many as the last layer gives, %d, found "
                       "%" PRId64,
                       dt_shape_size(output), classes);
    dt_architecture_text(&spec->architecture, text, sizeof text);
    if (file->own && !file->facts.layers[0] && strcmp(file->facts.architecture, text) != 0)
        return dt_fail(error, DT_ERR_DATA,
                       "expected tensors of the architecture %.200s, as its attribute says, found "
                       "%.200s",
                       file->facts.architecture, text);
    return DT_OK;
}

static dt_status set_text(const char **text, const char *value, dt_error *error)
{
    char *copy = dt_strdup(value, error);
    if (!copy)
        return DT_ERR_INTERNAL;
    dt_free((char *)*text);
    *text = copy;
    return DT_OK;
}

/* For a file that has none. */
static dt_status state_facts(const dt_network_spec *spec, dt_weights_facts *out, dt_error *error)
{
    char text[DT_TEXT_MAX];
    dt_shape input = spec->architecture.input;
    dt_weights_facts_destroy(out);
    dt_status status = dt_weights_facts_unknown(out, error);
    dt_architecture_text(&spec->architecture, text, sizeof text);
    if (!status)
        status = set_text(&out->architecture, text, error);
    if (!status)
        status = set_text(&out->loss, dt_loss_names[spec->loss], error);
    const int64_t shape[] = {input.height, input.width, input.channels};
    memcpy(out->input_shape, shape, sizeof shape);
    out->input_scale = spec->normalization.scale;
    out->input_shift = spec->normalization.shift;
    out->classes = dt_architecture_outputs(&spec->architecture);
    return status;
}

dt_status dt_model_read(const char *path, const dt_config *asked, dt_model *out, dt_error *error)
{
    dt_weights_file file = {0};
    dt_status status = dt_need_check_file(path, 2, error);
    if (!status)
        status = dt_weights_read(path, &file, error);
    *out = (dt_model){.file = file};
    return status ? status : dt_model_of(path, &file, asked, out, error);
}

dt_status dt_model_of(const char *path, const dt_weights_file *file, const dt_config *asked,
                      dt_model *out, dt_error *error)
{
    *out = (dt_model){.file = *file};
    char layers[DT_LAYERS_TEXT];
    dt_error own = {0};
    dt_status status = out->file.own ? read_facts(&out->file, &out->spec, &own)
                                     : take_asked(asked, &out->file, &out->spec, &own);
    if (!status)
        status = check_whole(&out->file, &out->spec, &own);
    if (!status) /* which may have had other names */
        dt_architecture_tensors(&out->spec.architecture, out->file.tensors, NULL);
    if (!status && !out->file.own)
        status = state_facts(&out->spec, &out->file.facts, &own);
    if (!status) /* it may not say them, or not as this version writes them */
        status = set_text(&out->file.facts.layers,
                          dt_layers_text(&out->spec.architecture.list, layers), &own);
    if (!status)
        status = model_settle(path, asked, out, &own);
    return status ? dt_fail(error, status, "%s: %s", path, own.message) : DT_OK;
}

dt_status dt_model_write(const dt_model *model, const char *path, dt_error *error)
{
    dt_attribute facts[DT_WEIGHTS_FACTS];
    size_t count = dt_weights_attributes(&model->file.facts, facts);
    dt_weights weights = {.tensors = model->file.tensors,
                          .tensor_count = model->file.tensor_count,
                          .parameters = model->file.parameters,
                          .attributes = facts,
                          .attribute_count = count};
    return dt_weights_write(path, &weights, error);
}

void dt_model_destroy(dt_model *model)
{
    if (model)
        dt_weights_destroy(&model->file);
}
