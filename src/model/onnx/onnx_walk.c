#include "onnx_walk.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/planes.h"

enum { VALUES_MAX = 1 << 30, LIST_DEPTH = 12 };

/* ---- nodes ---- */

dt_status onnx_refuse(const Onnx__NodeProto *node, const char *expected, const char *found,
                      dt_error *error)
{
    const char *name = node->name && node->name[0] ? node->name
                       : node->n_output > 0        ? node->output[0]
                                                   : "?";
    return dt_fail(error, DT_ERR_DATA, "node %.80s (%.40s): expected %s, found %s", name,
                   node->op_type ? node->op_type : "?", expected, found);
}

const Onnx__AttributeProto *onnx_attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

int64_t onnx_integer(const Onnx__NodeProto *node, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    return attribute && attribute->has_i ? attribute->i : otherwise;
}

double onnx_real(const Onnx__NodeProto *node, const char *name, double otherwise)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    return attribute && attribute->has_f ? (double)attribute->f : otherwise;
}

bool onnx_says(const Onnx__NodeProto *node, const char *name, const char *text)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    return attribute && attribute->has_s && attribute->s.len == strlen(text) &&
           memcmp(attribute->s.data, text, attribute->s.len) == 0;
}

const char *onnx_input(const Onnx__NodeProto *node, size_t index)
{
    return index < node->n_input ? node->input[index] : "";
}

onnx_constant *onnx_constant_of(const onnx_walk *self, const char *name)
{
    for (size_t i = 0; i < self->constant_count && name[0]; i++)
        if (strcmp(self->constants[i].name, name) == 0) {
            self->constants[i].used = true;
            return &self->constants[i];
        }
    return NULL;
}

onnx_flow *onnx_flow_of(const onnx_walk *self, const char *name)
{
    for (size_t i = 0; i < self->flow_count && name[0]; i++)
        if (strcmp(self->flows[i].name, name) == 0)
            return &self->flows[i];
    return NULL;
}

/* ---- lists, which may be made of shapes ---- */

size_t onnx_sizes_of(const onnx_flow *flow, int64_t list[ONNX_LIST_MAX])
{
    const dt_shape shape = flow->shape;
    const int64_t planes[] = {shape.channels, shape.height, shape.width};
    const int64_t ours[] = {shape.height, shape.width, shape.channels};
    list[0] = ONNX_SAMPLES;
    list[1] = dt_shape_size(shape);
    if (flow->rank > 1)
        memcpy(list + 1, flow->planes ? planes : ours, (size_t)flow->rank * sizeof *list);
    return 1 + (size_t)flow->rank;
}

static bool list_named(const onnx_walk *self, const char *name, int depth, int64_t *list,
                       size_t *count);

/* From `begin` to before `end`, counted from behind where they are below 0. */
static bool cut(int64_t begin, int64_t end, int64_t *list, size_t *count)
{
    int64_t size = (int64_t)*count;
    begin = begin < 0 ? begin + size : begin;
    end = end > size ? size : end < 0 ? end + size : end;
    if (begin < 0 || begin >= end)
        return false;
    *count = (size_t)(end - begin);
    memmove(list, list + begin, *count * sizeof *list);
    return true;
}

static bool list_of_slice(const onnx_walk *self, const Onnx__NodeProto *node, int depth,
                          int64_t *list, size_t *count)
{
    int64_t from[ONNX_LIST_MAX], to[ONNX_LIST_MAX];
    size_t froms, ends;
    if (!list_named(self, onnx_input(node, 1), depth, from, &froms) || froms != 1 ||
        !list_named(self, onnx_input(node, 2), depth, to, &ends) || ends != 1 || node->n_input > 4)
        return false;
    return cut(from[0], to[0], list, count);
}

static bool list_of_gather(const onnx_walk *self, const Onnx__NodeProto *node, int depth,
                           int64_t *list, size_t *count)
{
    int64_t at[ONNX_LIST_MAX];
    size_t ats;
    if (!list_named(self, onnx_input(node, 1), depth, at, &ats) || ats != 1)
        return false;
    int64_t place = at[0] < 0 ? at[0] + (int64_t)*count : at[0];
    if (place < 0 || place >= (int64_t)*count)
        return false;
    list[0] = list[place];
    *count = 1;
    return true;
}

static bool list_of_concat(const onnx_walk *self, const Onnx__NodeProto *node, int depth,
                           int64_t *list, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < node->n_input; i++) {
        int64_t part[ONNX_LIST_MAX];
        size_t parts;
        if (!list_named(self, node->input[i], depth, part, &parts) ||
            *count + parts > ONNX_LIST_MAX)
            return false;
        memcpy(list + *count, part, parts * sizeof *list);
        *count += parts;
    }
    return *count > 0;
}

