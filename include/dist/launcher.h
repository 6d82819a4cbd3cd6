/* A launcher and an MPI library that do not know each other: np processes, each of which believes
 * to be rank 0 of 1, would train the same network np times over one another's files. */
#ifndef DT_DIST_LAUNCHER_H
#define DT_DIST_LAUNCHER_H

#include <stdbool.h>

#include "base/status.h"

/* Looks a name up in an environment, as getenv does. */
typedef const char *dt_environment(const char *name);

/* Compares the number of processes that MPI knows of with the one that the innermost launcher
 * (mpirun of Open MPI, mpiexec of MPICH and its kin, a step of srun) has left in the environment.
 * DT_ERR_CONFIG if the launcher has started several and MPI knows of one only. *speaker becomes
 * false if another of these processes is the one to say so, and true otherwise.
 * Not collective; before or after the start of MPI. */
dt_status dt_launcher_check(dt_environment *look, int mpi_size, bool *speaker, dt_error *error);

#endif
