/* A layer on its way from Keras into the network. */
#ifndef DT_MODEL_KERAS_ARRIVAL_H
#define DT_MODEL_KERAS_ARRIVAL_H

#include "keras_layer.h"

/* A layer of Keras' on its way into the network. */
typedef struct keras_arrival {
    const char *class, *name, *path;
    const dt_json *config;
} keras_arrival;

/* Returns DT_ERR_DATA, with the layer. */
dt_status keras_refuse(const keras_arrival *self, const char *expected, const char *found,
                       dt_error *error);

/* Settings of the layer; what it has by itself, if its config does not say. NAN: it says something
 * else than a number. */
const char *keras_text(const keras_arrival *self, const char *name, const char *otherwise);
double keras_number(const keras_arrival *self, const char *name, double otherwise);
bool keras_flag(const keras_arrival *self, const char *name, bool otherwise);

/* Reads one integer for both, or two; whether they are such from 0 to 4096. */
bool keras_pair(const dt_json *node, int pair[2]);

/* Whether a list, or one number, says the axes `first` to `last`, from the front or from behind in
 * an array of `rank`. */
bool keras_axes(const dt_json *node, int first, int last, int rank);

/* Adds an item with that text. Errors: DT_ERR_DATA: there are too many. */
dt_status keras_add_item(keras_network *to, const keras_arrival *self, const char *text,
                         dt_error *error);

/* As keras_layer_add. */
dt_status keras_add_flatten(keras_network *to, const keras_arrival *self, dt_error *error);
dt_status keras_add_dropout(keras_network *to, const keras_arrival *self, dt_error *error);
dt_status keras_add_nothing(keras_network *to, const keras_arrival *self, dt_error *error);
dt_status keras_add_input(keras_network *to, const keras_arrival *self, dt_error *error);
dt_status keras_add_reshape(keras_network *to, const keras_arrival *self, dt_error *error);
dt_status keras_add_rescaling(keras_network *to, const keras_arrival *self, dt_error *error);
dt_status keras_add_padding(keras_network *to, const keras_arrival *self, dt_error *error);

#endif
