#include "keras_arrival.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "keras_names.h"

#define COUNT_OF(list) (sizeof(list) / sizeof *(list))

static planned_layer *add_planned(keras_network *to, const keras_arrival *self)
{
    planned_layer *layer = &to->plan->layers[to->plan->count++];
    *layer = (planned_layer){.scales = true, .centres = true};
    snprintf(layer->path, sizeof layer->path, "%s", self->path);
    snprintf(layer->name, sizeof layer->name, "%.60s%.60s", to->inside, self->name);
    return layer;
}

static bool no_room(const keras_network *to)
{
    return to->plan->count == COUNT_OF(to->plan->layers);
}

/* Behind what no batch normalisation can pass. */
static dt_status close_behind(keras_network *to, const keras_arrival *self, dt_error *error)
{
    if (to->waiting >= 0)
        return keras_refuse(self,
                            "a dense layer, or a convolution without padding, behind the batch "
                            "normalisation, of which it then is a part",
                            "this layer", error);
    to->weighted = -1;
    return DT_OK;
}

/* ---- activations ---- */

/* Names of Keras' for what ours are too, number for number; others that sound alike are not here.
 * source: Keras 3, keras/src/activations/activations.py */
static const struct {
    const char *theirs, *ours;
} activations[] = {{"relu", "relu"},       {"sigmoid", "sigmoid"}, {"tanh", "tanh"},
                   {"gelu", "gelu"},       {"silu", "silu"},       {"swish", "silu"},
                   {"softmax", "softmax"}, {"linear", NULL}};

static dt_status add_activation(keras_network *to, const keras_arrival *self, const char *name,
                                dt_error *error)
{
    size_t i = 0;
    while (name && i < COUNT_OF(activations) && strcmp(name, activations[i].theirs) != 0)
        i++;
    if (i == COUNT_OF(activations) && strcmp(name, "leaky_relu") == 0)
        return keras_refuse(self, "a negative_slope of 0.01", "0.2, that of leaky_relu", error);
    if (i == COUNT_OF(activations))
        return keras_refuse(self, "an activation of --help layers", name, error);
    const char *ours = name ? activations[i].ours : NULL;
    if (!ours)
        return DT_OK;
    if (strcmp(ours, "softmax") == 0 && !to->row)
        return keras_refuse(self, "softmax of a row of values", "softmax of an image", error);
    dt_status status = close_behind(to, self, error);
    return status ? status : keras_add_item(to, self, ours, error);
}

/* Its name: a text, or a function of that name; of another object its class. */
static const char *activation_of(const keras_arrival *self)
{
    const dt_json *node = dt_json_member(self->config, "activation");
    const char *name = dt_json_text(node);
    if (name || !dt_json_is(node))
        return name;
    name = dt_json_text(dt_json_member(node, "config"));
    return name ? name : keras_class_of(node);
}

static dt_status add_own_activation(keras_network *to, const keras_arrival *self, dt_error *error)
{
    return add_activation(to, self, activation_of(self), error);
}

static dt_status add_relu(keras_network *to, const keras_arrival *self, dt_error *error)
{
    if (dt_json_is(dt_json_member(self->config, "max_value")) ||
        keras_number(self, "negative_slope", 0) != 0 || keras_number(self, "threshold", 0) != 0)
        return keras_refuse(self, "no max_value, negative_slope or threshold", "one", error);
    return add_activation(to, self, "relu", error);
}

/* The slope of PyTorch, which is ours, is a 32-bit float to some. */
static dt_status add_leaky_relu(keras_network *to, const keras_arrival *self, dt_error *error)
{
    double slope = keras_number(self, "negative_slope", keras_number(self, "alpha", 0.3));
    char found[40];
    snprintf(found, sizeof found, "%g", slope);
    if (!(fabs(slope - 0.01) <= 1e-8))
        return keras_refuse(self, "a negative_slope of 0.01", found, error);
    dt_status status = close_behind(to, self, error);
    return status ? status : keras_add_item(to, self, "leaky-relu", error);
}

static dt_status add_softmax(keras_network *to, const keras_arrival *self, dt_error *error)
{
    const dt_json *axis = dt_json_member(self->config, "axis");
    if (dt_json_is(axis) && !keras_axes(axis, 1, 1, 2))
        return keras_refuse(self, "softmax of a row of values", "another axis", error);
    return add_activation(to, self, "softmax", error);
}

