#include "found_layers.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/weights.h"

/* What an array is of its layer. */
typedef enum part { KERNEL, BIAS, MEAN, VARIANCE, NO_PART } part;

/* transposed: as PyTorch has it; either: a name that is used for both. */
static const struct {
    const char *name;
    part part;
    bool transposed, gain, either;
} words[] = {
    {"weight", KERNEL, true, true, false},
    {"kernel", KERNEL, false, false, false},
    {"gamma", KERNEL, false, true, false},
    {"bias", BIAS, false, false, false},
    {"beta", BIAS, false, false, false},
    {"running_mean", MEAN, true, false, false},
    {"running_var", VARIANCE, true, false, false},
    {"moving_mean", MEAN, false, false, false},
    {"moving_variance", VARIANCE, false, false, false},
    {"weights", KERNEL, false, true, true},
    {"W", KERNEL, false, true, true},
    {"w", KERNEL, false, true, true},
    {"biases", BIAS, false, false, true},
    {"b", BIAS, false, false, true},
};

enum { WORDS = sizeof words / sizeof *words };

/* The word that ends a name, and the length of what names its layer: "fc.weight", "fc/weight" and
 * "fc_weight" are of layer "fc", "W1" and "weight_1" of layer "1". WORDS: none. */
static int find_word(const char *name, char layer[DT_BUNDLE_NAME])
{
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    const char *last = !dot || (slash && slash > dot) ? slash : dot;
    const char *own = last ? last + 1 : name;
    int before = last ? (int)(last - name) : 0, word = 0;
    snprintf(layer, DT_BUNDLE_NAME, "%.*s", before, name);
    while (word < WORDS && strcmp(own, words[word].name) != 0)
        word++;
    for (int i = 0; word == WORDS && i < WORDS; i++) {
        size_t length = strlen(words[i].name), all = strlen(own);
        const char *number = own + length + (own[length < all ? length : all] == '_');
        bool ends = all > length + 1 && own[all - length - 1] == '_' &&
                    strcmp(own + all - length, words[i].name) == 0;
        bool numbered = strncmp(own, words[i].name, length) == 0 && *number &&
                        number[strspn(number, "0123456789")] == '\0';
        if (!ends && !numbered)
            continue;
        word = i;
        snprintf(layer, DT_BUNDLE_NAME, "%.*s%s%.*s", before, name, last ? "." : "",
                 ends ? (int)(all - length - 1) : (int)strlen(number), ends ? own : number);
    }
    return word;
}

static found_layer *layer_called(found_layer *layers, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(layers[i].name, name) == 0)
            return &layers[i];
    if (*count == LAYERS_MAX)
        return NULL;
    found_layer *layer = &layers[(*count)++];
    snprintf(layer->name, sizeof layer->name, "%s", name);
    return layer;
}

/* A row or a column of values. */
static void flatten(dt_array *array)
{
    if (array->rank == 2 && (array->shape[0] == 1 || array->shape[1] == 1)) {
        array->shape[0] *= array->shape[1];
        array->rank = 1;
    }
}

static void measure(found_layer *layer, bool transposed)
{
    const dt_array *kernel = layer->kernel;
    layer->transposed = transposed;
    if (kernel->rank % 2 == 1) {
        layer->inputs = layer->outputs = (int64_t)dt_array_count(kernel);
        return;
    }
    layer->inputs = kernel->shape[transposed ? 1 : kernel->rank - 2];
    layer->outputs = kernel->shape[transposed ? 0 : kernel->rank - 1];
}

static dt_status refuse_word(const dt_array *array, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA,
                   "array %s: expected a name that ends in .weight, .kernel, .bias, .gamma or "
                   ".beta (or / in place of the dot), found another",
                   array->name);
}

static dt_status check_rank(const dt_array *array, int word, dt_error *error)
{
    bool odd = array->rank % 2 == 1, kernel = words[word].part == KERNEL;
    bool weight = kernel && words[word].gain && strcmp(words[word].name, "gamma") != 0;
    if (array->rank >= 1 && array->rank <= 4 && (weight || odd != (kernel && !words[word].gain)))
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "array %s: expected the %s of a dense layer, convolution or normalisation, "
                   "of %s dimensions, found %d",
                   array->name, words[word].name,
                   weight                        ? "1 to 4"
                   : kernel && !words[word].gain ? "2 or 4"
                                                 : "1 or 3",
                   array->rank);
}

static dt_status put_part(found_layer *layer, part what, dt_array *array, dt_error *error)
{
    dt_array **const places[] = {&layer->kernel, &layer->bias, &layer->mean, &layer->variance};
    static const char *const names[] = {"kernel, weight or gamma", "bias or beta", "mean",
                                        "variance"};
    if (*places[what])
        return dt_fail(error, DT_ERR_DATA, "array %s: expected one %s a layer, found %s too",
                       array->name, what == BIAS ? "bias or beta" : names[what],
                       (*places[what])->name);
    *places[what] = array;
    return DT_OK;
}

