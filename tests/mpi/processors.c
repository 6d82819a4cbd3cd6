/* The processors that the ranks of this host may use, and that ranks which share one do not spin.
 *
 * Usage: processors EXPECTED [shared], under mpirun; `shared`: all ranks are bound to one. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "dist/comm.h"
#include "dist/shared.h"
#include "harness.h"

enum { BARRIERS = 2000, SPINS = 2000 /* as in shared.c */ };

static double expected;
static bool shares;

static double processor_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* Processor time of a rank's barrier. */
static double barrier_cost(dt_shared *shared)
{
    double begin = processor_seconds();
    for (int i = 0; i < BARRIERS; i++)
        dt_shared_barrier(shared);
    return (processor_seconds() - begin) / BARRIERS;
}

/* Processor time of a spin to its end, which would be in vain where another rank needs the
 * processor. */
static double spin_cost(void)
{
    atomic_uint word = 0;
    double begin = processor_seconds();
    for (int i = 0; i < 100 * SPINS && atomic_load_explicit(&word, memory_order_acquire) == 0; i++)
#if defined __x86_64__ || defined __i386__
        __builtin_ia32_pause();
#endif
    return (processor_seconds() - begin) / 100;
}

static void test(dt_comm *comm)
{
    dt_shared *shared;
    dt_error error;
    if (dt_comm_hosts(comm) > 1)
        return;
    double found = dt_comm_host_processors(comm);
    check(found == expected, "processors: expected %g, found %g", expected, found);
    if (!check(!dt_shared_create(comm, 0, &shared, &error), "%s", error.message))
        return;
    double barrier = barrier_cost(shared), spin = spin_cost();
    if (shares) /* 5 to 8 microseconds; with one rank spinning and one not 27 */
        check(barrier < 0.3 * spin, "a barrier: expected less than 0.3 of a spin of %g, found %g s",
              spin, barrier);
    dt_shared_destroy(shared);
}

int main(int argc, char **argv)
{
    expected = argc > 1 ? atof(argv[1]) : 0;
    shares = argc > 2 && strcmp(argv[2], "shared") == 0;
    return harness_run(argc, argv, test);
}
