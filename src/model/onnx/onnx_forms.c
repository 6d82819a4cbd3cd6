/* Layers that are several nodes: as we write them (nn/layer.h), and as others do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/layer.h"
#include "onnx_nodes.h"

/* Nodes that a form may lie scattered in. */
enum { REACH = 40, TENSORS = 2 };

/* Beside the letters of our own: i ones, o zeros; a value of NAN is the second argument. */
typedef struct form {
    const char *kind;
    dt_onnx_step steps[DT_ONNX_STEPS_MAX];
} form;

#define ROOT_2 1.41421356237309504880
#define MEAN(of)                                                                                   \
    {                                                                                              \
        .operation = "ReduceMean", .takes = (of), .sample = true                                   \
    }

/* source: PyTorch 1.13, torch/onnx/symbolic_opset9.py; onnxscript, torch_lib/ops/core.py, nn.py */
static const form forms[] = {
    {"gelu",
     {DT_ONNX_STEP("Div", "xn", .number = ROOT_2), DT_ONNX_STEP("Erf", "p"),
      DT_ONNX_STEP("Add", "pn", .number = 1), DT_ONNX_STEP("Mul", "xp"),
      DT_ONNX_STEP("Mul", "pn", .number = 0.5)}},
    {"gelu",
     {DT_ONNX_STEP("Div", "xn", .number = ROOT_2), DT_ONNX_STEP("Erf", "p"),
      DT_ONNX_STEP("Add", "pn", .number = 1), DT_ONNX_STEP("Mul", "xn", .number = 0.5),
      DT_ONNX_STEP("Mul", "DC")}},
    {"gelu", {DT_ONNX_STEP("Gelu", "x")}},
    {"layernorm",
     {MEAN("x"), DT_ONNX_STEP("Sub", "xA"), DT_ONNX_STEP("Pow", "Bn", .number = 2), MEAN("C"),
      DT_ONNX_STEP("Add", "Da"), DT_ONNX_STEP("Sqrt", "E"), DT_ONNX_STEP("Div", "BF"),
      DT_ONNX_STEP("Mul", "G0"), DT_ONNX_STEP("Add", "H1")}},
    {"groupnorm",
     {DT_ONNX_STEP("Reshape", "xg"),
      DT_ONNX_STEP("InstanceNormalization", "Aio", .attribute = "epsilon", .value = NAN),
      DT_ONNX_STEP("Reshape", "Bs"), DT_ONNX_STEP("Mul", "C0"), DT_ONNX_STEP("Add", "D1")}},
    {"rms",
     {DT_ONNX_STEP("Pow", "xn", .number = 2), MEAN("p"), DT_ONNX_STEP("Add", "pa"),
      DT_ONNX_STEP("Sqrt", "p"), DT_ONNX_STEP("Div", "xp")}},
};

/* What the letters of a form are found to be. */
typedef struct binding {
    const onnx_walk *walk;
    const onnx_flow *from;
    const char *results[1 + DT_ONNX_STEPS_MAX]; /* x, and what the steps give */
    size_t nodes[DT_ONNX_STEPS_MAX];
    int step;
    double arguments[DT_ARGUMENTS_MAX];
    bool set[DT_ARGUMENTS_MAX];
    const onnx_constant *tensors[TENSORS];
} binding;

static bool same(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fabs(b);
}

static bool set_argument(binding *self, int index, double value)
{
    bool fits = !self->set[index] || self->arguments[index] == value;
    self->set[index] = true;
    self->arguments[index] = value;
    return fits;
}

/* [samples][groups][values of a group] */
static bool takes_groups(binding *self, const Onnx__NodeProto *node)
{
    int64_t list[ONNX_LIST_MAX];
    size_t count;
    int values = dt_shape_size(self->from->shape);
    if (!onnx_list(self->walk, node, NULL, 1, list, &count) || count != 3 || list[1] < 1 ||
        list[1] > values || values % list[1] != 0)
        return false;
    bool samples = list[0] == 0 || list[0] == ONNX_SAMPLES || (list[0] == -1 && list[2] != -1);
    return samples && (list[2] == -1 || list[2] == values / list[1]) &&
           set_argument(self, 0, (double)list[1]);
}