static dt_status sort_array(dt_array *array, found_layer *layers, size_t *count, dt_error *error)
{
    char name[DT_BUNDLE_NAME];
    int word = find_word(array->name, name);
    if (word == WORDS)
        return refuse_word(array, error);
    if (words[word].part != KERNEL)
        flatten(array);
    dt_status status = check_rank(array, word, error);
    if (status)
        return status;
    found_layer *layer = layer_called(layers, count, name);
    if (!layer)
        return dt_fail(error, DT_ERR_DATA, "expected at most %d layers, found more", LAYERS_MAX);
    status = put_part(layer, words[word].part, array, error);
    if (status || words[word].part == BIAS)
        return status;
    layer->transposed = words[word].transposed;
    layer->either = words[word].either;
    return DT_OK;
}

/* ---- arrays that have numbers for names ---- */

/* "arr_0", as numpy.savez calls what has no name; -1: another. */
static int number_of(const char *name)
{
    if (strncmp(name, "arr_", 4) != 0 || !isdigit((unsigned char)name[4]))
        return -1;
    return name[4 + strspn(name + 4, "0123456789")] == '\0' ? atoi(name + 4) : -1;
}

static int by_number(const void *a, const void *b)
{
    int left = number_of((*(dt_array *const *)a)->name);
    int right = number_of((*(dt_array *const *)b)->name);
    return (left > right) - (left < right);
}

/* Whether it has a value for each output of the kernel: [n], [1][n] or [n][1]. */
static bool is_row(const dt_array *array, const dt_array *kernel)
{
    if (array->rank == 1)
        return true;
    int64_t count = (int64_t)dt_array_count(array), out = kernel->shape[kernel->rank - 1];
    if (array->rank != 2 || kernel->rank % 2 == 1)
        return false;
    return (array->shape[0] == 1 && (count == out || count == kernel->shape[0])) ||
           (array->shape[1] == 1 && count == kernel->shape[0] && count != out);
}

/* Of the arrays between two kernels: a bias, if they are odd, then what normalisations have. */
static dt_status sort_rows(dt_array **rows, size_t count, found_layer *layers, size_t *layer_count,
                           dt_error *error)
{
    static const part order[] = {KERNEL, BIAS, MEAN, VARIANCE};
    dt_status status = DT_OK;
    size_t at = count % 2;
    if (count > 5)
        return dt_fail(error, DT_ERR_DATA,
                       "array %s: expected a kernel behind at most 5 rows of values, found more",
                       rows[5]->name);
    for (size_t i = 0; i < count; i++)
        flatten(rows[i]);
    if (count % 2)
        status = put_part(&layers[*layer_count - 1], BIAS, rows[0], error);
    found_layer *norm = count > 1 ? layer_called(layers, layer_count, rows[at]->name) : NULL;
    for (size_t i = at; norm && i < count && !status; i++)
        status = put_part(norm, order[i - at], rows[i], error);
    return status;
}

static dt_status sort_by_number(dt_array **arrays, size_t array_count, found_layer *layers,
                                size_t *count, dt_error *error)
{
    dt_status status = DT_OK;
    qsort(arrays, array_count, sizeof *arrays, by_number);
    for (size_t i = 0; i < array_count && !status;) {
        size_t rows = 0;
        const dt_array *kernel = arrays[i];
        if (kernel->rank != 2 && kernel->rank != 4)
            return dt_fail(error, DT_ERR_DATA,
                           "array %s: expected a kernel of 2 or 4 dimensions, found %d",
                           kernel->name, kernel->rank);
        found_layer *layer = layer_called(layers, count, kernel->name);
        if (!layer)
            return dt_fail(error, DT_ERR_DATA, "expected at most %d layers, found more",
                           LAYERS_MAX);
        layer->kernel = arrays[i++];
        layer->either = true;
        while (i + rows < array_count && is_row(arrays[i + rows], kernel))
            rows++;
        status = sort_rows(arrays + i, rows, layers, count, error);
        i += rows;
    }
    return status;
}

/* ---- which way kernels lie ---- */

static bool lie_so(found_layer *layers, size_t count, bool transposed)
{
    const found_layer *before = NULL;
    for (size_t i = 0; i < count; i++) {
        found_layer *layer = &layers[i];
        if (!layer->either || !layer->kernel || layer->kernel->rank % 2 == 1)
            continue;
        measure(layer, transposed);
        if (layer->bias && (int64_t)dt_array_count(layer->bias) != layer->outputs)
            return false;
        if (before && before->kernel->rank == layer->kernel->rank &&
            before->outputs != layer->inputs)
            return false;
        before = layer;
    }
    return true;
}

/* Kernels whose names do not say: all lie as their biases, and one another, want it. */
static dt_status lay(found_layer *layers, size_t count, dt_error *error)
{
    bool any = false, as_keras, as_torch;
    for (size_t i = 0; i < count; i++)
        any |= layers[i].either && layers[i].kernel && layers[i].kernel->rank % 2 == 0;
    if (!any)
        return DT_OK;
    as_torch = lie_so(layers, count, true);
    as_keras = lie_so(layers, count, false);
    if (as_torch == as_keras)
        return dt_fail(error, DT_ERR_DATA,
                       "expected kernels whose sizes say whether they are [inputs][outputs] or "
                       "[outputs][inputs], found %s; call them LAYER.kernel or LAYER.weight",
                       as_torch ? "both" : "neither");
    lie_so(layers, count, as_torch);
    return DT_OK;
}