/* ---- dense layers and convolutions ---- */

/* The normalisation that waits becomes a part of this layer. */
static dt_status take_waiting(keras_network *to, const keras_arrival *self, bool padded,
                              dt_error *error)
{
    if (to->waiting >= 0 && padded)
        return keras_refuse(
            self, "no padding behind a batch normalisation that is to become a part of it", "some",
            error);
    if (to->waiting >= 0)
        to->items[to->count - 1].bare = false;
    to->waiting = -1;
    to->weighted = to->count - 1;
    return DT_OK;
}

/* The item has been added. */
static dt_status add_weighted(keras_network *to, const keras_arrival *self, bool padded,
                              dt_error *error)
{
    if (no_room(to))
        return keras_refuse(self, "at most 256 layers with weights", "more", error);
    add_planned(to, self);
    to->items[to->count - 1].bare = !keras_flag(self, "use_bias", true);
    dt_status status = take_waiting(to, self, padded, error);
    return status ? status : add_own_activation(to, self, error);
}

static dt_status add_dense(keras_network *to, const keras_arrival *self, dt_error *error)
{
    char text[64];
    if (!to->row)
        return keras_refuse(self, "a row of values (a Flatten before it)", "an image", error);
    snprintf(text, sizeof text, "dense %.0f", keras_number(self, "units", 0));
    to->flat = false;
    dt_status status = keras_add_item(to, self, text, error);
    return status ? status : add_weighted(to, self, false, error);
}

static bool has_zeros(const keras_network *to)
{
    return to->top || to->left || to->bottom || to->right;
}

/* The zeros go to the item that has been added. */
static void take_zeros(keras_network *to)
{
    keras_item *item = &to->items[to->count - 1];
    item->bordered = has_zeros(to);
    item->top = to->top, item->bottom = to->bottom, item->left = to->left, item->right = to->right;
    to->top = to->left = to->bottom = to->right = 0;
}

/* Adds " stride ..." and " pad ..." of windows; *padded: whether there is any. */
static dt_status add_windows(keras_network *to, const keras_arrival *self, const int size[2],
                             bool pool, dt_text *text, bool *padded, dt_error *error)
{
    int stride[2];
    const dt_json *strides = dt_json_member(self->config, "strides");
    const char *padding = keras_text(self, "padding", "valid");
    bool same = strcmp(padding, "same") == 0, around = has_zeros(to);
    if (dt_json_is(strides) ? !keras_pair(strides, stride) : false)
        return keras_refuse(self, "strides of two integers", "others", error);
    if (!dt_json_is(strides))
        for (int i = 0; i < 2; i++)
            stride[i] = pool ? size[i] : 1;
    if (strcmp(keras_text(self, "data_format", "channels_last"), "channels_last") != 0)
        return keras_refuse(self, "data_format channels_last", "another", error);
    if (!same && strcmp(padding, "valid") != 0)
        return keras_refuse(self, "padding valid or same", padding, error);
    if (around && same)
        return keras_refuse(self, "padding valid behind zeros", "padding same", error);
    dt_text_add(text, " stride %dx%d", stride[0], stride[1]);
    if (same || (around && (to->top < to->bottom || to->left < to->right)))
        dt_text_add(text, " same"); /* or else check finds it */
    else if (around)
        dt_text_add(text, " pad %dx%d", to->top, to->left);
    *padded = around || (same && (size[0] > 1 || size[1] > 1));
    return DT_OK;
}

static dt_status add_conv(keras_network *to, const keras_arrival *self, dt_error *error)
{
    char buffer[100];
    dt_text text = {.text = buffer, .size = sizeof buffer};
    int size[2], dilation[2] = {1, 1};
    bool padded;
    const dt_json *dilations = dt_json_member(self->config, "dilation_rate");
    if (to->row || !keras_pair(dt_json_member(self->config, "kernel_size"), size))
        return keras_refuse(self, "an image, and a kernel_size of two integers", "others", error);
    if ((dt_json_is(dilations) && !keras_pair(dilations, dilation)) || dilation[0] != 1 ||
        dilation[1] != 1)
        return keras_refuse(self, "dilation_rate 1", "another", error);
    if (keras_number(self, "groups", 1) != 1)
        return keras_refuse(self, "groups 1", "more", error);
    dt_text_add(&text, "conv %.0f %dx%d", keras_number(self, "filters", 0), size[0], size[1]);
    dt_status status = add_windows(to, self, size, false, &text, &padded, error);
    if (!status)
        status = keras_add_item(to, self, buffer, error);
    if (status)
        return status;
    take_zeros(to);
    return add_weighted(to, self, padded, error);
}

