/* Models of Keras: which layers there are, one behind the other, and what is made of them. */
#include "network_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "keras/keras_layer.h"
#include "keras/keras_names.h"

/* Models within models. */
enum { DEPTH_MAX = 8 };

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
    const char *class = keras_class_of(dt_json_element(layers, index));
    for (size_t i = 0; i < index; i++)
        count += strcmp(keras_class_of(dt_json_element(layers, i)), class) == 0;
    return count;
}

static dt_status add_model(keras_network *to, const dt_json *model, const char *path, int depth,
                           dt_error *error);

/* Layer number `index` of a model's list. */
static dt_status add_layer(keras_network *to, const dt_json *layers, size_t index, const char *path,
                           int depth, dt_error *error)
{
    const dt_json *layer = dt_json_element(layers, index);
    const char *class = keras_class_of(layer);
    char name[80], own[DT_BUNDLE_NAME];
    int number = before_it(layers, index);
    keras_snake_case(class, name, sizeof name);
    int length = number > 0 ? snprintf(own, sizeof own, "%s%s_%d", path, name, number)
                            : snprintf(own, sizeof own, "%s%s", path, name);
    if (length >= (int)sizeof own - 1)
        return dt_fail(error, DT_ERR_DATA, "layer %.60s: expected a path below %d bytes, found %d",
                       keras_name_of(layer), DT_BUNDLE_NAME, length);
    if (!is_model(class))
        return keras_layer_add(to, class, dt_json_member(layer, "config"), own, error);
    size_t inside = strlen(to->inside);
    strcat(own, "/");
    snprintf(to->inside + inside, sizeof to->inside - inside, "%.60s/", keras_name_of(layer));
    dt_status status = add_model(to, layer, own, depth + 1, error);
    to->inside[inside] = '\0';
    return status;
}

/* ---- models whose layers say which ones they take ---- */

/* The layers that one takes, by their names. */
typedef struct sources {
    const char *names[2];
    int count; /* there may be more than names */
} sources;

/* Those among the inbound nodes, in Keras 3's form, {"keras_history": [NAME, ...]}, or the older
 * one, [NAME, 0, 0, {}]. */
static void add_sources(const dt_json *node, sources *to, int depth)
{
    const dt_json *history = dt_json_member(node, "keras_history");
    const char *name = dt_json_text(dt_json_element(history ? history : node, 0));
    double number;
    bool old =
        !history && dt_json_count(node) >= 3 && dt_json_number(dt_json_element(node, 1), &number);
    if (name && (history || old)) {
        if (to->count < 2)
            to->names[to->count] = name;
        to->count++;
        return;
    }
    for (size_t i = 0; depth < 2 * DEPTH_MAX && i < dt_json_count(node); i++)
        add_sources(dt_json_element(node, i), to, depth + 1);
}

static dt_status refuse_chain(const dt_json *layer, const char *found, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA,
                   "layer %.60s (%.40s): expected layers one behind the other, but for sums (Add) "
                   "with what one in front of them gives, found %s",
                   keras_name_of(layer), keras_class_of(layer), found);
}

/* A model whose layers have been added in part. */
typedef struct chain {
    const dt_json *layers;
    size_t count, last; /* last: the layer that was added last; count: none */
    struct {
        bool added;
        int item, changed; /* what it gives, if that is an item's, else -1; and its state then */
    } * given;             /* [count] */
} chain;

static size_t find_layer(const chain *self, const char *name)
{
    size_t i = 0;
    while (i < self->count && strcmp(keras_name_of(dt_json_element(self->layers, i)), name) != 0)
        i++;
    return i;
}

/* Whether the layer can be next: it takes what the last one gives, and else what there is. */
static dt_status can_be_next(const chain *self, size_t i, bool *can, dt_error *error)
{
    const dt_json *layer = dt_json_element(self->layers, i);
    sources from = {.count = 0};
    add_sources(dt_json_member(layer, "inbound_nodes"), &from, 0);
    bool sum = strcmp(keras_class_of(layer), "Add") == 0 && from.count == 2;
    *can = self->last == self->count && from.count == 0;
    if (from.count > 1 && !sum)
        return refuse_chain(layer, "one that takes several, or stands in several places", error);
    int last = 0, there = 0;
    for (int j = 0; j < from.count; j++) {
        size_t at = find_layer(self, from.names[j]);
        last += at == self->last && at < self->count;
        there += at < self->count && self->given[at].added;
    }
    *can |= last > 0 && there == from.count;
    return DT_OK;
}

/* *next: the layer behind the last one; count: none. */
static dt_status find_next(const chain *self, size_t *next, dt_error *error)
{
    *next = self->count;
    for (size_t i = 0; i < self->count; i++) {
        bool can;
        dt_status status = can_be_next(self, i, &can, error);
        if (status)
            return status;
        if (!can || self->given[i].added)
            continue;
        if (*next < self->count)
            return refuse_chain(dt_json_element(self->layers, i), "two behind one, or two inputs",
                                error);
        *next = i;
    }
    return DT_OK;
}

