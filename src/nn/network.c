#include "nn/network.h"

#include <stdio.h>

#include "base/memory.h"
#include "nn/layer.h"
#include "nn/matmul.h"
#include "nn/tile.h"

struct dt_network {
    int inputs, classes;
    dt_real input_scale, input_shift;
    dt_loss loss;
    int layer_count;
    dt_layer **layers;
    size_t *offsets;    /* [layer_count], of each layer's parameters in the array */
    dt_tile *values;    /* [layer_count + 1]: the input, then each layer's output */
    dt_tile *gradients; /* [layer_count + 1]: of the loss by each of `values`; [0] is empty */
    size_t parameter_count;
    size_t tensor_count;
    dt_tensor *tensors; /* of all layers, offsets in the whole array */
    const dt_real *parameters;
};

static dt_status add_layers(dt_network *self, const dt_network_spec *spec, dt_error *error)
{
    int inputs = spec->inputs;
    for (int i = 0; i < spec->dense_count; i++) {
        char name[32] = "dense";
        if (i > 0)
            snprintf(name, sizeof name, "dense_%d", i);
        dt_status status = dt_dense_create(name, inputs, spec->widths[i], spec->bias,
                                           &self->layers[self->layer_count], error);
        if (status)
            return status;
        self->layer_count++;
        inputs = spec->widths[i];

        bool last = i + 1 == spec->dense_count;
        dt_layer **next = &self->layers[self->layer_count];
        if (!last && spec->activation != DT_IDENTITY)
            status = dt_activation_layer_create(spec->activation, inputs, next, error);
        else if (last && spec->output_softmax)
            status = dt_softmax_layer_create(inputs, next, error);
        if (status)
            return status;
        self->layer_count += *next != NULL;
    }
    self->classes = inputs;
    return DT_OK;
}

/* Gives every layer its place in the parameter array. */
static void place_parameters(dt_network *self)
{
    for (int i = 0; i < self->layer_count; i++) {
        const dt_layer *layer = self->layers[i];
        self->offsets[i] = self->parameter_count;
        for (int j = 0; j < layer->tensor_count; j++) {
            dt_tensor *tensor = &self->tensors[self->tensor_count++];
            *tensor = layer->tensors[j];
            tensor->offset += self->parameter_count;
        }
        self->parameter_count += layer->parameter_count;
    }
}

static dt_status create_tiles(dt_network *self, dt_error *error)
{
    dt_status status = dt_tile_create(self->inputs, &self->values[0], error);
    for (int i = 0; i < self->layer_count && !status; i++) {
        int width = self->layers[i]->outputs;
        status = dt_tile_create(width, &self->values[i + 1], error);
        if (!status)
            status = dt_tile_create(width, &self->gradients[i + 1], error);
    }
    return status;
}

dt_status dt_network_create(const dt_network_spec *spec, dt_network **out, dt_error *error)
{
    dt_network *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->inputs = spec->inputs;
    self->input_scale = (dt_real)spec->input_scale;
    self->input_shift = (dt_real)spec->input_shift;
    self->loss = spec->loss;
    size_t most = 2 * (size_t)spec->dense_count; /* each with an activation */
    if ((self->layers = dt_calloc(most, sizeof *self->layers, error)) &&
        (self->offsets = dt_calloc(most, sizeof *self->offsets, error)) &&
        (self->values = dt_calloc(most + 1, sizeof *self->values, error)) &&
        (self->gradients = dt_calloc(most + 1, sizeof *self->gradients, error)) &&
        (self->tensors = dt_calloc(most, sizeof *self->tensors, error)) &&
        add_layers(self, spec, error) == DT_OK && create_tiles(self, error) == DT_OK) {
        place_parameters(self);
        *out = self;
        return DT_OK;
    }
    dt_network_destroy(self);
    return error->status;
}

void dt_network_destroy(dt_network *self)
{
    if (!self)
        return;
    for (int i = 0; i < self->layer_count; i++)
        dt_layer_destroy(self->layers[i]);
    for (int i = 0; i <= self->layer_count; i++) {
        dt_tile_destroy(self->values ? &self->values[i] : NULL);
        dt_tile_destroy(self->gradients ? &self->gradients[i] : NULL);
    }
    dt_free(self->layers);
    dt_free(self->offsets);
    dt_free(self->values);
    dt_free(self->gradients);
    dt_free(self->tensors);
    dt_free(self);
}

