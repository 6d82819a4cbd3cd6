#include "dist/launcher.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* `size` and `rank` hold a process's if `mark` is there too. The remedies are for a program that
 * was built with Open MPI, and with another MPI. */
typedef struct launcher {
    const char *name, *mark, *size, *rank, *remedy, *remedy_of_mpich;
} launcher;

static const char mpirun_of_open_mpi[] = "use the mpirun of Open MPI, with which it was built";
static const char mpiexec_of_mpich[] = "use the mpiexec of the MPI it was built with (MPICH: "
                                       "mpiexec.hydra), or build it with this one (make MPI=)";

/* The innermost first. mpirun and mpiexec start their own daemons with srun in a Slurm job, and
 * srun --mpi=pmi2 sets PMI_SIZE too, but not MPI_LOCALNRANKS. A batch script of Slurm has
 * SLURM_NTASKS and SLURM_PROCID as well, but is no step. */
static const launcher launchers[] = {
    {"mpirun of Open MPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
     "use the mpirun of the Open MPI that it was built with", mpiexec_of_mpich},
    {"mpiexec of MPICH or its kin", "MPI_LOCALNRANKS", "PMI_SIZE", "PMI_RANK", mpirun_of_open_mpi,
     mpiexec_of_mpich},
    {"srun", "SLURM_STEP_ID", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID",
     "use srun --mpi=pmix, or mpirun", "use srun --mpi=pmi2, or mpiexec"},
    {"a launcher with PMI", "PMI_SIZE", "PMI_SIZE", "PMI_RANK", mpirun_of_open_mpi,
     mpiexec_of_mpich},
};

static const launcher *innermost(dt_environment *look)
{
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++)
        if (look(launchers[i].mark) && look(launchers[i].size))
            return &launchers[i];
    return NULL;
}

/* By which Open MPI would find the other processes of a step of srun: PMIx or PMI-2. */
static bool offers_pmi(dt_environment *look)
{
    return look("PMIX_RANK") || look("PMI_RANK");
}

dt_status dt_launcher_check(dt_environment *look, dt_mpi mpi, int mpi_size, dt_error *error)
{
    const launcher *by = innermost(look);
    if (!by || mpi_size > 1)
        return DT_OK;
    bool is_srun = strcmp(by->mark, "SLURM_STEP_ID") == 0;
    if (is_srun && look("SLURM_PTY_PORT")) /* a shell; the step's other tasks are not ours */
        return DT_OK;
    if (mpi_size == 0 && !(is_srun && mpi.is_open_mpi && !offers_pmi(look)))
        return DT_OK;
    int processes = atoi(look(by->size));
    if (processes <= 1)
        return DT_OK;
    const char *rank = look(by->rank);
    if (rank && atoi(rank) > 0)
        return dt_fail(error, DT_ERR_CONFIG, "%s", "");
    return dt_fail(error, DT_ERR_CONFIG,
                   "%s started %d processes, but each believes to be alone (rank 0 of 1): %s",
                   by->name, processes, mpi.is_open_mpi ? by->remedy : by->remedy_of_mpich);
}

/* The directory, or where it would be made. */
static void find_existing(char *path)
{
    struct stat status;
    while (*path && strcmp(path, "/") != 0 && stat(path, &status) != 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (!slash)
            strcpy(path, ".");
        else if (slash == path)
            slash[1] = 0;
        else
            *slash = 0;
    }
}

dt_status dt_launcher_check_temporary(dt_environment *look, dt_error *error)
{
    static const char *const names[] = {"TMPDIR", "TEMP", "TMP"};
    const char *name = "TMPDIR", *directory = "/tmp";
    for (int i = 2; i >= 0; i--)
        if (look(names[i])) {
            name = names[i];
            directory = look(name);
        }
    char path[PATH_MAX], probe[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", directory[0] ? directory : "/") >= PATH_MAX - 20)
        return dt_fail(error, DT_ERR_CONFIG, "%s: expected a shorter path, found %zu characters",
                       name, strlen(directory));
    find_existing(path);
    /* No question can be trusted like the deed: access rights, quotas, read-only file systems. */
    snprintf(probe, sizeof probe, "%.*s/dist-train-XXXXXX", PATH_MAX - 20, path);
    if (mkdtemp(probe)) {
        rmdir(probe);
        return DT_OK;
    }
    return dt_fail(error, DT_ERR_CONFIG,
                   "%s=%s: expected a directory to write into, where Open MPI has its files, "
                   "found: %s; set %s to one",
                   name, directory, strerror(errno), name);
}
