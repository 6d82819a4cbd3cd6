#include "nn/layer.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "nn/architecture.h"

dt_tensor_role dt_tensor_role_of(const char *name)
{
    static const char *const names[] = {
        [DT_TENSOR_BIAS] = "bias", [DT_TENSOR_GAIN] = "gamma", [DT_TENSOR_SHIFT] = "beta"};
    for (int role = DT_TENSOR_BIAS; role <= DT_TENSOR_SHIFT; role++)
        if (strcmp(name, names[role]) == 0)
            return (dt_tensor_role)role;
    return DT_TENSOR_WEIGHT;
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
    *out = (dt_layer){
        .kind = dt_layer_kind_at(spec->kind), .source = -1, .input = input, .output = input};
    memcpy(out->arguments, spec->arguments, sizeof out->arguments);
    memcpy(out->label, spec->label, sizeof out->label);
    memcpy(out->second, spec->second, sizeof out->second);
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

static void add_shape(dt_text *to, const char *before, dt_shape shape, bool whole)
{
    if (whole)
        dt_text_add(to, "%s%dx%dx%d", before, shape.height, shape.width, shape.channels);
    else
        dt_text_add(to, "%s%d", before, dt_shape_size(shape));
}

void dt_layer_describe(const dt_layer *self, char *text, size_t size)
{
    const dt_layer_kind *kind = self->kind;
    char value[32];
    dt_text out = {.text = text, .size = size};
    dt_text_add(&out, "%s%s%s", kind->name, self->second[0] ? " " : "", self->second);
    for (int i = 0; i < kind->argument_count; i++)
        if (!kind->arguments[i].preset && (dt_shape_is_image(self->output) || !kind->flops)) {
            dt_argument_text(&kind->arguments[i], self->arguments[i], value, sizeof value);
            dt_text_add(&out, " %s", value);
        }
    if (kind->shape) {
        add_shape(&out, " ", self->input, dt_shape_is_image(self->output));
        add_shape(&out, " -> ", self->output, dt_shape_is_image(self->output));
    }
    for (int i = 0; i < kind->argument_count; i++) {
        const dt_argument *argument = &kind->arguments[i];
        dt_argument_text(&kind->arguments[i], self->arguments[i], value, sizeof value);
        if (argument->preset && strcmp(value, argument->preset) != 0)
            dt_argument_add(&out, ", ", argument, value);
    }
    if (self->label[0])
        dt_text_add(&out, ", as %s", self->label);
}