void dt_layer_destroy(dt_layer *layer)
{
    if (layer)
        layer->ops->destroy(layer);
}

size_t dt_network_parameter_count(const dt_network *self)
{
    return self->parameter_count;
}

dt_real *dt_network_new_parameters(const dt_network *self, dt_error *error)
{
    return dt_calloc(self->parameter_count + DT_MATMUL_PAD, sizeof(dt_real), error);
}

const dt_tensor *dt_network_tensors(const dt_network *self, size_t *count)
{
    *count = self->tensor_count;
    return self->tensors;
}

void dt_network_shape_text(const dt_network *self, char *text, size_t size)
{
    int length = snprintf(text, size, "%d", self->inputs);
    for (int i = 0; i < self->layer_count && (size_t)length < size; i++)
        if (self->layers[i]->parameter_count > 0)
            length +=
                snprintf(text + length, size - (size_t)length, "-%d", self->layers[i]->outputs);
}

bool dt_network_describe_layer(const dt_network *self, int layer, char *text, size_t size,
                               size_t *parameter_count)
{
    if (layer < 0 || layer >= self->layer_count)
        return false;
    self->layers[layer]->ops->describe(self->layers[layer], text, size);
    *parameter_count = self->layers[layer]->parameter_count;
    return true;
}

void dt_network_initialise(const dt_network *self, dt_init kind, uint64_t seed, dt_real *parameters)
{
    uint32_t index = 0;
    for (int i = 0; i < self->layer_count; i++) {
        const dt_layer *layer = self->layers[i];
        if (layer->ops->initialise)
            layer->ops->initialise(layer, kind, seed, index++, parameters + self->offsets[i]);
    }
}

void dt_network_set_parameters(dt_network *self, const dt_real *parameters)
{
    self->parameters = parameters;
    /* The first layer has no use for its prepared form: nothing flows back to the input. */
    for (int i = 1; i < self->layer_count; i++)
        if (self->layers[i]->ops->prepare)
            self->layers[i]->ops->prepare(self->layers[i], parameters + self->offsets[i]);
}

static void forward(dt_network *self, int samples, const uint8_t *const *images)
{
    dt_tile_load(&self->values[0], samples, images, self->input_scale, self->input_shift);
    for (int i = 0; i < self->layer_count; i++) {
        self->values[i + 1].samples = samples;
        self->layers[i]->ops->forward(self->layers[i], self->parameters + self->offsets[i],
                                      &self->values[i], &self->values[i + 1]);
    }
}

static void backward(dt_network *self, dt_real *gradient)
{
    for (int i = self->layer_count - 1; i >= 0; i--)
        self->layers[i]->ops->backward(self->layers[i], &self->values[i], &self->values[i + 1],
                                       &self->gradients[i + 1], gradient + self->offsets[i],
                                       i > 0 ? &self->gradients[i] : NULL);
}

/* Tile after tile; without gradients when `gradient` is NULL. */
static void run(dt_network *self, int64_t samples, const uint8_t *const *images,
                const uint8_t *labels, dt_real *gradient, dt_loss_sum *sum)
{
    dt_tile *output = &self->values[self->layer_count];
    dt_real *output_gradient = self->gradients[self->layer_count].values;
    for (int64_t first = 0; first < samples; first += DT_TILE_SAMPLES) {
        int64_t left = samples - first;
        int count = left < DT_TILE_SAMPLES ? (int)left : DT_TILE_SAMPLES;
        forward(self, count, images + first);
        dt_loss_tile(self->loss, count, self->classes, output->values, labels + first,
                     gradient ? output_gradient : NULL, sum);
        if (gradient)
            backward(self, gradient);
    }
}

void dt_network_gradient(dt_network *self, int64_t samples, const uint8_t *const *images,
                         const uint8_t *labels, dt_real *gradient, dt_loss_sum *sum)
{
    run(self, samples, images, labels, gradient, sum);
}

void dt_network_evaluate(dt_network *self, int64_t samples, const uint8_t *const *images,
                         const uint8_t *labels, dt_loss_sum *sum)
{
    run(self, samples, images, labels, NULL, sum);
}
