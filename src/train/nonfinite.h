/* Saying what is wrong when numbers stop being numbers. */
#ifndef DT_TRAIN_NONFINITE_H
#define DT_TRAIN_NONFINITE_H

#include "base/status.h"
#include "train/session.h"

/* Fails with DT_ERR_DATA and a message that says where in gradient[parameter_count] the first
 * number that is not finite is (layer, tensor), the loss, and where the largest numbers of
 * gradient and parameters are. step: the update that was not made, from 1. */
dt_status fail_nonfinite(const dt_session *run, const float *gradient, double loss, int64_t step,
                         dt_error *error);

#endif
