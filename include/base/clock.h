/* Time that only goes forward. */
#ifndef DT_BASE_CLOCK_H
#define DT_BASE_CLOCK_H

#include <time.h>

/* Seconds since some fixed moment. */
static inline double dt_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
