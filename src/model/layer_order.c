#define _GNU_SOURCE /* strverscmp */
#include "layer_order.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

char *layer_name(size_t layer, char name[LAYER_NAME])
{
    if (layer == 0)
        snprintf(name, LAYER_NAME, "dense");
    else
        snprintf(name, LAYER_NAME, "dense_%zu", layer);
    return name;
}

const dt_array *layer_array(const found_layer *layer, const dt_tensor *tensor)
{
    bool factor = tensor->role == DT_TENSOR_WEIGHT || tensor->role == DT_TENSOR_GAIN;
    return factor ? layer->kernel : layer->bias;
}

static int by_name(const void *a, const void *b)
{
    return strverscmp(((const found_layer *)a)->name, ((const found_layer *)b)->name);
}

void layer_stem(const char *name, char stem[DT_BUNDLE_NAME])
{
    size_t length = 0;
    for (; *name; name++)
        if (!isdigit((unsigned char)*name))
            stem[length++] = *name;
    while (length > 0 && stem[length - 1] == '_')
        length--;
    stem[length] = '\0';
}

static dt_status no_order(const found_layer *layers, size_t count, const char *expected,
                          dt_error *error)
{
    char list[400] = "";
    dt_text text = {.text = list, .size = sizeof list};
    for (size_t i = 0; i < count; i++)
        dt_text_add(&text, "%s%s [%" PRId64 " -> %" PRId64 "]", i > 0 ? ", " : "", layers[i].name,
                    layers[i].inputs, layers[i].outputs);
    return dt_fail(error, DT_ERR_DATA,
                   "expected dense layers %s, where weight is [outputs][inputs] as in PyTorch and "
                   "kernel [inputs][outputs] as in Keras; found %s",
                   expected, list);
}

/* The outputs of the layers of a list that have tensors. */
static size_t find_widths(const dt_layer_list *list, int64_t *widths)
{
    const dt_architecture architecture = {.input = {1, 1, 1}, .list = *list};
    dt_layer layer;
    size_t count = 0;
    for (int i = 0; dt_architecture_next(&architecture, i, &layer); i++)
        if (layer.tensor_count > 0)
            widths[count++] = layer.outputs;
    return count;
}

/* Whether the list begins with what the network takes, as if that were a layer. */
static bool lists_input(const found_layer *layers, size_t count, const int64_t *widths,
                        size_t listed)
{
    bool takes = false;
    for (size_t i = 0; i < count; i++)
        takes |= layers[i].inputs == widths[0] && layers[i].outputs == widths[1];
    return takes && listed == count + 1;
}

/* From the last place to the first, the last by name of those that fit. */
static dt_status order_by_widths(found_layer *layers, size_t count, const dt_layer_list *list,
                                 dt_error *error)
{
    int64_t widths[DT_LAYERS_MAX];
    size_t listed = find_widths(list, widths);
    bool fits = listed == count;
    if (lists_input(layers, count, widths, listed))
        return dt_fail(error, DT_ERR_DATA,
                       "expected layers without the input, found %" PRId64
                       " first, which is what the network takes; leave it out",
                       widths[0]);
    for (size_t place = count; fits && place-- > 0;) {
        size_t at = place + 1;
        do
            fits = at-- > 0;
        while (fits && (layers[at].outputs != widths[place] ||
                        (place > 0 && layers[at].inputs != widths[place - 1])));
        if (!fits)
            break;
        found_layer found = layers[at];
        memmove(layers + at, layers + at + 1, (place - at) * sizeof *layers);
        layers[place] = found;
    }
    return fits ? DT_OK
                : no_order(layers, count, "of the sizes that the setting layers says", error);
}

void layer_sort(found_layer *layers, size_t count)
{
    qsort(layers, count, sizeof *layers, by_name);
}

static bool same_sizes(const found_layer *a, const found_layer *b)
{
    return a->inputs == b->inputs && a->outputs == b->outputs;
}

/* A search for the orders in which each layer takes what the one before gives. Layers of the same
 * sizes stand in the order in which they came. */
typedef struct search {
    const found_layer *layers;
    size_t count, steps;
    bool used[LAYERS_MAX], moves[LAYERS_MAX]; /* moves: its place is not the same in all orders */
    size_t order[LAYERS_MAX],
        first[LAYERS_MAX]; /* the one that is tried, the first that was found */
    int found;             /* how many: up to FOUND_MAX */
} search;

