#include "nn/average.h"

void dt_average_update(double decay, int64_t step, const dt_interval *where,
                       const dt_real *restrict parameters, dt_real *restrict average)
{
    double young = step > 0 ? (1 + (double)step) / (10 + (double)step) : 0;
    dt_real new = 1 - (dt_real)(young < decay ? young : decay);
    dt_real old = 1 - new; /* exactly: shares that are not all would pull the average to 0 */
    for (size_t i = where->first; i < where->end; i++)
        average[i] = dt_fma(old, average[i], new *parameters[i]);
}
