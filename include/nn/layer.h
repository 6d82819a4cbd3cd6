/* A kind of layer: a row of the table of layers, and a layer of a network.
 *
 * A row is all that the program knows of a kind: what --help layers says and --layers takes, its
 * shapes and tensors, what it computes, and what other programs call it. A kind is a file in
 * src/nn/layers/ (element-wise activations share one) and a line in list.h there.
 *
 * A layer's parameters are a view into the network's parameter array (`parameters` below points to
 * its first value), and so are their gradients. A layer keeps no results between calls: the network
 * hands it the tiles. Not collective. */
#ifndef DT_NN_LAYER_H
#define DT_NN_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/item.h"
#include "base/shape.h"
#include "base/status.h"
#include "base/text.h"
#include "nn/noise.h"
#include "nn/real.h"
#include "nn/summation.h"
#include "nn/support.h"
#include "nn/tensor.h"
#include "nn/tile.h"

enum { DT_ARGUMENTS_MAX = 6, DT_LAYER_TENSORS_MAX = 4, DT_ONNX_STEPS_MAX = 11, DT_LABEL_SIZE = 16 };

/* A layer as it is asked for. */
typedef struct dt_layer_spec {
    int kind;                           /* its row: dt_layer_kind_at */
    bool bare;                          /* a number alone (nn/architecture.h) */
    char label[DT_LABEL_SIZE];          /* of what it gives; "": none */
    char second[DT_LABEL_SIZE];         /* the label of its second input; "": it has none */
    double arguments[DT_ARGUMENTS_MAX]; /* in the order of the row's */
} dt_layer_spec;

/* What a layer takes, and gives, in programs that keep images as planes, [channel][height][width],
 * apart from rows of values (model/planes.h). Either: as it comes in; a kind with tensors has them
 * in the shape of its input, and takes an image where that is one. */
typedef enum dt_layer_takes { DT_TAKES_ROW, DT_TAKES_IMAGE, DT_TAKES_EITHER } dt_layer_takes;

/* Windows of an image, as convolutions and pooling take them. */
typedef struct dt_windows {
    int height, width;   /* of a window */
    int down, across;    /* from one to the next */
    int top, left;       /* padding in front */
    int bottom, right;   /* padding behind: none that no window reaches */
    int rows, columns;   /* how many windows */
    int bordered_height; /* of the image with as much padding as the windows reach */
    int bordered_width;
} dt_windows;

typedef struct dt_layer_kind dt_layer_kind;

/* A layer of a network. */
typedef struct dt_layer {
    const dt_layer_kind *kind;
    double arguments[DT_ARGUMENTS_MAX];
    char label[DT_LABEL_SIZE], second[DT_LABEL_SIZE]; /* as in its spec */
    int source; /* the layer of the list, from 0, whose output is the second input; -1: it has none
                 */
    dt_shape input, output;
    int inputs, outputs; /* values a sample */
    size_t parameter_count;
    int tensor_count;
    dt_tensor tensors[DT_LAYER_TENSORS_MAX]; /* offsets from the layer's first parameter */
    /* Scratch of the network, as much as the kind needs; lost when the next layer or pass begins.
     */
    int32_t *indices;
    dt_real *work;
} dt_layer;

/* A tile on its way through a layer. Forward takes parameters, noise and input, and gives output;
 * what stands behind these is for the way back. */
typedef struct dt_layer_pass {
    const dt_real *parameters;     /* the layer's */
    int number;                    /* of the layer in the network, from 0 */
    const dt_noise *noise;         /* of the tile's samples; NULL: no training */
    const dt_tile *input, *second; /* second: NULL for a layer that has none */
    dt_tile *output;
    const dt_tile *output_gradient; /* of the loss by each value of the output */
    dt_tile *input_gradient;        /* NULL: nobody asks for it */
    dt_tile *second_gradient;       /* so too */
    const dt_summation *summation;  /* of the gradients of the parameters, the layer's first being
                                       at its offset */
    bool factored;   /* the gradient of the first tensor is left as factors: not to be added up */
    double *squares; /* squares[i] += the squared Euclidean norm of the gradient of the layer's
                        parameters by sample i alone; NULL: nobody asks for it */
} dt_layer_pass;

/* A step of what a layer is in ONNX: an operation, and what it takes, a letter each: x the input of
 * the layer, y its second one, p the result of the step before, A that of the first step, B of the
 * second, ..., n `number`, a and b its first and second argument, g the shape [samples][a][all
 * else], s the shape of x, 0 to 3 a tensor of the layer (if it has it). */
typedef struct dt_onnx_step {
    const char *operation, *takes;
    double number;
    const char *attribute; /* NULL: none */
    double value;          /* a real */
    bool whole, list;      /* it is an integer; it is a list of one integer */
    bool sample;           /* its axes are all those of x but the first: of the samples */
    bool windows;          /* it has the attributes of windows too */
} dt_onnx_step;

