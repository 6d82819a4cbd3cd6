#include "export_torch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/visible.h"
#include "file/atomic_file.h"
#include "file/json.h"
#include "file/safetensors.h"
#include "model/planes.h"
#include "model/weights_bundle.h"
#include "run/names.h"

/* How a file that this program wrote begins. */
#define MARK        "# Written by dist-train export: "
#define SCRIPT_SEEN ((size_t)1 << 20)

static const char *const torch_probabilities[] = {
    [DT_CROSS_ENTROPY] = "torch.softmax(outputs, 1)",
    [DT_BCE] = "torch.sigmoid(outputs)",
    [DT_MSE] = "outputs.clamp(0, 1)",
};

/* Two numbers for height and width, one if they are the same. */
static void write_pair(int height, int width, char *value, size_t size)
{
    if (height == width)
        snprintf(value, size, "%d", height);
    else
        snprintf(value, size, "(%d, %d)", height, width);
}

/* What a placeholder says of the windows of a layer. */
static void write_windows(const dt_planes *walk, const char *name, char *value, size_t size)
{
    dt_windows at;
    if (!walk->layer.kind->windows || walk->layer.kind->windows(&walk->layer, &at, NULL))
        return;
    if (strncmp(name, "window}", 7) == 0)
        write_pair(at.height, at.width, value, size);
    else if (strncmp(name, "step}", 5) == 0)
        write_pair(at.down, at.across, value, size);
    else if (strncmp(name, "padding}", 8) == 0)
        write_pair(walk->border ? 0 : at.top, walk->border ? 0 : at.left, value, size);
    else if (strncmp(name, "sides}", 6) == 0)
        snprintf(value, size, "(%d, %d, %d, %d)", at.left, at.right, at.top, at.bottom);
}

/* Of the values that a layer takes, a sample. */
static void write_shape(const dt_planes *walk, char *value, size_t size)
{
    dt_shape input = walk->layer.input;
    if (walk->image)
        snprintf(value, size, "[%d, %d, %d]", input.channels, input.height, input.width);
    else
        snprintf(value, size, "%d", walk->layer.inputs);
}

/* What makes a row of an image of that shape, or an image of its row. */
static void write_turn(dt_turn turn, dt_shape of, char *value, size_t size)
{
    if (turn == DT_TURN_TO_ROW)
        snprintf(value, size, "nn.Flatten()");
    else
        snprintf(value, size, "nn.Unflatten(1, (%d, %d, %d))", of.channels, of.height, of.width);
}

/* Of the second input of a layer. */
static void write_second(const dt_planes *walk, char *value, size_t size)
{
    char turn[64];
    int modules = walk->layer.source >= 0 ? walk->outputs[walk->layer.source].modules : 0;
    write_turn(walk->second_turn, walk->layer.input, turn, sizeof turn);
    snprintf(value, size, "%d%s%s", modules, walk->second_turn ? ", " : "",
             walk->second_turn ? turn : "");
}

/* As Python writes what stands between braces in a row of the table of layers. */
static void add_value(const dt_planes *walk, const char *name, size_t length, dt_text *to)
{
    const dt_layer *layer = &walk->layer;
    const dt_layer_kind *kind = layer->kind;
    char value[96] = "";
    write_windows(walk, name, value, sizeof value);
    for (int i = 0; i < kind->argument_count; i++) {
        const dt_argument *argument = &kind->arguments[i];
        if (strlen(argument->name) != length || strncmp(name, argument->name, length) != 0)
            continue;
        dt_argument_text(&kind->arguments[i], layer->arguments[i], value, sizeof value);
        if (argument->type == DT_ARGUMENT_BOOL)
            snprintf(value, sizeof value, "%s", layer->arguments[i] != 0 ? "True" : "False");
    }
    if (strncmp(name, "inputs", length) == 0)
        snprintf(value, sizeof value, "%d", layer->inputs);
    else if (strncmp(name, "outputs", length) == 0)
        snprintf(value, sizeof value, "%d", layer->outputs);
    else if (strncmp(name, "channels", length) == 0)
        snprintf(value, sizeof value, "%d", layer->input.channels);
    else if (strncmp(name, "shape", length) == 0)
        write_shape(walk, value, sizeof value);
    else if (strncmp(name, "second", length) == 0)
        write_second(walk, value, sizeof value);
    dt_text_add(to, "%s", value);
}

