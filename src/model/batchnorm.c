#include "batchnorm.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "nn/layer.h"

/* What files that do not say it have. source: keras.layers.BatchNormalization,
 * torch.nn.BatchNorm2d */
#define KERAS_NORM "batch_normalization"
static const double keras_epsilon = 1e-3, torch_epsilon = 1e-5;

/* Channel c becomes factors[c] x + shifts[c]. The caller owns *factors, [2][channels]. */
static dt_status find_factors(const found_layer *norm, double epsilon, double **factors,
                              double **shifts, dt_error *error)
{
    size_t count = (size_t)norm->outputs;
    if (!(*factors = dt_calloc(2 * count, sizeof **factors, error)))
        return DT_ERR_INTERNAL;
    *shifts = *factors + count;
    for (size_t i = 0; i < count; i++) {
        double variance = (double)norm->variance->values[i];
        if (!(variance + epsilon > 0) || !isfinite(variance))
            return dt_fail(error, DT_ERR_DATA, "array %s: expected variances >= 0, found %g at %zu",
                           norm->variance->name, variance, i);
        (*factors)[i] =
            (norm->kernel ? (double)norm->kernel->values[i] : 1) / sqrt(variance + epsilon);
        (*shifts)[i] = (norm->bias ? (double)norm->bias->values[i] : 0) -
                       (double)norm->mean->values[i] * (*factors)[i];
    }
    return DT_OK;
}

static dt_status need_bias(dt_bundle *bundle, found_layer *layer, dt_error *error)
{
    char name[DT_BUNDLE_NAME];
    float *values;
    if (layer->bias)
        return DT_OK;
    snprintf(name, sizeof name, "%.*s/bias", (int)sizeof name - 8, layer->name);
    dt_status status = dt_bundle_add(bundle, name, 1, &layer->outputs, &values, error);
    if (!status)
        layer->bias = &bundle->arrays[bundle->array_count - 1];
    return status;
}

/* The input and the output that value i of a kernel belongs to. */
static void find_place(const found_layer *layer, size_t i, size_t *in, size_t *out)
{
    size_t inputs = (size_t)layer->inputs, outputs = (size_t)layer->outputs;
    size_t taps = dt_array_count(layer->kernel) / (inputs * outputs);
    *out = layer->transposed ? i / (inputs * taps) : i % outputs;
    *in = layer->transposed ? i / taps % inputs : i / outputs % inputs;
}

static void fold_back(const double *factors, const double *shifts, found_layer *layer)
{
    size_t count = dt_array_count(layer->kernel), in, out;
    for (size_t i = 0; i < count; i++) {
        find_place(layer, i, &in, &out);
        layer->kernel->values[i] = (float)((double)layer->kernel->values[i] * factors[out]);
    }
    for (size_t i = 0; i < (size_t)layer->outputs; i++)
        layer->bias->values[i] = (float)((double)layer->bias->values[i] * factors[i] + shifts[i]);
}

/* Channels come one behind the other in each place of a row that was an image. */
static void fold_forward(size_t channels, const double *factors, const double *shifts,
                         double *biases, found_layer *layer)
{
    size_t count = dt_array_count(layer->kernel), in, out;
    for (size_t i = 0; i < count; i++) {
        find_place(layer, i, &in, &out);
        double value = (double)layer->kernel->values[i];
        biases[out] += value * shifts[in % channels];
        layer->kernel->values[i] = (float)(value * factors[in % channels]);
    }
    for (size_t i = 0; i < (size_t)layer->outputs; i++)
        layer->bias->values[i] = (float)((double)layer->bias->values[i] + biases[i]);
}

dt_status batchnorm_fold(const found_layer *norm, double epsilon, bool forward, dt_bundle *bundle,
                         found_layer *layer, dt_error *error)
{
    size_t channels = (size_t)norm->outputs;
    size_t values = (size_t)(forward ? layer->inputs : layer->outputs);
    double *factors = NULL, *shifts, *biases = NULL;
    if (!layer->kernel || layer->kernel->rank % 2 ||
        (forward ? values % channels : values != channels))
        return dt_fail(error, DT_ERR_DATA,
                       "batch normalisation %s: expected %zu values of the dense layer or "
                       "convolution beside it, found %s with %zu",
                       norm->name, channels, layer->name, values);
    dt_status status = find_factors(norm, epsilon, &factors, &shifts, error);
    if (!status)
        status = need_bias(bundle, layer, error);
    if (!status && forward && !(biases = dt_calloc((size_t)layer->outputs, sizeof *biases, error)))
        status = DT_ERR_INTERNAL;
    if (!status && forward)
        fold_forward(channels, factors, shifts, biases, layer);
    else if (!status)
        fold_back(factors, shifts, layer);
    dt_free(factors);
    dt_free(biases);
    return status;
}

