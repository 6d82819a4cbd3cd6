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
#include "model/weights_bundle.h"
#include "run/directory.h"

/* How a file that this program wrote begins. */
#define MARK        "# Written by dist-train export: "
#define SCRIPT_SEEN ((size_t)1 << 20)

/* A switch, not a table: the compiler names what is missing. */
static const char *torch_activation(dt_activation kind)
{
    switch (kind) {
    case DT_SIGMOID:
        return "Sigmoid()";
    case DT_TANH:
        return "Tanh()";
    case DT_RELU:
        return "ReLU()";
    case DT_LEAKY_RELU:
        return "LeakyReLU(0.01)";
    case DT_GELU:
        return "GELU()";
    case DT_IDENTITY:
        break;
    }
    return "Identity()";
}

static const char *const torch_probabilities[] = {
    [DT_CROSS_ENTROPY] = "torch.softmax(outputs, 1)",
    [DT_BCE] = "torch.sigmoid(outputs)",
    [DT_MSE] = "outputs.clamp(0, 1)",
};

static void add_layers(const dt_model_spec *spec, dt_text *to)
{
    int inputs = (int)dt_shape_size(spec->shape);
    for (int i = 0; i < spec->layer_count; i++) {
        dt_text_add(to, "    nn.Linear(%d, %d%s),", inputs, spec->layers[i],
                    spec->bias ? "" : ", bias=False");
        if (i + 1 < spec->layer_count)
            dt_text_add(to, " nn.%s,", torch_activation(spec->activation));
        else if (spec->output_activation == DT_OUTPUT_SOFTMAX)
            dt_text_add(to, " nn.Softmax(1),");
        dt_text_add(to, "\n");
        inputs = spec->layers[i];
    }
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

/* name: of the safetensors file, without its directory. */
static void add_script(const dt_model *model, const char *name, dt_text *to)
{
    const dt_model_spec *spec = &model->spec;
    bool softmax = spec->output_activation == DT_OUTPUT_SOFTMAX;
    char shown[DT_VISIBLE_ROOM];
    dt_visible(model->file.facts.architecture, shown, sizeof shown);
    dt_text_add(to, MARK "the network %s for PyTorch.\n", shown);
    dt_text_add(to,
                "# model(images) takes pixels from 0 to 255, [n][%d] or [n][%d][%d][%d], and gives "
                "the\n# outputs [n][%d]; probabilities(outputs) is what dist-train predict "
                "prints.\n",
                (int)dt_shape_size(spec->shape), spec->shape.height, spec->shape.width,
                spec->shape.channels, dt_model_classes(spec));
    dt_text_add(to, "import json\nimport pathlib\n\nimport torch\nfrom torch import nn\n\n\n"
                    "class Network(nn.Sequential):\n"
                    "    def forward(self, images):\n"
                    "        return super().forward(images.flatten(1).float() * ");
    dt_json_add_real(to, spec->normalization.scale);
    dt_text_add(to, " + ");
    dt_json_add_real(to, spec->normalization.shift);
    dt_text_add(to, ")\n\n\ndef probabilities(outputs):\n    return %s\n\n\nmodel = Network(\n",
                softmax ? "outputs" : torch_probabilities[spec->loss]);
    add_layers(spec, to);
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
    bool ours = status == DT_OK && strncmp(bytes, MARK, sizeof MARK - 1) == 0;
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
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    dt_text text = {0};
    add_script(model, name, &text);
    char *bytes = dt_calloc(text.length + 1, 1, error);
    if (!bytes)
        return DT_ERR_INTERNAL;
    text = (dt_text){.text = bytes, .size = text.length + 1};
    add_script(model, name, &text);
    dt_status status = dt_atomic_write(script, bytes, text.length, error);
    dt_free(bytes);
    return status;
}

dt_status export_torch(const dt_model *model, const char *path, dt_error *error)
{
    char script[DT_PATH_SIZE];
    dt_bundle bundle = {0};
    dt_status status = find_script(path, script, error);
    if (status == DT_OK)
        status = dt_bundle_of_weights(&model->file, DT_NAMES_TORCH, &bundle, error);
    if (status == DT_OK)
        status = dt_safetensors_write(path, &bundle, error);
    if (status == DT_OK)
        status = write_script(model, path, script, error);
    dt_bundle_destroy(&bundle);
    return status;
}
