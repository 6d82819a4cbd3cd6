#include "keras_config.h"

#include <stdio.h>
#include <string.h>

#include "file/json.h"
#include "keras_names.h"

enum { CLASSES_MAX = 24, NAME_SIZE = 48 };

/* What a layer of Keras' gives. */
typedef struct tensor {
    char layer[NAME_SIZE]; /* its name */
    dt_shape shape;
    bool image; /* or a row of values */
} tensor;

/* A model that is being written. */
typedef struct writing {
    const char *path;
    dt_text *to;
    bool graph;   /* each layer says what it takes: a Functional model, not a Sequential one */
    tensor value; /* what comes next */
    tensor given[DT_LAYERS_MAX]; /* what our layers gave, by their numbers in the list */
    const tensor *second;        /* what the layer takes beside it; NULL: nothing */
    const dt_layer *layer;
    int number;    /* the layer's item, for messages */
    bool image;    /* what comes next is an image, [height][width][channels] */
    bool positive; /* ... and has no value below 0 */
    bool begun;    /* a layer stands there */
    struct {
        const char *class;
        int count;
    } classes[CLASSES_MAX]; /* names are given class by class */
    char name[NAME_SIZE];   /* of the layer that has begun */
} writing;

/* Begins a layer, as far as its name in its config. snake: its class as Keras names layers of it.
 */
static void begin(writing *self, const char *class, const char *snake)
{
    int i = 0;
    while (self->classes[i].class && strcmp(self->classes[i].class, class) != 0)
        i++;
    self->classes[i].class = class;
    int number = self->classes[i].count++;
    if (number > 0)
        snprintf(self->name, sizeof self->name, "%s_%d", snake, number);
    else
        snprintf(self->name, sizeof self->name, "%s", snake);
    dt_text_add(self->to,
                "%s{\"module\": \"keras.layers\", \"class_name\": \"%s\", \"config\": {\"name\": "
                "\"%s\"",
                self->begun ? ", " : "", class, self->name);
    self->begun = true;
}

/* source: Keras 3, keras/src/models/functional.py, serialize_node */
static void add_tensor(writing *self, const tensor *it)
{
    dt_text_add(self->to, "{\"class_name\": \"__keras_tensor__\", \"config\": {\"shape\": [null, ");
    if (it->image)
        dt_text_add(self->to, "%d, %d, ", it->shape.height, it->shape.width);
    dt_text_add(self->to, "%d", it->image ? it->shape.channels : dt_shape_size(it->shape));
    dt_text_add(self->to, "], \"dtype\": \"float32\", \"keras_history\": [\"%s\", 0, 0]}}",
                it->layer);
}

/* Ends it. shape: of what it gives. */
static void end(writing *self, dt_shape shape)
{
    dt_text_add(self->to, "}, \"registered_name\": null");
    if (self->graph)
        dt_text_add(self->to, ", \"name\": \"%s\", \"inbound_nodes\": [", self->name);
    if (self->graph && self->value.layer[0]) {
        dt_text_add(self->to, "{\"args\": [%s", self->second ? "[" : "");
        add_tensor(self, &self->value);
        if (self->second) {
            dt_text_add(self->to, ", ");
            add_tensor(self, self->second);
        }
        dt_text_add(self->to, "%s], \"kwargs\": {}}", self->second ? "]" : "");
    }
    dt_text_add(self->to, "%s}", self->graph ? "]" : "");
    self->second = NULL;
    self->value = (tensor){.shape = shape, .image = self->image};
    snprintf(self->value.layer, sizeof self->value.layer, "%s", self->name);
}

static void add_real(writing *self, const char *name, double value)
{
    dt_text_add(self->to, ", \"%s\": ", name);
    dt_json_add_real(self->to, value);
}

/* The value of the layer's argument of that name. */
static double argument(const writing *self, const char *name)
{
    const dt_layer_kind *kind = self->layer->kind;
    for (int i = 0; i < kind->argument_count; i++)
        if (strcmp(kind->arguments[i].name, name) == 0)
            return self->layer->arguments[i];
    return 0;
}

static bool is_same(const writing *self)
{
    return argument(self, "pad") < 0;
}

/* ---- what stands between ---- */

static void flatten(writing *self)
{
    if (!self->image)
        return;
    self->image = false;
    begin(self, "Flatten", "flatten");
    end(self, self->value.shape);
}

static void make_image(writing *self)
{
    dt_shape input = self->layer->input;
    if (self->image)
        return;
    self->image = true;
    begin(self, "Reshape", "reshape");
    dt_text_add(self->to, ", \"target_shape\": [%d, %d, %d]", input.height, input.width,
                input.channels);
    end(self, input);
}

/* ---- layers ---- */

static dt_status add_dense(writing *self, dt_error *error)
{
    (void)error;
    flatten(self);
    begin(self, "Dense", "dense");
    dt_text_add(self->to, ", \"units\": %d, \"activation\": \"linear\", \"use_bias\": %s",
                self->layer->outputs, argument(self, "bias") != 0 ? "true" : "false");
    end(self, self->layer->output);
    return DT_OK;
}

