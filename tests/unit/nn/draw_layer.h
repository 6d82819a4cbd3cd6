/* Layers of any kind, drawn for tests that find the kinds by asking the program. */
#ifndef DT_TESTS_DRAW_LAYER_H
#define DT_TESTS_DRAW_LAYER_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "draw.h"
#include "nn/architecture.h"

static inline double draw_argument(const dt_argument *argument, dt_random_sequence *random)
{
    int least = (int)argument->min;
    double most = fmin(argument->max, 19);
    if (argument->word && draw_int(random, 0, 2) == 0)
        return argument->means;
    switch (argument->type) {
    case DT_ARGUMENT_SIZE:
        return dt_argument_size(draw_int(random, least, 6), draw_int(random, least, 6));
    case DT_ARGUMENT_REAL:
        return draw_real(random, argument->min, most);
    case DT_ARGUMENT_INTEGER:
    case DT_ARGUMENT_BOOL:
        break;
    }
    return draw_int(random, least, (int)most);
}

/* A layer that such an input fits. */
static inline dt_layer_spec draw_layer(int kind, dt_shape input, dt_random_sequence *random,
                                       dt_layer *layer)
{
    const dt_layer_kind *row = dt_layer_kind_at(kind);
    dt_layer_spec spec = {.kind = kind};
    for (int tries = 0; tries < 1000; tries++) {
        for (int i = 0; i < row->argument_count; i++)
            spec.arguments[i] = draw_argument(&row->arguments[i], random);
        if (!dt_layer_of(&spec, input, layer, NULL))
            return spec;
    }
    CU_FAIL_FATAL("no layer fits");
    return spec;
}

/* Appends a layer of the kind to the list, whose last is *layer; one that has a second input has
 * that, and another layer, in front of it. */
static inline void append_layer(dt_layer_list *list, int kind, dt_random_sequence *random,
                                dt_layer *layer)
{
    if (dt_layer_kind_at(kind)->second) {
        dt_layer_spec tanh = {.kind = dt_layer_kind_find("tanh")}, source = tanh;
        snprintf(source.label, sizeof source.label, "of-%d", list->count);
        list->layers[list->count++] = source;
        list->layers[list->count++] = tanh;
        list->layers[list->count] = draw_layer(kind, layer->output, random, layer);
        memcpy(list->layers[list->count++].second, source.label, sizeof source.label);
    } else
        list->layers[list->count++] = draw_layer(kind, layer->output, random, layer);
}

#endif
