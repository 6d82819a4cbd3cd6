#include "dist/launcher.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* `size` and `rank` hold a process's if `mark` is there too. */
typedef struct launcher {
    const char *name, *mark, *size, *rank, *remedy;
} launcher;

/* The innermost first. mpirun and mpiexec start their own daemons with srun in a Slurm job, and
 * srun --mpi=pmi2 sets PMI_SIZE too, but not MPI_LOCALNRANKS. A batch script of Slurm has
 * SLURM_NTASKS and SLURM_PROCID as well, but is no step. */
static const launcher launchers[] = {
    {"mpirun of Open MPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
     "use the mpirun of the Open MPI that it was built with"},
    {"mpiexec of MPICH or its kin", "MPI_LOCALNRANKS", "PMI_SIZE", "PMI_RANK",
     "use the mpirun of Open MPI"},
    {"srun", "SLURM_STEP_ID", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID",
     "use srun --mpi=pmix, or mpirun"},
    {"a launcher with PMI", "PMI_SIZE", "PMI_SIZE", "PMI_RANK", "use the mpirun of Open MPI"},
};

static const launcher *innermost(dt_environment *look)
{
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++)
        if (look(launchers[i].mark) && look(launchers[i].size))
            return &launchers[i];
    return NULL;
}

/* By which MPI would find the other processes of a step of srun: PMIx or PMI-2. */
static bool offers_pmi(dt_environment *look)
{
    return look("PMIX_RANK") || look("PMI_RANK");
}

dt_status dt_launcher_check(dt_environment *look, int mpi_size, dt_error *error)
{
    const launcher *by = innermost(look);
    if (!by || mpi_size > 1)
        return DT_OK;
    bool is_srun = strcmp(by->mark, "SLURM_STEP_ID") == 0;
    if (is_srun && look("SLURM_PTY_PORT")) /* a shell; the step's other tasks are not ours */
        return DT_OK;
    if (mpi_size == 0 && !(is_srun && !offers_pmi(look)))
        return DT_OK;
    int processes = atoi(look(by->size));
    if (processes <= 1)
        return DT_OK;
    const char *rank = look(by->rank);
    if (rank && atoi(rank) > 0)
        return dt_fail(error, DT_ERR_CONFIG, "%s", "");
    return dt_fail(error, DT_ERR_CONFIG,
                   "%s started %d processes, but each believes to be alone (rank 0 of 1): %s",
                   by->name, processes, by->remedy);
}