static void add_zeros(writing *self, const dt_windows *at)
{
    begin(self, "ZeroPadding2D", "zero_padding2d");
    dt_text_add(self->to, ", \"padding\": [[%d, %d], [%d, %d]], \"data_format\": \"channels_last\"",
                at->top, at->bottom, at->left, at->right);
    dt_shape input = self->layer->input;
    end(self, (dt_shape){input.height + at->top + at->bottom, input.width + at->left + at->right,
                         input.channels});
}

/* Windows with zeros around the image where they say so, of themselves none; else as Keras pads.
 * zeros: they count as numbers; or else stand for nothing, as they do where no value is below 0. */
static dt_status add_windows(writing *self, const char *class, const char *snake, bool zeros,
                             dt_error *error)
{
    dt_windows at;
    dt_status status = self->layer->kind->windows(self->layer, &at, error);
    if (status)
        return status;
    bool padded = at.top || at.left || at.bottom || at.right, conv = strcmp(class, "Conv2D") == 0;
    if (padded && !zeros && !is_same(self) && !self->positive)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: layer %d: expected %s without padding, with padding same or behind "
                       "relu, since Keras has no other, found some",
                       self->path, self->number, self->layer->kind->name);
    make_image(self);
    bool same = is_same(self) && (conv || !zeros);
    if (padded && !same)
        add_zeros(self, &at);
    begin(self, class, snake);
    if (conv)
        dt_text_add(self->to,
                    ", \"filters\": %d, \"activation\": \"linear\", \"use_bias\": %s, "
                    "\"dilation_rate\": [1, 1], \"groups\": 1",
                    self->layer->output.channels, argument(self, "bias") != 0 ? "true" : "false");
    dt_text_add(self->to,
                ", \"%s\": [%d, %d], \"strides\": [%d, %d], \"padding\": \"%s\", \"data_format\": "
                "\"channels_last\"",
                conv ? "kernel_size" : "pool_size", at.height, at.width, at.down, at.across,
                same ? "same" : "valid");
    end(self, self->layer->output);
    return DT_OK;
}

static dt_status add_conv(writing *self, dt_error *error)
{
    return add_windows(self, "Conv2D", "conv2d", true, error);
}

static dt_status add_maxpool(writing *self, dt_error *error)
{
    return add_windows(self, "MaxPooling2D", "max_pooling2d", false, error);
}

/* Its zeros count here, and do not in Keras' own padding. */
static dt_status add_avgpool(writing *self, dt_error *error)
{
    return add_windows(self, "AveragePooling2D", "average_pooling2d", true, error);
}

static dt_status add_flatten(writing *self, dt_error *error)
{
    (void)error;
    flatten(self);
    return DT_OK;
}

static dt_status add_layernorm(writing *self, dt_error *error)
{
    (void)error;
    if (dt_shape_is_image(self->layer->input))
        make_image(self);
    begin(self, "LayerNormalization", "layer_normalization");
    add_real(self, "epsilon", argument(self, "epsilon"));
    dt_text_add(self->to, ", \"axis\": %s, \"center\": true, \"scale\": true",
                dt_shape_is_image(self->layer->input) ? "[1, 2, 3]" : "[-1]");
    end(self, self->layer->output);
    return DT_OK;
}

static dt_status add_groupnorm(writing *self, dt_error *error)
{
    (void)error;
    if (dt_shape_is_image(self->layer->input))
        make_image(self);
    begin(self, "GroupNormalization", "group_normalization");
    add_real(self, "groups", argument(self, "groups"));
    add_real(self, "epsilon", argument(self, "epsilon"));
    dt_text_add(self->to, ", \"axis\": -1, \"center\": true, \"scale\": true");
    end(self, self->layer->output);
    return DT_OK;
}

static dt_status add_dropout(writing *self, dt_error *error)
{
    (void)error;
    begin(self, "Dropout", "dropout");
    add_real(self, "rate", argument(self, "p"));
    end(self, self->layer->output);
    return DT_OK;
}

static dt_status add_softmax(writing *self, dt_error *error)
{
    (void)error;
    flatten(self);
    begin(self, "Softmax", "softmax");
    dt_text_add(self->to, ", \"axis\": -1");
    end(self, self->layer->output);
    return DT_OK;
}

/* Of what has the form of the other summand: in a row, or an image of one place. */
static dt_status add_sum(writing *self, dt_error *error)
{
    (void)error;
    const tensor *second = &self->given[self->layer->source];
    if (second->image)
        make_image(self);
    else
        flatten(self);
    begin(self, "Add", "add");
    self->second = second;
    end(self, self->layer->output);
    return DT_OK;
}

static dt_status add_leaky_relu(writing *self, dt_error *error)
{
    (void)error;
    begin(self, "LeakyReLU", "leaky_re_lu");
    add_real(self, "negative_slope", 0.01);
    end(self, self->layer->output);
    return DT_OK;
}