/* The sum of what the last layer gives and an item. */
static dt_status add_sum(keras_network *to, const chain *self, const dt_json *layer,
                         dt_error *error)
{
    sources from = {.count = 0};
    add_sources(dt_json_member(layer, "inbound_nodes"), &from, 0);
    size_t first = find_layer(self, from.names[0]), second = find_layer(self, from.names[1]);
    size_t other = first == self->last ? second : first;
    int item = self->given[other].item;
    if (item < 0 || to->items[item].changed != self->given[other].changed)
        return refuse_chain(layer,
                            "a sum with the input, or with what a batch normalisation takes "
                            "or gives",
                            error);
    return keras_layer_add_sum(to, keras_name_of(layer), item, error);
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

static dt_status add_chain(keras_network *to, chain *self, const char *path, int depth,
                           dt_error *error)
{
    size_t next, added = 0;
    dt_status status = find_next(self, &next, error);
    while (!status && next < self->count) {
        const dt_json *layer = dt_json_element(self->layers, next);
        status = strcmp(keras_class_of(layer), "Add") == 0
                     ? add_sum(to, self, layer, error)
                     : add_layer(to, self->layers, next, path, depth, error);
        int item = to->waiting < 0 ? to->count - 1 : -1;
        self->given[next].added = true;
        self->given[next].item = item;
        self->given[next].changed = item < 0 ? 0 : to->items[item].changed;
        self->last = next;
        added++;
        if (!status)
            status = find_next(self, &next, error);
    }
    if (!status && added != self->count)
        status = dt_fail(error, DT_ERR_DATA,
                         "expected layers one behind the other, found %zu of %zu that are", added,
                         self->count);
    return status;
}

static dt_status add_graph(keras_network *to, const dt_json *config, const char *path, int depth,
                           dt_error *error)
{
    chain self = {.layers = layers_of(config)};
    self.count = self.last = dt_json_count(self.layers);
    if (!(self.given = dt_calloc(self.count, sizeof *self.given, error)))
        return DT_ERR_INTERNAL;
    dt_status status = add_chain(to, &self, path, depth, error);
    const char *last =
        self.last < self.count ? keras_name_of(dt_json_element(self.layers, self.last)) : "?";
    if (!status)
        status = check_outputs(config, last, error);
    dt_free(self.given);
    return status;
}

static dt_status add_model(keras_network *to, const dt_json *model, const char *path, int depth,
                           dt_error *error)
{
    const dt_json *config = dt_json_member(model, "config"), *layers = layers_of(config);
    dt_status status = DT_OK;
    if (depth > DEPTH_MAX)
        return dt_fail(error, DT_ERR_DATA, "expected models at most %d deep, found deeper ones",
                       DEPTH_MAX);
    if (!is_sequence(keras_class_of(model)))
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
        if (strcmp(name, known[i].name) == 0)
            plan->loss = known[i].loss;
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
    for (int i = 0; i < self->count; i++) {
        dt_text_add(&list, "%s%s%s", i > 0 ? ", " : "", self->items[i].text,
                    self->items[i].bare ? " bias false" : "");
        if (self->items[i].label)
            dt_text_add(&list, " as r%d", self->items[i].label);
    }
    if (list.length >= sizeof text)
        return dt_fail(error, DT_ERR_DATA, "expected a list of layers below %zu bytes, found %zu",
                       sizeof text, list.length);
    if (self->count == 0)
        return dt_fail(error, DT_ERR_DATA, "expected a model with layers, found none");
    if (dt_layers_parse(text, &self->plan->architecture.list, &own))
        return dt_fail(error, DT_ERR_DATA, "the model's layers: %s", own.message);
    return DT_OK;
}

/* Whether padding on both sides, or as Keras has it, is what zeros around the image come to. */
static bool has_border(const keras_item *item, const dt_windows *at, dt_shape input)
{
    int room_down = input.height + item->top + item->bottom - at->height;
    int room_across = input.width + item->left + item->right - at->width;
    return at->top == item->top && at->left == item->left && room_down >= 0 && room_across >= 0 &&
           room_down / at->down + 1 == at->rows && room_across / at->across + 1 == at->columns;
}

static dt_status check_windows(const keras_item *item, const dt_layer *layer, dt_error *error)
{
    dt_windows at;
    if (!layer->kind->windows || layer->kind->windows(layer, &at, NULL))
        return DT_OK;
    if (item->padless && (at.top || at.left || at.bottom || at.right))
        return dt_fail(error, DT_ERR_DATA,
                       "layer %s (AveragePooling2D): expected windows within the image, found "
                       "padding same, whose zeros do not count in Keras and do here",
                       item->name);
    if (item->bordered && !has_border(item, &at, layer->input))
        return dt_fail(error, DT_ERR_DATA,
                       "layer %s: expected zeros in front of it that are as many on both sides, or "
                       "as for an output of input / stride, found others",
                       item->name);
    return DT_OK;
}

/* Whether the layers fit to the input, and their windows are those of the model. */
static dt_status check(const keras_network *self, dt_error *error)
{
    const dt_architecture *architecture = &self->plan->architecture;
    dt_shape output;
    dt_error own = {0};
    dt_status status = DT_OK;
    for (int i = 0; i < self->count && architecture->input.channels == 0; i++)
        if (self->items[i].bordered)
            return dt_fail(error, DT_ERR_DATA,
                           "layer %s: expected zeros around images of known size, found others",
                           self->items[i].name);
    if (architecture->input.channels == 0)
        return DT_OK;
    if (dt_architecture_check(architecture, &output, &own))
        return dt_fail(error, DT_ERR_DATA, "the model's layers: %s", own.message);
    dt_layer layer;
    for (int i = 0; !status && dt_architecture_next(architecture, i, &layer); i++)
        if (i < self->count)
            status = check_windows(&self->items[i], &layer, error);
    return status;
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
    if (!is_model(keras_class_of(root))) {
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
