#include "onnx_nodes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/planes.h"
#include "nn/layer.h"

#define COUNT_OF(list) (sizeof(list) / sizeof *(list))

static bool domain_is_onnx(const Onnx__NodeProto *node)
{
    return !node->domain || !node->domain[0] || strcmp(node->domain, "ai.onnx") == 0;
}

/* ---- dense layers ---- */

/* The only node that takes what one gives; the number of nodes: there are several, or it is an
 * output. */
static size_t only_taker(const onnx_walk *self, const char *name)
{
    size_t taker = self->graph->n_node;
    for (size_t i = 0; i < self->graph->n_output; i++)
        if (self->graph->output[i]->name && strcmp(self->graph->output[i]->name, name) == 0)
            return self->graph->n_node;
    for (size_t i = 0; i < self->graph->n_node; i++)
        for (size_t j = 0; j < self->graph->node[i]->n_input; j++)
            if (strcmp(self->graph->node[i]->input[j], name) == 0) {
                if (taker < self->graph->n_node)
                    return self->graph->n_node;
                taker = i;
            }
    return taker;
}

const onnx_constant *onnx_bias_behind(onnx_walk *self, const Onnx__NodeProto **node,
                                      int64_t outputs, int rank)
{
    const char *name = (*node)->n_output > 0 ? (*node)->output[0] : "";
    size_t at = only_taker(self, name);
    const Onnx__NodeProto *add = at < self->graph->n_node ? self->graph->node[at] : NULL;
    if (!add || self->done[at] || strcmp(add->op_type, "Add") != 0 || add->n_input != 2)
        return NULL;
    const onnx_constant *constant =
        onnx_constant_of(self, add->input[strcmp(add->input[0], name) == 0]);
    int64_t shape[DT_RANK_MAX], size = 1;
    int own = constant ? onnx_constant_shape(constant, shape) : -1;
    for (int i = 1; i <= own; i++) {
        if (shape[own - i] != (i == rank ? outputs : 1))
            return NULL;
        size *= shape[own - i];
    }
    if (own < rank || size != outputs)
        return NULL;
    self->done[at] = true;
    *node = add;
    return constant;
}

/* A kernel of rows: [in][out], or, transposed, [out][in]. */
static dt_status read_kernel(onnx_walk *self, const onnx_constant *kernel, bool transposed,
                             const onnx_flow *from, const dt_tensor *tensor, float *to,
                             dt_error *error)
{
    size_t in = (size_t)tensor->shape[0], out = (size_t)tensor->shape[1], sizes[3];
    const size_t turn[] = {in, 1, out};
    float *values = NULL, *turned = NULL;
    bool lies = transposed != kernel->turned; /* as [out][in] */
    dt_status status = onnx_read(self, kernel, &values, error);
    if (!status && !lies && !(turned = dt_calloc(in * out, sizeof *turned, error)))
        status = DT_ERR_INTERNAL;
    if (turned)
        dt_planes_reverse(values, turn, turned);
    onnx_sizes(from, 1, sizes);
    const size_t all[] = {out, sizes[0], sizes[2]};
    const size_t ours[] = {out, in, 1};
    if (!status)
        dt_planes_reverse(turned ? turned : values, from->planes ? all : ours, to);
    dt_free(values);
    dt_free(turned);
    return status;
}

static dt_status add_dense(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow *from,
                           const onnx_constant *kernel, bool transposed, const onnx_constant *bias,
                           const Onnx__NodeProto *last, dt_error *error)
{
    char text[60], name[DT_BUNDLE_NAME + 20];
    float *to;
    dt_layer layer;
    planned_layer *planned;
    int64_t shape[DT_RANK_MAX], out;
    onnx_constant_shape(kernel, shape);
    out = shape[transposed ? 0 : 1];
    const size_t row[] = {1, 1, (size_t)out};
    snprintf(text, sizeof text, "dense %" PRId64 " bias %s", out, bias ? "true" : "false");
    dt_status status = onnx_add_layer(self, node, text, &layer, error);
    if (!status)
        status = onnx_plan_layer(self, node, kernel->name, &planned, error);
    if (status)
        return status;
    const dt_tensor *tensor = &layer.tensors[0];
    snprintf(name, sizeof name, "%s/kernel", planned->name);
    status = dt_bundle_add(self->bundle, name, 2, tensor->shape, &to, error);
    if (!status)
        status = read_kernel(self, kernel, transposed, from, tensor, to, error);
    if (!status && bias)
        status = onnx_add_array(self, planned, "bias", &layer.tensors[1], bias, row, error);
    if (!status)
        status = onnx_take_waiting(self, node, false, error);
    return status ? status : onnx_give(self, last, onnx_row(self), true, error);
}

