/* Models of Keras: which layers there are, one behind the other, and what is made of them. */
#include "network_plan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "keras_layer.h"

/* Models within models. */
enum { DEPTH_MAX = 8 };

/* "BatchNormalization" is "batch_normalization", "Conv2D" "conv2d". source: Keras, naming.py,
 * to_snake_case */
static void snake_case(const char *class, char *name, size_t size)
{
    dt_text text = {.text = name, .size = size};
    for (size_t i = 0; class[i]; i++) {
        bool upper = isupper((unsigned char)class[i]);
        bool before =
            i > 0 &&
            (islower((unsigned char)class[i - 1]) ||
             (isdigit((unsigned char)class[i - 1]) && islower((unsigned char)class[i + 1])));
        bool last = i > 0 && upper && islower((unsigned char)class[i + 1]);
        dt_text_add(&text, "%s%c", upper && (before || last) ? "_" : "",
                    tolower((unsigned char)class[i]));
    }
}

static const char *class_of(const dt_json *layer)
{
    const char *class = dt_json_text(dt_json_member(layer, "class_name"));
    return class ? class : "?";
}

static const char *name_of(const dt_json *layer)
{
    const char *name = dt_json_text(dt_json_member(dt_json_member(layer, "config"), "name"));
    if (!name)
        name = dt_json_text(dt_json_member(layer, "name"));
    return name ? name : "?";
}

static bool is_sequence(const char *class)
{
    return strcmp(class, "Sequential") == 0;
}

static bool is_model(const char *class)
{
    return is_sequence(class) || strcmp(class, "Functional") == 0 || strcmp(class, "Model") == 0;
}

/* Of a model's config; older ones of Sequential are the list. */
static const dt_json *layers_of(const dt_json *config)
{
    const dt_json *layers = dt_json_member(config, "layers");
    return layers ? layers : config;
}

/* How many layers of its class stand before number `index`. */
static int before_it(const dt_json *layers, size_t index)
{
    int count = 0;
    const char *class = class_of(dt_json_element(layers, index));
    for (size_t i = 0; i < index; i++)
        count += strcmp(class_of(dt_json_element(layers, i)), class) == 0;
    return count;
}

static dt_status add_model(keras_network *to, const dt_json *model, const char *path, int depth,
                           dt_error *error);

/* Layer number `index` of a model's list. */
static dt_status add_layer(keras_network *to, const dt_json *layers, size_t index, const char *path,
                           int depth, dt_error *error)
{
    const dt_json *layer = dt_json_element(layers, index);
    const char *class = class_of(layer);
    char name[80], own[DT_BUNDLE_NAME];
    int number = before_it(layers, index);
    snake_case(class, name, sizeof name);
    int length = number > 0 ? snprintf(own, sizeof own, "%s%s_%d", path, name, number)
                            : snprintf(own, sizeof own, "%s%s", path, name);
    if (length >= (int)sizeof own - 1)
        return dt_fail(error, DT_ERR_DATA, "layer %.60s: expected a path below %d bytes, found %d",
                       name_of(layer), DT_BUNDLE_NAME, length);
    if (!is_model(class))
        return keras_layer_add(to, class, dt_json_member(layer, "config"), own, error);
    size_t inside = strlen(to->inside);
    strcat(own, "/");
    snprintf(to->inside + inside, sizeof to->inside - inside, "%.60s/", name_of(layer));
    dt_status status = add_model(to, layer, own, depth + 1, error);
    to->inside[inside] = '\0';
    return status;
}

/* ---- models whose layers say which ones they take ---- */

/* The names of layers among the inbound nodes, in Keras 3's form, {"keras_history": [NAME, ...]},
 * or the older one, [NAME, 0, 0, {}]. */
static void add_sources(const dt_json *node, const dt_json *layers, const char **first, int *count,
                        int depth)
{
    const dt_json *history = dt_json_member(node, "keras_history");
    const char *name = dt_json_text(dt_json_element(history ? history : node, 0));
    double number;
    bool old =
        !history && dt_json_count(node) >= 3 && dt_json_number(dt_json_element(node, 1), &number);
    if (name && (history || old)) {
        *first = name;
        ++*count;
        return;
    }
    for (size_t i = 0; depth < 2 * DEPTH_MAX && i < dt_json_count(node); i++)
        add_sources(dt_json_element(node, i), layers, first, count, depth + 1);
}