static void add_module(const dt_planes *walk, const char *expression, dt_text *to)
{
    const char *at = expression;
    for (const char *brace; (brace = strchr(at, '{')); at = strchr(brace, '}') + 1) {
        dt_text_add(to, "%.*s", (int)(brace - at), at);
        add_value(walk, brace + 1, strcspn(brace + 1, "}"), to);
    }
    dt_text_add(to, "%s,", at);
}

static void add_turn(const dt_planes *walk, dt_text *to)
{
    char module[64];
    write_turn(walk->turn, walk->of, module, sizeof module);
    if (walk->turn != DT_TURN_NONE)
        dt_text_add(to, "\n    %s,", module);
}

/* Modules, with what follows a layer in its line. */
static void add_layers(const dt_architecture *architecture, dt_text *to)
{
    dt_planes walk = {.image = dt_planes_any(architecture)};
    for (int i = 0; dt_planes_next(architecture, i, &walk); i++) {
        const dt_layer_kind *kind = walk.layer.kind;
        bool beside = i > 0 && kind->follows && walk.turn == DT_TURN_NONE;
        add_turn(&walk, to);
        if (walk.border) {
            dt_text_add(to, "\n    ");
            add_module(&walk, kind->torch_border, to);
        }
        if (!kind->torch[0])
            continue;
        dt_text_add(to, "%s", beside ? " " : "\n    ");
        add_module(&walk, kind->torch, to);
    }
    add_turn(&walk, to);
    dt_text_add(to, "\n");
}

static dt_status check_order(const dt_architecture *architecture, const char *path, dt_error *error)
{
    const char *where;
    if (dt_planes_ordered(architecture, &where))
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "%s: expected a dense layer between the values of an image in a row and %s, "
                   "since in PyTorch these have another order, found none",
                   path, where);
}

/* What PyTorch does not have, once each. */
static void add_classes(const dt_layer_list *list, dt_text *to)
{
    for (int i = 0; i < list->count; i++) {
        const char *definition = dt_layer_kind_at(list->layers[i].kind)->torch_class;
        bool first = true;
        for (int j = 0; j < i; j++)
            first &= list->layers[j].kind != list->layers[i].kind;
        if (definition && first)
            dt_text_add(to, "%s\n\n", definition);
    }
}

static bool has_word(const dt_layer_kind *kind)
{
    return kind->torch != NULL;
}

/* As a literal of Python, which names a byte that is not UTF-8 by a surrogate (PEP 383). */
static void add_file_name(dt_text *to, const char *name)
{
    dt_text_add(to, "\"");
    while (*name) {
        const char *begin = name;
        char shown[DT_VISIBLE_MOST];
        bool valid = dt_utf8_length((const unsigned char *)name) > 0;
        dt_visible_next(&name, shown);
        if (valid)
            dt_text_add(to, "%s%s", strchr("\"\\", *begin) ? "\\" : "", shown);
        else
            dt_text_add(to, "\\udc%02x", (unsigned)(unsigned char)*begin);
    }
    dt_text_add(to, "\"");
}

static bool has_second(const dt_layer_list *list)
{
    for (int i = 0; i < list->count; i++)
        if (list->layers[i].second[0])
            return true;
    return false;
}

static void add_forward(const dt_network_spec *spec, dt_text *to)
{
    dt_shape shape = spec->architecture.input;
    bool kept = has_second(&spec->architecture.list);
    dt_text_add(to, "class Network(nn.Sequential):\n"
                    "    def forward(self, images):\n");
    if (shape.channels > 1) /* one channel may stand in front or behind */
        dt_text_add(to,
                    "        if images.dim() == 4 and images.shape[1:] != (%d, %d, %d):\n"
                    "            raise ValueError(\"expected images as [n][%d][%d][%d], "
                    "pixels from 0 to 255\")\n",
                    shape.height, shape.width, shape.channels, shape.height, shape.width,
                    shape.channels);
    if (dt_planes_any(&spec->architecture))
        dt_text_add(to, "        images = images.reshape(-1, %d, %d, %d).permute(0, 3, 1, 2)\n",
                    shape.height, shape.width, shape.channels);
    else
        dt_text_add(to, "        images = images.flatten(1)\n");
    dt_text_add(to, kept ? "        outputs = [images.float() * "
                         : "        return super().forward(images.float() * ");
    dt_json_add_real(to, spec->normalization.scale);
    dt_text_add(to, " + ");
    dt_json_add_real(to, spec->normalization.shift);
    dt_text_add(to, kept ? "]\n"
                           "        for module in self:\n"
                           "            second = [outputs[module.second]] if hasattr(module, "
                           "\"second\") else []\n"
                           "            outputs.append(module(outputs[-1], *second))\n"
                           "        return outputs[-1]\n"
                         : ")\n");
}

