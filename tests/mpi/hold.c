/* Holds a program for LD_PRELOAD: the first call of the function that HOLD_AT names takes half a
 * minute, and the file HOLD_FILE says which process it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECONDS = 30 };

static void hold(const char *function)
{
    static atomic_bool held;
    const char *wanted = getenv("HOLD_AT"), *path = getenv("HOLD_FILE");
    if (!wanted || !path || strcmp(wanted, function) != 0 || atomic_exchange(&held, true))
        return;
    FILE *file = fopen(path, "a");
    if (file) {
        fprintf(file, "%d\n", (int)getpid());
        fclose(file);
    }
    for (unsigned left = SECONDS; left > 0;)
        left = sleep(left); /* a handler that returns has not ended anything */
}

int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *copy)
{
    hold("MPI_Comm_dup");
    return PMPI_Comm_dup(comm, copy);
}

int MPI_Win_allocate_shared(MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void *base,
                            MPI_Win *window)
{
    hold("MPI_Win_allocate_shared");
    return PMPI_Win_allocate_shared(size, unit, info, comm, base, window);
}

int MPI_Finalize(void)
{
    hold("MPI_Finalize");
    return PMPI_Finalize();
}

int fsync(int file)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    hold("fsync");
    return next(file);
}
