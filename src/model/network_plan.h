/* A network as a file of Keras describes it, and which of its layers have which weights. */
#ifndef DT_MODEL_NETWORK_PLAN_H
#define DT_MODEL_NETWORK_PLAN_H

#include "file/bundle.h"
#include "model/weights.h"
#include "nn/architecture.h"
#include "nn/network.h"

/* A layer with weights. */
typedef struct planned_layer {
    char path[DT_BUNDLE_NAME]; /* in Keras 3's files, without "layers/": "sequential/dense_1" */
    char name[DT_BUNDLE_NAME]; /* of the names that layers say: "features/fc2" */
    bool norm;                 /* a batch normalisation; the rest is about these */
    bool scales, centres;      /* it has a gain, a shift */
    bool forward; /* it becomes a part of the next layer with weights, else of the last */
    double epsilon;
} planned_layer;

typedef struct network_plan {
    planned_layer layers[2 * DT_LAYERS_MAX]; /* in the order of the network */
    size_t count;
    dt_architecture architecture; /* of the input {0}: a row of values, of images not known */
    bool scaled;                  /* it scales its pixels itself, so: */
    dt_normalization normalization;
    dt_loss loss; /* where the file does not say it, what the last activation suggests */
} network_plan;

/* Reads what a model of Keras says of itself: config.json, or the attribute model_config. *out:
 * NULL where it says nothing of its layers, as one that is a class of its own does. The caller owns
 * *out: dt_free. Errors: DT_ERR_DATA, with the layer that is not one of ours, and why;
 * DT_ERR_INTERNAL. */
dt_status network_plan_of_keras(const void *json, size_t size, network_plan **out, dt_error *error);

#endif
