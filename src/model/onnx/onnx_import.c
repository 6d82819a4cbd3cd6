#include "onnx_import.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "onnx_own.h"
#include "onnx_walk.h"
#include "../weights_facts.h"
#include "../weights_plan.h"

/* What was there when this was written. source: ONNX, Versioning.md */
enum { OPSET_FIRST = 7, OPSET_LAST = 26 };

enum { LOOKUPS_MAX = 1 << 16 };

/* A scale below it is one of bytes: numbers from 0 to 1 are made larger, if anything. */
static const double scale_of_bytes = 1.0 / 32;

/* A mean above it is none of numbers from 0 to 1. */
static const double mean_of_units = 2;

/* ---- the message ---- */

/* An empty part of a message takes two bytes of a file, and a hundred of memory. */
enum { TIMES_UNPACKED = 40, BESIDES = 1 << 16 };

bool onnx_is(const void *bytes, size_t size)
{
    const uint8_t *at = bytes; /* safetensors: eight bytes of a length, the last ones 0 */
    return size > 8 && at[0] == 0x08 && at[1] < 0x80 && (at[5] || at[6] || at[7]);
}

typedef struct room {
    size_t left;    /* bytes that a message may take */
    dt_error error; /* there was no memory for them */
} room;

static void *unpack_alloc(void *of, size_t size)
{
    room *self = of;
    if (size > self->left)
        return NULL;
    self->left -= size;
    return dt_resize(NULL, size > 0 ? size : 1, &self->error);
}

static void unpack_free(void *of, void *block)
{
    (void)of;
    dt_free(block);
}

static dt_status unpack(const void *bytes, size_t size, ProtobufCAllocator *allocator,
                        Onnx__ModelProto **model, dt_error *error)
{
    const room *self = allocator->allocator_data;
    *model = onnx__model_proto__unpack(allocator, size, bytes);
    if (!*model && self->error.status)
        return dt_fail(error, self->error.status, "%s", self->error.message);
    return *model ? DT_OK
                  : dt_fail(error, DT_ERR_DATA,
                            "expected an ONNX file, found one that is damaged or cut off");
}

static dt_status check_model(const Onnx__ModelProto *model, int64_t *opset, dt_error *error)
{
    *opset = 0;
    for (size_t i = 0; i < model->n_opset_import; i++)
        if (!model->opset_import[i]->domain || !model->opset_import[i]->domain[0] ||
            strcmp(model->opset_import[i]->domain, "ai.onnx") == 0)
            *opset = model->opset_import[i]->version;
    if (!model->graph)
        return dt_fail(error, DT_ERR_DATA, "expected an ONNX file with a graph, found none");
    if (*opset < OPSET_FIRST || *opset > OPSET_LAST)
        return dt_fail(error, DT_ERR_DATA, "expected ONNX of opset %d to %d, found %" PRId64,
                       OPSET_FIRST, OPSET_LAST, *opset);
    if (model->graph->n_node > ONNX_NODES_MAX || model->graph->n_initializer > ONNX_CONSTANTS_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "expected a graph of at most %d nodes and %d initializers, found %zu and "
                       "%zu",
                       ONNX_NODES_MAX, ONNX_CONSTANTS_MAX, model->graph->n_node,
                       model->graph->n_initializer);
    for (size_t i = 0; i < model->graph->n_node; i++)
        if (!model->graph->node[i]->op_type)
            return onnx_refuse(model->graph->node[i], "an operation", "none", error);
    return DT_OK;
}

/* ---- what a graph begins with ---- */

static dt_status add_constant(onnx_walk *self, const char *name, const Onnx__TensorProto *tensor,
                              const Onnx__AttributeProto *attribute, dt_error *error)
{
    if (!name || !name[0] || onnx_constant_of(self, name))
        return dt_fail(error, DT_ERR_DATA, "constant %.80s: expected a name of its own, found %s",
                       name ? name : "", name && name[0] ? "it twice" : "none");
    self->constants[self->constant_count++] =
        (onnx_constant){.name = name, .tensor = tensor, .attribute = attribute};
    return DT_OK;
}