static dt_status refuse_chain(const dt_json *layer, const char *found, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA,
                   "layer %.60s (%.40s): expected layers one behind the other, found %s",
                   name_of(layer), class_of(layer), found);
}

/* The layer that takes what `source` gives, from which one alone does; *next: the number of layers
 * if none does. */
static dt_status find_next(const dt_json *layers, const char *source, size_t *next, dt_error *error)
{
    size_t count = dt_json_count(layers);
    *next = count;
    for (size_t i = 0; i < count; i++) {
        const dt_json *layer = dt_json_element(layers, i);
        const char *from = NULL;
        int sources = 0;
        add_sources(dt_json_member(layer, "inbound_nodes"), layers, &from, &sources, 0);
        if (sources > 1)
            return refuse_chain(layer, "one that takes several, or stands in several places",
                                error);
        if (!source ? sources > 0 : (!from || strcmp(from, source) != 0))
            continue;
        if (*next < count)
            return refuse_chain(layer, "two behind one, or two inputs", error);
        *next = i;
    }
    return DT_OK;
}

/* The outputs are of the last layer alone: [NAME, 0, 0], or a list with that. */
static dt_status check_outputs(const dt_json *config, const char *last, dt_error *error)
{
    const dt_json *outputs = dt_json_member(config, "output_layers");
    const dt_json *only = dt_json_element(outputs, 0);
    const char *name = dt_json_text(only);
    if (!name && dt_json_count(outputs) == 1)
        name = dt_json_text(dt_json_element(only, 0));
    if (!outputs || (name && strcmp(name, last) == 0))
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "layer %.60s: expected it to be the only output, being the last, found %s%.60s",
                   last, name ? "" : "several", name ? name : "");
}

static dt_status add_graph(keras_network *to, const dt_json *config, const char *path, int depth,
                           dt_error *error)
{
    const dt_json *layers = layers_of(config);
    size_t next, count = dt_json_count(layers), added = 0;
    const char *source = NULL;
    dt_status status = find_next(layers, NULL, &next, error);
    while (!status && next < count && added++ < count) {
        status = add_layer(to, layers, next, path, depth, error);
        source = name_of(dt_json_element(layers, next));
        if (!status)
            status = find_next(layers, source, &next, error);
    }
    if (!status && added != count)
        status = dt_fail(error, DT_ERR_DATA,
                         "expected layers one behind the other, found %zu of %zu that are", added,
                         count);
    return status ? status : check_outputs(config, source, error);
}

static dt_status add_model(keras_network *to, const dt_json *model, const char *path, int depth,
                           dt_error *error)
{
    const dt_json *config = dt_json_member(model, "config"), *layers = layers_of(config);
    dt_status status = DT_OK;
    if (depth > DEPTH_MAX)
        return dt_fail(error, DT_ERR_DATA, "expected models at most %d deep, found deeper ones",
                       DEPTH_MAX);
    if (!is_sequence(class_of(model)))
        return add_graph(to, config, path, depth, error);
    for (size_t i = 0; i < dt_json_count(layers) && !status; i++)
        status = add_layer(to, layers, i, path, depth, error);
    return status;
}

/* ---- the whole ---- */

static bool ends_in(const keras_network *self, const char *activation)
{
    return self->count > 0 && strcmp(self->items[self->count - 1].text, activation) == 0;
}

/* The loss that the model was compiled with; "": none that is ours. Its name is a text, or that of
 * an object of a class. */
static const char *compiled_loss(const dt_json *root)
{
    const dt_json *loss = dt_json_member(dt_json_member(root, "compile_config"), "loss");
    if (!loss)
        loss = dt_json_member(dt_json_member(root, "training_config"), "loss");
    const char *name = dt_json_text(loss);
    if (!name)
        name = dt_json_text(dt_json_member(dt_json_member(loss, "config"), "name"));
    return name ? name : "";
}