/* name: of the safetensors file, without its directory. */
static void add_script(const dt_model *model, const char *name, dt_text *to)
{
    const dt_network_spec *spec = &model->spec;
    const dt_architecture *architecture = &spec->architecture;
    dt_shape shape = architecture->input;
    bool softmax = dt_layers_end_in_softmax(&architecture->list);
    char shown[DT_VISIBLE_ROOM];
    dt_visible(model->file.facts.architecture, shown, sizeof shown);
    dt_text_add(to, MARK "the network %s for PyTorch.\n", shown);
    dt_text_add(to,
                "# model(images) takes pixels from 0 to 255, [n][%d] or [n][%d][%d][%d], and gives "
                "the\n# outputs [n][%d]; probabilities(outputs) is what dist-train predict "
                "prints.\n",
                dt_shape_size(shape), shape.height, shape.width, shape.channels,
                dt_architecture_outputs(architecture));
    if (model->config.transpose)
        dt_text_add(to, "# Images are upright: with the rows and columns of the data set exchanged "
                        "(transpose).\n");
    dt_text_add(to, "import json\nimport pathlib\n\nimport torch\nfrom torch import nn\n\n\n");
    add_classes(&architecture->list, to);
    add_forward(spec, to);
    dt_text_add(to, "\n\ndef probabilities(outputs):\n    return %s\n\n\nmodel = Network(",
                softmax ? "outputs" : torch_probabilities[spec->loss]);
    add_layers(architecture, to);
    dt_text_add(to, ")\ndata = bytearray(pathlib.Path(__file__).with_name(");
    add_file_name(to, name);
    dt_text_add(to, ").read_bytes())\n"
                    "start = 8 + int.from_bytes(data[:8], \"little\")\n"
                    "model.load_state_dict({\n"
                    "    name: torch.frombuffer(data[start:][slice(*it[\"data_offsets\"])], "
                    "dtype=torch.float32)\n"
                    "    .reshape(it[\"shape\"])\n"
                    "    for name, it in json.loads(data[8:start]).items() if name != "
                    "\"__metadata__\"})\n"
                    "model.eval()\n");
}

/* The name of the Python file; whatever is there may be replaced. */
static dt_status find_script(const char *path, char script[DT_PATH_SIZE], dt_error *error)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t length = dot && dot > name ? (size_t)(dot - path) : strlen(path);
    int size = snprintf(script, DT_PATH_SIZE, "%.*s.py", (int)length, path);
    if (size >= DT_PATH_SIZE || strcmp(script, path) == 0)
        return dt_fail(error, DT_ERR_CREATE,
                       "%.200s: expected a name that a .py can stand beside, found %s", path,
                       size >= DT_PATH_SIZE ? "one that is too long" : "that of the .py");
    struct stat info;
    if (lstat(script, &info) != 0 && errno == ENOENT)
        return DT_OK;
    void *bytes;
    size_t found;
    dt_status status = dt_read_file(script, SCRIPT_SEEN, &bytes, &found, NULL);
    bool ours = !status && strncmp(bytes, MARK, sizeof MARK - 1) == 0;
    dt_free(bytes);
    if (ours)
        return DT_OK;
    return dt_fail(error, DT_ERR_CREATE,
                   "%s: expected none, or one that export wrote, found another file, which stays; "
                   "give --out another name",
                   script);
}

static dt_status write_script(const dt_model *model, const char *path, const char *script,
                              dt_error *error)
{
    const char *slash = strrchr(path, '/');
    dt_text text = {.grows = true};
    add_script(model, slash ? slash + 1 : path, &text);
    dt_status status = dt_text_status(&text, error);
    if (!status)
        status = dt_atomic_write(script, text.text, text.length, error);
    dt_free(text.text);
    return status;
}

dt_status export_torch(const dt_model *model, const char *path, dt_error *error)
{
    char script[DT_PATH_SIZE];
    dt_bundle bundle = {0};
    dt_status status =
        dt_check_words(&model->spec.architecture, has_word, "PyTorch has", path, error);
    if (!status)
        status = check_order(&model->spec.architecture, path, error);
    if (!status)
        status = find_script(path, script, error);
    if (!status)
        status = dt_bundle_of_weights(&model->spec.architecture, &model->file, DT_NAMES_TORCH,
                                      &bundle, error);
    if (!status)
        status = dt_safetensors_write(path, &bundle, error);
    if (!status)
        status = write_script(model, path, script, error);
    dt_bundle_destroy(&bundle);
    return status;
}
