/* Inside of the dist room: the processors of a host. */
#ifndef DT_DIST_PROCESSORS_H
#define DT_DIST_PROCESSORS_H

#include <mpi.h>

/* What dt_comm_host_processors says, for the ranks of `host`. Collective over them. */
double usable_processors(MPI_Comm host);

#endif
