#define _GNU_SOURCE /* sched_getaffinity */
#include "processors.h"

#include <math.h>
#include <sched.h>
#include <unistd.h>

#include "base/cgroup.h"

enum { MOST_PROCESSORS = 8192, MASK_BITS = 8 * sizeof(unsigned long) };

/* Ranks that are bound to one processor each have as many as there are ranks; if all are bound to
 * the same one they have that. */
double usable_processors(MPI_Comm host)
{
    unsigned long own[MOST_PROCESSORS / MASK_BITS] = {0}, all[MOST_PROCESSORS / MASK_BITS];
    double quota = dt_cgroup_processors("/proc/self"), least;
    int count = 0;
    sched_getaffinity(0, sizeof own, (cpu_set_t *)own);
    MPI_Allreduce(own, all, MOST_PROCESSORS / MASK_BITS, MPI_UNSIGNED_LONG, MPI_BOR, host);
    MPI_Allreduce(&quota, &least, 1, MPI_DOUBLE, MPI_MIN, host);
    for (int i = 0; i < MOST_PROCESSORS / (int)MASK_BITS; i++)
        count += __builtin_popcountl(all[i]);
    return fmin(count > 0 ? count : (double)sysconf(_SC_NPROCESSORS_ONLN), least);
}
