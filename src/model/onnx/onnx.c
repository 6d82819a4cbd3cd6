#include "model/onnx.h"

#include <stdio.h>

#include "base/memory.h"
#include "file/atomic_file.h"
#include "model/planes.h"
#include "model/weights_bundle.h"
#include "onnx_graph.h"
#include "../weights_facts.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian");

enum {
    IR_VERSION = 7,
    OPSET = 13,
    NODES_BESIDES = 5, /* normalisation and probabilities */
    NUMBERS_BESIDES = 4,
    FACTS_MAX = DT_WEIGHTS_FACTS + 2 /* the hash, id2label */
};

/* The model but for its graph. */
typedef struct model {
    Onnx__ModelProto proto;
    Onnx__OperatorSetIdProto opset, *opset_list[1];
    dt_bundle texts;
    Onnx__StringStringEntryProto facts[FACTS_MAX], *fact_list[FACTS_MAX];
} model;

static char *add_image(onnx_graph *graph, dt_shape shape, bool upright)
{
    const char *doc = upright ? "bytes: 0 background, 255 ink; upright: with the rows and columns "
                                "of the data set exchanged (transpose)"
                              : "bytes: 0 background, 255 ink";
    const int sizes[] = {shape.height, shape.width, shape.channels > 1 ? shape.channels : 0};
    return onnx_add_input(graph, "image", doc, ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, sizes);
}