/* Of the same name there, where "gelu" is the exact one too. */
static dt_status add_activation(writing *self, dt_error *error)
{
    (void)error;
    begin(self, "Activation", "activation");
    dt_text_add(self->to, ", \"activation\": \"%s\"", self->layer->kind->name);
    end(self, self->layer->output);
    return DT_OK;
}

/* source: Keras 3, keras/src/layers and keras/src/activations */
static const struct {
    const char *kind;
    dt_status (*add)(writing *self, dt_error *error);
} words[] = {
    {"dense", add_dense},         {"conv", add_conv},
    {"maxpool", add_maxpool},     {"avgpool", add_avgpool},
    {"flatten", add_flatten},     {"layernorm", add_layernorm},
    {"groupnorm", add_groupnorm}, {"dropout", add_dropout},
    {"softmax", add_softmax},     {"leaky-relu", add_leaky_relu},
    {"sigmoid", add_activation},  {"tanh", add_activation},
    {"relu", add_activation},     {"gelu", add_activation},
    {"silu", add_activation},     {"add", add_sum},
};

static dt_status add_layer(writing *self, dt_error *error)
{
    const char *kind = self->layer->kind->name;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].kind, kind) == 0)
            return words[i].add(self, error);
    return dt_fail(error, DT_ERR_DATA,
                   "%s: layer %d: expected kinds of layers that Keras has, found '%s'", self->path,
                   self->number, kind);
}

/* Probabilities of the outputs, where the loss knows any: as dt_metrics_probabilities says. */
static void add_probabilities(writing *self, const dt_network_spec *network)
{
    flatten(self);
    if (dt_layers_end_in_softmax(&network->architecture.list) || network->loss == DT_MSE)
        return;
    bool softmax = network->loss == DT_CROSS_ENTROPY;
    begin(self, softmax ? "Softmax" : "Activation", softmax ? "softmax" : "activation");
    dt_text_add(self->to, softmax ? ", \"axis\": -1" : ", \"activation\": \"sigmoid\"");
    end(self, self->value.shape);
}

static void add_front(writing *self, const dt_network_spec *network)
{
    dt_shape input = network->architecture.input;
    begin(self, "InputLayer", "input_layer");
    dt_text_add(self->to, ", \"batch_shape\": [null, %d, %d, %d], \"dtype\": \"float32\"",
                input.height, input.width, input.channels);
    end(self, input);
    begin(self, "Rescaling", "rescaling");
    add_real(self, "scale", network->normalization.scale);
    add_real(self, "offset", network->normalization.shift);
    end(self, input);
}

static dt_status add_layers(writing *self, const dt_architecture *architecture, dt_error *error)
{
    dt_layer layer;
    dt_status status = DT_OK;
    for (int i = 0; !status && dt_architecture_next(architecture, i, &layer); i++) {
        layer.source = dt_layers_source(&architecture->list, i);
        self->layer = &layer;
        self->number = dt_layers_item(&architecture->list, i);
        status = add_layer(self, error);
        self->positive = keras_not_negative(layer.kind->name, self->positive);
        self->given[i] = self->value;
    }
    return status;
}

static void add_head(writing *self, const dt_architecture *architecture)
{
    for (int i = 0; i < architecture->list.count; i++)
        self->graph |= dt_layers_source(&architecture->list, i) >= 0;
    dt_text_add(self->to, "{\"module\": \"%s\", \"class_name\": \"%s\", \"config\": {\"name\": ",
                self->graph ? "keras.src.models.functional" : "keras",
                self->graph ? "Functional" : "Sequential");
    dt_text_add(self->to, "\"%s\", \"trainable\": true, \"layers\": [",
                self->graph ? "functional" : "sequential");
}

static void add_end(writing *self, dt_shape input)
{
    if (self->graph)
        dt_text_add(self->to,
                    "], \"input_layers\": [[\"input_layer\", 0, 0]], \"output_layers\": "
                    "[[\"%s\", 0, 0]]}, \"registered_name\": \"Functional\", ",
                    self->value.layer);
    else
        dt_text_add(self->to,
                    "], \"build_input_shape\": [null, %d, %d, %d]}, \"registered_name\": null, "
                    "\"build_config\": {\"input_shape\": [null, %d, %d, %d]}, ",
                    input.height, input.width, input.channels, input.height, input.width,
                    input.channels);
    dt_text_add(self->to, "\"compile_config\": null}");
}

dt_status keras_config_of(const char *path, const dt_network_spec *network, dt_text *to,
                          dt_error *error)
{
    writing self = {.path = path, .to = to, .image = true};
    add_head(&self, &network->architecture);
    add_front(&self, network);
    dt_status status = add_layers(&self, &network->architecture, error);
    if (status)
        return status;
    add_probabilities(&self, network);
    add_end(&self, network->architecture.input);
    return dt_text_status(to, error);
}
