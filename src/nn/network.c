#include "nn/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cutter.h"
#include "network_size.h"
#include "nn/exactness.h"
#include "nn/factors.h"
#include "nn/layer.h"
#include "nn/matmul.h"
#include "nn/metrics.h"
#include "nn/tile.h"

struct dt_network {
    dt_network_spec spec;
    int inputs, classes;
    int tile_samples; /* samples that go through the network together */
    dt_real input_scale, input_shift;
    int layer_count, logits; /* `logits`: layers up to those whose values are no probabilities */
    dt_layer *layers;
    size_t *offsets;    /* [layer_count], of each layer's parameters in the array */
    dt_tile *values;    /* [layer_count + 1]: the input, then each layer's output */
    dt_tile *gradients; /* [layer_count + 1]: of the loss by each of `values`; [0] is empty */
    size_t parameter_count;
    size_t tensor_count;
    dt_tensor *tensors;     /* of all layers, offsets in the whole array */
    dt_interval *intervals; /* the support of the last gradient */
    double *squares;        /* [tile_samples], scratch */
    int32_t *indices;       /* the layers', as many as one of them needs */
    dt_real *work;          /* so too */
    const dt_real *parameters;
};

/* Makes the layers, and gives each its place in the parameter array. */
static void make_layers(dt_network *self, const dt_architecture *architecture)
{
    dt_layer layer;
    for (int i = 0; dt_architecture_next(architecture, i, &layer); i++) {
        self->layers[i] = layer;
        self->offsets[i] = self->parameter_count;
        self->parameter_count += layer.parameter_count;
    }
    self->classes = dt_shape_size(layer.output);
    self->logits = self->layer_count - dt_layers_end_in_softmax(&architecture->list);
}

static dt_status list_tensors(dt_network *self, dt_error *error)
{
    self->tensor_count = dt_architecture_tensors(&self->spec.architecture, NULL, NULL);
    self->tensors = dt_calloc(self->tensor_count, sizeof *self->tensors, error);
    if (!self->tensors)
        return error->status;
    dt_architecture_tensors(&self->spec.architecture, self->tensors, NULL);
    return DT_OK;
}

static dt_status create_tiles(dt_network *self, dt_error *error)
{
    dt_status status = dt_tile_create(self->tile_samples, self->inputs, &self->values[0], error);
    for (int i = 0; i < self->layer_count && !status; i++) {
        int width = self->layers[i].outputs;
        status = dt_tile_create(self->tile_samples, width, &self->values[i + 1], error);
        if (network_shares_gradient(&self->layers[i], i))
            self->gradients[i + 1] = self->gradients[i];
        else if (!status)
            status = dt_tile_create(self->tile_samples, width, &self->gradients[i + 1], error);
    }
    return status;
}

static dt_status allocate_scratch(dt_network *self, dt_error *error)
{
    network_scratch room = {0};
    for (int i = 0; i < self->layer_count; i++)
        network_scratch_add(&self->layers[i], &room);
    if (!(self->intervals = dt_calloc(room.intervals, sizeof *self->intervals, error)) ||
        !(self->squares = dt_calloc((size_t)self->tile_samples, sizeof *self->squares, error)) ||
        !(self->indices = dt_calloc(room.indices, sizeof *self->indices, error)) ||
        !(self->work = dt_calloc(room.work + DT_MATMUL_PAD, sizeof *self->work, error)))
        return error->status;
    for (int i = 0; i < self->layer_count; i++) {
        self->layers[i].indices = self->indices;
        self->layers[i].work = self->work;
    }
    return DT_OK;
}

