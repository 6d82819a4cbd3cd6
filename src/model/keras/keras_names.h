/* What Keras' files call layers, and what is known of what they give. */
#ifndef DT_MODEL_KERAS_NAMES_H
#define DT_MODEL_KERAS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "file/json_reader.h"

/* "BatchNormalization" is "batch_normalization", "Conv2D" "conv2d". size: of name. */
void keras_snake_case(const char *class, char *name, size_t size);

/* The class of a layer, "?" where it says none. One of somebody else's is called by its package or
 * module, "mine>Dense", and so is none of Keras'. */
const char *keras_class_of(const dt_json *layer);

/* The name that a layer has, "?" where it says none. */
const char *keras_name_of(const dt_json *layer);

/* Whether zeros around an image change no maximum behind the item of that text, since it gives
 * nothing below 0. before: whether that is so in front of it. */
bool keras_not_negative(const char *item, bool before);

#endif