#define DT_ONNX_STEP(of, from, ...)                                                                \
    {                                                                                              \
        .operation = (of), .takes = (from), __VA_ARGS__                                            \
    }

struct dt_layer_kind {
    const char *name;
    const char *help; /* one line, no full stop */
    int argument_count;
    dt_argument arguments[DT_ARGUMENTS_MAX];
    bool follows; /* may stand behind another layer in its item: an activation */
    /* Help on the label of its second input, which has the shape of the first and stands behind its
     * name. NULL: it has none. */
    const char *second;

    /* Sets layer->output from layer->input. NULL: they are the same. */
    dt_status (*shape)(dt_layer *layer, dt_error *error);
    /* Sets layer->tensors but for offsets and names of layers; their number. NULL: none. */
    int (*tensors)(dt_layer *layer);

    /* Sets the values of pass->output, for pass->input->samples samples. */
    void (*forward)(const dt_layer *layer, const dt_layer_pass *pass);
    /* Adds up the gradients of the parameters and their squares, and sets pass->input_gradient, as
     * far as these are asked for. Tells the summation's listener, if there is one, when the
     * gradients are final: from the last parameter to the first. */
    void (*backward)(const dt_layer *layer, const dt_layer_pass *pass);
    /* Adds to pass->second_gradient, behind backward, when the tiles are as it left them. NULL: it
     * has no second input. */
    void (*backward_second)(const dt_layer *layer, const dt_layer_pass *pass);
    /* Adds to *support where backward writes if summation->sparse is set: at most inputs / 2 + 1
     * intervals. offset: that of the layer's first parameter. NULL: everywhere. */
    void (*add_support)(const dt_layer *layer, const dt_tile *input, size_t offset,
                        dt_support *support);
    /* Sets *out to the windows of a layer. NULL: it has none. Errors: of shape. */
    dt_status (*windows)(const dt_layer *layer, dt_windows *out, dt_error *error);
    /* How many layer->indices and how much layer->work the passes need; the work's values may be
     * read up to DT_MATMUL_PAD elements behind their end. NULL: nothing. */
    void (*needs)(const dt_layer *layer, size_t *indices, size_t *work);
    /* Multiply-adds of forward for a sample, in its matrix products; backward has as many for the
     * gradient of the parameters, and as many for that of the input. NULL: no matrix product. */
    double (*flops)(const dt_layer *layer);
    /* In place of forward and backward, of an element-wise function: a[i] = f(z[i]) for i < n, and
     * dz[i] = da[i] f'(z[i]), from z and a. `a` may be `z`, `dz` may be `da`. */
    void (*map)(size_t n, const dt_real *z, dt_real *a);
    void (*map_gradient)(size_t n, const dt_real *z, const dt_real *a, const dt_real *da,
                         dt_real *dz);

    dt_layer_takes takes; /* of an element-wise function: either */
    /* Keras' name for a layer with tensors, to which it adds "_1", "_2", ... */
    const char *keras;
    /* An expression of PyTorch, "" for no module; {NAME} is an argument as Python writes it,
     * {inputs} and {outputs} the values a sample, {shape} theirs as they come in, {channels} those
     * of the input, {window}, {step} and {padding} of the layer's windows, {second} how many
     * modules give its second input, and what turns that, if something has to. torch_class: the
     * definition of what it names, if it is not PyTorch's; a module with an attribute `second` is
     * handed the second input behind x. torch_border: a module in front of it that pads by {sides},
     * if the padding is not the same on both. */
    const char *torch, *torch_class, *torch_border;
    dt_onnx_step onnx[DT_ONNX_STEPS_MAX]; /* up to the first without operation */
    bool
        factors; /* the gradient of the first tensor, [inputs][outputs], is the sum over the samples
                    of input times output gradient; backward leaves it out when it is told to */
    bool ordered; /* the order of a row's values matters, apart from that of its tensors' */
};

/* The table: row `index`; NULL behind the last. */
const dt_layer_kind *dt_layer_kind_at(int index);

/* The row of that name, dashes and underscores alike; -1: there is none. */
int dt_layer_kind_find(const char *name);

/* Names of the element-wise activations, NULL at the end. */
extern const char *const dt_activation_names[];

/* Runs the layer, element-wise or not. */
void dt_layer_forward(const dt_layer *layer, const dt_layer_pass *pass);
void dt_layer_backward(const dt_layer *layer, const dt_layer_pass *pass);

/* A few words for people: "dense 784 -> 128, bias false", "conv 6 5x5 28x28x1 -> 24x24x6". */
void dt_layer_describe(const dt_layer *layer, char *text, size_t size);

#endif
