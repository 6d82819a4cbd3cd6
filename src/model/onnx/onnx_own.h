/* Files of ONNX that are ours: their facts say the network too. */
#ifndef DT_MODEL_ONNX_OWN_H
#define DT_MODEL_ONNX_OWN_H

#include "../network_plan.h"

/* Whether the network of the graph is that of the facts, but for layers that are nothing to ONNX,
 * as dropout is. Errors: DT_ERR_DATA: it is another. */
dt_status onnx_check_own(const network_plan *plan, const dt_weights_facts *facts, dt_error *error);

#endif