static dt_status add_constants(onnx_walk *self, dt_error *error)
{
    const Onnx__GraphProto *graph = self->graph;
    dt_status status = DT_OK;
    for (size_t i = 0; i < graph->n_initializer && !status; i++)
        status =
            add_constant(self, graph->initializer[i]->name, graph->initializer[i], NULL, error);
    for (size_t i = 0; i < graph->n_node && !status; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        if (strcmp(node->op_type, "Constant") != 0)
            continue;
        const Onnx__AttributeProto *value = node->n_attribute == 1 ? node->attribute[0] : NULL;
        if (node->n_output != 1 || !value || value->has_s || value->has_g)
            return onnx_refuse(node, "a tensor, numbers, or a number", "another", error);
        status = add_constant(self, node->output[0], value->t, value, error);
    }
    for (size_t i = 0; i < self->constant_count; i++)
        self->constants[i].used = !self->constants[i].tensor || i >= graph->n_initializer;
    return status;
}

static dt_status refuse_input(const char *name, const char *found, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA,
                   "input %.80s: expected [samples][channels][height][width], "
                   "[samples][height][width] or [samples][values], of known sizes, found %s",
                   name, found);
}

static dt_status add_input(onnx_walk *self, const Onnx__ValueInfoProto *input, dt_error *error)
{
    const Onnx__TypeProto__Tensor *type = input->type ? input->type->tensor_type : NULL;
    int64_t sizes[3] = {1, 1, 1}, values = 1;
    onnx_flow flow = {.name = input->name, .layer = -1};
    if (!type || !type->shape || type->shape->n_dim < 2 || type->shape->n_dim > 4)
        return refuse_input(input->name, "another shape", error);
    flow.rank = (int)type->shape->n_dim - 1;
    for (int i = 0; i < flow.rank; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = type->shape->dim[i + 1];
        if (dim->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
            return refuse_input(input->name, "a size that is open", error);
        sizes[i] = dim->dim_value;
        if (sizes[i] < 1 || sizes[i] > 1 << 24 || (values *= sizes[i]) > 1 << 24)
            return refuse_input(input->name, "more than 2^24 values, or none", error);
    }
    self->bytes = type->elem_type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT8;
    flow.planes = flow.rank == 3 && onnx_looks_like_planes(sizes, self->bytes);
    int a = (int)sizes[0], b = (int)sizes[1], c = (int)sizes[2], side = (int)(sqrt(a) + 0.5);
    flow.shape = flow.rank == 2 ? (dt_shape){a, b, 1}
                 : flow.planes  ? (dt_shape){b, c, a}
                                : (dt_shape){a, b, c};
    if (flow.rank == 1) /* a square image, unless something makes another of it */
        flow.shape = side * side == a ? (dt_shape){side, side, 1} : (dt_shape){1, 1, a};
    self->shape = self->plan->architecture.input = flow.shape;
    if (flow.rank == 1 && side * side != a)
        self->plan->architecture.input = (dt_shape){0, 0, 0};
    self->flows[self->flow_count++] = flow;
    return DT_OK;
}

/* The only input that is no constant. */
static dt_status find_input(onnx_walk *self, dt_error *error)
{
    const Onnx__ValueInfoProto *only = NULL;
    size_t count = 0;
    for (size_t i = 0; i < self->graph->n_input; i++) {
        const Onnx__ValueInfoProto *input = self->graph->input[i];
        bool used;
        if (!input->name || !input->name[0])
            continue;
        const onnx_constant *constant = onnx_constant_of(self, input->name);
        used = constant != NULL;
        count += !used;
        only = used ? only : input;
    }
    if (count != 1)
        return dt_fail(error, DT_ERR_DATA, "expected a graph with one input, found %zu", count);
    return add_input(self, only, error);
}

/* ---- and what it ends in ---- */

static bool ends_in(const dt_layer_list *list, const char *kind)
{
    return list->count > 0 &&
           strcmp(dt_layer_kind_at(list->layers[list->count - 1].kind)->name, kind) == 0;
}

/* The outputs of the last layer, and what stands in front of probabilities. */
static dt_status check_outputs(const onnx_walk *self, bool probabilities, const onnx_flow **last,
                               dt_error *error)
{
    *last = NULL;
    for (size_t i = 0; i < self->graph->n_output; i++) {
        const char *name = self->graph->output[i]->name;
        const onnx_flow *flow = onnx_flow_of(self, name ? name : "");
        if (flow && flow->serial == self->serial)
            *last = flow;
        else if (!flow || !probabilities || flow->serial != self->serial - 1)
            return dt_fail(error, DT_ERR_DATA,
                           "output %.80s: expected what the last layer gives, or goes into "
                           "probabilities behind it, found another",
                           name ? name : "?");
    }
    return *last ? DT_OK
                 : dt_fail(error, DT_ERR_DATA,
                           "expected what the last node gives among the outputs, found it in none");
}

static dt_status check_end(const onnx_walk *self, const onnx_flow *last, dt_error *error)
{
    const int64_t *pads = self->pads;
    if (self->waiting >= 0)
        return dt_fail(error, DT_ERR_DATA,
                       "node %.80s (BatchNormalization): expected a dense layer, or a convolution "
                       "without padding, behind it, of which it then is a part, found none",
                       self->plan->layers[self->waiting].name);
    if ((self->logarithm && self->logarithm != self->serial) ||
        (self->clipped && self->clipped != self->serial) || pads[0] || pads[1] || pads[2] ||
        pads[3])
        return dt_fail(error, DT_ERR_DATA,
                       "output %.80s: expected no padding at the end, and nothing behind "
                       "LogSoftmax or Clip, found some",
                       last->name);
    if (last->planes && !onnx_orders_agree(last->shape))
        return dt_fail(error, DT_ERR_DATA,
                       "output %.80s: expected a dense layer between the values of an image and "
                       "the outputs, since in ONNX these have another order, found none",
                       last->name);
    return DT_OK;
}

/* A softmax at the end is that of cross-entropy, a sigmoid that of bce. */
static void find_loss(onnx_walk *self)
{
    network_plan *plan = self->plan;
    bool softmax = ends_in(&plan->architecture.list, "softmax");
    bool sigmoid = ends_in(&plan->architecture.list, "sigmoid");
    plan->loss = self->clipped ? DT_MSE : sigmoid ? DT_BCE : DT_CROSS_ENTROPY;
    plan->architecture.list.count -= !self->clipped && (softmax || sigmoid);
}

/* What an input is: bytes, or numbers from 0 to 1, for which 1 is 255. */
static dt_status find_scale(onnx_walk *self, dt_import_note *note, dt_error *error)
{
    network_plan *plan = self->plan;
    bool bytes = self->bytes || fabs(plan->normalization.scale) < scale_of_bytes;
    plan->scaled |= self->bytes;
    if (!plan->scaled)
        return DT_OK;
    if (!bytes && fabs(plan->normalization.shift) > mean_of_units * fabs(plan->normalization.scale))
        return dt_fail(error, DT_ERR_DATA,
                       "input %.80s: expected it scaled as bytes are, as (x - 128) / 128, or as "
                       "numbers from 0 to 1, found a mean of %g and no such factor",
                       self->flows[0].name, -plan->normalization.shift / plan->normalization.scale);
    if (!bytes)
        plan->normalization.scale /= 255;
    note->format =
        bytes ? "an ONNX file that scales bytes" : "an ONNX file that scales numbers from 0 to 1";
    return DT_OK;
}

static void name_unused(const onnx_walk *self, dt_import_note *note)
{
    dt_text left_out = {.text = note->left_out, .size = sizeof note->left_out};
    for (size_t i = 0; i < self->constant_count; i++)
        if (!self->constants[i].used)
            dt_text_add(&left_out, "%s%s", left_out.length > 0 ? ", " : "",
                        self->constants[i].name);
}

static dt_status walk_nodes(onnx_walk *self, dt_error *error)
{
    dt_status status = DT_OK;
    for (self->at = 0; self->at < self->graph->n_node && !status; self->at++)
        if (!self->done[self->at]) {
            self->done[self->at] = true;
            status = onnx_take_node(self, self->graph->node[self->at], error);
        }
    return status;
}

static dt_status walk_graph(onnx_walk *self, dt_import_note *note, dt_error *error)
{
    const onnx_flow *last = NULL;
    dt_status status = add_constants(self, error);
    if (!status)
        status = find_input(self, error);
    if (!status)
        status = walk_nodes(self, error);
    const dt_layer_list *list = &self->plan->architecture.list;
    bool probabilities = ends_in(list, "softmax") || ends_in(list, "sigmoid") || self->clipped;
    if (!status)
        status = check_outputs(self, probabilities, &last, error);
    if (!status)
        status = check_end(self, last, error);
    if (status)
        return status;
    find_loss(self);
    name_unused(self, note);
    return find_scale(self, note, error);
}

/* ---- files of ours ---- */

static dt_status add_facts(const Onnx__ModelProto *model, dt_bundle *to, dt_error *error)
{
    dt_status status = DT_OK;
    for (size_t i = 0; i < model->n_metadata_props && !status; i++) {
        const Onnx__StringStringEntryProto *fact = model->metadata_props[i];
        bool own =
            fact->key && strncmp(fact->key, DT_WEIGHTS_PREFIX, sizeof DT_WEIGHTS_PREFIX - 1) == 0;
        if (own && fact->value)
            status = dt_bundle_add_text(to, fact->key, fact->value, error);
    }
    return status;
}

/* ---- all ---- */

static dt_status put(const Onnx__ModelProto *model, dt_bundle *bundle, const network_plan *plan,
                     dt_weights_file *out, dt_import_note *note, dt_error *error)
{
    dt_status status = add_facts(model, bundle, error);
    if (status)
        return status;
    if (!dt_bundle_text(bundle, DT_WEIGHTS_PREFIX "parameter_hash"))
        return weights_of_plan(bundle, plan, out, note, error);
    note->format = "an ONNX file";
    status = dt_weights_of_bundle(bundle, NULL, out, note, error);
    return status || !out->facts.layers[0] ? status : onnx_check_own(plan, &out->facts, error);
}

static dt_status import_model(const Onnx__ModelProto *model, dt_weights_file *out,
                              dt_import_note *note, dt_error *error)
{
    int64_t opset;
    int lookups = LOOKUPS_MAX;
    dt_status status = check_model(model, &opset, error);
    if (status)
        return status;
    size_t nodes = model->graph->n_node;
    dt_bundle bundle = {.ordered = true};
    onnx_walk *walk = dt_calloc(1, sizeof *walk, error);
    network_plan *plan = dt_calloc(1, sizeof *plan, error);
    onnx_constant *constants =
        dt_calloc(model->graph->n_initializer + 2 * nodes, sizeof *constants, error);
    onnx_flow *flows = dt_calloc(nodes + 1, sizeof *flows, error);
    status = walk && plan && constants && flows ? DT_OK : DT_ERR_INTERNAL;
    if (!status) {
        plan->normalization.scale = 1;
        *walk = (onnx_walk){.graph = model->graph,
                            .opset = opset,
                            .plan = plan,
                            .bundle = &bundle,
                            .constants = constants,
                            .flows = flows,
                            .lookups = &lookups,
                            .weighted = -1,
                            .waiting = -1};
        status = walk_graph(walk, note, error);
    }
    if (!status)
        status = put(model, &bundle, plan, out, note, error);
    snprintf(note->converted, sizeof note->converted, "%s",
             bundle.converted ? bundle.converted : "");
    dt_bundle_destroy(&bundle);
    dt_free(flows);
    dt_free(constants);
    dt_free(plan);
    dt_free(walk);
    return status;
}

dt_status onnx_import(const void *bytes, size_t size, dt_weights_file *out, dt_import_note *note,
                      dt_error *error)
{
    room memory = {.left = TIMES_UNPACKED * size + BESIDES};
    ProtobufCAllocator allocator = {unpack_alloc, unpack_free, &memory};
    Onnx__ModelProto *model;
    *out = (dt_weights_file){0};
    note->format = "an ONNX file";
    dt_status status = unpack(bytes, size, &allocator, &model, error);
    if (!status)
        status = import_model(model, out, note, error);
    if (model)
        onnx__model_proto__free_unpacked(model, &allocator);
    return status;
}
