#include "onnx_own.h"

#include <string.h>

#include "nn/architecture.h"

/* Whether it is nothing to ONNX. */
static bool is_idle(const dt_layer_kind *kind)
{
    return kind->onnx[0].operation && strcmp(kind->onnx[0].operation, "Identity") == 0;
}

/* The next layer that is something; false: there is none. places: of those so far, how many were,
 * up to each. */
static bool next_layer(const dt_architecture *self, int *at, int places[DT_LAYERS_MAX],
                       dt_layer *layer)
{
    for (; dt_architecture_next(self, *at, layer); ++*at) {
        places[*at] = (*at > 0 ? places[*at - 1] : 0) + !is_idle(layer->kind);
        if (!is_idle(layer->kind))
            return true;
    }
    return false;
}

static bool same_layers(const dt_layer *a, const dt_layer *b)
{
    dt_windows one = {0}, other = {0};
    if (a->kind != b->kind || a->outputs != b->outputs)
        return false;
    if (a->kind->windows)
        return !a->kind->windows(a, &one, NULL) && !b->kind->windows(b, &other, NULL) &&
               memcmp(&one, &other, sizeof one) == 0;
    for (int i = 0; i < a->kind->argument_count; i++)
        if ((float)a->arguments[i] != (float)b->arguments[i])
            return false;
    return true;
}

static bool same_networks(const dt_architecture *a, const dt_architecture *b)
{
    dt_layer one, other;
    int at[2] = {0}, places[2][DT_LAYERS_MAX];
    for (;; at[0]++, at[1]++) {
        bool more = next_layer(a, &at[0], places[0], &one);
        if (more != next_layer(b, &at[1], places[1], &other))
            return false;
        if (!more)
            return true;
        if (!same_layers(&one, &other) || (one.source < 0) != (other.source < 0) ||
            (one.source >= 0 && places[0][one.source] != places[1][other.source]))
            return false;
    }
}

dt_status onnx_check_own(const network_plan *plan, const dt_weights_facts *facts, dt_error *error)
{
    dt_architecture said = {.input = {(int)facts->input_shape[0], (int)facts->input_shape[1],
                                      (int)facts->input_shape[2]}};
    dt_shape output;
    if (dt_layers_parse(facts->layers, &said.list, error) ||
        dt_architecture_check(&said, &output, error))
        return error->status = DT_ERR_DATA;
    bool softmax = dt_layers_end_in_softmax(&said.list);
    said.list.count -= softmax;
    if (same_networks(&said, &plan->architecture) &&
        (float)plan->normalization.scale == (float)facts->input_scale &&
        (float)plan->normalization.shift == (float)facts->input_shift &&
        (softmax || strcmp(dt_loss_names[plan->loss], facts->loss) == 0))
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "expected a graph of the network that its metadata (" DT_WEIGHTS_PREFIX
                   "layers) say, found another: the file was edited");
}
