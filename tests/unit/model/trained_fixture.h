/* A small network with random parameters and the facts of a weights file. */
#ifndef DT_TESTS_TRAINED_FIXTURE_H
#define DT_TESTS_TRAINED_FIXTURE_H

#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "base/memory.h"
#include "model/weights.h"
#include "nn/network.h"

typedef struct trained_fixture {
    dt_network_spec spec;
    dt_weights_file file;
    char architecture[32], layers[DT_LAYERS_TEXT];
    dt_network *network;
    dt_tensor tensors[16];
} trained_fixture;

/* Of that list of layers, for images of `input`. Ends with trained_end. */
static inline trained_fixture *trained_begin_of(const char *layers, dt_shape input,
                                                const char *activation, bool bias, dt_loss loss)
{
    trained_fixture *self = dt_calloc(1, sizeof *self, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(self);
    const dt_layer_defaults defaults = {activation, "identity", bias};
    dt_architecture *architecture = &self->spec.architecture;
    self->spec = (dt_network_spec){
        .architecture.input = input, .normalization = {1.0 / 255, -0.25}, .loss = loss};
    CU_ASSERT_EQUAL_FATAL(dt_layers_parse(layers, &architecture->list, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_layers_write_out(&architecture->list, &defaults, NULL), DT_OK);
    dt_architecture_text(architecture, self->architecture, sizeof self->architecture);
    dt_layers_text(&architecture->list, self->layers);
    CU_ASSERT_EQUAL_FATAL(dt_network_create(&self->spec, &self->network, NULL), DT_OK);
    const dt_tensor *tensors = dt_network_tensors(self->network, &self->file.tensor_count);
    memcpy(self->tensors, tensors, self->file.tensor_count * sizeof *tensors);
    self->file.tensors = self->tensors;
    self->file.parameter_count = dt_network_parameter_count(self->network);
    self->file.parameters = dt_network_new_parameters(self->network, NULL);
    self->file.facts = (dt_weights_facts){.architecture = self->architecture,
                                          .layers = self->layers,
                                          .activation = "",
                                          .output_activation = "",
                                          .loss = (char *)dt_loss_names[loss],
                                          .version = (char *)"",
                                          .class_names = (char *)"",
                                          .data_source = (char *)"",
                                          .ink_extent = (double)NAN,
                                          .ink_centre = (char *)"",
                                          .config = (char *)"",
                                          .epoch = -1,
                                          .step = -1,
                                          .samples = -1,
                                          .val_accuracy = (double)NAN,
                                          .test_accuracy = (double)NAN};
    CU_ASSERT_PTR_NOT_NULL_FATAL(self->file.parameters);
    dt_network_initialise(self->network, DT_INIT_PYTORCH, 4, self->file.parameters);
    return self;
}

static inline trained_fixture *trained_begin(const char *activation, bool bias, dt_loss loss)
{
    return trained_begin_of("9, 7, 5", (dt_shape){4, 3, 1}, activation, bias, loss);
}

static inline void trained_end(trained_fixture *self)
{
    dt_network_destroy(self->network);
    dt_free(self->file.parameters);
    dt_free(self);
}

#endif
