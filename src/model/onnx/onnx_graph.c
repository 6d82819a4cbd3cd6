#include "onnx_graph.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

struct onnx_node {
    Onnx__NodeProto proto;
    char output[ONNX_NAME_SIZE];
    char *inputs[ONNX_NODE_INPUTS], *outputs[1];
    Onnx__AttributeProto attributes[ONNX_NODE_ATTRIBUTES], *attribute_list[ONNX_NODE_ATTRIBUTES];
    int64_t lists[ONNX_NODE_ATTRIBUTES][ONNX_LIST];
};

struct onnx_tensor {
    Onnx__TensorProto proto;
    char name[ONNX_NAME_SIZE];
    float number;
    int64_t shape[ONNX_LIST], list[ONNX_LIST];
};

void onnx_graph_destroy(onnx_graph *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < self->room_count; i++)
        dt_free(self->rooms[i]);
    dt_free(self->rooms);
    dt_free(self->nodes);
    dt_free(self->tensors);
    dt_free(self->node_list);
    dt_free(self->tensor_list);
    dt_free(self);
}

onnx_graph *onnx_graph_create(const char *name, size_t nodes, size_t tensors, dt_error *error)
{
    onnx_graph *self = dt_calloc(1, sizeof *self, error);
    if (self && (self->nodes = dt_calloc(nodes, sizeof *self->nodes, error)) &&
        (self->tensors = dt_calloc(tensors, sizeof *self->tensors, error)) &&
        (self->rooms = dt_calloc(tensors, sizeof *self->rooms, error)) &&
        (self->node_list = dt_calloc(nodes, sizeof *self->node_list, error)) &&
        (self->tensor_list = dt_calloc(tensors, sizeof *self->tensor_list, error))) {
        onnx__graph_proto__init(&self->proto);
        self->proto.name = (char *)name;
        self->proto.node = self->node_list;
        self->proto.initializer = self->tensor_list;
        return self;
    }
    onnx_graph_destroy(self);
    return NULL;
}

char *onnx_add_node(onnx_graph *self, const char *op, const char *output, char *a, char *b, char *c)
{
    char *inputs[ONNX_NODE_INPUTS] = {a, b, c};
    onnx_node *added = &self->nodes[self->proto.n_node];
    onnx__node_proto__init(&added->proto);
    snprintf(added->output, sizeof added->output, "%s", output);
    for (int i = 0; i < ONNX_NODE_INPUTS && inputs[i]; i++)
        added->inputs[added->proto.n_input++] = inputs[i];
    added->proto.input = added->inputs;
    added->outputs[0] = added->output;
    added->proto.output = added->outputs;
    added->proto.n_output = 1;
    added->proto.name = added->output;
    added->proto.op_type = (char *)op;
    self->node_list[self->proto.n_node++] = &added->proto;
    return added->output;
}

static Onnx__AttributeProto *add_attribute(onnx_graph *self, const char *name,
                                           Onnx__AttributeProto__AttributeType type)
{
    onnx_node *last = &self->nodes[self->proto.n_node - 1];
    Onnx__AttributeProto *added = &last->attributes[last->proto.n_attribute];
    onnx__attribute_proto__init(added);
    added->name = (char *)name;
    added->has_type = 1;
    added->type = type;
    added->ints = last->lists[last->proto.n_attribute];
    last->attribute_list[last->proto.n_attribute++] = added;
    last->proto.attribute = last->attribute_list;
    return added;
}