/* ---- pooling ---- */

static dt_status add_pool(keras_network *to, const keras_arrival *self, const char *kind,
                          dt_error *error)
{
    char buffer[100];
    dt_text text = {.text = buffer, .size = sizeof buffer};
    int size[2];
    bool padded;
    if (to->row || !keras_pair(dt_json_member(self->config, "pool_size"), size))
        return keras_refuse(self, "an image, and a pool_size of two integers", "others", error);
    dt_text_add(&text, "%s %dx%d", kind, size[0], size[1]);
    if (has_zeros(to) && !to->positive && strcmp(kind, "avgpool") != 0)
        return keras_refuse(self, "values >= 0, as of relu, behind zeros around an image", "others",
                            error);
    dt_status status = add_windows(to, self, size, true, &text, &padded, error);
    if (!status)
        status = close_behind(to, self, error);
    if (!status)
        status = keras_add_item(to, self, buffer, error);
    if (status)
        return status;
    take_zeros(to);
    keras_item *item = &to->items[to->count - 1];
    item->padless = strcmp(kind, "avgpool") == 0 && !item->bordered;
    return DT_OK;
}

static dt_status add_maxpool(keras_network *to, const keras_arrival *self, dt_error *error)
{
    return add_pool(to, self, "maxpool", error);
}

static dt_status add_avgpool(keras_network *to, const keras_arrival *self, dt_error *error)
{
    return add_pool(to, self, "avgpool", error);
}

static dt_status add_global(keras_network *to, const keras_arrival *self, dt_error *error)
{
    bool mean = strstr(self->class, "Average") != NULL;
    if (to->row || strcmp(keras_text(self, "data_format", "channels_last"), "channels_last") != 0)
        return keras_refuse(self, "an image, and data_format channels_last", "others", error);
    dt_status status = close_behind(to, self, error);
    if (!status)
        status = keras_add_item(to, self, mean ? "avgpool all" : "maxpool all", error);
    to->row = !keras_flag(self, "keepdims", false);
    return status;
}

/* ---- normalisations ---- */

static dt_status add_batchnorm(keras_network *to, const keras_arrival *self, dt_error *error)
{
    int rank = to->row ? 2 : 4;
    const dt_json *axis = dt_json_member(self->config, "axis");
    if (dt_json_is(axis) && !keras_axes(axis, rank - 1, rank - 1, rank))
        return keras_refuse(self, "the axis of the channels, the last", "another", error);
    if (to->waiting >= 0 || no_room(to))
        return keras_refuse(self, "it behind a dense layer or convolution, or in front of one",
                            "it behind another batch normalisation", error);
    double epsilon = keras_number(self, "epsilon", 1e-3);
    if (!(epsilon >= 0))
        return keras_refuse(self, "an epsilon >= 0", "another", error);
    planned_layer *layer = add_planned(to, self);
    layer->norm = true;
    layer->scales = keras_flag(self, "scale", true);
    layer->centres = keras_flag(self, "center", true);
    layer->epsilon = epsilon;
    layer->forward = to->weighted < 0;
    if (layer->forward) {
        to->waiting = (int)to->plan->count - 1;
    } else {
        to->items[to->weighted].bare = false;
        to->items[to->weighted].changed++;
    }
    return DT_OK;
}

static dt_status add_norm(keras_network *to, const keras_arrival *self, const char *text,
                          dt_error *error)
{
    if (!keras_flag(self, "scale", true) || !keras_flag(self, "center", true))
        return keras_refuse(self, "scale and center", "one without", error);
    if (no_room(to))
        return keras_refuse(self, "at most 256 layers with weights", "more", error);
    dt_status status = close_behind(to, self, error);
    if (!status && to->flat)
        status = keras_add_item(to, self, "flatten", error);
    to->flat = false;
    if (!status)
        status = keras_add_item(to, self, text, error);
    if (!status)
        add_planned(to, self);
    return status;
}

