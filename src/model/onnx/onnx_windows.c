/* Convolutions and pooling among the nodes of ONNX. */
#include <stdio.h>
#include <string.h>

#include "nn/layer.h"
#include "onnx_nodes.h"

/* Along one side of an image. */
typedef struct side {
    int64_t length, size, step, before, behind, count;
} side;

/* An image as planes; one at the front of the network becomes that, as its node has it. */
static dt_status take_image(onnx_walk *self, const Onnx__NodeProto *node, const onnx_flow **from,
                            dt_error *error)
{
    dt_status status = onnx_take(self, node, 0, from, error);
    if (status)
        return status;
    onnx_flow *flow = onnx_flow_of(self, (*from)->name);
    if (flow->rank == 3 && !flow->planes && !self->begun) {
        const dt_shape ours = flow->shape;
        self->shape = (dt_shape){ours.width, ours.channels, ours.height};
        self->plan->architecture.input = flow->shape = self->shape;
        flow->planes = true;
    }
    if (flow->rank == 3 && flow->planes)
        return DT_OK;
    return onnx_refuse(node, "an image [channels][height][width]", "another", error);
}

/* One value for each side, or what it is by itself. */
static bool read_pair(const Onnx__NodeProto *node, const char *name, int64_t otherwise,
                      int64_t *first, int64_t *second)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    if (attribute && attribute->n_ints != 2)
        return false;
    *first = attribute ? attribute->ints[0] : otherwise;
    *second = attribute ? attribute->ints[1] : otherwise;
    return *first >= 1 && *first <= DT_SIZE_BASE && *second >= 1 && *second <= DT_SIZE_BASE;
}

static bool read_pads(const Onnx__NodeProto *node, side *high, side *wide)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(node, "pads");
    if (attribute && attribute->n_ints != 4)
        return false;
    for (int i = 0; attribute && i < 4; i++)
        if (attribute->ints[i] < 0 || attribute->ints[i] > DT_SIZE_BASE)
            return false;
    if (attribute) {
        high->before = attribute->ints[0], high->behind = attribute->ints[2];
        wide->before = attribute->ints[1], wide->behind = attribute->ints[3];
    }
    return true;
}

/* source: ONNX, Operators.md, Conv: auto_pad */
static void pad_same(side *self, bool upper)
{
    int64_t count = (self->length + self->step - 1) / self->step;
    int64_t reach = (count - 1) * self->step + self->size - self->length;
    reach = reach > 0 ? reach : 0;
    self->before = upper ? reach / 2 : reach - reach / 2;
    self->behind = reach - self->before;
}

static void count_windows(side *self, bool up)
{
    int64_t room = self->length + self->before + self->behind - self->size;
    self->count = room < 0 ? 0 : (room + (up ? self->step - 1 : 0)) / self->step + 1;
}

/* What a Pad in front has added is of the same kind. */
static bool take_pads(onnx_walk *self, side *high, side *wide, bool largest)
{
    const int64_t *pads = self->pads;
    bool any = pads[0] || pads[1] || pads[2] || pads[3];
    bool fits = !any || (largest ? self->fill < -3e38 : self->fill == 0);
    high->before += pads[0], wide->before += pads[1];
    high->behind += pads[2], wide->behind += pads[3];
    memset(self->pads, 0, sizeof self->pads);
    return fits;
}

