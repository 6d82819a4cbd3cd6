#include <stdio.h>

#include "base/memory.h"
#include "nn/layer.h"

typedef struct activation_layer {
    dt_layer base;
    dt_activation kind;
} activation_layer;

/* With what lies between the samples, which nobody reads. */
static size_t value_count(const dt_tile *tile)
{
    return (size_t)(tile->samples * tile->stride);
}

static void describe(const dt_layer *layer, char *text, size_t size)
{
    snprintf(text, size, "%s", dt_activation_names[((const activation_layer *)layer)->kind]);
}

static void forward(const dt_layer *layer, const dt_real *parameters, const dt_tile *input,
                    dt_tile *output)
{
    (void)parameters;
    dt_activation_forward(((const activation_layer *)layer)->kind, value_count(input),
                          input->values, output->values);
}

static void backward(const dt_layer *layer, const dt_real *parameters, const dt_tile *input,
                     const dt_tile *output, const dt_tile *output_gradient,
                     const dt_summation *summation, dt_tile *input_gradient)
{
    (void)parameters;
    (void)summation;
    if (input_gradient)
        dt_activation_backward(((const activation_layer *)layer)->kind, value_count(input),
                               input->values, output->values, output_gradient->values,
                               input_gradient->values);
}

static void destroy(dt_layer *layer)
{
    dt_free(layer);
}

static const dt_layer_ops ops = {
    .describe = describe, .forward = forward, .backward = backward, .destroy = destroy};

dt_status dt_activation_layer_create(dt_activation kind, int width, dt_layer **out, dt_error *error)
{
    activation_layer *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->base = (dt_layer){.ops = &ops, .inputs = width, .outputs = width};
    self->kind = kind;
    *out = &self->base;
    return DT_OK;
}