/* A softmax behind the outputs is part of cross-entropy here, a sigmoid of bce. */
static void find_loss(keras_network *self, const dt_json *root)
{
    static const struct {
        const char *name;
        dt_loss loss;
    } known[] = {{"sparse_categorical_crossentropy", DT_CROSS_ENTROPY},
                 {"categorical_crossentropy", DT_CROSS_ENTROPY},
                 {"binary_crossentropy", DT_BCE},
                 {"mse", DT_MSE},
                 {"mean_squared_error", DT_MSE}};
    const char *name = compiled_loss(root);
    network_plan *plan = self->plan;
    plan->loss = ends_in(self, "sigmoid") ? DT_BCE : DT_CROSS_ENTROPY;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) {
            plan->loss = known[i].loss;
            plan->loss_known = true;
        }
    if (plan->loss == DT_CROSS_ENTROPY && ends_in(self, "sigmoid"))
        plan->loss = DT_BCE;
    if ((plan->loss == DT_CROSS_ENTROPY && ends_in(self, "softmax")) ||
        (plan->loss == DT_BCE && ends_in(self, "sigmoid")))
        self->count--;
}

static dt_status parse_items(const keras_network *self, dt_error *error)
{
    char text[DT_LAYERS_TEXT];
    dt_text list = {.text = text, .size = sizeof text};
    dt_error own = {0};
    for (int i = 0; i < self->count; i++)
        dt_text_add(&list, "%s%s%s", i > 0 ? ", " : "", self->items[i].text,
                    self->items[i].bare ? " bias false" : "");
    if (list.length >= sizeof text)
        return dt_fail(error, DT_ERR_DATA, "expected a list of layers below %zu bytes, found %zu",
                       sizeof text, list.length);
    if (self->count == 0)
        return dt_fail(error, DT_ERR_DATA, "expected a model with layers, found none");
    if (dt_layers_parse(text, &self->plan->architecture.list, &own))
        return dt_fail(error, DT_ERR_DATA, "the model's layers: %s", own.message);
    return DT_OK;
}

/* Whether the layers fit to the input, and means are of what is in their windows alone. */
static dt_status check(const keras_network *self, dt_error *error)
{
    const dt_architecture *architecture = &self->plan->architecture;
    dt_shape output;
    dt_error own = {0};
    if (architecture->input.channels == 0)
        return DT_OK;
    if (dt_architecture_check(architecture, &output, &own))
        return dt_fail(error, DT_ERR_DATA, "the model's layers: %s", own.message);
    dt_layer layer;
    for (int i = 0; dt_architecture_next(architecture, i, &layer); i++) {
        dt_windows at;
        if (i >= self->count || !self->items[i].padless || layer.kind->windows(&layer, &at, NULL))
            continue;
        if (at.top || at.left || at.bottom || at.right)
            return dt_fail(error, DT_ERR_DATA,
                           "layer %s (AveragePooling2D): expected windows within the image, found "
                           "padding same, whose zeros do not count in Keras and do here",
                           self->items[i].name);
    }
    return DT_OK;
}

static dt_status make_plan(keras_network *self, const dt_json *root, dt_error *error)
{
    dt_status status = add_model(self, root, "", 0, error);
    if (!status && self->waiting >= 0)
        status = dt_fail(error, DT_ERR_DATA,
                         "layer %s (BatchNormalization): expected a dense layer, or a convolution "
                         "without padding, behind it, of which it then is a part, found none",
                         self->plan->layers[self->waiting].name);
    if (status)
        return status;
    find_loss(self, root);
    status = parse_items(self, error);
    return status ? status : check(self, error);
}

/* A Sequential without InputLayer has been built for a shape. */
static const dt_json *built_for(const dt_json *root)
{
    const dt_json *shape = dt_json_member(dt_json_member(root, "config"), "build_input_shape");
    return shape ? shape : dt_json_member(dt_json_member(root, "build_config"), "input_shape");
}

dt_status network_plan_of_keras(const void *json, size_t size, network_plan **out, dt_error *error)
{
    dt_json *root;
    *out = NULL;
    dt_status status = dt_json_read(json, size, &root, error);
    if (status)
        return status;
    if (!is_model(class_of(root))) {
        dt_json_destroy(root);
        return DT_OK;
    }
    keras_network *network = dt_calloc(1, sizeof *network, error);
    network_plan *plan = network ? dt_calloc(1, sizeof *plan, error) : NULL;
    status = plan ? DT_OK : DT_ERR_INTERNAL;
    if (!status) {
        keras_network_begin(network, plan, built_for(root));
        status = make_plan(network, root, error);
    }
    if (status)
        dt_free(plan);
    else
        *out = plan;
    dt_free(network);
    dt_json_destroy(root);
    return status;
}