static dt_status check_dense(const Onnx__NodeProto *node, const onnx_flow *from,
                             const onnx_constant *kernel, bool transposed, dt_error *error)
{
    int64_t shape[DT_RANK_MAX];
    if (from->rank != 1)
        return onnx_refuse(node, "a row of values (a Flatten before it)", "another", error);
    if (!kernel || onnx_constant_shape(kernel, shape) != 2 || onnx_constant_count(kernel) == 0 ||
        shape[transposed ? 1 : 0] != dt_shape_size(from->shape))
        return onnx_refuse(node, "a constant kernel of two dimensions, for all values of its input",
                           "another", error);
    return onnx_constant_check(kernel, error);
}

static dt_status take_gemm(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    const Onnx__NodeProto *last = node;
    const onnx_constant *kernel = onnx_constant_of(self, onnx_input(node, 1));
    const onnx_constant *bias = onnx_constant_of(self, onnx_input(node, 2));
    bool transposed = onnx_integer(node, "transB", 0) != 0;
    int64_t shape[DT_RANK_MAX];
    dt_status status = onnx_take(self, node, 0, &from, error);
    if (!status)
        status = check_dense(node, from, kernel, transposed, error);
    if (status)
        return status;
    if (onnx_real(node, "alpha", 1) != 1 || onnx_integer(node, "transA", 0) != 0 ||
        (onnx_input(node, 2)[0] && onnx_real(node, "beta", 1) != 1))
        return onnx_refuse(node, "alpha 1, beta 1 and transA 0", "others", error);
    onnx_constant_shape(kernel, shape);
    int64_t out = shape[transposed ? 0 : 1];
    if (!onnx_input(node, 2)[0])
        bias = onnx_bias_behind(self, &last, out, 1);
    else if (!bias || onnx_constant_count(bias) != (size_t)out)
        return onnx_refuse(node, "a constant bias, a value for each output", "another", error);
    return add_dense(self, node, from, kernel, transposed, bias, last, error);
}

static dt_status take_matmul(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    const Onnx__NodeProto *last = node;
    const onnx_constant *kernel = onnx_constant_of(self, onnx_input(node, 1));
    int64_t shape[DT_RANK_MAX];
    dt_status status = onnx_take(self, node, 0, &from, error);
    if (!status)
        status = check_dense(node, from, kernel, false, error);
    if (status)
        return status;
    onnx_constant_shape(kernel, shape);
    const onnx_constant *bias = onnx_bias_behind(self, &last, shape[1], 1);
    return add_dense(self, node, from, kernel, false, bias, last, error);
}

/* ---- sums, and the scale of the pixels ---- */

/* An operation with a number, in front of all layers. */
static dt_status scale_input(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    const char *op = node->op_type;
    bool adds = strcmp(op, "Add") == 0, turns = adds || strcmp(op, "Mul") == 0;
    const onnx_constant *first = turns ? onnx_constant_of(self, onnx_input(node, 0)) : NULL;
    const onnx_constant *constant = first ? first : onnx_constant_of(self, onnx_input(node, 1));
    double number;
    dt_normalization *so_far = &self->plan->normalization;
    dt_status status = onnx_take(self, node, first != NULL, &from, error);
    if (status)
        return status;
    if (!constant || self->begun || !onnx_constant_number(constant, &number))
        return onnx_refuse(node, "one number, in front of all layers, or a part of one of them",
                           "another", error);
    if (adds || strcmp(op, "Sub") == 0) {
        so_far->shift += adds ? number : -number;
    } else {
        number = strcmp(op, "Div") == 0 ? 1 / number : number;
        so_far->scale *= number;
        so_far->shift *= number;
    }
    self->plan->scaled = true;
    return onnx_give(self, node, *from, true, error);
}

/* Gives what the layer gives a label, if it has none. */
static const char *label_of(onnx_walk *self, int layer)
{
    dt_layer_list *list = &self->plan->architecture.list;
    char *label = list->layers[layer].label;
    int labels = 0;
    for (int i = 0; i < list->count; i++)
        labels += list->layers[i].label[0] != '\0';
    if (!label[0])
        snprintf(label, DT_LABEL_SIZE, "r%d", labels + 1);
    return label;
}

static bool same_view(const onnx_flow *a, const onnx_flow *b)
{
    const dt_shape one = a->shape, other = b->shape;
    return a->rank == b->rank && dt_shape_size(one) == dt_shape_size(other) &&
           (a->planes == b->planes || (onnx_orders_agree(one) && onnx_orders_agree(other))) &&
           (!a->planes || (one.height == other.height && one.width == other.width &&
                           one.channels == other.channels));
}