static bool list_of_node(const onnx_walk *self, const Onnx__NodeProto *node, int depth,
                         int64_t *list, size_t *count)
{
    const char *op = node->op_type, *first = onnx_input(node, 0);
    const onnx_flow *flow = onnx_flow_of(self, first);
    if (strcmp(op, "Shape") == 0 && flow) {
        *count = onnx_sizes_of(flow, list);
        return cut(onnx_integer(node, "start", 0), onnx_integer(node, "end", INT64_MAX), list,
                   count);
    }
    if (strcmp(op, "Concat") == 0)
        return list_of_concat(self, node, depth, list, count);
    if (!list_named(self, first, depth, list, count))
        return false;
    if (strcmp(op, "Slice") == 0)
        return list_of_slice(self, node, depth, list, count);
    if (strcmp(op, "Gather") == 0)
        return list_of_gather(self, node, depth, list, count);
    return strcmp(op, "Cast") == 0 || strcmp(op, "Unsqueeze") == 0 || strcmp(op, "Squeeze") == 0 ||
           strcmp(op, "Identity") == 0;
}

static bool list_named(const onnx_walk *self, const char *name, int depth, int64_t *list,
                       size_t *count)
{
    const onnx_constant *constant = onnx_constant_of(self, name);
    if (constant)
        return onnx_constant_list(constant, list, ONNX_LIST_MAX, count);
    if (depth == LIST_DEPTH || --*self->lookups < 0)
        return false;
    for (size_t i = 0; i < self->graph->n_node && name[0]; i++) {
        const Onnx__NodeProto *node = self->graph->node[i];
        if (node->n_output > 0 && strcmp(node->output[0], name) == 0)
            return list_of_node(self, node, depth + 1, list, count);
    }
    return false;
}

bool onnx_list(const onnx_walk *self, const Onnx__NodeProto *node, const char *attribute,
               size_t input, int64_t list[ONNX_LIST_MAX], size_t *count)
{
    const Onnx__AttributeProto *said = attribute ? onnx_attribute(node, attribute) : NULL;
    *count = 0;
    if (!said)
        return input > 0 && list_named(self, onnx_input(node, input), 0, list, count);
    if (said->n_ints == 0 || said->n_ints > ONNX_LIST_MAX)
        return false;
    *count = said->n_ints;
    memcpy(list, said->ints, *count * sizeof *list);
    return true;
}

bool onnx_axes(const int64_t *list, size_t count, int first, int last, int rank)
{
    bool found[ONNX_LIST_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        int64_t axis = list[i] < 0 ? list[i] + rank : list[i];
        if (axis < first || axis > last || found[axis])
            return false;
        found[axis] = true;
    }
    return (int64_t)count == last - first + 1;
}

/* ---- what nodes give ---- */

bool onnx_orders_agree(dt_shape shape)
{
    return shape.channels == 1 || shape.height * shape.width == 1;
}

dt_status onnx_take(onnx_walk *self, const Onnx__NodeProto *node, size_t index,
                    const onnx_flow **flow, dt_error *error)
{
    const char *name = onnx_input(node, index);
    *flow = onnx_flow_of(self, name);
    const dt_shape now = self->shape, then = *flow ? (*flow)->shape : now;
    bool seen_otherwise = !self->begun && (now.height != then.height || now.width != then.width ||
                                           now.channels != then.channels);
    if (*flow && (*flow)->serial == self->serial && !seen_otherwise)
        return DT_OK;
    snprintf(self->text, sizeof self->text, "'%.60s', %s", name,
             *flow                          ? "which is from further in front"
             : onnx_constant_of(self, name) ? "which is constant"
                                            : "which no node in front of it gives");
    return onnx_refuse(node, "that it takes what the one before it gives", self->text, error);
}

dt_status onnx_look(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow **flow,
                    dt_error *error)
{
    *flow = onnx_flow_of(self, onnx_input(node, 0));
    return *flow && self->begun ? DT_OK : onnx_take(self, node, 0, flow, error);
}

dt_status onnx_give(onnx_walk *self, const Onnx__NodeProto *node, onnx_flow flow, bool changed,
                    dt_error *error)
{
    const char *name = node->n_output > 0 ? node->output[0] : "";
    if (!name[0] || onnx_flow_of(self, name) || onnx_constant_of(self, name))
        return onnx_refuse(node, "a name of its own for what it gives", name[0] ? name : "none",
                           error);
    flow.name = name;
    if (changed) {
        flow.layer = self->plan->architecture.list.count - 1;
        flow.serial = ++self->serial;
        if (flow.layer >= 0 && self->waiting < 0)
            self->serials[flow.layer] = self->serial;
    }
    self->flows[self->flow_count++] = flow;
    return DT_OK;
}

onnx_flow onnx_row(const onnx_walk *self)
{
    return (onnx_flow){.shape = self->shape, .rank = 1};
}

