/* What must be right between MPI and the program that has started the processes. Where launcher and
 * MPI library do not know each other, np processes that each believe they are rank 0 of 1 would
 * train the same network np times, over one another's files. */
#ifndef DT_DIST_LAUNCHER_H
#define DT_DIST_LAUNCHER_H

#include <stdbool.h>

#include "base/status.h"

/* Looks a name up in an environment, as getenv does. */
typedef char *dt_environment(const char *name);

/* The MPI library: Open MPI and its major version, or another, which is MPICH or its kin (Intel
 * MPI, Cray MPICH, MVAPICH). */
typedef struct dt_mpi {
    bool is_open_mpi;
    int major;
} dt_mpi;

/* Which one the program runs with; MPI need not have started. Not collective. */
dt_mpi dt_launcher_mpi(void);

/* Compares the number of processes that MPI knows of (mpi_size; 0 as long as MPI has not started)
 * with what the innermost launcher has left in the environment: mpirun of Open MPI, mpiexec of
 * MPICH and its kin, a step of srun. DT_ERR_CONFIG if that has started several processes and MPI
 * knows of one only, or will: srun with nothing by which Open MPI could find the others, which then
 * ends the process from within MPI_Init. One of the processes speaks for all: in the others the
 * message is empty. Not collective. */
dt_status dt_launcher_check(dt_environment *look, dt_mpi mpi, int mpi_size, dt_error *error);

/* Whether files can be made where Open MPI has its own ($TMPDIR, else $TEMP, $TMP, /tmp): it makes
 * the directory if it is missing, and a directory in it. Errors: DT_ERR_CONFIG. Not collective. */
dt_status dt_launcher_check_temporary(dt_environment *look, dt_error *error);

/* Starts MPI. Before, it puts settings of Open MPI into the environment for a start that is quick
 * and sure; what the user has set there, or with mpirun --mca, stays. Handlers of the signals that
 * ask a run to stop are afterwards what they were. Errors: DT_ERR_CONFIG, of
 * dt_launcher_check_temporary, where MPI_Init would crash. Collective. */
dt_status dt_launcher_start(int *argc, char ***argv, dt_error *error);

#endif