/* The sum with what a layer in front gives. */
static dt_status take_add(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *a = onnx_flow_of(self, onnx_input(node, 0)), *from;
    const onnx_flow *b = onnx_flow_of(self, onnx_input(node, 1));
    dt_layer_list *list = &self->plan->architecture.list;
    if (!a || !b)
        return scale_input(self, node, error);
    bool first = a->serial == self->serial;
    const onnx_flow *other = first ? b : a;
    dt_status status = onnx_take(self, node, first ? 0 : 1, &from, error);
    if (!status)
        status = onnx_close(self, node, error);
    if (status)
        return status;
    if (other->layer < 0 || self->serials[other->layer] != other->serial)
        return onnx_refuse(node, "the sum with what a layer in front of it gives", "another",
                           error);
    if (!same_view(from, other))
        return onnx_refuse(node, "a sum of values of one shape, in one order", "another", error);
    if (list->count == DT_LAYERS_MAX)
        return onnx_refuse(node, "at most 128 layers", "more", error);
    dt_layer_spec spec = {.kind = dt_layer_kind_find("add")};
    snprintf(spec.second, sizeof spec.second, "%s", label_of(self, other->layer));
    list->layers[list->count++] = spec;
    return onnx_give(self, node, *from, true, error);
}

/* ---- probabilities ---- */

static dt_status take_softmax(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    dt_layer layer;
    dt_status status = onnx_take(self, node, 0, &from, error);
    if (status)
        return status;
    int64_t axis = onnx_integer(node, "axis", self->opset < 13 ? 1 : -1);
    if (from->rank != 1 || (axis != 1 && axis != -1))
        return onnx_refuse(node, "softmax of a row of values", "another", error);
    status = onnx_close(self, node, error);
    if (!status)
        status = onnx_add_layer(self, node, "softmax", &layer, error);
    if (!status)
        status = onnx_give(self, node, *from, true, error);
    if (strcmp(node->op_type, "LogSoftmax") == 0)
        self->logarithm = self->serial;
    return status;
}

/* Of mean square errors: those of the outputs that are such. */
static dt_status take_clip(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    double least = onnx_real(node, "min", -1), most = onnx_real(node, "max", -1);
    const onnx_constant *const ends[] = {onnx_constant_of(self, onnx_input(node, 1)),
                                         onnx_constant_of(self, onnx_input(node, 2))};
    dt_status status = onnx_take(self, node, 0, &from, error);
    if (status)
        return status;
    bool known = (!ends[0] || onnx_constant_number(ends[0], &least)) &&
                 (!ends[1] || onnx_constant_number(ends[1], &most));
    if (!known || least != 0 || most != 1)
        return onnx_refuse(node, "outputs between 0 and 1, behind the last layer", "another",
                           error);
    status = onnx_close(self, node, error);
    if (!status)
        status = onnx_give(self, node, *from, true, error);
    self->clipped = self->serial;
    return status;
}

/* ---- what changes nothing ---- */