void onnx_set_integer(onnx_graph *self, const char *name, int64_t i)
{
    Onnx__AttributeProto *attribute =
        add_attribute(self, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attribute->has_i = 1;
    attribute->i = i;
}

void onnx_set_list(onnx_graph *self, const char *name, size_t count, const int64_t *list)
{
    Onnx__AttributeProto *attribute =
        add_attribute(self, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    attribute->n_ints = count;
    memcpy(attribute->ints, list, count * sizeof *list);
}

void onnx_set_real(onnx_graph *self, const char *name, float f)
{
    Onnx__AttributeProto *attribute =
        add_attribute(self, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    attribute->has_f = 1;
    attribute->f = f;
}

static onnx_tensor *add_tensor(onnx_graph *self, const char *name, int rank, const int64_t *shape)
{
    onnx_tensor *added = &self->tensors[self->proto.n_initializer];
    onnx__tensor_proto__init(&added->proto);
    snprintf(added->name, sizeof added->name, "%s", name);
    added->proto.name = added->name;
    added->proto.n_dims = (size_t)rank;
    added->proto.dims = added->shape;
    for (int i = 0; i < rank; i++)
        added->shape[i] = shape[i];
    self->tensor_list[self->proto.n_initializer++] = &added->proto;
    return added;
}

static void set_data(onnx_tensor *self, Onnx__TensorProto__DataType type, const void *data,
                     size_t size)
{
    self->proto.has_data_type = self->proto.has_raw_data = 1;
    self->proto.data_type = (int32_t)type;
    self->proto.raw_data.len = size;
    self->proto.raw_data.data = (uint8_t *)(uintptr_t)data;
}

char *onnx_add_tensor(onnx_graph *self, const char *name, int rank, const int64_t *shape,
                      const float *values, size_t count)
{
    onnx_tensor *added = add_tensor(self, name, rank, shape);
    set_data(added, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, values, count * sizeof *values);
    return added->name;
}

char *onnx_add_list(onnx_graph *self, const char *name, size_t count, const int64_t *list)
{
    onnx_tensor *added = add_tensor(self, name, 1, &(int64_t){(int64_t)count});
    memcpy(added->list, list, count * sizeof *list);
    set_data(added, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, added->list, count * sizeof *list);
    return added->name;
}

float *onnx_add_room(onnx_graph *self, size_t count, dt_error *error)
{
    float *room = dt_calloc(count, sizeof *room, error);
    if (room)
        self->rooms[self->room_count++] = room;
    return room;
}

char *onnx_add_number(onnx_graph *self, const char *name, double number)
{
    float *value = &self->tensors[self->proto.n_initializer].number;
    *value = (float)number;
    return onnx_add_tensor(self, name, 0, NULL, value, 1);
}

static void fill_shape(onnx_value *self, const int sizes[ONNX_VALUE_SIZES])
{
    onnx__tensor_shape_proto__init(&self->shape);
    self->shape.dim = self->dimension_list;
    for (int i = 0; i <= ONNX_VALUE_SIZES && (i == 0 || sizes[i - 1] > 0); i++) {
        Onnx__TensorShapeProto__Dimension *dimension = &self->dimensions[i];
        onnx__tensor_shape_proto__dimension__init(dimension);
        if (i == 0) {
            dimension->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dimension->dim_param = (char *)"batch";
        } else {
            dimension->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dimension->dim_value = sizes[i - 1];
        }
        self->dimension_list[self->shape.n_dim++] = dimension;
    }
}

static char *add_value(onnx_graph *self, const char *name, const char *doc,
                       Onnx__TensorProto__DataType type, const int sizes[ONNX_VALUE_SIZES])
{
    size_t index = self->proto.n_input + self->proto.n_output;
    onnx_value *added = &self->values[index];
    onnx__value_info_proto__init(&added->proto);
    onnx__type_proto__init(&added->type);
    onnx__type_proto__tensor__init(&added->tensor);
    fill_shape(added, sizes);
    added->tensor.has_elem_type = 1;
    added->tensor.elem_type = (int32_t)type;
    added->tensor.shape = &added->shape;
    added->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    added->type.tensor_type = &added->tensor;
    added->proto.name = (char *)name;
    added->proto.doc_string = (char *)doc;
    added->proto.type = &added->type;
    self->value_list[index] = &added->proto;
    return added->proto.name;
}

char *onnx_add_input(onnx_graph *self, const char *name, const char *doc,
                     Onnx__TensorProto__DataType type, const int sizes[ONNX_VALUE_SIZES])
{
    char *added = add_value(self, name, doc, type, sizes);
    self->proto.input = self->value_list;
    self->proto.n_input++;
    return added;
}

char *onnx_add_output(onnx_graph *self, const char *name, const char *doc,
                      Onnx__TensorProto__DataType type, const int sizes[ONNX_VALUE_SIZES])
{
    char *added = add_value(self, name, doc, type, sizes);
    self->proto.output = self->value_list + self->proto.n_input;
    self->proto.n_output++;
    return added;
}
