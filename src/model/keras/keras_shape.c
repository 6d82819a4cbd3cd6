/* Layers of Keras' that change no values, or all alike; and what all layers are read with. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "keras_arrival.h"
#include "keras_names.h"

dt_status keras_refuse(const keras_arrival *self, const char *expected, const char *found,
                       dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA, "layer %.60s (%.40s): expected %s, found %s", self->name,
                   self->class, expected, found);
}

const char *keras_text(const keras_arrival *self, const char *name, const char *otherwise)
{
    const char *text = dt_json_text(dt_json_member(self->config, name));
    return text ? text : otherwise;
}

double keras_number(const keras_arrival *self, const char *name, double otherwise)
{
    double number;
    const dt_json *node = dt_json_member(self->config, name);
    if (!dt_json_is(node))
        return otherwise;
    return dt_json_number(node, &number) ? number : (double)NAN;
}

bool keras_flag(const keras_arrival *self, const char *name, bool otherwise)
{
    return dt_json_bool(dt_json_member(self->config, name), otherwise);
}

bool keras_pair(const dt_json *node, int pair[2])
{
    for (int i = 0; i < 2; i++) {
        double number;
        if (!dt_json_number(dt_json_count(node) == 2 ? dt_json_element(node, (size_t)i) : node,
                            &number) ||
            number < 0 || number > 4096 || number != floor(number))
            return false;
        pair[i] = (int)number;
    }
    return true;
}

bool keras_axes(const dt_json *node, int first, int last, int rank)
{
    size_t count = dt_json_count(node);
    bool alone = count == 0;
    if ((alone ? 1 : (int)count) != last - first + 1)
        return false;
    for (int i = first; i <= last; i++) {
        double axis;
        if (!dt_json_number(alone ? node : dt_json_element(node, (size_t)(i - first)), &axis) ||
            (axis != i && axis != i - rank))
            return false;
    }
    return true;
}

dt_status keras_add_item(keras_network *to, const keras_arrival *self, const char *text,
                         dt_error *error)
{
    if (to->count == DT_LAYERS_MAX)
        return keras_refuse(self, "at most 128 layers", "more", error);
    keras_item *item = &to->items[to->count++];
    *item = (keras_item){.bare = false};
    snprintf(item->text, sizeof item->text, "%s", text);
    snprintf(item->name, sizeof item->name, "%s", self->name);
    to->begun = true;
    to->positive = keras_not_negative(text, to->positive);
    return DT_OK;
}

/* A batch normalisation in front passes it, since it goes into the rows behind. */
dt_status keras_add_flatten(keras_network *to, const keras_arrival *self, dt_error *error)
{
    if (!to->row && strcmp(keras_text(self, "data_format", "channels_last"), "channels_last") != 0)
        return keras_refuse(self, "data_format channels_last", "another", error);
    to->weighted = to->row ? to->weighted : -1;
    to->flat |= !to->row;
    to->row = true;
    return DT_OK;
}

dt_status keras_add_dropout(keras_network *to, const keras_arrival *self, dt_error *error)
{
    char text[64];
    double rate = keras_number(self, "rate", 0);
    snprintf(text, sizeof text, "dropout %.17g", rate);
    if (dt_json_is(dt_json_member(self->config, "noise_shape")))
        return keras_refuse(self, "no noise_shape", "one", error);
    return rate == 0 ? DT_OK : keras_add_item(to, self, text, error);
}

dt_status keras_add_nothing(keras_network *to, const keras_arrival *self, dt_error *error)
{
    (void)to, (void)self, (void)error;
    return DT_OK;
}

/* [samples], and height, width and channels, or some of them. */
static dt_status take_shape(keras_network *to, const keras_arrival *self, const dt_json *shape,
                            size_t first, dt_error *error)
{
    double sizes[3] = {1, 1, 1};
    size_t count = dt_json_count(shape) - first;
    for (size_t i = 0; i < count; i++)
        if (count > 3 || !dt_json_number(dt_json_element(shape, i + first), &sizes[i]) ||
            sizes[i] < 1 || sizes[i] > 1 << 24)
            return keras_refuse(
                self, "an input of known height, width and channels, or of a row of values",
                "another", error);
    to->row = count < 2;
    to->plan->architecture.input =
        count < 2 ? (dt_shape){0, 0, 0} : (dt_shape){(int)sizes[0], (int)sizes[1], (int)sizes[2]};
    return DT_OK;
}