static dt_status add_layernorm(keras_network *to, const keras_arrival *self, dt_error *error)
{
    char text[100];
    const dt_json *axis = dt_json_member(self->config, "axis");
    if (keras_flag(self, "rms_scaling", false))
        return keras_refuse(self, "no rms_scaling", "it", error);
    if (to->row ? dt_json_is(axis) && !keras_axes(axis, 1, 1, 2) : !keras_axes(axis, 1, 3, 4))
        return keras_refuse(self, "all axes of a sample (of an image: 1, 2, 3)", "others", error);
    snprintf(text, sizeof text, "layernorm epsilon %.17g", keras_number(self, "epsilon", 1e-3));
    return add_norm(to, self, text, error);
}

static dt_status add_groupnorm(keras_network *to, const keras_arrival *self, dt_error *error)
{
    char text[100];
    int rank = to->row ? 2 : 4;
    const dt_json *axis = dt_json_member(self->config, "axis");
    if (dt_json_is(axis) && !keras_axes(axis, rank - 1, rank - 1, rank))
        return keras_refuse(self, "the axis of the channels, the last", "another", error);
    double groups = keras_number(self, "groups", 32);
    if (groups < 1)
        return keras_refuse(self, "groups >= 1", "-1, one a channel", error);
    snprintf(text, sizeof text, "groupnorm %.0f epsilon %.17g", groups,
             keras_number(self, "epsilon", 1e-3));
    return add_norm(to, self, text, error);
}

/* source: Keras, keras/src/layers; in older versions Keras 2 */
static const struct {
    const char *class;
    dt_status (*add)(keras_network *to, const keras_arrival *self, dt_error *error);
} classes[] = {
    {"InputLayer", keras_add_input},
    {"Dense", add_dense},
    {"Conv2D", add_conv},
    {"Convolution2D", add_conv},
    {"MaxPooling2D", add_maxpool},
    {"AveragePooling2D", add_avgpool},
    {"GlobalMaxPooling2D", add_global},
    {"GlobalAveragePooling2D", add_global},
    {"Flatten", keras_add_flatten},
    {"Reshape", keras_add_reshape},
    {"Dropout", keras_add_dropout},
    {"BatchNormalization", add_batchnorm},
    {"LayerNormalization", add_layernorm},
    {"GroupNormalization", add_groupnorm},
    {"Activation", add_own_activation},
    {"ReLU", add_relu},
    {"LeakyReLU", add_leaky_relu},
    {"Softmax", add_softmax},
    {"Rescaling", keras_add_rescaling},
    {"ZeroPadding2D", keras_add_padding},
    {"Identity", keras_add_nothing},
    {"ActivityRegularization", keras_add_nothing},
};

dt_status keras_layer_add(keras_network *to, const char *class, const dt_json *config,
                          const char *path, dt_error *error)
{
    const char *name = dt_json_text(dt_json_member(config, "name"));
    keras_arrival self = {class, name ? name : path, path, config};
    size_t i = 0;
    while (i < COUNT_OF(classes) && strcmp(class, classes[i].class) != 0)
        i++;
    if (i == COUNT_OF(classes))
        return keras_refuse(&self, "kinds of layers that --help layers lists", "another", error);
    bool windows = classes[i].add == add_conv || classes[i].add == add_avgpool ||
                   classes[i].add == add_maxpool || classes[i].add == keras_add_nothing;
    if (has_zeros(to) && !windows)
        return keras_refuse(&self, "a convolution or pooling behind zeros around an image",
                            "another", error);
    if (strcmp(class, "InputLayer") != 0) {
        dt_status status = to->begun ? DT_OK : keras_add_input(to, &self, error);
        if (status)
            return status;
    }
    return classes[i].add(to, &self, error);
}

dt_status keras_layer_add_sum(keras_network *to, const char *name, int item, dt_error *error)
{
    const keras_arrival self = {"Add", name, "", NULL};
    char text[40];
    if (has_zeros(to))
        return keras_refuse(&self, "a convolution or pooling behind zeros around an image",
                            "another", error);
    dt_status status = close_behind(to, &self, error);
    if (status)
        return status;
    if (to->items[item].label == 0)
        to->items[item].label = ++to->labels;
    snprintf(text, sizeof text, "add r%d", to->items[item].label);
    return keras_add_item(to, &self, text, error);
}
