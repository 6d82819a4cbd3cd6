/* Normalisations among the nodes of ONNX. */
#include <stdio.h>
#include <string.h>

#include "onnx_nodes.h"

/* Whether a constant meets values of these sizes as it should, one for each. */
static bool meets(const onnx_constant *constant, const int64_t *sizes, int rank)
{
    int64_t shape[DT_RANK_MAX];
    int own = onnx_constant_shape(constant, shape), most = own > rank ? own : rank;
    for (int i = 1; own > 0 && i <= most; i++) {
        int64_t there = i <= own ? shape[own - i] : 1, here = i <= rank ? sizes[rank - i] : 1;
        if (there != here)
            return false;
    }
    return own > 0;
}

static dt_status check_tensor(onnx_walk *self, const Onnx__NodeProto *node,
                              const onnx_constant *constant, const onnx_flow *from,
                              const dt_tensor *tensor, bool listed, dt_error *error)
{
    int64_t sizes[ONNX_LIST_MAX], row = (int64_t)dt_tensor_count(tensor);
    int rank = (int)onnx_sizes_of(from, sizes) - 1;
    if (tensor->rank == 1 && rank > 1 && row == sizes[1])
        sizes[2] = sizes[3] = 1;
    if (listed ? meets(constant, &row, 1) : meets(constant, sizes + 1, rank))
        return DT_OK;
    snprintf(self->text, sizeof self->text, "%zu in %.80s", onnx_constant_count(constant),
             constant->name);
    return onnx_refuse(node, "a gain and a shift for each of its values, or of its channels",
                       self->text, error);
}

dt_status onnx_add_norm(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow *from,
                        const char *text, const onnx_constant *const tensors[2], bool listed,
                        dt_error *error)
{
    static const char *const parts[] = {"gamma", "beta"};
    dt_layer layer;
    planned_layer *planned;
    bool ours = !from->planes || onnx_orders_agree(from->shape);
    if (from->rank == 2 || (from->rank == 3 && !from->planes))
        return onnx_refuse(node, "an image [channels][height][width], or a row", "another", error);
    dt_status status = onnx_close(self, node, error);
    if (!status && tensors[0]) /* which the others do not tell from an image */
        status = onnx_settle_row(self, node, from, error);
    if (!status)
        status = onnx_add_layer(self, node, text, &layer, error);
    if (!status && layer.kind->ordered && from->rank == 1 && !ours)
        status = onnx_refuse(node, "values of an image in the order of its places",
                             "that of its channels, one behind the other", error);
    if (!status && layer.tensor_count > 0)
        status = onnx_plan_layer(self, node, tensors[0] ? tensors[0]->name : "", &planned, error);
    for (int i = 0; i < layer.tensor_count && !status; i++) {
        const dt_tensor *tensor = &layer.tensors[i];
        bool by_channel = tensor->rank == 1 && from->rank == 3;
        size_t sizes[] = {1, 1, dt_tensor_count(tensor)};
        if (!by_channel)
            onnx_sizes(from, 1, sizes);
        if (tensors[i])
            status = check_tensor(self, node, tensors[i], from, tensor, listed, error);
        if (!status)
            status = onnx_add_array(self, planned, parts[i], tensor, tensors[i], sizes, error);
    }
    return status ? status : onnx_give(self, node, *from, true, error);
}

dt_status onnx_layernorm(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    char text[80];
    dt_status status = onnx_take(self, node, 0, &from, error);
    if (status)
        return status;
    int64_t axis = onnx_integer(node, "axis", -1);
    if ((axis < 0 ? axis + 1 + from->rank : axis) != 1)
        return onnx_refuse(node, "all axes of a sample (axis 1)", "others", error);
    const onnx_constant *const tensors[] = {onnx_constant_of(self, onnx_input(node, 1)),
                                            onnx_constant_of(self, onnx_input(node, 2))};
    if (!tensors[0] || (!tensors[1] && onnx_input(node, 2)[0]))
        return onnx_refuse(node, "a gain and a shift that are constant", "others", error);
    snprintf(text, sizeof text, "layernorm epsilon %.17g",
             onnx_shortest(onnx_real(node, "epsilon", 1e-5)));
    return onnx_add_norm(self, node, from, text, tensors, from->rank == 1, error);
}