/* ---- where nothing but names says where it stands ---- */

/* The number that a name ends in, and what stands before it; -1: none. */
static long number_of(const char *name, size_t *before)
{
    *before = strlen(name);
    while (*before > 0 && isdigit((unsigned char)name[*before - 1]))
        --*before;
    return name[*before] && strlen(name + *before) < 9 ? atol(name + *before) : -1;
}

static size_t parent_of(const char *name)
{
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    const char *last = !dot || (slash && slash > dot) ? slash : dot;
    return last ? (size_t)(last + 1 - name) : 0;
}

static bool siblings(const found_layer *a, const found_layer *b)
{
    size_t length = parent_of(a->name);
    return length == parent_of(b->name) && memcmp(a->name, b->name, length) == 0;
}

/* Its number in an nn.Sequential; -1: it is in none. */
static long place_of(const found_layer *layer)
{
    size_t before;
    long number = number_of(layer->name, &before);
    return before == parent_of(layer->name) ? number : -1;
}

static bool takes(const found_layer *norm, const found_layer *layer)
{
    return !layer_is_norm(layer) && layer->kernel->rank % 2 == 0 && layer->outputs == norm->outputs;
}

/* In a sequence: the neighbour, if it is one that it can become a part of. */
static found_layer *neighbour(const found_layer *norm, found_layer *layers, size_t count,
                              bool *forward)
{
    found_layer *behind = NULL;
    for (size_t i = 0; i < count; i++) {
        found_layer *layer = &layers[i];
        if (layer_is_norm(layer) || !siblings(norm, layer) || layer->kernel->rank % 2)
            continue;
        if (place_of(layer) == place_of(norm) - 1 && takes(norm, layer)) {
            *forward = false;
            return layer;
        }
        if (place_of(layer) == place_of(norm) + 1 && layer->kernel->rank == 2 &&
            layer->inputs == norm->outputs)
            behind = layer;
    }
    *forward = true;
    return behind;
}

/* The number in a name that people gave; -1: none. Keras counts each class for itself. */
static long own_number(const found_layer *layer)
{
    size_t end;
    const char *last = layer->name + parent_of(layer->name);
    long number = number_of(layer->name, &end);
    if (number < 0 || layer->name[end - (end > 0)] != '_')
        return number;
    size_t length = end - 1 - parent_of(layer->name);
    bool counted = strncmp(last, KERAS_NORM, length) == 0 && KERAS_NORM[length] == '\0';
    for (int i = 0; dt_layer_kind_at(i); i++) {
        const char *class = dt_layer_kind_at(i)->keras;
        counted |= class && strncmp(last, class, length) == 0 && class[length] == '\0';
    }
    return counted ? -1 : number;
}

/* The only layer beside it that gives what it takes: of those with the same number, conv2 for bn2,
 * if it has one. *several: there are more. */
static found_layer *namesake(const found_layer *norm, found_layer *layers, size_t count,
                             bool *several)
{
    found_layer *only = NULL;
    long number = own_number(norm);
    *several = false;
    for (size_t i = 0; i < count; i++)
        if (takes(norm, &layers[i]) && siblings(norm, &layers[i]) &&
            (number < 0 || number == own_number(&layers[i]))) {
            *several = only != NULL;
            if (*several)
                return NULL;
            only = &layers[i];
        }
    return only;
}

/* The layer before it. */
static found_layer *before(const found_layer *norm, found_layer *layers)
{
    size_t i = (size_t)(norm - layers);
    return i > 0 && takes(norm, &layers[i - 1]) ? &layers[i - 1] : NULL;
}

/* The only layers, in the order of the names, that the normalisations can stand behind, each behind
 * one of its own. from: the first layer that is free. Returns how many ways there are, up to 2. */