onnx_flow onnx_image(const onnx_walk *self)
{
    return (onnx_flow){.shape = self->shape, .rank = 3, .planes = true};
}

void onnx_sizes(const onnx_flow *flow, size_t inner, size_t sizes[3])
{
    const dt_shape shape = flow->shape;
    sizes[0] = flow->planes ? (size_t)shape.channels : 1;
    sizes[1] = inner;
    sizes[2] =
        flow->planes ? (size_t)shape.height * (size_t)shape.width : (size_t)dt_shape_size(shape);
}

/* ---- layers ---- */

dt_status onnx_add_layer(onnx_walk *self, const Onnx__NodeProto *node, const char *text,
                         dt_layer *layer, dt_error *error)
{
    dt_layer_list *list = &self->plan->architecture.list, parsed;
    dt_error own = {0};
    if (list->count == DT_LAYERS_MAX)
        return onnx_refuse(node, "at most 128 layers", "more", error);
    if (dt_layers_parse(text, &parsed, &own) || parsed.count != 1 ||
        dt_layer_of(&parsed.layers[0], self->shape, layer, &own))
        return onnx_refuse(node, "a layer that there is here", own.message, error);
    const dt_shape out = layer->output;
    if ((double)out.height * out.width * out.channels > VALUES_MAX)
        return onnx_refuse(node, "at most 2^30 values a sample", "more", error);
    list->layers[list->count++] = parsed.layers[0];
    self->shape = layer->output;
    self->begun = true;
    return DT_OK;
}

dt_status onnx_settle_row(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow *from,
                          dt_error *error)
{
    dt_layer layer;
    return from->rank == 1 && dt_shape_is_image(self->shape)
               ? onnx_add_layer(self, node, "flatten", &layer, error)
               : DT_OK;
}

dt_status onnx_close(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    if (self->waiting >= 0)
        return onnx_refuse(node,
                           "a dense layer, or a convolution without padding, behind the batch "
                           "normalisation, of which it then is a part",
                           "this one", error);
    self->weighted = -1;
    return DT_OK;
}

/* "fc1.weight" is of "fc1", "dense/kernel" of "dense"; what is not plain is not used. */
static void stem(const char *name, char *to, size_t size)
{
    static const char *const words[] = {"weight", "kernel", "gamma"};
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    const char *last = !dot || (slash && slash > dot) ? slash : dot;
    to[0] = '\0';
    for (size_t i = 0; last && i < sizeof words / sizeof *words; i++)
        if (strcmp(last + 1, words[i]) == 0)
            snprintf(to, size, "%.*s", (int)(last - name), name);
}

static bool is_planned(const network_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->layers[i].name, name) == 0)
            return true;
    return false;
}

dt_status onnx_plan_layer(onnx_walk *self, const Onnx__NodeProto *node, const char *constant,
                          planned_layer **planned, dt_error *error)
{
    network_plan *plan = self->plan;
    char name[80];
    if (plan->count == sizeof plan->layers / sizeof *plan->layers)
        return onnx_refuse(node, "at most 256 layers with weights", "more", error);
    stem(constant, name, sizeof name);
    if (!name[0])
        snprintf(name, sizeof name, "%s", node->name && node->name[0] ? node->name : node->op_type);
    planned_layer layer = {.scales = true, .centres = true};
    snprintf(layer.name, sizeof layer.name, "%s", name);
    for (int i = 1; is_planned(plan, layer.name); i++)
        snprintf(layer.name, sizeof layer.name, "%s_%d", name, i);
    snprintf(layer.path, sizeof layer.path, "%s", layer.name);
    *planned = &plan->layers[plan->count++];
    **planned = layer;
    return DT_OK;
}

dt_status onnx_read(onnx_walk *self, const onnx_constant *constant, float **values, dt_error *error)
{
    dt_status status = onnx_constant_check(constant, error);
    *values = status ? NULL : dt_calloc(onnx_constant_count(constant), sizeof **values, error);
    if (status)
        return status;
    return *values ? onnx_constant_floats(constant, *values, &self->bundle->converted, error)
                   : DT_ERR_INTERNAL;
}

dt_status onnx_add_array(onnx_walk *self, const planned_layer *layer, const char *part,
                         const dt_tensor *tensor, const onnx_constant *constant,
                         const size_t sizes[3], dt_error *error)
{
    char name[DT_BUNDLE_NAME + 20];
    float *to, *values = NULL;
    snprintf(name, sizeof name, "%s/%s", layer->name, part);
    dt_status status = constant ? onnx_constant_check(constant, error) : DT_OK;
    if (!status)
        status = dt_bundle_add(self->bundle, name, tensor->rank, tensor->shape, &to, error);
    if (!status && constant)
        status = onnx_read(self, constant, &values, error);
    if (!status && constant)
        dt_planes_reverse(values, sizes, to);
    dt_free(values);
    return status;
}
