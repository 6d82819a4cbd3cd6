#include "model/demo.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "base/hash.h"
#include "base/markup.h"
#include "base/memory.h"
#include "base/visible.h"
#include "file/atomic_file.h"
#include "file/json.h"
#include "model/weights_bundle.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the page reads little-endian numbers");

DT_EMBED(demo_html, "model/demo/demo.html");
DT_EMBED(demo_css, "model/demo/demo.css");
DT_EMBED(network_js, "model/demo/network.js");
DT_EMBED(ink_js, "model/demo/ink.js");
DT_EMBED(picture_js, "model/demo/picture.js");
DT_EMBED(drawing_js, "model/demo/drawing.js");
DT_EMBED(hidden_js, "model/demo/hidden.js");
DT_EMBED(demo_js, "model/demo/demo.js");

/* As the page shows it. */
static void add_text(dt_text *to, const char *key, const char *text)
{
    char shown[DT_VISIBLE_ROOM];
    dt_visible(text, shown, sizeof shown);
    dt_text_add(to, ",\n\"%s\": ", key);
    dt_json_add_text(to, shown);
}

static void add_real(dt_text *to, const char *key, double value)
{
    dt_text_add(to, ",\n\"%s\": ", key);
    dt_json_add_real(to, value);
}

/* A count that is missing (-1) is null. */
static void add_count(dt_text *to, const char *key, int64_t count)
{
    if (count < 0)
        dt_text_add(to, ",\n\"%s\": null", key);
    else
        dt_text_add(to, ",\n\"%s\": %" PRId64, key, count);
}

static void add_shape(dt_text *to, const char *key, dt_shape shape)
{
    dt_text_add(to, ", \"%s\": [%d, %d, %d]", key, shape.height, shape.width, shape.channels);
}

static void add_windows(const dt_layer *layer, dt_text *to)
{
    dt_windows at;
    if (!layer->kind->windows || layer->kind->windows(layer, &at, NULL))
        return;
    dt_text_add(to,
                ", \"windows\": {\"height\": %d, \"width\": %d, \"down\": %d, \"across\": %d, "
                "\"top\": %d, \"left\": %d}",
                at.height, at.width, at.down, at.across, at.top, at.left);
}

/* {"kind": "dense", "inputs": 784, "outputs": 128, "input": [28, 28, 1], "output": [1, 1, 128],
 * "units": 128, "bias": true, "tensors": {"kernel": 100352, "bias": 128}}; sizes are in "windows",
 * as numbers; "second" is the layer that gives the second input. */
static void add_layer(const dt_layer *layer, dt_text *to)
{
    const dt_layer_kind *kind = layer->kind;
    dt_text_add(to, "{\"kind\": \"%s\", \"inputs\": %d, \"outputs\": %d", kind->name, layer->inputs,
                layer->outputs);
    add_shape(to, "input", layer->input);
    add_shape(to, "output", layer->output);
    add_windows(layer, to);
    if (layer->source >= 0)
        dt_text_add(to, ", \"second\": %d", layer->source);
    for (int i = 0; i < kind->argument_count; i++) {
        char value[32];
        if (kind->arguments[i].type == DT_ARGUMENT_SIZE)
            continue;
        dt_argument_text(&kind->arguments[i], layer->arguments[i], value, sizeof value);
        dt_text_add(to, ", \"%s\": %s", kind->arguments[i].name, value);
    }
    dt_text_add(to, ", \"tensors\": {");
    for (int i = 0; i < layer->tensor_count; i++)
        dt_text_add(to, "%s\"%s\": %zu", i == 0 ? "" : ", ", layer->tensors[i].name,
                    dt_tensor_count(&layer->tensors[i]));
    dt_text_add(to, "}}");
}

static void add_layers(const dt_architecture *architecture, dt_text *to)
{
    dt_layer layer;
    dt_text_add(to, "[");
    for (int i = 0; dt_architecture_next(architecture, i, &layer); i++) {
        dt_text_add(to, "%s", i == 0 ? "" : ",\n");
        add_layer(&layer, to);
    }
    dt_text_add(to, "]");
}

static void add_form(dt_image_form form, dt_text *to)
{
    dt_text_add(to, ",\n\"form\": {\"background\": %d, \"extent\": ", form.background);
    dt_json_add_real(to, form.extent);
    dt_text_add(to, ", \"byMass\": %s, \"middle\": [", form.by_mass ? "true" : "false");
    dt_json_add_real(to, form.middle[0]);
    dt_text_add(to, ", ");
    dt_json_add_real(to, form.middle[1]);
    dt_text_add(to, "]}");
}