enum { STEPS_MAX = 20000, FOUND_MAX = 64 };

static bool may_follow(const search *self, size_t place, size_t i)
{
    const found_layer *layers = self->layers;
    if (self->used[i] || (place > 0 && layers[self->order[place - 1]].outputs != layers[i].inputs))
        return false;
    for (size_t j = 0; j < i; j++)
        if (!self->used[j] && same_sizes(&layers[i], &layers[j]))
            return false;
    return true;
}

static void try_from(search *self, size_t place)
{
    if (place == self->count) {
        if (self->found++ == 0)
            memcpy(self->first, self->order, self->count * sizeof *self->order);
        for (size_t i = 0; i < self->count; i++)
            self->moves[self->order[i]] |= self->first[i] != self->order[i];
        return;
    }
    for (size_t i = 0; i < self->count && self->found < FOUND_MAX; i++) {
        if (self->steps == STEPS_MAX || !may_follow(self, place, i))
            continue;
        self->steps++;
        self->order[place] = i;
        self->used[i] = true;
        try_from(self, place + 1);
        self->used[i] = false;
    }
}

static bool is_chain(const found_layer *layers, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (layers[i].inputs != layers[i - 1].outputs)
            return false;
    return true;
}

static bool same_stem(const found_layer *a, const found_layer *b)
{
    char left[DT_BUNDLE_NAME], right[DT_BUNDLE_NAME];
    layer_stem(a->name, left);
    layer_stem(b->name, right);
    return strcmp(left, right) == 0;
}

static dt_status could_change(const found_layer *a, const found_layer *b, const char *why,
                              dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA,
                   "layers %s and %s %s, and neither name says which comes first; call the layers "
                   "0, 1, 2, ... in their order, or give --layers if it is that of the names",
                   a->name, b->name, why);
}

/* Layers that could change places without anybody's notice are told apart by numbers alone. moves:
 * of each; NULL: no two of other sizes could. */
static dt_status check_names(const found_layer *layers, size_t count, const bool *moves,
                             dt_error *error)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            bool same = same_sizes(&layers[i], &layers[j]);
            if ((same || (moves && moves[i] && moves[j])) && !same_stem(&layers[i], &layers[j]))
                return could_change(&layers[j], &layers[i],
                                    same ? "have the same sizes" : "fit in more orders than one",
                                    error);
        }
    return DT_OK;
}

/* Of an ordered file: where the sizes leave a choice, numbers in names must not say another. */
static dt_status check_numbers(const found_layer *layers, size_t count, dt_error *error)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (same_sizes(&layers[i], &layers[j]) && same_stem(&layers[i], &layers[j]) &&
                by_name(&layers[j], &layers[i]) > 0)
                return dt_fail(error, DT_ERR_DATA,
                               "layers %s and %s have the same sizes, and their numbers say "
                               "another order than that of the file; expected one order, or "
                               "--layers if it is that of the file",
                               layers[j].name, layers[i].name);
    return DT_OK;
}

/* The order of the names if the sizes allow others too; else the one that they allow. */
static dt_status order_by_names(found_layer *layers, size_t count, dt_error *error)
{
    search self = {.layers = layers, .count = count};
    try_from(&self, 0);
    bool all = self.steps < STEPS_MAX && self.found < FOUND_MAX, only = all && self.found == 1;
    for (size_t i = 0; i < count; i++)
        self.moves[i] |= !all;
    if (is_chain(layers, count))
        return check_names(layers, count, self.moves, error);
    if (!only)
        return no_order(layers, count,
                        "that take what the one before gives, in the order of their names, or "
                        "--layers, which says the order",
                        error);
    found_layer *sorted = dt_calloc(count, sizeof *sorted, error);
    if (!sorted)
        return DT_ERR_INTERNAL;
    for (size_t i = 0; i < count; i++)
        sorted[i] = layers[self.first[i]];
    memcpy(layers, sorted, count * sizeof *sorted);
    dt_free(sorted);
    return check_names(layers, count, NULL, error);
}

dt_status layer_order(found_layer *layers, size_t count, bool ordered, const dt_layer_list *list,
                      dt_error *error)
{
    if (!ordered)
        layer_sort(layers, count);
    if (list)
        return order_by_widths(layers, count, list, error);
    if (ordered && is_chain(layers, count))
        return check_numbers(layers, count, error);
    layer_sort(layers, count);
    return order_by_names(layers, count, error);
}
