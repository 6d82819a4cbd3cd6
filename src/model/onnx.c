#include "model/onnx.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "file/atomic_file.h"
#include "onnx_graph.h"
#include "weights_facts.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian");

enum {
    IR_VERSION = 7,
    OPSET = 13,
    NODES_A_LAYER = 6, /* at most: its product and GELU */
    NODES_BESIDES = 5, /* normalisation and probabilities */
    NUMBERS_MAX = 8,   /* that nodes take as tensors */
    FACTS_MAX = DT_WEIGHTS_FACTS + 1
};

/* The model but for its graph. */
typedef struct model {
    Onnx__ModelProto proto;
    Onnx__OperatorSetIdProto opset, *opset_list[1];
    dt_bundle texts;
    Onnx__StringStringEntryProto facts[FACTS_MAX], *fact_list[FACTS_MAX];
} model;

static char *add_image(onnx_graph *graph, dt_shape shape)
{
    const int sizes[] = {shape.height, shape.width, shape.channels > 1 ? shape.channels : 0};
    return onnx_add_input(graph, "image", "bytes: 0 background, 255 ink",
                          ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, sizes);
}

static char *add_normalisation(onnx_graph *graph, const dt_network_spec *network, char *image)
{
    char *x = onnx_add_node(graph, "Cast", "pixels", image, NULL, NULL);
    onnx_set_integer(graph, "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    x = onnx_add_node(graph, "Flatten", "flat", x, NULL, NULL);
    onnx_set_integer(graph, "axis", 1);
    char *scale = onnx_add_number(graph, "scale", network->input_scale);
    x = onnx_add_node(graph, "Mul", "scaled", x, scale, NULL);
    char *shift = onnx_add_number(graph, "shift", network->input_shift);
    return onnx_add_node(graph, "Add", "normalised", x, shift, NULL);
}

/* The numbers of GELU, which all its layers share. */
typedef struct gelu {
    char *half, *one, *root_of_half;
} gelu;

/* z Phi(z) = z / 2 (1 + erf(z / sqrt 2)) */
static char *add_gelu(onnx_graph *graph, const gelu *numbers, const char *layer, char *z)
{
    char name[ONNX_NAME_SIZE];
    snprintf(name, sizeof name, "%s/gelu/scaled", layer);
    char *x = onnx_add_node(graph, "Mul", name, z, numbers->root_of_half, NULL);
    snprintf(name, sizeof name, "%s/gelu/erf", layer);
    x = onnx_add_node(graph, "Erf", name, x, NULL, NULL);
    snprintf(name, sizeof name, "%s/gelu/raised", layer);
    x = onnx_add_node(graph, "Add", name, x, numbers->one, NULL);
    snprintf(name, sizeof name, "%s/gelu/doubled", layer);
    x = onnx_add_node(graph, "Mul", name, x, z, NULL);
    snprintf(name, sizeof name, "%s/gelu", layer);
    return onnx_add_node(graph, "Mul", name, x, numbers->half, NULL);
}

static char *add_activation(onnx_graph *graph, dt_activation kind, const gelu *numbers,
                            const char *layer, char *z)
{
    const char *type = NULL;
    switch (kind) {
    case DT_SIGMOID:
        type = "Sigmoid";
        break;
    case DT_TANH:
        type = "Tanh";
        break;
    case DT_RELU:
        type = "Relu";
        break;
    case DT_LEAKY_RELU:
        type = "LeakyRelu";
        break;
    case DT_GELU:
        return add_gelu(graph, numbers, layer, z);
    case DT_IDENTITY:
        return z;
    }
    char name[ONNX_NAME_SIZE];
    snprintf(name, sizeof name, "%s/%s", layer, dt_activation_names[kind]);
    char *a = onnx_add_node(graph, type, name, z, NULL, NULL);
    if (kind == DT_LEAKY_RELU)
        onnx_set_real(graph, "alpha", DT_LEAKY_SLOPE);
    return a;
}

static char *add_weights(onnx_graph *graph, const dt_weights_file *file, size_t index)
{
    dt_tensor *weights = &file->tensors[index];
    char name[ONNX_NAME_SIZE];
    snprintf(name, sizeof name, "%s/%s", weights->layer, weights->name);
    return onnx_add_tensor(graph, name, weights->rank, weights->shape,
                           file->parameters + weights->offset, dt_tensor_count(weights));
}

/* Returns the name of the last layer's outputs, "logits". */
static char *add_layers(onnx_graph *graph, const dt_trained *trained, char *x)
{
    const dt_network_spec *network = &trained->network;
    gelu numbers = {0};
    if (network->activation == DT_GELU && network->dense_count > 1)
        numbers = (gelu){.half = onnx_add_number(graph, "half", 0.5),
                         .one = onnx_add_number(graph, "one", 1),
                         .root_of_half = onnx_add_number(graph, "root_of_half", sqrt(0.5))};
    for (int i = 0; i < network->dense_count; i++) {
        size_t first = (size_t)i * (network->bias ? 2 : 1);
        const char *layer = trained->file->tensors[first].layer;
        char name[ONNX_NAME_SIZE];
        bool last = i + 1 == network->dense_count;
        char *kernel = add_weights(graph, trained->file, first);
        char *bias = network->bias ? add_weights(graph, trained->file, first + 1) : NULL;
        snprintf(name, sizeof name, "%s/dense", layer);
        x = onnx_add_node(graph, "Gemm", last ? "logits" : name, x, kernel, bias);
        if (!last)
            x = add_activation(graph, network->activation, &numbers, layer, x);
    }
    return x;
}

static char *add_probabilities(onnx_graph *graph, const dt_network_spec *network, char *logits)
{
    const char *name = "probabilities";
    if (network->output_softmax || network->loss == DT_CROSS_ENTROPY) {
        char *softmax = onnx_add_node(graph, "Softmax", name, logits, NULL, NULL);
        onnx_set_integer(graph, "axis", 1);
        return softmax;
    }
    if (network->loss == DT_BCE)
        return onnx_add_node(graph, "Sigmoid", name, logits, NULL, NULL);
    char *least = onnx_add_number(graph, "least", 0), *most = onnx_add_number(graph, "most", 1);
    return onnx_add_node(graph, "Clip", name, logits, least, most);
}

/* Owned by the caller: onnx_graph_destroy. NULL with *error set when there is no memory. */
static onnx_graph *build_graph(const dt_trained *trained, dt_error *error)
{
    const dt_network_spec *network = &trained->network;
    size_t nodes = (size_t)network->dense_count * NODES_A_LAYER + NODES_BESIDES;
    onnx_graph *graph =
        onnx_graph_create("dist-train", nodes, trained->file->tensor_count + NUMBERS_MAX, error);
    if (!graph)
        return NULL;
    const int sizes[] = {network->widths[network->dense_count - 1], 0, 0};
    char *image = add_image(graph, trained->shape);
    char *logits = add_layers(graph, trained, add_normalisation(graph, network, image));
    char *probabilities = add_probabilities(graph, network, logits);
    onnx_add_output(graph, logits, "outputs of the last dense layer",
                    ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, sizes);
    onnx_add_output(graph, probabilities, "of the classes", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                    sizes);
    return graph;
}

static dt_status add_facts(model *self, const dt_weights_file *file, dt_error *error)
{
    dt_status status = weights_facts_to_texts(file, &self->texts, error);
    for (size_t i = 0; i < self->texts.text_count && status == DT_OK; i++) {
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
    self->opset.version = OPSET;
    self->opset_list[0] = &self->opset;
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

dt_status dt_onnx_write(const char *path, const dt_trained *trained, dt_error *error)
{
    model built = {0};
    onnx_graph *graph = build_graph(trained, error);
    if (!graph)
        return DT_ERR_INTERNAL;
    build_model(&built, graph, trained->file);
    dt_status status = add_facts(&built, trained->file, error);
    if (!status)
        status = write_model(path, &built.proto, error);
    dt_bundle_destroy(&built.texts);
    onnx_graph_destroy(graph);
    return status;
}