static char *add_normalisation(onnx_graph *graph, dt_normalization normalization, char *image)
{
    char *x = onnx_add_node(graph, "Cast", "pixels", image, NULL, NULL);
    onnx_set_integer(graph, "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    x = onnx_add_node(graph, "Flatten", "flat", x, NULL, NULL);
    onnx_set_integer(graph, "axis", 1);
    char *scale = onnx_add_number(graph, "scale", normalization.scale);
    x = onnx_add_node(graph, "Mul", "scaled", x, scale, NULL);
    char *shift = onnx_add_number(graph, "shift", normalization.shift);
    return onnx_add_node(graph, "Add", "normalised", x, shift, NULL);
}

/* A network that is being written. */
typedef struct writing {
    onnx_graph *graph;
    const dt_weights_file *file;
    dt_planes walk;
    size_t next;                  /* tensor of the file */
    char *outputs[DT_LAYERS_MAX]; /* the names of what the layers give */
    char *second;                 /* and of the second input of the layer at hand */
    dt_error *error;
} writing;

/* A gain or shift that an operation meets with planes has their axes: one for each channel. */
static char *add_by_channel(const writing *self, const char *name, const dt_tensor *tensor,
                            const float *values)
{
    const int64_t shape[] = {tensor->shape[0], 1, 1};
    bool meets =
        self->walk.image && (tensor->role == DT_TENSOR_GAIN || tensor->role == DT_TENSOR_SHIFT);
    return onnx_add_tensor(self->graph, name, meets ? 3 : 1, shape, values,
                           dt_tensor_count(tensor));
}

/* Weights of windows and of images are planes here, all others as they are: a row of values has our
 * order. */
static char *add_weights(const writing *self, int index)
{
    const dt_tensor *weights = &self->file->tensors[self->next + (size_t)index];
    const float *values = self->file->parameters + weights->offset;
    size_t count = dt_tensor_count(weights), sizes[3];
    int64_t shape[DT_RANK_MAX];
    char name[ONNX_NAME_SIZE];
    snprintf(name, sizeof name, "%s/%s", weights->layer, weights->name);
    if (weights->rank == 1)
        return add_by_channel(self, name, weights, values);
    if (weights->rank == 2)
        return onnx_add_tensor(self->graph, name, 2, weights->shape, values, count);
    float *room = onnx_add_room(self->graph, count, self->error);
    dt_planes_sizes(&self->walk, weights, sizes);
    dt_planes_shape(weights, shape);
    if (room)
        dt_planes_reverse(values, sizes, room);
    return onnx_add_tensor(self->graph, name, weights->rank, shape, room, count);
}

static char *add_argument(onnx_graph *graph, double number)
{
    char name[ONNX_NAME_SIZE];
    snprintf(name, sizeof name, "number_%zu", graph->proto.n_initializer);
    return onnx_add_number(graph, name, number);
}

/* What a layer takes becomes [samples][groups][values of a group], for 0 groups what it was. */
static char *add_shape(const writing *self, int groups)
{
    const dt_layer *layer = &self->walk.layer;
    dt_shape input = layer->input;
    char name[ONNX_NAME_SIZE];
    snprintf(name, sizeof name, "shape_%zu", self->graph->proto.n_initializer);
    if (groups > 0) /* 0: as many as there are */
        return onnx_add_list(self->graph, name, 3, (int64_t[]){0, groups, layer->inputs / groups});
    if (self->walk.image)
        return onnx_add_list(self->graph, name, 4,
                             (int64_t[]){0, input.channels, input.height, input.width});
    return onnx_add_list(self->graph, name, 2, (int64_t[]){0, layer->inputs});
}

/* What becomes of x in front of layer `index`, or of its second input; `of`: that image. Its name
 * is `output`, or made here. */
static char *add_turn(onnx_graph *graph, int index, dt_turn turn, dt_shape of, const char *output,
                      char *x)
{
    char name[ONNX_NAME_SIZE], between[ONNX_NAME_SIZE];
    bool row = turn == DT_TURN_TO_ROW;
    if (turn == DT_TURN_NONE)
        return x;
    snprintf(name, sizeof name, "%d/%s", index, row ? "row" : "planes");
    snprintf(between, sizeof between, "%d/%s", index, "values");
    output = output ? output : name;
    if (row) {
        x = onnx_add_node(graph, "Transpose", between, x, NULL, NULL);
        onnx_set_list(graph, "perm", 4, (int64_t[]){0, 2, 3, 1});
        x = onnx_add_node(graph, "Flatten", output, x, NULL, NULL);
        onnx_set_integer(graph, "axis", 1);
        return x;
    }
    char shape[ONNX_NAME_SIZE];
    snprintf(shape, sizeof shape, "%d/shape", index);
    char *list = onnx_add_list(graph, shape, 4, /* 0: as many as there are */
                               (int64_t[]){0, of.height, of.width, of.channels});
    x = onnx_add_node(graph, "Reshape", between, x, list, NULL);
    x = onnx_add_node(graph, "Transpose", output, x, NULL, NULL);
    onnx_set_list(graph, "perm", 4, (int64_t[]){0, 3, 1, 2});
    return x;
}

/* What a step takes (nn/layer.h); NULL: the layer has no such tensor. results: of the steps
 * before, behind x. */
static char *operand(const writing *self, const dt_layer *layer, const dt_onnx_step *step,
                     char letter, char *x, char *const *results, char *previous)
{
    const double *arguments = layer->arguments;
    if (letter == 'x')
        return x;
    if (letter == 'p')
        return previous;
    if (letter == 'y')
        return self->second;
    if (letter >= 'A' && letter <= 'Z')
        return results[letter - 'A' + 1];
    if (letter == 'g' || letter == 's')
        return add_shape(self, letter == 'g' ? (int)arguments[0] : 0);
    if (letter == 'n')
        return add_argument(self->graph, step->number);
    if (letter == 'a' || letter == 'b')
        return add_argument(self->graph, arguments[letter - 'a']);
    return letter - '0' < layer->tensor_count ? add_weights(self, letter - '0') : NULL;
}

static void set_windows(onnx_graph *graph, const dt_layer *layer)
{
    dt_windows at;
    (void)layer->kind->windows(layer, &at, NULL);
    onnx_set_list(graph, "kernel_shape", 2, (int64_t[]){at.height, at.width});
    onnx_set_list(graph, "strides", 2, (int64_t[]){at.down, at.across});
    onnx_set_list(graph, "pads", 4, (int64_t[]){at.top, at.left, at.bottom, at.right});
}

static void set_attributes(onnx_graph *graph, const dt_planes *walk, const dt_onnx_step *step)
{
    if (step->windows)
        set_windows(graph, &walk->layer);
    if (step->sample)
        onnx_set_list(graph, "axes", walk->image ? 3 : 1, (int64_t[]){1, 2, 3});
    if (step->attribute && step->list)
        onnx_set_list(graph, step->attribute, 1, &(int64_t){(int64_t)step->value});
    else if (step->attribute && step->whole)
        onnx_set_integer(graph, step->attribute, (int64_t)step->value);
    else if (step->attribute)
        onnx_set_real(graph, step->attribute, (float)step->value);
}

/* The nodes of layer `index`; returns the name of what it gives: `output`, or one made here. */
static char *add_layer(writing *self, int index, const char *output, char *x)
{
    const dt_layer *layer = &self->walk.layer;
    const dt_onnx_step *steps = layer->kind->onnx;
    char *results[DT_ONNX_STEPS_MAX] = {NULL}, *previous = x;
    if (layer->source >= 0)
        self->second = add_turn(self->graph, index, self->walk.second_turn, layer->input, NULL,
                                self->outputs[layer->source]);
    for (int i = 0; i < DT_ONNX_STEPS_MAX && steps[i].operation; i++) {
        const dt_onnx_step *step = &steps[i];
        results[i] = previous;
        bool last = i + 1 == DT_ONNX_STEPS_MAX || !steps[i + 1].operation;
        char name[ONNX_NAME_SIZE], *takes[ONNX_NODE_INPUTS] = {NULL};
        if (last && output)
            snprintf(name, sizeof name, "%s", output);
        else
            snprintf(name, sizeof name, last ? "%d/%s" : "%d/%s/%d", index, layer->kind->name, i);
        for (int j = 0, count = 0; step->takes[j]; j++)
            if ((takes[count] = operand(self, layer, step, step->takes[j], x, results, previous)))
                count++;
        previous = onnx_add_node(self->graph, step->operation, name, takes[0], takes[1], takes[2]);
        set_attributes(self->graph, &self->walk, step);
    }
    self->next += (size_t)layer->tensor_count;
    return previous;
}

/* Sets the names of the outputs; the probabilities are NULL unless the network ends in them. */
static void add_layers(writing *self, const dt_architecture *architecture, char *x, char **logits,
                       char **probabilities)
{
    const dt_layer_list *list = &architecture->list;
    int last = list->count - 1 - dt_layers_end_in_softmax(list);
    int i = 0;
    for (; dt_planes_next(architecture, i, &self->walk); i++) {
        const dt_planes *walk = &self->walk;
        x = add_turn(self->graph, i, walk->turn, walk->of, i == last + 1 ? "logits" : NULL, x);
        if (i == last + 1)
            *logits = x;
        /* An image at the end becomes a row first. */
        const char *name = i > last                         ? "probabilities"
                           : i == last && !self->walk.image ? "logits"
                                                            : NULL;
        x = self->outputs[i] = add_layer(self, i, name, x);
        *(i <= last ? logits : probabilities) = x;
    }
    if (self->walk.turn != DT_TURN_NONE)
        *logits = add_turn(self->graph, i, self->walk.turn, self->walk.of, "logits", x);
}

static char *add_probabilities(onnx_graph *graph, dt_loss loss, char *logits)
{
    const char *name = "probabilities";
    if (loss == DT_CROSS_ENTROPY) {
        char *softmax = onnx_add_node(graph, "Softmax", name, logits, NULL, NULL);
        onnx_set_integer(graph, "axis", 1);
        return softmax;
    }
    if (loss == DT_BCE)
        return onnx_add_node(graph, "Sigmoid", name, logits, NULL, NULL);
    char *least = onnx_add_number(graph, "least", 0), *most = onnx_add_number(graph, "most", 1);
    return onnx_add_node(graph, "Clip", name, logits, least, most);
}

/* Owned by the caller: onnx_graph_destroy. NULL with *error set when there is no memory. */
static onnx_graph *build_graph(const dt_network_spec *network, const dt_weights_file *file,
                               bool upright, dt_error *error)
{
    const dt_architecture *architecture = &network->architecture;
    size_t steps = (size_t)architecture->list.count * DT_ONNX_STEPS_MAX;
    size_t turns = (size_t)architecture->list.count + 1; /* at most; of two nodes and a shape */
    dt_error own = {0};
    onnx_graph *graph =
        onnx_graph_create("dist-train", steps + 2 * turns + NODES_BESIDES,
                          file->tensor_count + steps + turns + NUMBERS_BESIDES, error);
    if (!graph)
        return NULL;
    writing self = {.graph = graph, .file = file, .error = &own};
    const int sizes[] = {dt_architecture_outputs(architecture), 0, 0};
    char *x = add_image(graph, architecture->input, upright), *logits = x, *probabilities = NULL;
    x = add_normalisation(graph, network->normalization, x);
    add_layers(&self, architecture, x, &logits, &probabilities);
    if (!probabilities)
        probabilities = add_probabilities(graph, network->loss, logits);
    onnx_add_output(graph, logits, "outputs of the last layer",
                    ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, sizes);
    onnx_add_output(graph, probabilities, "of the classes", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                    sizes);
    if (!own.status)
        return graph;
    onnx_graph_destroy(graph);
    dt_fail(error, own.status, "%s", own.message);
    return NULL;
}

static bool has_word(const dt_layer_kind *kind)
{
    return kind->onnx[0].operation != NULL;
}

static dt_status add_facts(model *self, const dt_weights_file *file, dt_error *error)
{
    dt_status status = weights_facts_to_texts(file, &self->texts, error);
    for (size_t i = 0; i < self->texts.text_count && !status; i++) {
        Onnx__StringStringEntryProto *added = &self->facts[i];
        onnx__string_string_entry_proto__init(added);
        added->key = self->texts.texts[i].name;
        added->value = self->texts.texts[i].text;
        self->fact_list[i] = added;
    }
    self->proto.n_metadata_props = self->texts.text_count;
    self->proto.metadata_props = self->fact_list;
    return status;
}

/* What points into *self stays valid while *self stays where it is. */
static void build_model(model *self, onnx_graph *graph, const dt_weights_file *file)
{
    onnx__model_proto__init(&self->proto);
    onnx__operator_set_id_proto__init(&self->opset);
    self->opset.domain = (char *)"";
    self->opset.has_version = 1;
    self->opset.version = OPSET;
    self->opset_list[0] = &self->opset;
    self->proto.has_ir_version = 1;
    self->proto.ir_version = IR_VERSION;
    self->proto.producer_name = (char *)"dist-train";
    self->proto.producer_version = (char *)file->facts.version;
    self->proto.graph = &graph->proto;
    self->proto.n_opset_import = 1;
    self->proto.opset_import = self->opset_list;
}

static dt_status write_model(const char *path, const Onnx__ModelProto *proto, dt_error *error)
{
    size_t size = onnx__model_proto__get_packed_size(proto);
    if (size > INT32_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected a network that fits into a file of ONNX, %d bytes, found %zu",
                       path, INT32_MAX, size);
    uint8_t *bytes = dt_calloc(size, 1, error);
    if (!bytes)
        return DT_ERR_INTERNAL;
    onnx__model_proto__pack(proto, bytes);
    dt_status status = dt_atomic_write(path, bytes, size, error);
    dt_free(bytes);
    return status;
}

dt_status dt_onnx_write(const char *path, const dt_network_spec *network,
                        const dt_weights_file *file, bool upright, dt_error *error)
{
    model built = {0};
    dt_status status = dt_check_words(&network->architecture, has_word, "ONNX has", path, error);
    if (status)
        return status;
    onnx_graph *graph = build_graph(network, file, upright, error);
    if (!graph)
        return DT_ERR_INTERNAL;
    build_model(&built, graph, file);
    status = add_facts(&built, file, error);
    if (!status)
        status = write_model(path, &built.proto, error);
    dt_bundle_destroy(&built.texts);
    onnx_graph_destroy(graph);
    return status;
}