static dt_status take_identity(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    const onnx_constant *constant = onnx_constant_of(self, onnx_input(node, 0));
    int64_t type = onnx_integer(node, "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    if (constant && strcmp(node->op_type, "Identity") == 0 && node->n_output > 0) {
        onnx_constant same = *constant;
        same.name = node->output[0];
        self->constants[self->constant_count++] = same;
        return DT_OK;
    }
    dt_status status = onnx_look(self, node, &from, error);
    if (status)
        return status;
    if (type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        return onnx_refuse(node, "a cast to 32-bit floats", "another", error);
    return onnx_give(self, node, *from, false, error);
}

static dt_status take_dropout(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    char text[60];
    dt_layer layer;
    double rate = onnx_real(node, "ratio", 0.5);
    const onnx_constant *constant = onnx_constant_of(self, onnx_input(node, 1));
    dt_status status = onnx_take(self, node, 0, &from, error);
    if (status)
        return status;
    if (onnx_input(node, 1)[0] && (!constant || !onnx_constant_number(constant, &rate)))
        return onnx_refuse(node, "a ratio that is constant", "another", error);
    snprintf(text, sizeof text, "dropout %.17g", onnx_shortest(rate));
    if (rate > 0)
        status = onnx_add_layer(self, node, text, &layer, error);
    return status ? status : onnx_give(self, node, *from, rate > 0, error);
}

/* ---- all ---- */

/* source: https://github.com/onnx/onnx/blob/v1.12.0/docs/Operators.md. Attributes that are not
 * named are refused. */
static const struct {
    const char *name;
    onnx_operation *take;
    const char *attributes;
} operations[] = {
    {"Gemm", take_gemm, " alpha beta transA transB "},
    {"MatMul", take_matmul, " "},
    {"Conv", onnx_conv, " auto_pad dilations group kernel_shape pads strides "},
    {"MaxPool", onnx_maxpool,
     " auto_pad ceil_mode dilations kernel_shape pads storage_order strides "},
    {"AveragePool", onnx_avgpool,
     " auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides "},
    {"GlobalAveragePool", onnx_global, " "},
    {"GlobalMaxPool", onnx_global, " "},
    {"ReduceMean", onnx_mean, " axes keepdims noop_with_empty_axes "},
    {"Pad", onnx_pad, " mode pads value "},
    {"Flatten", onnx_flatten, " axis "},
    {"Reshape", onnx_reshape, " allowzero shape "},
    {"Squeeze", onnx_squeeze, " axes "},
    {"Unsqueeze", onnx_unsqueeze, " axes "},
    {"Transpose", onnx_transpose, " perm "},
    {"BatchNormalization", onnx_batchnorm, " epsilon momentum spatial training_mode "},
    {"LayerNormalization", onnx_layernorm, " axis epsilon stash_type "},
    {"GroupNormalization", onnx_groupnorm, " epsilon num_groups stash_type "},
    {"InstanceNormalization", onnx_groupnorm, " epsilon "},
    {"Add", take_add, " "},
    {"Sub", scale_input, " "},
    {"Mul", scale_input, " "},
    {"Div", scale_input, " "},
    {"Softmax", take_softmax, " axis "},
    {"LogSoftmax", take_softmax, " axis "},
    {"Clip", take_clip, " min max "},
    {"Identity", take_identity, " "},
    {"Cast", take_identity, " saturate to "},
    {"Dropout", take_dropout, " ratio seed "},
};

/* Whether it makes a list of shapes, whose values are no input's. */
static bool makes_list(const onnx_walk *self, const Onnx__NodeProto *node)
{
    static const char *const others[] = {"Gather", "Slice",     "Concat",
                                         "Cast",   "Unsqueeze", "Squeeze"};
    if (strcmp(node->op_type, "Shape") == 0 || strcmp(node->op_type, "Constant") == 0)
        return true;
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (strcmp(node->op_type, others[i]) == 0)
            return !onnx_flow_of(self, onnx_input(node, 0));
    return false;
}

static dt_status check_attributes(onnx_walk *self, const Onnx__NodeProto *node, const char *known,
                                  dt_error *error)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__AttributeProto *attribute = node->attribute[i];
        char name[40];
        snprintf(name, sizeof name, " %.30s ", attribute->name ? attribute->name : "?");
        if (strstr(known, name) && !(attribute->ref_attr_name && attribute->ref_attr_name[0]))
            continue;
        snprintf(self->text, sizeof self->text, "attribute%s", name);
        return onnx_refuse(node, "attributes that a network here can have", self->text, error);
    }
    return DT_OK;
}

static bool has_pads(const onnx_walk *self)
{
    return self->pads[0] || self->pads[1] || self->pads[2] || self->pads[3];
}

/* One of the table. */
static dt_status take_operation(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    size_t i = 0;
    const onnx_flow *from;
    dt_status status;
    while (i < COUNT_OF(operations) && strcmp(operations[i].name, node->op_type) != 0)
        i++;
    if (i == COUNT_OF(operations) && (status = onnx_take(self, node, 0, &from, error)))
        return status;
    if (i == COUNT_OF(operations))
        return onnx_refuse(node, "operations of the layers that --help layers lists", "another",
                           error);
    onnx_operation *take = operations[i].take;
    if (has_pads(self) && take != onnx_conv && take != onnx_maxpool && take != onnx_avgpool)
        return onnx_refuse(node, "a convolution or pooling behind padding", "another", error);
    status = check_attributes(self, node, operations[i].attributes, error);
    return status ? status : take(self, node, error);
}

dt_status onnx_take_node(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    bool taken = false;
    dt_status status = DT_OK;
    if (!domain_is_onnx(node))
        return onnx_refuse(node, "operations of ONNX itself", node->domain, error);
    if (makes_list(self, node)) /* when it is asked for */
        return DT_OK;
    for (size_t i = 0; i < node->n_input && i < 2 && !taken && !status && !has_pads(self); i++) {
        const onnx_flow *flow = onnx_flow_of(self, node->input[i]);
        if (flow && flow->serial == self->serial)
            status = onnx_take_form(self, flow, &taken, error);
    }
    return status || taken ? status : take_operation(self, node, error);
}
