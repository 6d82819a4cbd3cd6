#include "model/planes.h"

/* Where a kind with tensors takes either, these have the shape of the input. */
static dt_layer_takes takes(const dt_layer *layer)
{
    const dt_layer_kind *kind = layer->kind;
    if (kind->map)
        return DT_TAKES_EITHER;
    if (kind->takes == DT_TAKES_EITHER && kind->tensors)
        return dt_shape_is_image(layer->input) ? DT_TAKES_IMAGE : DT_TAKES_ROW;
    return kind->takes;
}

bool dt_planes_needed(const dt_layer_list *list)
{
    for (int i = 0; i < list->count; i++)
        if (dt_layer_kind_at(list->layers[i].kind)->takes == DT_TAKES_IMAGE)
            return true;
    return false;
}

bool dt_planes_any(const dt_architecture *architecture)
{
    dt_layer layer;
    for (int i = 0; dt_architecture_next(architecture, i, &layer); i++)
        if (takes(&layer) == DT_TAKES_IMAGE)
            return true;
    return false;
}

static dt_shape row_of(dt_shape shape)
{
    return (dt_shape){1, 1, dt_shape_size(shape)};
}

static bool same(dt_shape a, dt_shape b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

/* Weights make new values, and these have our order. */
static bool keeps_row(const dt_layer *layer)
{
    return !layer->kind->flops;
}

static dt_turn turn_between(bool image, bool becomes_image)
{
    return image == becomes_image ? DT_TURN_NONE
           : becomes_image        ? DT_TURN_TO_IMAGE
                                  : DT_TURN_TO_ROW;
}

static void turn_to(dt_planes *self, bool image, dt_shape shape)
{
    self->turn = turn_between(self->image, image);
    self->of = shape;
    if (self->turn == DT_TURN_TO_ROW)
        self->row = shape;
    self->image = image;
    self->modules += self->turn != DT_TURN_NONE;
}

static bool is_uneven(const dt_layer *layer)
{
    dt_windows at;
    if (!layer->kind->windows || layer->kind->windows(layer, &at, NULL))
        return false;
    return at.bottom > at.top || at.right > at.left;
}

bool dt_planes_next(const dt_architecture *architecture, int index, dt_planes *walk)
{
    dt_shape input = index > 0 ? walk->layer.output : architecture->input;
    if (index == 0)
        *walk = (dt_planes){.image = walk->image, .row = row_of(input)};
    else if (!walk->image && !keeps_row(&walk->layer))
        walk->row = row_of(input);
    walk->second_turn = DT_TURN_NONE;
    if (!dt_architecture_next(architecture, index, &walk->layer)) {
        turn_to(walk, false, input);
        return false;
    }
    dt_layer_takes what = takes(&walk->layer);
    turn_to(walk, what == DT_TAKES_EITHER ? walk->image : what == DT_TAKES_IMAGE, input);
    walk->border = is_uneven(&walk->layer);
    walk->module = walk->modules += walk->border;
    walk->modules += !walk->layer.kind->torch || walk->layer.kind->torch[0];
    if (walk->layer.source >= 0)
        walk->second_turn = turn_between(walk->outputs[walk->layer.source].image, walk->image);
    bool kept = !walk->image && keeps_row(&walk->layer);
    walk->outputs[index] = (dt_planes_output){
        walk->image, kept ? walk->row : row_of(walk->layer.output), walk->modules};
    return true;
}

/* Whether the planes of such an image, one behind the other, have our order. */
static bool is_ours(dt_shape row)
{
    return row.channels == 1 || row.height * row.width == 1;
}

/* Whether both inputs of a layer have one order. */
static bool agree(const dt_planes *walk)
{
    const dt_planes_output *source = &walk->outputs[walk->layer.source];
    dt_shape shape = walk->layer.input;
    dt_shape first = walk->image ? shape : walk->row, second = source->image ? shape : source->row;
    return same(first, second) || (is_ours(first) && is_ours(second));
}

bool dt_planes_shuffled(const dt_planes *walk)
{
    return !is_ours(walk->row) && !(walk->turn == DT_TURN_TO_IMAGE && same(walk->row, walk->of));
}

bool dt_planes_ordered(const dt_architecture *architecture, const char **where)
{
    dt_planes walk = {.image = dt_planes_any(architecture)};
    for (int i = 0; dt_planes_next(architecture, i, &walk); i++) {
        *where = walk.layer.kind->name;
        if ((walk.turn == DT_TURN_TO_IMAGE || (!walk.image && walk.layer.kind->ordered)) &&
            dt_planes_shuffled(&walk))
            return false;
        if (walk.layer.source >= 0 && !agree(&walk))
            return false;
    }
    *where = "the outputs";
    return !dt_planes_shuffled(&walk);
}

void dt_planes_sizes(const dt_planes *walk, const dt_tensor *tensor, size_t sizes[3])
{
    const int64_t *shape = tensor->shape;
    dt_shape row = walk->row;
    bool of_inputs = !walk->image && shape[0] == walk->layer.inputs;
    sizes[0] = sizes[1] = 1;
    sizes[2] = dt_tensor_count(tensor);
    if (tensor->rank >= 3) {
        sizes[0] = (size_t)(shape[0] * shape[1]);
        sizes[1] = (size_t)shape[2];
        sizes[2] = tensor->rank == 4 ? (size_t)shape[3] : 1;
    } else if (of_inputs && (tensor->rank == 2 || keeps_row(&walk->layer))) {
        sizes[0] = (size_t)row.height * (size_t)row.width;
        sizes[1] = (size_t)row.channels;
        sizes[2] = tensor->rank == 2 ? (size_t)shape[1] : 1;
    }
}

void dt_planes_shape(const dt_tensor *tensor, int64_t shape[DT_RANK_MAX])
{
    static const int places[][DT_RANK_MAX] = {
        [1] = {0}, [2] = {1, 0}, [3] = {2, 0, 1}, [4] = {3, 2, 0, 1}};
    for (int i = 0; i < tensor->rank; i++)
        shape[i] = tensor->shape[places[tensor->rank][i]];
}

void dt_planes_reverse(const float *from, const size_t sizes[3], float *to)
{
    for (size_t a = 0; a < sizes[0]; a++)
        for (size_t b = 0; b < sizes[1]; b++)
            for (size_t c = 0; c < sizes[2]; c++)
                to[(c * sizes[1] + b) * sizes[0] + a] = *from++;
}
