/* What the control groups of Linux (cgroups v1 and v2) allow a process. */
#ifndef DT_BASE_CGROUP_H
#define DT_BASE_CGROUP_H

#include <stdbool.h>

/* Called with the directory of a control group; `unified`: of v2. */
typedef void dt_cgroup_visitor(const char *directory, bool unified, void *context);

/* Visits the control group of a process that `controller` ("cpu", "memory") limits, and each group
 * that this one lies in, up to the outermost that can be seen: the limits of all of them hold.
 * `process` is its directory, "/proc/self". Visits nothing where there is no such group. */
void dt_cgroup_visit(const char *process, const char *controller, dt_cgroup_visitor *visit,
                     void *context);

/* How many processors' time the process may use: the least quota; infinite without one. */
double dt_cgroup_processors(const char *process);

#endif