static int assign(found_layer *layers, size_t count, size_t norm, size_t from, size_t *places,
                  size_t *found, int *steps)
{
    int ways = 0;
    while (norm < count && !layer_is_norm(&layers[norm]))
        norm++;
    if (norm == count) {
        memcpy(found, places, count * sizeof *places);
        return 1;
    }
    for (size_t i = from; i < count && ways < 2 && ++*steps < 10000; i++)
        if (takes(&layers[norm], &layers[i])) {
            places[norm] = i;
            ways += assign(layers, count, norm + 1, i + 1, places, found, steps);
        }
    return ways;
}

static dt_status refuse_place(const found_layer *norm, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA,
                   "batch normalisation %s [%lld]: expected it directly behind a dense layer or "
                   "convolution, of which it then is a part, found none that its name says; a "
                   ".keras file says it",
                   norm->name, (long long)norm->outputs);
}

/* epsilon is what the program that wrote the file has by itself. */
static dt_status fold_one(dt_bundle *bundle, const found_layer *norm, found_layer *into,
                          bool forward, bool known, dt_text *folded, dt_error *error)
{
    double epsilon = into->transposed ? torch_epsilon : keras_epsilon;
    dt_text_add(folded, "%s%s into %s with epsilon %g%s", folded->length > 0 ? ", " : "",
                norm->name, into->name, epsilon, known ? "" : " (as directly behind it)");
    return batchnorm_fold(norm, epsilon, forward, bundle, into, error);
}

/* Where names and order, or names and the only way there is, disagree, it has no place. place: in
 * that only way; NULL: it is not known. */
static found_layer *find_layer(const found_layer *norm, found_layer *layers, size_t count,
                               bool ordered, const size_t *place)
{
    bool several;
    found_layer *named = namesake(norm, layers, count, &several);
    if (!ordered) {
        found_layer *only = place ? &layers[*place] : named;
        return !named || named == only ? only : NULL;
    }
    if (named)
        return named < norm ? named : NULL;
    named = before(norm, layers);
    if (named && several && own_number(norm) >= 0 && own_number(named) != own_number(norm))
        return NULL;
    return named;
}

static dt_status fold_each(dt_bundle *bundle, found_layer *layers, size_t count, bool ordered,
                           const size_t *places, dt_text *folded, dt_error *error)
{
    dt_status status = DT_OK;
    bool taken[LAYERS_MAX] = {false};
    for (size_t i = 0; i < count && !status; i++) {
        const found_layer *norm = &layers[i];
        bool known = place_of(norm) >= 0, forward = false;
        if (!layer_is_norm(norm))
            continue;
        found_layer *into = known
                                ? neighbour(norm, layers, count, &forward)
                                : find_layer(norm, layers, count, ordered, places ? places + i : 0);
        if (!into || (!forward && taken[into - layers]))
            return refuse_place(norm, error);
        taken[into - layers] |= !forward;
        status = fold_one(bundle, norm, into, forward, known, folded, error);
    }
    return status;
}

/* Whether the names of all say where they stand. */
static bool have_namesakes(found_layer *layers, size_t count)
{
    bool several;
    for (size_t i = 0; i < count; i++)
        if (layer_is_norm(&layers[i]) && place_of(&layers[i]) < 0 &&
            !namesake(&layers[i], layers, count, &several))
            return false;
    return true;
}

dt_status batchnorm_fold_all(dt_bundle *bundle, found_layer *layers, size_t *count, bool ordered,
                             dt_text *folded, dt_error *error)
{
    size_t *places = dt_calloc(2 * LAYERS_MAX, sizeof *places, error), left = 0;
    int steps = 0;
    if (!places)
        return DT_ERR_INTERNAL;
    bool assigned = !ordered && !have_namesakes(layers, *count) &&
                    assign(layers, *count, 0, 0, places, places + LAYERS_MAX, &steps) == 1;
    dt_status status = fold_each(bundle, layers, *count, ordered,
                                 assigned ? places + LAYERS_MAX : NULL, folded, error);
    for (size_t i = 0; i < *count && !status; i++)
        if (!layer_is_norm(&layers[i]))
            layers[left++] = layers[i];
    *count = status ? *count : left;
    dt_free(places);
    return status;
}