/* ---- all ---- */

static dt_status check_norm(const found_layer *layer, dt_error *error)
{
    size_t count = layer->mean ? dt_array_count(layer->mean) : 0;
    const dt_array *const all[] = {layer->kernel, layer->bias, layer->mean, layer->variance};
    if (!layer->mean || !layer->variance)
        return dt_fail(error, DT_ERR_DATA,
                       "layer %s: expected the mean and the variance of a batch normalisation, "
                       "found one of them",
                       layer->name);
    for (int i = 0; i < 4; i++)
        if (all[i] && (all[i]->rank != 1 || dt_array_count(all[i]) != count))
            return dt_fail(error, DT_ERR_DATA,
                           "array %s: expected %zu values in a row, as the mean of the batch "
                           "normalisation has, found others",
                           all[i]->name, count);
    return DT_OK;
}

/* Whether it has what a layer must have. */
static dt_status check_parts(found_layer *layer, dt_error *error)
{
    if (layer->mean || layer->variance) {
        dt_status status = check_norm(layer, error);
        layer->inputs = layer->outputs = status ? 0 : layer->mean->shape[0];
        return status;
    }
    if (!layer->kernel)
        return dt_fail(error, DT_ERR_DATA,
                       "layer %s: expected a kernel, weight or gamma, found a bias alone",
                       layer->name);
    measure(layer, layer->transposed);
    return DT_OK;
}

static dt_status check_bias(const found_layer *layer, dt_error *error)
{
    if (!layer->bias || layer_is_norm(layer) ||
        (int64_t)dt_array_count(layer->bias) == layer->outputs)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "array %s: expected %" PRId64 " values, one for each output, found "
                   "%zu",
                   layer->bias->name, layer->outputs, dt_array_count(layer->bias));
}

static void leave_out(dt_text *left_out, const char *name)
{
    dt_text_add(left_out, "%s%s", left_out->length > 0 ? ", " : "", name);
}

/* What is no number of ours, and no part of a layer by its name. */
static dt_status skip_others(const dt_bundle *bundle, dt_text *left_out, dt_error *error)
{
    char layer[DT_BUNDLE_NAME];
    for (size_t i = 0; i < bundle->other_count; i++) {
        const dt_named_text *other = &bundle->others[i];
        if (find_word(other->name, layer) < WORDS)
            return dt_fail(error, DT_ERR_DATA, "array %s: expected floats, found %s", other->name,
                           other->text);
        leave_out(left_out, other->name);
    }
    for (size_t i = 0; bundle->text_arrays && i < bundle->text_count; i++)
        if (strncmp(bundle->texts[i].name, DT_WEIGHTS_PREFIX, strlen(DT_WEIGHTS_PREFIX)) != 0)
            leave_out(left_out, bundle->texts[i].name);
    return DT_OK;
}

static dt_status refuse_empty(const dt_bundle *bundle, dt_error *error)
{
    const dt_named_text *other = bundle->other_count > 0 ? &bundle->others[0] : NULL;
    return dt_fail(error, DT_ERR_DATA, "expected dense layers, found no arrays%s%s%s%s",
                   other ? " of floats, but " : "", other ? other->name : "", other ? " of " : "",
                   other ? other->text : "");
}

dt_status found_layers_of(dt_bundle *bundle, found_layer layers[LAYERS_MAX], size_t *count,
                          dt_text *left_out, dt_error *error)
{
    size_t numbered = 0, room = bundle->array_count + LAYERS_MAX;
    dt_array *arrays = dt_grow(bundle->arrays, &bundle->array_room, room, sizeof *arrays, error);
    dt_array **by_order = dt_calloc(bundle->array_count + 1, sizeof *by_order, error);
    dt_status status = arrays && by_order ? DT_OK : DT_ERR_INTERNAL;
    bundle->arrays = arrays ? arrays : bundle->arrays;
    *count = 0;
    for (size_t i = 0; i < bundle->array_count && !status; i++) {
        dt_array *array = &bundle->arrays[i];
        if (array->rank == 0)
            leave_out(left_out, array->name);
        else if (number_of(array->name) >= 0)
            by_order[numbered++] = array;
        else
            status = sort_array(array, layers, count, error);
    }
    if (!status)
        status = sort_by_number(by_order, numbered, layers, count, error);
    bundle->ordered |= numbered > 0 && numbered == bundle->array_count;
    if (!bundle->ordered)
        layer_sort(layers, *count);
    for (size_t i = 0; i < *count && !status; i++)
        status = check_parts(&layers[i], error);
    if (!status)
        status = lay(layers, *count, error);
    for (size_t i = 0; i < *count && !status; i++)
        status = check_bias(&layers[i], error);
    if (!status)
        status = skip_others(bundle, left_out, error);
    if (!status && *count == 0)
        status = refuse_empty(bundle, error);
    dt_free(by_order);
    return status;
}