void keras_network_begin(keras_network *self, network_plan *plan, const dt_json *shape)
{
    const keras_arrival model = {"model", "input", "", NULL};
    *self = (keras_network){.plan = plan, .weighted = -1, .waiting = -1, .row = true};
    if (dt_json_count(shape) > 1)
        (void)take_shape(self, &model, shape, 1, NULL);
}

dt_status keras_add_input(keras_network *to, const keras_arrival *self, dt_error *error)
{
    const dt_json *shape = dt_json_member(self->config, "batch_shape");
    if (!shape)
        shape = dt_json_member(self->config, "batch_input_shape");
    if (to->begun || dt_json_count(shape) == 0)
        return DT_OK;
    return take_shape(to, self, shape, 1, error);
}

/* Whether a row of n values becomes an image of 1 x 1 x n, which is the same here. */
static bool is_one_place(const keras_network *to, const dt_json *shape)
{
    double sides[2];
    return to->row && !to->flat && dt_json_count(shape) == 3 &&
           dt_json_number(dt_json_element(shape, 0), &sides[0]) && sides[0] == 1 &&
           dt_json_number(dt_json_element(shape, 1), &sides[1]) && sides[1] == 1;
}

/* At the front it says what the pixels are; elsewhere it may make rows. */
dt_status keras_add_reshape(keras_network *to, const keras_arrival *self, dt_error *error)
{
    const dt_json *shape = dt_json_member(self->config, "target_shape");
    if (dt_json_count(shape) == 1)
        return keras_add_flatten(to, self, error);
    if (to->begun && is_one_place(to, shape)) {
        to->row = false;
        return DT_OK;
    }
    if (to->begun || to->waiting >= 0 || !shape)
        return keras_refuse(self, "one at the front of the network, or of a row", "another", error);
    return take_shape(to, self, shape, 0, error);
}

dt_status keras_add_rescaling(keras_network *to, const keras_arrival *self, dt_error *error)
{
    double scale, offset = 0;
    const dt_json *node = dt_json_member(self->config, "offset");
    if (to->begun || to->waiting >= 0 ||
        !dt_json_number(dt_json_member(self->config, "scale"), &scale) ||
        (dt_json_is(node) && !dt_json_number(node, &offset)))
        return keras_refuse(self, "one scale and one offset, at the front of the network", "others",
                            error);
    const dt_normalization *so_far = &to->plan->normalization;
    to->plan->normalization =
        to->plan->scaled ? (dt_normalization){so_far->scale * scale, so_far->shift * scale + offset}
                         : (dt_normalization){scale, offset};
    to->plan->scaled = true;
    return DT_OK;
}

dt_status keras_add_padding(keras_network *to, const keras_arrival *self, dt_error *error)
{
    const dt_json *padding = dt_json_member(self->config, "padding");
    int above[2], beside[2], both[2];
    if (to->row || to->top || to->left || to->waiting >= 0 ||
        strcmp(keras_text(self, "data_format", "channels_last"), "channels_last") != 0)
        return keras_refuse(self, "zeros once around an image", "another", error);
    if (dt_json_count(dt_json_element(padding, 0)) == 2) {
        if (!keras_pair(dt_json_element(padding, 0), above) ||
            !keras_pair(dt_json_element(padding, 1), beside))
            return keras_refuse(self, "integers >= 0", "others", error);
    } else if (!keras_pair(padding, both)) {
        return keras_refuse(self, "integers >= 0", "others", error);
    } else {
        above[0] = above[1] = both[0];
        beside[0] = beside[1] = both[1];
    }
    to->top = above[0], to->bottom = above[1], to->left = beside[0], to->right = beside[1];
    to->weighted = -1;
    to->begun = true;
    return DT_OK;
}
