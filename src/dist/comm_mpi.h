/* Inside of the dist room: what a dt_comm is. */
#ifndef DT_DIST_COMM_MPI_H
#define DT_DIST_COMM_MPI_H

#include <mpi.h>

#include "base/stream.h"
#include "dist/comm.h"

struct dt_comm {
    MPI_Comm world; /* a duplicate of MPI_COMM_WORLD: our messages meet nobody else's */
    int rank, size;
    MPI_Comm host; /* the ranks of this host, in the order of their ranks */
    int host_rank, host_size;
    int host_cpus;          /* that the ranks of the host may run on */
    double host_processors; /* the same, or less: what a quota leaves of them */
    int hosts;
    dt_stream stream;  /* on which this rank hands on what the host's other ranks read */
    int *host_of;      /* [size]: number of the host that a rank is on, by first appearance */
    int *host_rank_of; /* [size]: a rank's number on its host */
    int *host_sizes;   /* [hosts] */
    int *host_begin;   /* [hosts]: where a host's ranks begin in host_ranks */
    int *host_ranks;   /* [size]: the ranks of the first host, ascending, then of the next, ... */
    char host_name[MPI_MAX_PROCESSOR_NAME];
};

#endif
