#define _GNU_SOURCE /* strverscmp */
#include "layer_order.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Layers that could change places without anybody's notice are told apart by numbers alone. */
static dt_status check_names(const found_layer *layers, size_t count, dt_error *error)
{
    char a[DT_BUNDLE_NAME], b[DT_BUNDLE_NAME];
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            if (layers[i].inputs != layers[j].inputs || layers[i].outputs != layers[j].outputs)
                continue;
            layer_stem(layers[i].name, a);
            layer_stem(layers[j].name, b);
            if (strcmp(a, b) != 0)
                return dt_fail(error, DT_ERR_DATA,
                               "layers %s and %s have the same sizes, and neither name says which "
                               "comes first; call the layers 0, 1, 2, ... in their order, or give "
                               "--layers if it is that of the names",
                               layers[j].name, layers[i].name);
        }
    return DT_OK;
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

/* From the last place to the first, the last by name of those that fit. */
static dt_status order_by_widths(found_layer *layers, size_t count, const dt_layer_list *list,
                                 dt_error *error)
{
    int64_t widths[DT_LAYERS_MAX];
    bool fits = find_widths(list, widths) == count;
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

dt_status layer_order(found_layer *layers, size_t count, const dt_layer_list *list, dt_error *error)
{
    layer_sort(layers, count);
    if (list)
        return order_by_widths(layers, count, list, error);
    for (size_t i = 1; i < count; i++)
        if (layers[i].inputs != layers[i - 1].outputs)
            return no_order(layers, count,
                            "that take what the one before gives, in the order of their names, or "
                            "--layers, which says the order",
                            error);
    return check_names(layers, count, error);
}
