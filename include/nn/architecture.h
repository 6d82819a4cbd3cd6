/* The network as data: the shape of an image, and a list of layers.
 *
 * A list is written as text, and read from it: items separated by commas,
 *     KIND [LABEL] VALUE... [NAME VALUE]... [ACTIVATION] [as LABEL]
 * as in "dense 128 relu as a, dense 128 bias false, add a, softmax". A number alone is a dense
 * layer of which settings say the rest, unless an activation is the next item, until
 * dt_layers_write_out. From there on a text and its list say the same, and only the list says what
 * the network is. No pointers: it can be sent to other ranks as bytes.
 *
 * A label names what an item gives, behind its activation. Later items take that as their second
 * input, by this name; a label that no item takes is refused. */
#ifndef DT_NN_ARCHITECTURE_H
#define DT_NN_ARCHITECTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/shape.h"
#include "base/status.h"
#include "nn/layer.h"

/* A dense layer and its activation are two. */
#define DT_LAYERS_MAX  128
#define DT_LAYERS_TEXT 4096 /* bytes of the text of a list, with its terminating 0 */

typedef struct dt_layer_list {
    int count;
    dt_layer_spec layers[DT_LAYERS_MAX];
} dt_layer_list;

typedef struct dt_architecture {
    dt_shape input;
    dt_layer_list list;
} dt_architecture;

/* Reads a list. On an error *out is as it was.
 * Errors: DT_ERR_CONFIG, with the item, what was expected and found, and "did you mean". */
dt_status dt_layers_parse(const char *text, dt_layer_list *out, dt_error *error);

/* Writes the list into text[DT_LAYERS_TEXT], as dt_layers_parse reads it; returns `text`. A list
 * that was parsed has room. */
char *dt_layers_text(const dt_layer_list *list, char *text);

/* Says what a number alone leaves open. The names are of activations ("identity": none). */
typedef struct dt_layer_defaults {
    const char *hidden; /* behind every layer but the last one with weights */
    const char *output; /* behind that */
    bool bias;
} dt_layer_defaults;

/* Which of the two activations the list leaves to the defaults. */
void dt_layers_open(const dt_layer_list *list, bool *hidden, bool *output);

/* Replaces numbers alone by what they mean. On an error *list is as it was.
 * Errors: DT_ERR_CONFIG: the list becomes longer than DT_LAYERS_MAX layers or DT_LAYERS_TEXT. */
dt_status dt_layers_write_out(dt_layer_list *list, const dt_layer_defaults *defaults,
                              dt_error *error);

/* Undoes dt_layers_write_out if numbers alone mean the same list; else leaves the list alone. */
void dt_layers_shorten(dt_layer_list *list, const dt_layer_defaults *defaults);

/* The first activation behind a layer that has weights and is not the last one of these: "identity"
 * for nothing. NULL: there is no such layer, or a softmax behind each. has: whether `activation`
 * stands behind one of them; others: whether another one does. */
const char *dt_layers_hidden(const dt_layer_list *list, const char *activation, bool *has,
                             bool *others);

/* Whether there are layers that take a bias, with and without one. */
void dt_layers_biases(const dt_layer_list *list, bool *with, bool *without);

/* The layer, from 0, that gives the second input of layer `index`; -1: it has none, or no layer in
 * front of it has that label. */
int dt_layers_source(const dt_layer_list *list, int index);

/* The item of the list's text that layer `index` is in, from 1: a layer and what follows it. */
int dt_layers_item(const dt_layer_list *list, int index);

/* Whether there is a layer with parameters, and no dropout behind the last one.
 * Errors: DT_ERR_CONFIG. */
dt_status dt_layers_trainable(const dt_layer_list *list, dt_error *error);

/* The values that the list gives, whatever images it takes; 0: that depends on them. */
int dt_layers_outputs(const dt_layer_list *list);

/* Makes the last dense layer give so many, if it is the one that says what the list gives. */
void dt_layers_set_outputs(dt_layer_list *list, int outputs);

/* Whether the network ends in a softmax: its outputs are probabilities then. */
bool dt_layers_end_in_softmax(const dt_layer_list *list);

/* The layer that is asked for, with its shapes and tensors; of these the layer's name, its source
 * and its scratch are the network's to set. input: of the layer.
 * Errors: DT_ERR_CONFIG: the kind does not take such an input. */
dt_status dt_layer_of(const dt_layer_spec *spec, dt_shape input, dt_layer *out, dt_error *error);

/* Walks through an architecture that has been checked: *layer, number `index` - 1 of the list (any
 * before the first), becomes number `index`. False, and it stays, behind the last. */
bool dt_architecture_next(const dt_architecture *self, int index, dt_layer *layer);

/* Whether the layers fit to one another, and to the input; *output becomes what the last one gives.
 * Errors: DT_ERR_CONFIG, with the number of the layer. */
dt_status dt_architecture_check(const dt_architecture *self, dt_shape *output, dt_error *error);

/* All tensors, in the order of the model, as views of the parameter array; their layers are called
 * after what Keras calls their kind: "dense", "dense_1". layers: of each, the number of its layer
 * in the list, from 0. Both may be NULL. Returns how many there are. It has been checked. */
size_t dt_architecture_tensors(const dt_architecture *self, dt_tensor *tensors, int *layers);

/* Writes the values before and behind each layer with weights, "784-128-64-10", as images where
 * they are some, "28x28x1-24x24x6-10"; returns `text`. It has been checked. */
char *dt_architecture_text(const dt_architecture *self, char *text, size_t size);

/* The values that an architecture gives for each image: the classes. It has been checked. */
int dt_architecture_outputs(const dt_architecture *self);

#endif