static dt_status read_sides(onnx_walk *self, const Onnx__NodeProto *node, bool largest, side *high,
                            side *wide, dt_error *error)
{
    int64_t down, across;
    bool upper = onnx_says(node, "auto_pad", "SAME_UPPER");
    bool lower = onnx_says(node, "auto_pad", "SAME_LOWER");
    bool known = upper || lower || !onnx_attribute(node, "auto_pad") ||
                 onnx_says(node, "auto_pad", "NOTSET") || onnx_says(node, "auto_pad", "VALID");
    if (!read_pair(node, "strides", 1, &high->step, &wide->step) || !read_pads(node, high, wide))
        return onnx_refuse(node, "two strides and four pads", "others", error);
    if (!read_pair(node, "dilations", 1, &down, &across) || down != 1 || across != 1)
        return onnx_refuse(node, "dilations of 1", "others", error);
    if (!known)
        return onnx_refuse(node, "an auto_pad that is known", "another", error);
    if (upper || lower) {
        pad_same(high, upper);
        pad_same(wide, upper);
    }
    if (!take_pads(self, high, wide, largest))
        return onnx_refuse(node, "padding in front of it with what it pads with itself", "another",
                           error);
    bool up = onnx_integer(node, "ceil_mode", 0) != 0;
    count_windows(high, up);
    count_windows(wide, up);
    return DT_OK;
}

static bool are_windows(const onnx_walk *self, const char *text, const side *high, const side *wide,
                        bool padless)
{
    dt_layer_list list;
    dt_layer layer;
    dt_windows at;
    return !dt_layers_parse(text, &list, NULL) &&
           !dt_layer_of(&list.layers[0], self->shape, &layer, NULL) &&
           !layer.kind->windows(&layer, &at, NULL) && at.rows == high->count &&
           at.columns == wide->count && at.top == high->before && at.left == wide->before &&
           !(padless && (at.top || at.left || at.bottom || at.right));
}

/* Adds to the text the padding with which our layer has the same windows. padless: it must have
 * none. */
static dt_status write_windows(const onnx_walk *self, const Onnx__NodeProto *node, const side *high,
                               const side *wide, bool pool, bool padless, dt_text *to,
                               dt_error *error)
{
    char same[20] = " same", pad[60];
    const char *const ways[] = {pad, same};
    size_t length = to->length;
    snprintf(pad, sizeof pad, " pad %lldx%lld", (long long)high->before, (long long)wide->before);
    if (!high->before && !wide->before)
        pad[0] = '\0';
    if (pool ? high->step != high->size || wide->step != wide->size
             : high->step != 1 || wide->step != 1)
        dt_text_add(to, " stride %lldx%lld", (long long)high->step, (long long)wide->step);
    length = to->length;
    for (int i = 0; i < 2; i++) {
        to->length = length;
        to->text[length] = '\0';
        dt_text_add(to, "%s", ways[i]);
        if (are_windows(self, to->text, high, wide, padless))
            return DT_OK;
    }
    return onnx_refuse(node,
                       padless ? "windows within the image, since there is no count_include_pad"
                               : "padding that is as much on both sides, or as for an output of "
                                 "input / stride, and no ceil_mode",
                       "another", error);
}

static bool padded(const side *high, const side *wide)
{
    return high->before || high->behind || wide->before || wide->behind;
}

/* ---- convolutions ---- */

static dt_status add_conv(onnx_walk *self, const Onnx__NodeProto *node, const char *text,
                          const onnx_constant *kernel, const onnx_constant *bias, bool pads,
                          dt_error *error)
{
    int64_t shape[DT_RANK_MAX];
    dt_layer layer;
    planned_layer *planned;
    onnx_constant_shape(kernel, shape);
    const size_t sizes[] = {(size_t)shape[0], (size_t)shape[1], (size_t)(shape[2] * shape[3])};
    const size_t row[] = {1, 1, (size_t)shape[0]};
    dt_status status = onnx_add_layer(self, node, text, &layer, error);
    if (!status)
        status = onnx_plan_layer(self, node, kernel->name, &planned, error);
    if (!status)
        status = onnx_add_array(self, planned, "kernel", &layer.tensors[0], kernel, sizes, error);
    if (!status && bias)
        status = onnx_add_array(self, planned, "bias", &layer.tensors[1], bias, row, error);
    if (!status)
        status = onnx_take_waiting(self, node, pads, error);
    return status ? status : onnx_give(self, node, onnx_image(self), true, error);
}

