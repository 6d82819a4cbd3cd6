/* A graph of ONNX on its way into a network of ours: node by node, in the graph's order. */
#ifndef DT_MODEL_ONNX_WALK_H
#define DT_MODEL_ONNX_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onnx.pb-c.h>

#include "base/text.h"
#include "file/bundle.h"
#include "../network_plan.h"
#include "onnx_constant.h"

enum { ONNX_NODES_MAX = 4096, ONNX_CONSTANTS_MAX = 4096, ONNX_LIST_MAX = 8 };

/* What a node gives that is not constant: values [samples][size]... */
typedef struct onnx_flow {
    const char *name;
    dt_shape shape; /* the image, or the row, that it is to us */
    int rank;       /* without the samples: 3 of an image, 1 of a row, 2 of rows of pixels */
    bool planes;    /* its order is [channel][height][width], also as a row; else ours */
    int layer;      /* the layer that gives it; -1: the input, as far as it is scaled */
    int serial;     /* the state of the values: another one behind every node that changes them */
} onnx_flow;

typedef struct onnx_walk {
    const Onnx__GraphProto *graph;
    int64_t opset;
    network_plan *plan; /* its list becomes the network */
    dt_bundle *bundle;  /* its arrays, in our order */
    onnx_constant *constants;
    size_t constant_count;
    onnx_flow *flows; /* [nodes and inputs] */
    size_t flow_count;
    bool done[ONNX_NODES_MAX];
    size_t at;                  /* the node at hand */
    dt_shape shape;             /* what the last layer gives, or the input */
    int serial;                 /* of that */
    int serials[DT_LAYERS_MAX]; /* of what each layer gives, with what became a part of it */
    int weighted;               /* as in keras_network: of layers here */
    int waiting;                /* so too */
    bool begun;                 /* the input has met more than scales and changes of shape */
    bool bytes;                 /* it is bytes */
    int logarithm, clipped;     /* the serial of logarithms, of what is between 0 and 1 */
    int64_t pads[4];            /* around what comes next: top, left, bottom, right */
    double fill;                /* and what is there */
    int *lookups;               /* for what lists are made of: so many are left */
    char text[160];             /* for messages */
} onnx_walk;

/* Returns DT_ERR_DATA, with the node's name and operation. */
dt_status onnx_refuse(const Onnx__NodeProto *node, const char *expected, const char *found,
                      dt_error *error);

/* Attributes of a node; what it has by itself, if it does not say. */
const Onnx__AttributeProto *onnx_attribute(const Onnx__NodeProto *node, const char *name);
int64_t onnx_integer(const Onnx__NodeProto *node, const char *name, int64_t otherwise);
double onnx_real(const Onnx__NodeProto *node, const char *name, double otherwise);
bool onnx_says(const Onnx__NodeProto *node, const char *name, const char *text);

/* Input number `index` of a node: its name, "" if there is none; the constant, or what a node
 * gives; NULL: it is no such. */
const char *onnx_input(const Onnx__NodeProto *node, size_t index);
onnx_constant *onnx_constant_of(const onnx_walk *self, const char *name);
onnx_flow *onnx_flow_of(const onnx_walk *self, const char *name);

/* The integers of a list: an attribute, or an input that is constant or is made of shapes, in which
 * ONNX_SAMPLES is how many samples there are. */
#define ONNX_SAMPLES INT64_MIN
bool onnx_list(const onnx_walk *self, const Onnx__NodeProto *node, const char *attribute,
               size_t input, int64_t list[ONNX_LIST_MAX], size_t *count);

/* The sizes of what a node gives, the samples first: how many. */
size_t onnx_sizes_of(const onnx_flow *flow, int64_t list[ONNX_LIST_MAX]);

/* Whether such a list, or 0 for none, is the axes `first` to `last` of `rank`. */
bool onnx_axes(const int64_t *list, size_t count, int first, int last, int rank);

/* The values that the node takes, which must be those of the last layer. */
dt_status onnx_take(onnx_walk *self, const Onnx__NodeProto *node, size_t index,
                    const onnx_flow **flow, dt_error *error);

/* The values of which the node changes shape or order alone: those of a layer further in front too,
 * to which they may be added so. */
dt_status onnx_look(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow **flow,
                    dt_error *error);

/* The node gives such values: of the last layer, if they are `changed`, else what `flow` was. */
dt_status onnx_give(onnx_walk *self, const Onnx__NodeProto *node, onnx_flow flow, bool changed,
                    dt_error *error);

/* A row of the last layer's values, or of the image that it gives, in our order. */
onnx_flow onnx_row(const onnx_walk *self);
onnx_flow onnx_image(const onnx_walk *self);

/* The sizes of an array of planes' values that becomes ours (dt_planes_reverse), of which `inner`
 * belong to each. */
void onnx_sizes(const onnx_flow *flow, size_t inner, size_t sizes[3]);

/* Whether both orders of an image's values are one. */
bool onnx_orders_agree(dt_shape shape);

/* Adds the layer that `text` says, and sets *layer to it. */
dt_status onnx_add_layer(onnx_walk *self, const Onnx__NodeProto *node, const char *text,
                         dt_layer *layer, dt_error *error);

/* A row that is an image to us becomes a row. */
dt_status onnx_settle_row(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow *from,
                          dt_error *error);

/* What is no dense layer or convolution ends what a batch normalisation can be a part of. */
dt_status onnx_close(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error);

/* Adds a layer with weights to the plan, called after the constant that they are, or the node. */
dt_status onnx_plan_layer(onnx_walk *self, const Onnx__NodeProto *node, const char *constant,
                          planned_layer **planned, dt_error *error);

/* The constant's floats, in memory of the caller's: dt_free. */
dt_status onnx_read(onnx_walk *self, const onnx_constant *constant, float **values,
                    dt_error *error);

/* Adds an array LAYER/PART of the constant's floats, reversed; NULL: of zeros. */
dt_status onnx_add_array(onnx_walk *self, const planned_layer *layer, const char *part,
                         const dt_tensor *tensor, const onnx_constant *constant,
                         const size_t sizes[3], dt_error *error);

/* Adds a normalisation that `text` says, and gives what it does: its tensors are tensors[0] and
 * [1], as far as it has some, of the shape that the values of `from` have, or, of one a channel,
 * that meets them; or in a row if they are `listed`. NULL: zeros. */
dt_status onnx_add_norm(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow *from,
                        const char *text, const onnx_constant *const tensors[2], bool listed,
                        dt_error *error);

/* Whether such sizes of an image are [channels][height][width], by how many channels there are. */
bool onnx_looks_like_planes(const int64_t sizes[3], bool bytes);

/* A layer that takes the nodes from the one at hand on (nn/layer.h, onnx): *taken, none if none
 * does. */
dt_status onnx_take_form(onnx_walk *self, const onnx_flow *from, bool *taken, dt_error *error);

/* The operations that onnx_nodes.c has. */
dt_status onnx_take_node(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error);

#endif
