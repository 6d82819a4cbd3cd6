/* Whether this program, as it was compiled, computes what the same bits on every machine need. */
#ifndef DT_NN_EXACTNESS_H
#define DT_NN_EXACTNESS_H

#include "base/status.h"

/* The matrix products are chains of fused multiply-adds, a product and a sum elsewhere are rounded
 * one after the other, sums keep their order, and no small number becomes zero. A few
 * microseconds. DT_ERR_CONFIG where that is not so, with the flags that may be to blame. */
dt_status dt_exactness_check(dt_error *error);

#endif