dt_status onnx_conv(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    const onnx_constant *kernel = onnx_constant_of(self, onnx_input(node, 1));
    const onnx_constant *bias = onnx_constant_of(self, onnx_input(node, 2));
    const Onnx__NodeProto *last = node;
    int64_t shape[DT_RANK_MAX], count, rows, columns;
    char buffer[160];
    dt_text text = {.text = buffer, .size = sizeof buffer};
    dt_status status = take_image(self, node, &from, error);
    if (status)
        return status;
    if (!kernel || onnx_constant_shape(kernel, shape) != 4 || onnx_constant_count(kernel) == 0)
        return onnx_refuse(node, "a constant kernel [out][in][height][width]", "another", error);
    if ((status = onnx_constant_check(kernel, error)))
        return status;
    if (!read_pair(node, "kernel_shape", 1, &rows, &columns) ||
        (onnx_attribute(node, "kernel_shape") && (rows != shape[2] || columns != shape[3])))
        return onnx_refuse(node, "the kernel_shape of its kernel", "another", error);
    if (onnx_integer(node, "group", 1) != 1 || shape[1] != self->shape.channels)
        return onnx_refuse(node, "group 1, and a kernel for the channels of its input", "another",
                           error);
    if (!bias && !onnx_input(node, 2)[0])
        bias = onnx_bias_behind(self, &last, shape[0], 3);
    else if (!bias || (size_t)shape[0] != onnx_constant_count(bias))
        return onnx_refuse(node, "a constant bias, a value for each output", "another", error);
    side high = {.length = from->shape.height, .size = shape[2]};
    side wide = {.length = from->shape.width, .size = shape[3]};
    count = shape[0];
    status = read_sides(self, node, false, &high, &wide, error);
    if (!status && (double)count * (double)high.count * (double)wide.count > 0x1p30)
        return onnx_refuse(node, "at most 2^30 values a sample", "more", error);
    dt_text_add(&text, "conv %lld %lldx%lld bias %s", (long long)count, (long long)shape[2],
                (long long)shape[3], bias ? "true" : "false");
    if (!status)
        status = write_windows(self, node, &high, &wide, false, false, &text, error);
    return status ? status
                  : add_conv(self, last, buffer, kernel, bias, padded(&high, &wide), error);
}

/* ---- pooling ---- */

static dt_status add_pool(onnx_walk *self, const Onnx__NodeProto *node, const char *text, int rank,
                          dt_error *error)
{
    dt_layer layer;
    dt_status status = onnx_close(self, node, error);
    if (!status)
        status = onnx_add_layer(self, node, text, &layer, error);
    onnx_flow gives = onnx_image(self);
    gives.rank = rank;
    return status ? status : onnx_give(self, node, gives, true, error);
}

/* Whether a window takes what is behind the padding, which the mean of ONNX does not count. */
static bool reaches_out(const side *self)
{
    return (self->count - 1) * self->step + self->size > self->length + self->before + self->behind;
}

/* Of a mean, what else than a window's size ours cannot divide by. front: padding of a Pad. */
static dt_status check_mean(const Onnx__NodeProto *node, const int64_t front[4], const side *high,
                            const side *wide, bool counts, dt_error *error)
{
    bool in_front = front[0] || front[1] || front[2] || front[3];
    bool own = high->before != front[0] || wide->before != front[1] || high->behind != front[2] ||
               wide->behind != front[3];
    if (in_front && own && !onnx_integer(node, "count_include_pad", 0))
        return onnx_refuse(node, "no pads of its own behind a Pad, or count_include_pad 1",
                           "others", error);
    if (counts && (reaches_out(high) || reaches_out(wide)))
        return onnx_refuse(node, "windows within the image and its padding, as without ceil_mode",
                           "one that reaches further", error);
    return DT_OK;
}

