#include "base/memory.h"
#include "base/partition.h"
#include "comm_mpi.h"
#include "dist/reduce.h"

static double add_totals(const double *values, int width, int lo, int hi)
{
    if (hi - lo == 1)
        return values[(ptrdiff_t)lo * width];
    int mid = lo + (hi - lo) / 2;
    return add_totals(values, width, lo, mid) + add_totals(values, width, mid, hi);
}

dt_status dt_reduce_totals(dt_comm *comm, int virtual_ranks, int width, const double *values,
                           double *sums, dt_error *error)
{
    size_t ranks = (size_t)comm->size;
    double *all = dt_calloc((size_t)virtual_ranks * (size_t)width, sizeof *all, error);
    int *counts = all ? dt_calloc(2 * ranks, sizeof *counts, error) : NULL;
    dt_status status = dt_comm_agree(comm, counts ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        int *places = counts + ranks;
        for (int r = 0; r < comm->size; r++) {
            dt_range own = dt_partition(virtual_ranks, comm->size, r);
            counts[r] = (int)own.count * width;
            places[r] = (int)own.first * width;
        }
        MPI_Allgatherv(values, counts[comm->rank], MPI_DOUBLE, all, counts, places, MPI_DOUBLE,
                       comm->world);
        for (int i = 0; i < width; i++)
            sums[i] = add_totals(all + i, width, 0, virtual_ranks);
    }
    dt_free(all);
    dt_free(counts);
    return status;
}