/* The shape of x. */
static bool takes_shape(const binding *self, const Onnx__NodeProto *node)
{
    int64_t list[ONNX_LIST_MAX], sizes[ONNX_LIST_MAX];
    size_t count, ours = onnx_sizes_of(self->from, sizes), left = 0;
    if (!onnx_list(self->walk, node, NULL, 1, list, &count) || count != ours)
        return false;
    for (size_t i = 1; i < count; i++)
        left += list[i] != sizes[i] && list[i] != -1 ? 2 : list[i] == -1;
    return left == 0 || (left == 1 && list[0] != -1);
}

static bool takes(binding *self, const dt_onnx_step *step, const Onnx__NodeProto *node, char letter,
                  size_t input)
{
    const char *name = onnx_input(node, input);
    double number;
    if (letter == 'x' || letter == 'p')
        return strcmp(name, self->results[letter == 'x' ? 0 : self->step]) == 0;
    if (letter >= 'A' && letter <= 'Z')
        return strcmp(name, self->results[letter - 'A' + 1]) == 0;
    if (letter == 'g')
        return takes_groups(self, node);
    if (letter == 's')
        return takes_shape(self, node);
    const onnx_constant *constant = onnx_constant_of(self->walk, name);
    if (!constant)
        return false;
    if (letter == '0' || letter == '1') {
        self->tensors[letter - '0'] = constant;
        return true;
    }
    if (letter == 'i' || letter == 'o')
        return onnx_constant_is(constant, letter == 'i' ? 1 : 0);
    if (!onnx_constant_number(constant, &number))
        return false;
    return letter == 'n' ? same(number, step->number) : set_argument(self, letter - 'a', number);
}

/* Whether its axes are those of the step: all of a sample, or the last of three. */
static bool has_axes(const binding *self, const dt_onnx_step *step, const Onnx__NodeProto *node)
{
    int64_t list[ONNX_LIST_MAX];
    size_t count;
    int last = step->sample ? self->from->rank : 2;
    return onnx_list(self->walk, node, "axes", 1, list, &count) &&
           onnx_axes(list, count, step->sample ? 1 : last, last, last + 1) &&
           onnx_integer(node, "keepdims", 1) == 1;
}

/* What a node of the same operation may say beside: what it would be without it. */
static bool is_idle(const Onnx__AttributeProto *attribute)
{
    static const char *const idle[] = {"allowzero", "noop_with_empty_axes", "stash_type"};
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        if (strcmp(attribute->name, idle[i]) == 0)
            return true;
    return strcmp(attribute->name, "approximate") == 0 && attribute->s.len == 4 &&
           memcmp(attribute->s.data, "none", 4) == 0;
}

static bool has_attributes(binding *self, const dt_onnx_step *step, const Onnx__NodeProto *node)
{
    bool axes = step->sample || step->list;
    for (size_t i = 0; i < node->n_attribute; i++) {
        const char *name = node->attribute[i]->name;
        bool known =
            name && ((step->attribute && strcmp(name, step->attribute) == 0) ||
                     (axes && (strcmp(name, "axes") == 0 || strcmp(name, "keepdims") == 0)) ||
                     is_idle(node->attribute[i]));
        if (!known)
            return false;
    }
    if (axes)
        return has_axes(self, step, node);
    if (!step->attribute)
        return true;
    if (isnan(step->value))
        return set_argument(self, 1, onnx_real(node, step->attribute, 1e-5));
    return same(onnx_real(node, step->attribute, step->value), step->value);
}

/* Lists of axes are an input since opset 18. */
static bool has_inputs(binding *self, const dt_onnx_step *step, const Onnx__NodeProto *node,
                       bool turned)
{
    size_t count = strlen(step->takes), most = count + (step->sample || step->list);
    if (node->n_input < count || node->n_input > most)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!takes(self, step, node, step->takes[i], turned ? count - 1 - i : i))
            return false;
    return true;
}

