/* Changes of shape and order among the nodes of ONNX: the values stay as they are. */
#include <stdio.h>
#include <string.h>

#include "onnx_nodes.h"

/* Where the front of the network is, an image is what it is made here. */
static void set_input(onnx_walk *self, onnx_flow *gives, dt_shape shape)
{
    self->shape = self->plan->architecture.input = gives->shape = shape;
}

static dt_shape shape_of(const int64_t *sizes, bool planes)
{
    return planes ? (dt_shape){(int)sizes[1], (int)sizes[2], (int)sizes[0]}
                  : (dt_shape){(int)sizes[0], (int)sizes[1], (int)sizes[2]};
}

static bool same(dt_shape a, dt_shape b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

/* Few channels are behind places where they are few, and there are no more in front. */
bool onnx_looks_like_planes(const int64_t sizes[3], bool bytes)
{
    bool front = sizes[0] == 1 || sizes[0] == 3, behind = sizes[2] == 1 || sizes[2] == 3;
    return !behind || (front && !bytes);
}

/* Three sizes, of the same values, in the order that they have. */
static bool make_image(onnx_walk *self, const int64_t sizes[3], onnx_flow *gives)
{
    bool one = onnx_orders_agree(gives->shape);
    for (int planes = 1; planes >= 0; planes--)
        if (same(shape_of(sizes, planes), gives->shape) && (one || gives->planes == planes)) {
            gives->planes = planes;
            return true;
        }
    if (self->begun)
        return false;
    gives->planes = onnx_looks_like_planes(sizes, self->bytes);
    set_input(self, gives, shape_of(sizes, gives->planes));
    return true;
}

/* What the node gives has these sizes, beside the samples. */
static dt_status give_sizes(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow *from,
                            const int64_t *sizes, size_t rank, dt_error *error)
{
    onnx_flow gives = *from;
    int64_t values = dt_shape_size(from->shape), count = 1;
    for (size_t i = 0; i < rank && rank <= 3; i++)
        if (sizes[i] < 1 || (count *= sizes[i]) > values)
            count = values + 1;
    bool fits = rank >= 1 && rank <= 3 && count == values;
    if (fits && rank == 3)
        fits = make_image(self, sizes, &gives);
    if (fits && rank == 2 && !self->begun)
        set_input(self, &gives, (dt_shape){(int)sizes[0], (int)sizes[1], 1});
    else if (rank == 2)
        fits = false;
    gives.rank = (int)rank;
    if (fits && rank == 1 && from->rank > 1 && dt_shape_is_image(gives.shape) &&
        from->serial == self->serial)
        self->weighted = -1; /* whose channels are no longer told apart */
    return fits ? onnx_give(self, node, gives, false, error)
                : onnx_refuse(node, "a row of its values, or the image that they are", "another",
                              error);
}

static dt_status take(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow **from,
                      int64_t sizes[ONNX_LIST_MAX], size_t *count, dt_error *error)
{
    dt_status status = onnx_look(self, node, from, error);
    *count = status ? 0 : onnx_sizes_of(*from, sizes);
    return status;
}

dt_status onnx_flatten(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    int64_t sizes[ONNX_LIST_MAX];
    size_t count;
    dt_status status = take(self, node, &from, sizes, &count, error);
    if (status)
        return status;
    int64_t axis = onnx_integer(node, "axis", 1), values = dt_shape_size(from->shape);
    if ((axis < 0 ? axis + (int64_t)count : axis) != 1)
        return onnx_refuse(node, "axis 1", "another", error);
    return give_sizes(self, node, from, &values, 1, error);
}

dt_status onnx_reshape(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    int64_t list[ONNX_LIST_MAX], sizes[ONNX_LIST_MAX];
    size_t count, had, open = 0, at = 0;
    dt_status status = take(self, node, &from, sizes, &had, error);
    if (status)
        return status;
    if (!onnx_list(self, node, "shape", 1, list, &count) || count < 2 || count > 4)
        return onnx_refuse(node, "a shape that is known, of 2 to 4 sizes", "another", error);
    int64_t rest = 1, values = dt_shape_size(from->shape);
    for (size_t i = 1; i < count; i++) {
        if (list[i] == 0 && i < had && onnx_integer(node, "allowzero", 0) == 0)
            list[i] = sizes[i];
        open += list[i] == -1;
        at = list[i] == -1 ? i : at;
        if (list[i] != -1 && (list[i] < 1 || list[i] > values || (rest *= list[i]) > values))
            return onnx_refuse(node, "a shape of as many values as there are", "another", error);
    }
    if (open > 1 || (open == 1 && (list[0] == -1 || values % rest != 0)))
        return onnx_refuse(node, "a shape that is known", "another", error);
    if (open == 1)
        list[at] = values / rest;
    return give_sizes(self, node, from, list + 1, count - 1, error);
}

/* Axes of one value go: those that are said, or all. */
dt_status onnx_squeeze(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    int64_t axes[ONNX_LIST_MAX], sizes[ONNX_LIST_MAX];
    size_t count, rank, left = 1;
    bool goes[ONNX_LIST_MAX] = {false};
    dt_status status = take(self, node, &from, sizes, &rank, error);
    if (status)
        return status;
    bool known = onnx_list(self, node, "axes", 1, axes, &count);
    for (size_t i = 0; i < count && known; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + (int64_t)rank : axes[i];
        known = axis >= 1 && axis < (int64_t)rank && sizes[axis] == 1;
        if (known)
            goes[axis] = true;
    }
    if (!known)
        return onnx_refuse(node, "axes of one value", "others", error);
    for (size_t i = 1; i < rank; i++)
        if (!goes[i])
            sizes[left++] = sizes[i];
    return give_sizes(self, node, from, sizes + 1, left - 1, error);
}

/* An axis of one value in front of rows of pixels, or behind them. */
dt_status onnx_unsqueeze(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    int64_t axes[ONNX_LIST_MAX], sizes[ONNX_LIST_MAX];
    size_t count, rank;
    dt_status status = take(self, node, &from, sizes, &rank, error);
    if (status)
        return status;
    bool known = onnx_list(self, node, "axes", 1, axes, &count) && count == 1;
    int64_t axis = !known ? 0 : axes[0] < 0 ? axes[0] + (int64_t)rank + 1 : axes[0];
    if (axis < 1 || axis > (int64_t)rank || rank > 3)
        return onnx_refuse(node, "one axis behind the samples", "another", error);
    memmove(sizes + axis + 1, sizes + axis, (rank - (size_t)axis) * sizeof *sizes);
    sizes[axis] = 1;
    return give_sizes(self, node, from, sizes + 1, rank, error);
}

/* A constant [a][b] becomes [b][a]. */
static dt_status turn_constant(onnx_walk *self, const Onnx__NodeProto *node,
                               const onnx_constant *constant, dt_error *error)
{
    int64_t shape[DT_RANK_MAX];
    const Onnx__AttributeProto *perm = onnx_attribute(node, "perm");
    if (onnx_constant_shape(constant, shape) != 2 || node->n_output < 1 ||
        (perm && (perm->n_ints != 2 || perm->ints[0] != 1)))
        return onnx_refuse(node, "a constant [a][b] that becomes [b][a]", "another", error);
    onnx_constant turned = *constant;
    turned.turned = !turned.turned;
    turned.name = node->output[0];
    self->constants[self->constant_count++] = turned;
    return DT_OK;
}

/* An image between both orders. */
dt_status onnx_transpose(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    static const int64_t to_planes[] = {0, 3, 1, 2}, to_ours[] = {0, 2, 3, 1};
    const Onnx__AttributeProto *perm = onnx_attribute(node, "perm");
    const onnx_constant *constant = onnx_constant_of(self, onnx_input(node, 0));
    const onnx_flow *from;
    int64_t sizes[ONNX_LIST_MAX];
    size_t rank;
    if (constant)
        return turn_constant(self, node, constant, error);
    dt_status status = take(self, node, &from, sizes, &rank, error);
    if (status)
        return status;
    bool known = from->rank == 3 && perm && perm->n_ints == 4;
    bool planes = known && memcmp(perm->ints, to_planes, sizeof to_planes) == 0;
    bool ours = known && memcmp(perm->ints, to_ours, sizeof to_ours) == 0;
    onnx_flow gives = *from;
    if ((planes || ours) && from->planes == planes && !self->begun) /* so it was the other order */
        set_input(self, &gives, shape_of(sizes + 1, !planes));
    else if (!(planes || ours) || from->planes == planes)
        return onnx_refuse(node, "perm 0, 3, 1, 2 or 0, 2, 3, 1 of an image", "another", error);
    gives.planes = planes;
    return onnx_give(self, node, gives, false, error);
}