dt_status dt_network_create(const dt_network_spec *spec, dt_network **out, dt_error *error)
{
    if (dt_exactness_check(error))
        return error->status;
    dt_network *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    size_t count = (size_t)spec->architecture.list.count;
    self->inputs = dt_shape_size(spec->architecture.input);
    self->input_scale = (dt_real)spec->normalization.scale;
    self->input_shift = (dt_real)spec->normalization.shift;
    self->spec = *spec;
    self->tile_samples = dt_network_measure(spec).tile_samples;
    self->layer_count = (int)count;
    if ((self->layers = dt_calloc(count, sizeof *self->layers, error)) &&
        (self->offsets = dt_calloc(count, sizeof *self->offsets, error)) &&
        (self->values = dt_calloc(count + 1, sizeof *self->values, error)) &&
        (self->gradients = dt_calloc(count + 1, sizeof *self->gradients, error))) {
        make_layers(self, &spec->architecture);
        if (!list_tensors(self, error) && !create_tiles(self, error) &&
            !allocate_scratch(self, error)) {
            *out = self;
            return DT_OK;
        }
    }
    dt_network_destroy(self);
    return error->status;
}

void dt_network_destroy(dt_network *self)
{
    if (!self)
        return;
    for (int i = self->layer_count; i >= 0; i--) {
        dt_tile_destroy(self->values ? &self->values[i] : NULL);
        if (self->gradients &&
            (i == 0 || self->gradients[i].values != self->gradients[i - 1].values))
            dt_tile_destroy(&self->gradients[i]);
    }
    dt_free(self->layers);
    dt_free(self->offsets);
    dt_free(self->values);
    dt_free(self->gradients);
    dt_free(self->tensors);
    dt_free(self->intervals);
    dt_free(self->squares);
    dt_free(self->indices);
    dt_free(self->work);
    dt_free(self);
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

const dt_network_spec *dt_network_spec_of(const dt_network *self)
{
    return &self->spec;
}

bool dt_network_describe_layer(const dt_network *self, int layer, char *text, size_t size,
                               size_t *parameter_count)
{
    if (layer < 0 || layer >= self->layer_count)
        return false;
    dt_layer_describe(&self->layers[layer], text, size);
    *parameter_count = self->layers[layer].parameter_count;
    return true;
}

void dt_network_initialise(const dt_network *self, dt_init kind, uint64_t seed, dt_real *parameters)
{
    uint32_t index = 0;
    for (int i = 0; i < self->layer_count; i++) {
        const dt_layer *layer = &self->layers[i];
        if (layer->tensor_count > 0)
            dt_init_tensors(kind, seed, index++, layer->tensors, layer->tensor_count,
                            parameters + self->offsets[i]);
    }
}

void dt_network_set_parameters(dt_network *self, const dt_real *parameters)
{
    self->parameters = parameters;
}

/* Of layer i, but for the summation. */
static dt_layer_pass pass_of(const dt_network *self, int i, const dt_noise *noise)
{
    int source = self->layers[i].source;
    return (dt_layer_pass){.parameters = self->parameters + self->offsets[i],
                           .number = i,
                           .noise = noise,
                           .input = &self->values[i],
                           .second = source >= 0 ? &self->values[source + 1] : NULL,
                           .output = &self->values[i + 1],
                           .output_gradient = &self->gradients[i + 1],
                           .input_gradient = i > 0 ? &self->gradients[i] : NULL,
                           .second_gradient = source >= 0 ? &self->gradients[source + 1] : NULL};
}

/* noise: NULL in evaluation. */
static void forward(dt_network *self, int samples, const uint8_t *const *images,
                    const dt_noise *noise)
{
    dt_tile_load(&self->values[0], samples, images, self->input_scale, self->input_shift);
    for (int i = 0; i < self->layer_count; i++) {
        dt_layer_pass pass = pass_of(self, i, noise);
        pass.output->samples = samples;
        dt_layer_forward(&self->layers[i], &pass);
    }
}

/* The gradient by what layer i gives is that from the layer behind it so far. Layers that have it
 * as their second input add theirs, from the first to the last. */
static void add_second_gradients(dt_network *self, int i, const dt_noise *noise)
{
    for (int j = i + 1; j < self->layer_count; j++) {
        const dt_layer *layer = &self->layers[j];
        if (layer->source != i)
            continue;
        dt_layer_pass pass = pass_of(self, j, noise);
        layer->kind->backward_second(layer, &pass);
    }
}

/* A tile of the batch, from sample `first` on, and its images. If these are tracked, self->squares
 * become those of their gradients. */
static void backward(dt_network *self, dt_summation *summation, const dt_noise *noise,
                     const dt_batch *batch, int64_t first, const uint8_t *const *images)
{
    if (batch->tracked)
        memset(self->squares, 0, (size_t)self->tile_samples * sizeof *self->squares);
    for (int i = self->layer_count - 1; i >= 0; i--) {
        dt_layer_pass pass = pass_of(self, i, noise);
        add_second_gradients(self, i, noise);
        summation->offset = self->offsets[i];
        pass.summation = summation;
        pass.squares = batch->tracked ? self->squares : NULL;
        pass.factored = batch->factoring && dt_factors_keep(batch->factoring, i, first, images,
                                                            pass.input, pass.output_gradient);
        dt_layer_backward(&self->layers[i], &pass);
    }
}

/* Asks for the images of the next tile, so that they are in cache when it comes. */
static void prefetch(const dt_network *self, const dt_batch *batch, int64_t first)
{
    enum { CACHE_LINE = 64 };
    int64_t end = batch->count + batch->upcoming;
    if (end > first + self->tile_samples)
        end = first + self->tile_samples;
    for (int64_t i = first; i < end; i++)
        for (int j = 0; j < self->inputs; j += CACHE_LINE)
            __builtin_prefetch(batch->images[i] + j, 0, 2);
}

/* The losses of a tile's pieces, to those of their segments, which begin at *losses. gradient: of
 * the outputs, to be set; NULL: nobody asks for it. */
static void add_losses(const dt_network *self, const dt_summation *tile, const uint8_t *labels,
                       dt_real *gradient, dt_loss_sum *losses)
{
    const dt_real *outputs = self->values[self->layer_count].values;
    const dt_criterion criterion = {self->spec.loss, gradient ? self->spec.label_smoothing : 0};
    for (int i = 0; i < tile->piece_count; i++) {
        int samples = tile->pieces[i].samples;
        losses += i > 0 && tile->pieces[i].fresh;
        dt_loss_tile(&criterion, samples, self->classes, outputs, labels, gradient, losses);
        outputs += (ptrdiff_t)samples * self->classes;
        if (gradient)
            gradient += (ptrdiff_t)samples * self->classes;
        labels += samples;
    }
}

static float margin_of(int classes, const dt_real *outputs, int label)
{
    dt_real largest = -(dt_real)INFINITY;
    for (int j = 0; j < classes; j++)
        largest = j != label && outputs[j] > largest ? outputs[j] : largest;
    return classes > 1 ? (float)(outputs[label] - largest) : 0;
}

/* Of the samples of a tile that has gone forward and backward. */
static void track(const dt_network *self, int samples, const uint8_t *labels, dt_tracked *tracked)
{
    const dt_tile *outputs = &self->values[self->logits];
    for (int i = 0; i < samples; i++)
        tracked[i] =
            (dt_tracked){.gradient_norm = (float)sqrt(self->squares[i]),
                         .margin = margin_of(self->classes, dt_tile_row(outputs, i), labels[i])};
}

/* Of the sums of a single tile if they are sparse, else all. */
static void find_support(const dt_network *self, bool sparse, dt_support *support)
{
    *support = (dt_support){.intervals = self->intervals};
    if (!sparse)
        dt_support_add(support, 0, self->parameter_count);
    for (int i = 0; sparse && i < self->layer_count; i++) {
        const dt_layer *layer = &self->layers[i];
        size_t offset = self->offsets[i];
        if (layer->kind->add_support)
            layer->kind->add_support(layer, &self->values[i], offset, support);
        else
            dt_support_add(support, offset, offset + layer->parameter_count);
    }
}

/* Tiles of about the same size: none is left with a few samples. */
static int even_tile(const dt_network *self, int64_t samples)
{
    int64_t tiles = (samples + self->tile_samples - 1) / self->tile_samples;
    return tiles > 0 ? (int)((samples + tiles - 1) / tiles) : 0;
}

/* Of the samples from `first` on, in *room; NULL if there is none. */
static const dt_noise *noise_from(const dt_batch *batch, int64_t first, dt_noise *room)
{
    if (!batch->noise)
        return NULL;
    *room = *batch->noise;
    room->places += first;
    return room;
}

void dt_network_gradient(dt_network *self, const dt_batch *batch, dt_real *const *sums,
                         const dt_listener *listener, dt_support *support, dt_trace *trace)
{
    dt_piece pieces[PIECES_MAX];
    dt_summation summation = {.pieces = pieces, .sums = sums};
    cutter cut = {.batch = batch};
    int capacity = even_tile(self, batch->count);
    for (int i = 0; i < batch->segment_count; i++)
        batch->losses[i] = (dt_loss_sum){0};
    for (int64_t first = 0; cut.segment < batch->segment_count;) {
        int segment = cut.segment;
        int samples = cut_tile(&cut, capacity, pieces, &summation.piece_count);
        prefetch(self, batch, first + samples);
        dt_noise room;
        const dt_noise *noise = noise_from(batch, first, &room);
        const uint8_t *const *images = batch->images + first;
        if (batch->draw) {
            images = batch->draw(batch->drawing, first, samples);
            dt_trace_lap(trace, DT_PHASE_GATHER);
        }
        forward(self, samples, images, noise);
        dt_trace_lap(trace, DT_PHASE_FORWARD);
        add_losses(self, &summation, batch->labels + first,
                   self->gradients[self->layer_count].values, &batch->losses[segment]);
        bool last = cut.segment == batch->segment_count;
        if (listener && last) {
            summation.listener = listener;
            listener->final(listener->state, self->parameter_count);
        }
        summation.sparse = support && summation.depth == 0 && last;
        backward(self, &summation, noise, batch, first, images);
        if (batch->tracked)
            track(self, samples, batch->labels + first, batch->tracked + first);
        dt_trace_lap(trace, DT_PHASE_BACKWARD);
        for (int i = 0; i < summation.piece_count; i++)
            summation.depth += pieces[i].fresh - pieces[i].merges;
        first += samples;
    }
    if (support)
        find_support(self, summation.sparse, support);
}

void dt_network_evaluate(dt_network *self, const dt_batch *batch, dt_real *outputs)
{
    dt_piece pieces[PIECES_MAX];
    dt_summation tile = {.pieces = pieces};
    cutter cut = {.batch = batch};
    const dt_real *values = self->values[self->layer_count].values;
    size_t classes = (size_t)self->classes;
    for (int64_t first = 0; first < batch->count;) {
        int segment = cut.segment;
        int samples = cut_tile(&cut, self->tile_samples, pieces, &tile.piece_count);
        prefetch(self, batch, first + samples);
        forward(self, samples, batch->images + first, NULL);
        add_losses(self, &tile, batch->labels + first, NULL, &batch->losses[segment]);
        if (outputs)
            memcpy(outputs + (size_t)first * classes, values,
                   (size_t)samples * classes * sizeof *outputs);
        first += samples;
    }
}

void dt_network_outputs(dt_network *self, int64_t count, const uint8_t *const *images,
                        dt_real *outputs)
{
    size_t classes = (size_t)self->classes;
    for (int64_t first = 0; first < count; first += self->tile_samples) {
        int64_t left = count - first;
        int samples = left < self->tile_samples ? (int)left : self->tile_samples;
        forward(self, samples, images + first, NULL);
        memcpy(outputs + (size_t)first * classes, self->values[self->layer_count].values,
               (size_t)samples * classes * sizeof *outputs);
    }
}

void dt_network_probabilities(const dt_network *self, const dt_real *outputs, double *probabilities)
{
    bool softmax = self->logits < self->layer_count;
    dt_metrics_probabilities(self->spec.loss, softmax, self->classes, outputs, probabilities);
}
