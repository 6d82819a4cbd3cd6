#include <mpi.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "dist/launcher.h"

dt_mpi dt_launcher_mpi(void)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length;
    dt_mpi mpi = {0};
    MPI_Get_library_version(text, &length);
    mpi.is_open_mpi = sscanf(text, "Open MPI v%d", &mpi.major) == 1;
    return mpi;
}

static bool launched(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
}

/* A single task of srun, or an interactive shell: Open MPI would look for the step's other
 * processes and give up where srun offers nothing to find them by. */
static void forget_slurm_step(void)
{
    unsetenv("SLURM_STEP_ID");
    unsetenv("SLURM_STEPID");
}

/* What the launcher says, the same to every rank of a job; false where it does not say. */
static bool on_one_host(void)
{
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    const char *local_size = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const char *slurm_hosts = getenv("SLURM_STEP_NUM_NODES");
    /* mpirun comes first: what it starts may be in a step of Slurm with fewer hosts than the job.
     * Of a heterogeneous step, each component counts its own hosts. */
    if (size)
        return local_size && strcmp(size, local_size) == 0;
    if (launched())
        return slurm_hosts && strcmp(slurm_hosts, "1") == 0 && !getenv("SLURM_HET_SIZE");
    return true;
}

/* Open MPI's shared memory takes 4 MB a rank. Where there is less, it has to find another way; and
 * if the ranks see it differently, because some have theirs already, that is no harm. */
static bool has_room(void)
{
    const char *size = getenv("OMPI_COMM_WORLD_SIZE"), *tasks = getenv("SLURM_STEP_NUM_TASKS");
    double ranks = size ? atof(size) : launched() && tasks ? atof(tasks) : 1;
    struct statvfs system;
    return statvfs("/dev/shm", &system) == 0 &&
           (double)system.f_bavail * (double)system.f_frsize > 5e6 * ranks;
}

static dt_status prepare(dt_error *error)
{
    dt_mpi mpi = dt_launcher_mpi();
    if (!mpi.is_open_mpi)
        return DT_OK;
    if (!launched()) {
        forget_slurm_step();
        /* Version 4 starts a daemon (0.3 s) unless it is told not to; and then all such processes
         * of a user share a directory in /tmp, which each makes and removes: of two that start at
         * once one may fail. A process alone needs none. */
        setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
        setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
        /* Later ones always make a directory, and crash where they cannot. */
        if (mpi.major >= 5 && dt_launcher_check_temporary(getenv, error))
            return error->status;
    }
    /* To choose how messages go, it opens the libraries of all networks it was built for (0.2 s
     * with Debian's PSM and libfabric, 1 s with Open MPI 6), and version 5 complains of those by
     * which it would not reach the rank beside. On one host none is used: ob1 is shared memory
     * there. This comes before a pml or btl in openmpi-mca-params.conf, which is for jobs on many
     * hosts: Debian's has both (^ucx, ^uct,openib,ofi), so that to let it win would be to change
     * nothing. */
    if (on_one_host()) {
        setenv("OMPI_MCA_pml", "ob1", 0);
        if (has_room())
            setenv("OMPI_MCA_btl", mpi.major >= 5 ? "self,sm" : "self,vader", 0);
    }
    return DT_OK;
}

dt_status dt_launcher_start(int *argc, char ***argv, dt_error *error)
{
    /* MPICH puts a handler of its own in the place of ours for SIGUSR1. */
    static const int signals[] = {SIGUSR1, SIGTERM, SIGINT, SIGHUP};
    enum { SIGNALS = sizeof signals / sizeof *signals };
    struct sigaction actions[SIGNALS];
    int provided;
    if (prepare(error))
        return error->status;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], NULL, &actions[i]);
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return dt_fail(error, DT_ERR_INTERNAL, "MPI does not start");
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &actions[i], NULL);
    return DT_OK;
}
