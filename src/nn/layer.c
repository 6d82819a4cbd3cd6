#include "nn/layer.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "nn/architecture.h"

void dt_layer_argument_text(const dt_layer_kind *kind, const double *arguments, int index,
                            char *text, size_t size)
{
    double value = arguments[index];
    dt_text real = {.text = text, .size = size};
    switch (kind->arguments[index].type) {
    case DT_ARGUMENT_INTEGER:
        snprintf(text, size, "%.0f", value);
        break;
    case DT_ARGUMENT_REAL:
        dt_text_add_real(&real, value);
        break;
    case DT_ARGUMENT_BOOL:
        snprintf(text, size, "%s", value != 0 ? "true" : "false");
        break;
    }
}

void dt_layer_argument_expects(const dt_layer_argument *argument, char *text, size_t size)
{
    if (argument->type == DT_ARGUMENT_BOOL)
        snprintf(text, size, "true or false");
    else
        snprintf(text, size, "%s from %.15g to %.15g",
                 argument->type == DT_ARGUMENT_INTEGER ? "an integer" : "a number", argument->min,
                 argument->max);
}

dt_tensor_role dt_tensor_role_of(const char *name)
{
    return strcmp(name, "bias") == 0 ? DT_TENSOR_BIAS : DT_TENSOR_WEIGHT;
}

static void place_tensors(dt_layer *self)
{
    self->tensor_count = self->kind->tensors ? self->kind->tensors(self) : 0;
    for (int i = 0; i < self->tensor_count; i++) {
        self->tensors[i].offset = self->parameter_count;
        self->parameter_count += dt_tensor_count(&self->tensors[i]);
    }
}

dt_status dt_layer_of(const dt_layer_spec *spec, dt_shape input, dt_layer *out, dt_error *error)
{
    *out = (dt_layer){.kind = dt_layer_kind_at(spec->kind), .input = input, .output = input};
    memcpy(out->arguments, spec->arguments, sizeof out->arguments);
    out->inputs = dt_shape_size(input);
    dt_status status = out->kind->shape ? out->kind->shape(out, error) : DT_OK;
    if (status)
        return status;
    out->outputs = dt_shape_size(out->output);
    place_tensors(out);
    return DT_OK;
}

/* With what lies between the samples, which nobody reads. */
static size_t value_count(const dt_tile *tile)
{
    return (size_t)(tile->samples * tile->stride);
}

void dt_layer_forward(const dt_layer *self, const dt_layer_pass *pass)
{
    if (self->kind->map)
        self->kind->map(value_count(pass->input), pass->input->values, pass->output->values);
    else
        self->kind->forward(self, pass);
}

void dt_layer_backward(const dt_layer *self, const dt_layer_pass *pass)
{
    if (!self->kind->map)
        self->kind->backward(self, pass);
    else if (pass->input_gradient)
        self->kind->map_gradient(value_count(pass->input), pass->input->values,
                                 pass->output->values, pass->output_gradient->values,
                                 pass->input_gradient->values);
}

void dt_layer_describe(const dt_layer *self, char *text, size_t size)
{
    const dt_layer_kind *kind = self->kind;
    dt_text out = {.text = text, .size = size};
    dt_text_add(&out, "%s", kind->name);
    if (kind->shape)
        dt_text_add(&out, " %d -> %d", self->inputs, self->outputs);
    for (int i = 0; i < kind->argument_count; i++) {
        char value[32];
        dt_layer_argument_text(kind, self->arguments, i, value, sizeof value);
        if (kind->arguments[i].preset && strcmp(value, kind->arguments[i].preset) != 0)
            dt_text_add(&out, ", %s %s", kind->arguments[i].name, value);
    }
}