dt_status onnx_groupnorm(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    char text[80];
    dt_status status = onnx_take(self, node, 0, &from, error);
    if (status)
        return status;
    const onnx_constant *const tensors[] = {onnx_constant_of(self, onnx_input(node, 1)),
                                            onnx_constant_of(self, onnx_input(node, 2))};
    if (!tensors[0] || !tensors[1])
        return onnx_refuse(node, "a gain and a shift that are constant", "others", error);
    snprintf(text, sizeof text, "groupnorm %lld epsilon %.17g",
             (long long)onnx_integer(node, "num_groups", self->shape.channels),
             onnx_shortest(onnx_real(node, "epsilon", 1e-5)));
    return onnx_add_norm(self, node, from, text, tensors, true, error);
}

/* ---- batch normalisation: a part of the layer beside it ---- */

static dt_status add_statistics(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow *from,
                                planned_layer *planned, dt_error *error)
{
    static const char *const parts[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    bool row = from->rank == 1;
    int64_t count = row ? dt_shape_size(from->shape) : from->shape.channels;
    const dt_tensor tensor = {.rank = 1, .shape = {count}};
    size_t sizes[] = {1, 1, (size_t)count};
    dt_status status = DT_OK;
    if (row)
        onnx_sizes(from, 1, sizes);
    for (size_t i = 0; i < 4 && !status; i++) {
        const onnx_constant *constant = onnx_constant_of(self, onnx_input(node, i + 1));
        status = constant && meets(constant, &count, 1)
                     ? onnx_add_array(self, planned, parts[i], &tensor, constant, sizes, error)
                     : onnx_refuse(node, "a gain, shift, mean and variance for each channel",
                                   "others", error);
    }
    return status;
}

static void need_bias(onnx_walk *self, int layer)
{
    dt_layer_spec *spec = &self->plan->architecture.list.layers[layer];
    const dt_layer_kind *kind = dt_layer_kind_at(spec->kind);
    for (int i = 0; i < kind->argument_count; i++)
        if (strcmp(kind->arguments[i].name, "bias") == 0)
            spec->arguments[i] = 1;
}

dt_status onnx_batchnorm(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    planned_layer *planned;
    dt_status status = onnx_take(self, node, 0, &from, error);
    if (status)
        return status;
    if (from->rank == 2 || (from->rank == 3 && !from->planes))
        return onnx_refuse(node, "an image [channels][height][width], or a row", "another", error);
    if (self->waiting >= 0 || onnx_integer(node, "training_mode", 0) != 0)
        return onnx_refuse(node,
                           "it behind a dense layer or convolution, or in front of one, and not in "
                           "training",
                           "another", error);
    status = onnx_plan_layer(self, node, onnx_input(node, 1), &planned, error);
    if (!status)
        status = add_statistics(self, node, from, planned, error);
    if (status)
        return status;
    planned->norm = true;
    planned->epsilon = onnx_real(node, "epsilon", 1e-5);
    planned->forward = self->weighted < 0;
    self->begun = true;
    if (planned->forward)
        self->waiting = (int)self->plan->count - 1;
    else
        need_bias(self, self->weighted);
    return onnx_give(self, node, *from, true, error);
}

dt_status onnx_take_waiting(onnx_walk *self, const Onnx__NodeProto *node, bool padded,
                            dt_error *error)
{
    int last = self->plan->architecture.list.count - 1;
    if (self->waiting >= 0 && padded)
        return onnx_refuse(node,
                           "no padding behind a batch normalisation that is to become a part of it",
                           "some", error);
    if (self->waiting >= 0)
        need_bias(self, last);
    self->waiting = -1;
    self->weighted = last;
    return DT_OK;
}
