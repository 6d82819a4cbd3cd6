/* A small network with random parameters and the facts of a weights file. */
#ifndef DT_TESTS_TRAINED_FIXTURE_H
#define DT_TESTS_TRAINED_FIXTURE_H

#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "base/memory.h"
#include "model/trained.h"
#include "nn/network.h"

static const int trained_widths[] = {9, 7, 5};

typedef struct trained_fixture {
    dt_trained trained;
    dt_weights_file file;
    dt_network *network;
    dt_tensor tensors[6];
} trained_fixture;

/* Ends with trained_end. */
static inline trained_fixture *trained_begin(dt_activation activation, bool bias, dt_loss loss)
{
    trained_fixture *self = dt_calloc(1, sizeof *self, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(self);
    self->trained = (dt_trained){.shape = {4, 3, 1},
                                 .network = {.inputs = 12,
                                             .input_scale = 1.0 / 255,
                                             .input_shift = -0.25,
                                             .dense_count = 3,
                                             .widths = trained_widths,
                                             .bias = bias,
                                             .activation = activation,
                                             .loss = loss},
                                 .file = &self->file};
    CU_ASSERT_EQUAL_FATAL(dt_network_create(&self->trained.network, &self->network, NULL), DT_OK);
    const dt_tensor *tensors = dt_network_tensors(self->network, &self->file.tensor_count);
    memcpy(self->tensors, tensors, self->file.tensor_count * sizeof *tensors);
    self->file.tensors = self->tensors;
    self->file.parameter_count = dt_network_parameter_count(self->network);
    self->file.parameters = dt_network_new_parameters(self->network, NULL);
    self->file.facts = (dt_weights_facts){.architecture = (char *)"12-9-7-5",
                                          .activation = (char *)dt_activation_names[activation],
                                          .output_activation = (char *)"identity",
                                          .loss = (char *)dt_loss_names[loss],
                                          .version = (char *)"",
                                          .data_source = (char *)"",
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

static inline void trained_end(trained_fixture *self)
{
    dt_network_destroy(self->network);
    dt_free(self->file.parameters);
    dt_free(self);
}

#endif
