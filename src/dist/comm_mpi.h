/* Inside of the dist room: what a dt_comm is. */
#ifndef DT_DIST_COMM_MPI_H
#define DT_DIST_COMM_MPI_H

#include <mpi.h>

#include "dist/comm.h"

struct dt_comm {
    MPI_Comm world; /* a duplicate of MPI_COMM_WORLD: our messages meet nobody else's */
    int rank, size, hosts;
    char host[MPI_MAX_PROCESSOR_NAME];
};

#endif
