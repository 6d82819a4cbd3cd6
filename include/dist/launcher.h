/* A launcher and an MPI library that do not know each other: np processes, each of which believes
 * to be rank 0 of 1, would train the same network np times over one another's files. */
#ifndef DT_DIST_LAUNCHER_H
#define DT_DIST_LAUNCHER_H

#include <stdbool.h>

#include "base/status.h"

/* Looks a name up in an environment, as getenv does. */
typedef char *dt_environment(const char *name);

/* Compares the number of processes that MPI knows of (mpi_size; 0 as long as MPI has not started)
 * with what the innermost launcher has left in the environment: mpirun of Open MPI, mpiexec of
 * MPICH and its kin, a step of srun. DT_ERR_CONFIG if that has started several processes and MPI
 * knows of one only, or will: srun with nothing by which an MPI could find the others, where Open
 * MPI ends the process from within MPI_Init. One of the processes speaks for all: in the others
 * the message is empty. Not collective. */
dt_status dt_launcher_check(dt_environment *look, int mpi_size, dt_error *error);

#endif