static void add_facts(const dt_network_spec *network, const dt_weights_file *file, dt_text *to)
{
    const dt_architecture *architecture = &network->architecture;
    char hash[DT_HASH_TEXT];
    int classes = dt_architecture_outputs(architecture);
    dt_text_add(to, "{\"height\": %d, \"width\": %d, \"channels\": %d, \"classes\": [",
                architecture->input.height, architecture->input.width,
                architecture->input.channels);
    for (int i = 0; i < classes; i++) {
        dt_text_add(to, i > 0 ? ", " : "");
        dt_json_add_class(to, file->facts.class_names, i);
    }
    dt_text_add(to, "],\n\"layers\": ");
    add_layers(architecture, to);
    add_form(dt_weights_form(&file->facts), to);
    add_real(to, "scale", network->normalization.scale);
    add_real(to, "shift", network->normalization.shift);
    add_text(to, "loss", dt_loss_names[network->loss]);
    add_text(to, "parameterHash", dt_hash_text(file->parameter_hash, hash));
    add_text(to, "version", file->facts.version);
    add_count(to, "epoch", file->facts.epoch);
    add_count(to, "step", file->facts.step);
    add_real(to, "valAccuracy", file->facts.val_accuracy);
    add_real(to, "testAccuracy", file->facts.test_accuracy);
    dt_text_add(to, "}");
}

/* The page knows the kinds of layers that its table lists: "    'dense': ...". */
static bool has_word(const dt_layer_kind *kind)
{
    char row[64];
    snprintf(row, sizeof row, "\n    '%s': ", kind->name);
    return strstr(network_js, row) != NULL;
}

/* Inside HTML no text may end the script that it stands in: "<" becomes JSON's name for it. */
static void add_json(dt_markup *to, const char *json)
{
    for (const char *end; (end = strchr(json, '<')); json = end + 1)
        dt_markup_add(to, "%.*s\\u003c", (int)(end - json), json);
    dt_markup_add(to, "%s", json);
}

static bool is_called(const char *mark, const char *name)
{
    return strncmp(mark, name, strlen(name)) == 0;
}

/* What stands where demo.html has "{{name}}". */
static void add_part(dt_markup *to, const char *mark, const dt_weights_file *file,
                     const char *facts)
{
    const char *const parts[][2] = {{"{{demo.css}}", demo_css},     {"{{network.js}}", network_js},
                                    {"{{ink.js}}", ink_js},         {"{{picture.js}}", picture_js},
                                    {"{{drawing.js}}", drawing_js}, {"{{hidden.js}}", hidden_js},
                                    {"{{demo.js}}", demo_js}};
    if (is_called(mark, "{{architecture}}"))
        dt_markup_text(to, file->facts.architecture);
    else if (is_called(mark, "{{facts}}"))
        add_json(to, facts);
    else if (is_called(mark, "{{weights}}"))
        dt_markup_base64(to, file->parameters, file->parameter_count * sizeof *file->parameters);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (is_called(mark, parts[i][0]))
            dt_markup_add(to, "%s", parts[i][1]);
}

static void fill_in(dt_markup *to, const dt_weights_file *file, const char *facts)
{
    const char *from = demo_html;
    for (const char *mark; (mark = strstr(from, "{{")); from = strstr(mark, "}}") + 2) {
        dt_markup_add(to, "%.*s", (int)(mark - from), from);
        add_part(to, mark, file, facts);
    }
    dt_markup_add(to, "%s", from);
}

dt_status dt_demo_write(const char *path, const dt_network_spec *network,
                        const dt_weights_file *file, dt_error *error)
{
    int channels = network->architecture.input.channels;
    if (channels != 1 && channels != 3)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected a network of images with one channel or three, found %d", path,
                       channels);
    if (file->parameter_count > DT_DEMO_PARAMETERS_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected at most %zu parameters, as many as browsers open, found %zu",
                       path, DT_DEMO_PARAMETERS_MAX, file->parameter_count);
    dt_status status =
        dt_check_words(&network->architecture, has_word, "the page knows", path, error);
    if (status)
        return status;
    dt_text facts = {.grows = true};
    dt_markup page = {0};
    add_facts(network, file, &facts);
    status = dt_text_status(&facts, error);
    if (!status)
        fill_in(&page, file, facts.text);
    dt_free(facts.text);
    if (!status)
        status = dt_markup_status(&page, error);
    if (!status)
        status = dt_atomic_write(path, page.text, page.length, error);
    dt_markup_destroy(&page);
    return status;
}
