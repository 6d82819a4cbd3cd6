/* Signals in a program that MPI and mpirun have their hands on. Without an argument each rank gets
 * signals of its own; with "wait" all wait for the ones that mpirun passes on. */
#include "train/stop.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness.h"

enum { SIGNALS = 4 };
static const int signals[SIGNALS] = {SIGUSR1, SIGTERM, SIGHUP, SIGINT};

static struct sigaction installed[SIGNALS];
static bool waits;

/* What this rank alone has been asked. */
static void expect_request(dt_comm *comm, const char *when, dt_stop_reason expected)
{
    dt_stop_reason found = dt_stop_requested();
    check(found == expected, "%s: expected request '%s', found '%s'", when,
          dt_stop_reason_text(expected), dt_stop_reason_text(found));
    dt_comm_barrier(comm);
}

static void test_own(dt_comm *comm)
{
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction now;
        sigaction(signals[i], NULL, &now);
        check(now.sa_handler == installed[i].sa_handler && now.sa_flags == installed[i].sa_flags,
              "signal %d: MPI has put a handler of its own in the place of ours", signals[i]);
    }
    /* Once the first layout has been played, the requests of a rank stay. */
    if (dt_comm_hosts(comm) > 1)
        return;
    int last = dt_comm_size(comm) - 1;
    bool me = dt_comm_rank(comm) == last;
    expect_request(comm, "at the start", DT_STOP_NONE);
    for (int i = 0; me && i < 100; i++)
        kill(getpid(), SIGUSR1);
    expect_request(comm, "SIGUSR1 to the last rank", me ? DT_STOP_USR1 : DT_STOP_NONE);
    if (me)
        kill(getpid(), SIGTERM);
    expect_request(comm, "SIGTERM to the last rank", me ? DT_STOP_TERM : DT_STOP_NONE);
}

static void test_forwarded(dt_comm *comm)
{
    if (dt_comm_hosts(comm) > 1)
        return;
    if (dt_comm_rank(comm) == 0)
        harness_ready();
    double end = dt_clock() + 20;
    while (dt_stop_requested() == DT_STOP_NONE && dt_clock() < end)
        harness_sleep(1000);
    check(dt_stop_requested() == DT_STOP_USR1, "mpirun got SIGUSR1: expected it here, found '%s'",
          dt_stop_reason_text(dt_stop_requested()));
    dt_comm_barrier(comm);
}

static void test(dt_comm *comm)
{
    if (waits)
        test_forwarded(comm);
    else
        test_own(comm);
}

int main(int argc, char **argv)
{
    dt_error error;
    if (dt_stop_install(&error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    dt_stop_defer(true);
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], NULL, &installed[i]);
    waits = argc > 1;
    return harness_run(argc, argv, test);
}