static dt_status take_pool(onnx_walk *self, const Onnx__NodeProto *node, bool largest,
                           dt_error *error)
{
    const onnx_flow *from;
    char buffer[160];
    dt_text text = {.text = buffer, .size = sizeof buffer};
    dt_status status = take_image(self, node, &from, error);
    if (status)
        return status;
    side high = {.length = from->shape.height}, wide = {.length = from->shape.width};
    if (!read_pair(node, "kernel_shape", 0, &high.size, &wide.size))
        return onnx_refuse(node, "a kernel_shape of two", "another", error);
    const int64_t front[] = {self->pads[0], self->pads[1], self->pads[2], self->pads[3]};
    bool in_front = front[0] || front[1] || front[2] || front[3];
    bool counts = largest || in_front || onnx_integer(node, "count_include_pad", 0) != 0;
    status = read_sides(self, node, largest, &high, &wide, error);
    if (!status && !largest)
        status = check_mean(node, front, &high, &wide, counts, error);
    dt_text_add(&text, "%s %lldx%lld", largest ? "maxpool" : "avgpool", (long long)high.size,
                (long long)wide.size);
    if (!status)
        status = write_windows(self, node, &high, &wide, true, !counts, &text, error);
    return status ? status : add_pool(self, node, buffer, 3, error);
}

dt_status onnx_maxpool(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    return take_pool(self, node, true, error);
}

dt_status onnx_avgpool(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    return take_pool(self, node, false, error);
}

dt_status onnx_global(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    bool mean = strcmp(node->op_type, "GlobalAveragePool") == 0;
    dt_status status = take_image(self, node, &from, error);
    return status ? status : add_pool(self, node, mean ? "avgpool all" : "maxpool all", 3, error);
}

/* Of an image: what GlobalAveragePool is. */
dt_status onnx_mean(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    int64_t axes[ONNX_LIST_MAX];
    size_t count;
    dt_status status = take_image(self, node, &from, error);
    if (status)
        return status;
    if (!onnx_list(self, node, "axes", 1, axes, &count) || !onnx_axes(axes, count, 2, 3, 4))
        return onnx_refuse(node, "the mean of each channel (axes 2, 3), or what a normalisation is",
                           "another", error);
    return add_pool(self, node, "avgpool all", onnx_integer(node, "keepdims", 1) ? 3 : 1, error);
}

/* ---- padding in front of these ---- */

dt_status onnx_pad(onnx_walk *self, const Onnx__NodeProto *node, dt_error *error)
{
    const onnx_flow *from;
    int64_t list[ONNX_LIST_MAX];
    size_t count;
    double fill = onnx_real(node, "value", 0);
    const onnx_constant *constant = onnx_constant_of(self, onnx_input(node, 2));
    bool constants = !onnx_attribute(node, "mode") || onnx_says(node, "mode", "constant");
    dt_status status = take_image(self, node, &from, error);
    if (status)
        return status;
    if (!onnx_list(self, node, "pads", 1, list, &count) || count != 8 || !constants ||
        onnx_input(node, 3)[0] || (onnx_input(node, 2)[0] && !constant) ||
        (constant && !onnx_constant_number(constant, &fill)))
        return onnx_refuse(node, "constant padding of an image", "another", error);
    static const int ours[] = {2, 3, 6, 7};
    bool fits = list[0] == 0 && list[1] == 0 && list[4] == 0 && list[5] == 0;
    for (int i = 0; i < 4; i++) {
        fits &= list[ours[i]] >= 0 && list[ours[i]] <= DT_SIZE_BASE && self->pads[i] == 0;
        self->pads[i] = list[ours[i]];
    }
    if (!fits)
        return onnx_refuse(node, "padding of height and width, once", "another", error);
    self->fill = fill;
    int layer = self->plan->architecture.list.count - 1,
        kept = layer < 0 ? 0 : self->serials[layer];
    status = onnx_give(self, node, *from, true, error);
    if (layer >= 0) /* gives what it did */
        self->serials[layer] = kept;
    return status;
}
