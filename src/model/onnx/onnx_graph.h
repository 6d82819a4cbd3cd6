/* The graph of an ONNX model, put together node by node. */
#ifndef DT_MODEL_ONNX_GRAPH_H
#define DT_MODEL_ONNX_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include <onnx.pb-c.h>

#include "base/status.h"

enum {
    ONNX_NAME_SIZE = 64,
    ONNX_NODE_INPUTS = 3,
    ONNX_NODE_ATTRIBUTES = 4,
    ONNX_LIST = 4, /* most integers of a list */
    ONNX_VALUE_SIZES = 3,
    ONNX_VALUES = 3
};

typedef struct onnx_node onnx_node;
typedef struct onnx_tensor onnx_tensor;

/* An input or output of the graph. */
typedef struct onnx_value {
    Onnx__ValueInfoProto proto;
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor;
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dimensions[1 + ONNX_VALUE_SIZES],
        *dimension_list[1 + ONNX_VALUE_SIZES];
} onnx_value;

/* The graph and all that it points to, but for names and values that are said to be others'. */
typedef struct onnx_graph {
    Onnx__GraphProto proto;
    onnx_node *nodes;
    onnx_tensor *tensors;
    onnx_value values[ONNX_VALUES];
    Onnx__NodeProto **node_list;
    Onnx__TensorProto **tensor_list;
    Onnx__ValueInfoProto *value_list[ONNX_VALUES];
    float **rooms; /* [room_count]; room for one a tensor */
    size_t room_count;
} onnx_graph;

/* An empty graph with room for so many nodes and tensors; `name` stays the caller's. NULL with
 * *error set when there is no memory. The caller owns it: onnx_graph_destroy, which takes NULL. */
onnx_graph *onnx_graph_create(const char *name, size_t nodes, size_t tensors, dt_error *error);
void onnx_graph_destroy(onnx_graph *graph);

/* output = op(a, b, c); the first NULL ends the inputs. op and the inputs' names stay others'.
 * Returns the output's name, which is the node's too and lives as long as the graph. */
char *onnx_add_node(onnx_graph *graph, const char *op, const char *output, char *a, char *b,
                    char *c);

/* One more attribute of the node that was added last: at most ONNX_NODE_ATTRIBUTES. */
void onnx_set_integer(onnx_graph *graph, const char *name, int64_t i);
void onnx_set_list(onnx_graph *graph, const char *name, size_t count, const int64_t *list);
void onnx_set_real(onnx_graph *graph, const char *name, float f);

/* Values that nodes take by the name that is returned; values stay others'. */
char *onnx_add_tensor(onnx_graph *graph, const char *name, int rank, const int64_t *shape,
                      const float *values, size_t count);
char *onnx_add_list(onnx_graph *graph, const char *name, size_t count, const int64_t *list);
char *onnx_add_number(onnx_graph *graph, const char *name, double number);

/* Room for values of a tensor, which becomes the graph's; NULL with *error set. */
float *onnx_add_room(onnx_graph *graph, size_t count, dt_error *error);

/* Inputs come before outputs. A tensor of [batch][sizes[0]]...; the first 0 ends the sizes. Returns
 * `name`. */
char *onnx_add_input(onnx_graph *graph, const char *name, const char *doc,
                     Onnx__TensorProto__DataType type, const int sizes[ONNX_VALUE_SIZES]);
char *onnx_add_output(onnx_graph *graph, const char *name, const char *doc,
                      Onnx__TensorProto__DataType type, const int sizes[ONNX_VALUE_SIZES]);

#endif