static bool is_step(binding *self, const dt_onnx_step *step, const Onnx__NodeProto *node)
{
    bool turns = strcmp(step->operation, "Add") == 0 || strcmp(step->operation, "Mul") == 0;
    if (strcmp(node->op_type, step->operation) != 0 || node->n_output != 1)
        return false;
    for (int turned = 0; turned <= turns; turned++) {
        binding kept = *self;
        if (has_inputs(self, step, node, turned) && has_attributes(self, step, node))
            return true;
        *self = kept;
    }
    return false;
}

/* How many nodes a form takes from the one at hand on; 0: it is another. */
static int fit(binding *self, const dt_onnx_step *steps)
{
    const onnx_walk *walk = self->walk;
    for (self->step = 0; self->step < DT_ONNX_STEPS_MAX; self->step++) {
        const dt_onnx_step *step = &steps[self->step];
        size_t at = self->step == 0 ? walk->at : self->nodes[self->step - 1] + 1;
        size_t end = self->step == 0 ? at + 1 : walk->at + REACH;
        if (!step->operation)
            break;
        while (at < end && at < walk->graph->n_node &&
               ((self->step > 0 && walk->done[at]) || !is_step(self, step, walk->graph->node[at])))
            at++;
        if (at >= end || at >= walk->graph->n_node)
            return 0;
        self->nodes[self->step] = at;
        self->results[self->step + 1] = walk->graph->node[at]->output[0];
    }
    return self->step;
}

/* The shortest that is the same float, as programs give them. */
double onnx_shortest(double value)
{
    char text[40];
    for (int digits = 1; digits < 10; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtof(text, NULL) == (float)value)
            break;
    }
    return strtod(text, NULL);
}

static void write_text(const dt_layer_kind *kind, const binding *self, dt_text *to)
{
    dt_text_add(to, "%s", kind->name);
    for (int i = 0; i < kind->argument_count; i++) {
        const dt_argument *argument = &kind->arguments[i];
        if (self->set[i])
            dt_text_add(to, " %s%s%.17g", argument->preset ? argument->name : "",
                        argument->preset ? " " : "", onnx_shortest(self->arguments[i]));
    }
}

static dt_status add(onnx_walk *self, const dt_layer_kind *kind, const binding *found, int count,
                     dt_error *error)
{
    const Onnx__NodeProto *last = self->graph->node[found->nodes[count - 1]];
    char text[120];
    dt_text to = {.text = text, .size = sizeof text};
    dt_layer layer;
    write_text(kind, found, &to);
    for (int i = 0; i < count; i++)
        self->done[found->nodes[i]] = true;
    if (!kind->map)
        return onnx_add_norm(self, last, found->from, text, found->tensors, false, error);
    dt_status status = onnx_close(self, last, error);
    if (!status)
        status = onnx_add_layer(self, last, text, &layer, error);
    return status ? status : onnx_give(self, last, *found->from, true, error);
}

/* Of ours, those that are neither a node of onnx_nodes.c nor nothing. */
static bool is_form(const dt_layer_kind *kind)
{
    return kind->onnx[0].operation && (kind->map || kind->onnx[1].operation);
}

dt_status onnx_take_form(onnx_walk *self, const onnx_flow *from, bool *taken, dt_error *error)
{
    binding best;
    const dt_layer_kind *kind = NULL;
    int most = 0, forms_count = (int)(sizeof forms / sizeof *forms);
    for (int i = -forms_count; i < 0 || dt_layer_kind_at(i); i++) {
        const form *other = i < 0 ? &forms[-1 - i] : NULL;
        const dt_layer_kind *of = dt_layer_kind_at(other ? dt_layer_kind_find(other->kind) : i);
        binding tried = {.walk = self, .from = from, .results = {from->name}};
        int count = other || is_form(of) ? fit(&tried, other ? other->steps : of->onnx) : 0;
        if (count <= most)
            continue;
        most = count;
        kind = of;
        best = tried;
    }
    *taken = kind != NULL;
    return kind ? add(self, kind, &best, most, error) : DT_OK;
}
