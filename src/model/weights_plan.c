#include "weights_plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "batchnorm.h"
#include "layer_match.h"
#include "weights_put.h"

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

/* The layer, from `first` on: of that path, which files have that are not `named`, of that name, or
 * the only one of that last name. */
static size_t find(const found_layer *layers, size_t count, size_t first, bool named,
                   const planned_layer *planned)
{
    size_t only = count;
    for (size_t i = first; i < count && !named; i++)
        if (strcmp(layers[i].name, planned->path) == 0)
            return i;
    for (size_t i = first; i < count; i++)
        if (strcmp(layers[i].name, planned->name) == 0)
            return i;
    for (size_t i = 0; i < count; i++)
        if (strcmp(last_part(layers[i].name), last_part(planned->name)) == 0) {
            if (only < count)
                return count;
            only = i;
        }
    return only >= first ? only : count;
}

/* Brings the layer that is planned for `place` there. */
static dt_status bring(found_layer *layers, size_t count, size_t place, bool named,
                       const planned_layer *planned, dt_error *error)
{
    size_t at = find(layers, count, place, named, planned);
    if (at == count)
        return dt_fail(error, DT_ERR_DATA, "layer %s: expected weights at %s, found none",
                       planned->name, named ? planned->name : planned->path);
    if (layer_is_norm(&layers[at]) != planned->norm)
        return dt_fail(error, DT_ERR_DATA,
                       "layer %s: expected the weights of a layer %s batch normalisation, found "
                       "others",
                       planned->name, planned->norm ? "of" : "other than");
    found_layer found = layers[at];
    layers[at] = layers[place];
    layers[place] = found;
    return DT_OK;
}

/* named: the file calls layers by their names, as Keras 2 did. */
static dt_status arrange(found_layer *layers, size_t count, bool named, const network_plan *plan,
                         dt_error *error)
{
    dt_status status = DT_OK;
    for (size_t i = 0; i < plan->count && !status; i++)
        status = bring(layers, count, i, named, &plan->layers[i], error);
    if (!status && count > plan->count)
        status = dt_fail(error, DT_ERR_DATA,
                         "layer %s: expected weights of layers that the model has, found others",
                         layers[plan->count].name);
    return status;
}

/* Folds the normalisations, and takes them out. */
static dt_status fold(dt_bundle *bundle, found_layer *layers, size_t *count,
                      const network_plan *plan, dt_text *folded, dt_error *error)
{
    dt_status status = DT_OK;
    size_t left = 0;
    for (size_t i = 0; i < *count && !status; i++) {
        const planned_layer *planned = &plan->layers[i];
        size_t into = i;
        if (!planned->norm)
            continue;
        while (plan->layers[into].norm) /* one is there: the plan has been made so */
            into += planned->forward ? 1 : (size_t)-1;
        dt_text_add(folded, "%s%s into %s", folded->length > 0 ? ", " : "", planned->name,
                    plan->layers[into].name);
        status = batchnorm_fold(&layers[i], planned->epsilon, planned->forward, bundle,
                                &layers[into], error);
    }
    for (size_t i = 0; i < *count; i++)
        if (!plan->layers[i].norm)
            layers[left++] = layers[i];
    *count = left;
    return status;
}

/* The input of a network of rows: a square image. */
static dt_status find_input(const found_layer *first, dt_architecture *architecture,
                            dt_error *error)
{
    dt_shape output;
    dt_error own = {0};
    int side = (int)(sqrt((double)first->inputs) + 0.5);
    if (architecture->input.channels == 0) {
        if (first->inputs > 1 << 24 || (int64_t)side * side != first->inputs)
            return dt_fail(error, DT_ERR_DATA,
                           "expected square images with one channel, found a network of %" PRId64
                           " inputs",
                           first->inputs);
        architecture->input = (dt_shape){side, side, 1};
    }
    return dt_architecture_check(architecture, &output, &own)
               ? dt_fail(error, DT_ERR_DATA, "the model's layers: %s", own.message)
               : DT_OK;
}

static dt_status put_facts(const network_plan *plan, const dt_architecture *architecture,
                           dt_weights_facts *out, dt_error *error)
{
    char text[DT_LAYERS_TEXT];
    out->layers = dt_strdup(dt_layers_text(&architecture->list, text), error);
    out->loss = out->layers ? dt_strdup(dt_loss_names[plan->loss], error) : NULL;
    if (plan->scaled) {
        out->input_scale = plan->normalization.scale;
        out->input_shift = plan->normalization.shift;
    }
    return out->loss ? DT_OK : DT_ERR_INTERNAL;
}

static dt_status put_all(dt_bundle *bundle, found_layer *layers, size_t count,
                         const network_plan *plan, dt_weights_file *out, dt_import_note *note,
                         dt_error *error)
{
    dt_architecture architecture = plan->architecture;
    if (count == 0)
        return dt_fail(error, DT_ERR_DATA, "expected layers that have weights, found none");
    dt_status status = find_input(&layers[0], &architecture, error);
    if (!status)
        status = layer_match(layers, count, &architecture, error);
    if (!status)
        status = weights_make_room(bundle, out, error);
    if (!status)
        status = weights_put_network(layers, &architecture, out, error);
    weights_list_names(layers, count, note->layers);
    return status ? status : put_facts(plan, &architecture, &out->facts, error);
}

dt_status weights_of_plan(dt_bundle *bundle, const network_plan *plan, dt_weights_file *out,
                          dt_import_note *note, dt_error *error)
{
    size_t count;
    found_layer *layers;
    dt_text folded = {.text = note->folded, .size = sizeof note->folded};
    dt_status status = weights_find_layers(bundle, out, note, &layers, &count, error);
    if (!status)
        status = arrange(layers, count, bundle->ordered, plan, error);
    if (!status)
        status = fold(bundle, layers, &count, plan, &folded, error);
    if (!status)
        status = put_all(bundle, layers, count, plan, out, note, error);
    dt_free(layers);
    return status;
}
