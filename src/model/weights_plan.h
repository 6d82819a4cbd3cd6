/* The weights of a network whose file says what it is. */
#ifndef DT_MODEL_WEIGHTS_PLAN_H
#define DT_MODEL_WEIGHTS_PLAN_H

#include "model/weights_bundle.h"
#include "network_plan.h"

/* As dt_weights_of_bundle does, in the order of the plan, whose layers have all of the bundle's
 * arrays; its facts say layers, loss, input_shape and, if pixels are scaled in the network, their
 * normalisation. Errors: DT_ERR_DATA, with the layer; DT_ERR_INTERNAL. */
dt_status weights_of_plan(dt_bundle *bundle, const network_plan *plan, dt_weights_file *out,
                          dt_import_note *note, dt_error *error);

#endif
