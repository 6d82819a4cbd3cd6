/* The watchdog: without an argument that it lets those live who go on; with one, a standstill,
 * which ends the job (tests/runs/mpi.bats looks at how). */
#include "dist/watchdog.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "harness.h"

static const char *scenario;

static dt_watchdog *begin(dt_comm *comm, double timeout)
{
    dt_watchdog *watchdog = NULL;
    dt_error error = {0};
    dt_status status = dt_watchdog_start(comm, timeout, &watchdog, &error);
    check(status == DT_OK, "start: expected status 0, found %d (%s)", status, error.message);
    check((watchdog != NULL) == (timeout > 0), "timeout %g: expected %s watchdog", timeout,
          timeout > 0 ? "a" : "no");
    return watchdog;
}

/* One step as the trainer takes it: computes, waits for the others. */
static void step(dt_comm *comm, dt_watchdog *watchdog, int64_t number, int microseconds)
{
    dt_watchdog_beat(watchdog, number, DT_PHASE_FORWARD);
    harness_sleep(microseconds);
    dt_watchdog_beat(watchdog, number, DT_PHASE_WAIT);
    dt_comm_barrier(comm);
}

static void test_off(dt_comm *comm)
{
    dt_watchdog *off = begin(comm, 0);
    step(comm, off, 1, 0);
    dt_watchdog_stop(off);
}

/* Three times the timeout, with one rank that takes a quarter of it for a step. */
static void test_slow_ranks_live(dt_comm *comm)
{
    dt_watchdog *watchdog = begin(comm, 1);
    for (int number = 0; number < 12; number++)
        step(comm, watchdog, number,
             number % dt_comm_size(comm) == dt_comm_rank(comm) ? 250000 : 0);
    dt_watchdog_stop(watchdog);
}

/* The thread does not sleep to the end of its tick. */
static void test_end_is_quick(dt_comm *comm)
{
    double begun = dt_clock();
    for (int i = 0; i < 5; i++) {
        dt_watchdog *watchdog = begin(comm, 300);
        step(comm, watchdog, i, 0);
        dt_watchdog_stop(watchdog);
    }
    double seconds = dt_clock() - begun;
    check(seconds < 2.5, "5 watchdogs: expected less than 2.5 s, found %g s", seconds);
}

/* The field of /proc that says which signals the thread called "watchdog" of this process blocks.
 */
static unsigned long long blocked_by_the_thread(void)
{
    unsigned long long blocked = 0;
    struct dirent *task;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks && (task = readdir(tasks)) != NULL) {
        char path[300], line[200];
        bool found = false;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *file = fopen(path, "r");
        while (file && fgets(line, sizeof line, file)) {
            found |= strcmp(line, "Name:\twatchdog\n") == 0;
            if (found)
                sscanf(line, "SigBlk:\t%llx", &blocked);
        }
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return blocked;
}

/* And the thread that trains gets them as before. */
static void test_signals(dt_comm *comm)
{
    sigset_t before = {0}, after = {0};
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    dt_watchdog *watchdog = begin(comm, 300);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    unsigned long long wanted =
        1ull << (SIGUSR1 - 1) | 1ull << (SIGTERM - 1) | 1ull << (SIGINT - 1) | 1ull << (SIGHUP - 1);
    unsigned long long blocked = blocked_by_the_thread();
    check((blocked & wanted) == wanted, "signals: expected %#llx blocked, found %#llx", wanted,
          blocked);
    check(memcmp(&before, &after, sizeof before) == 0, "signals: the caller's mask has changed");
    dt_watchdog_stop(watchdog);
}

/* A rank without memory is an error of all. */
static void test_failures(dt_comm *comm)
{
    for (int n = 1; n <= 7; n++) { /* 5 allocations of its own, 2 of the shared memory */
        int victim = n % dt_comm_size(comm);
        dt_watchdog *watchdog = NULL;
        dt_error error = {0};
        if (dt_comm_rank(comm) == victim)
            dt_memory_fail_at(n);
        dt_status status = dt_watchdog_start(comm, 300, &watchdog, &error);
        dt_memory_fail_at(0);
        check(watchdog == NULL, "allocation %d fails: expected no watchdog", n);
        check(status == DT_ERR_INTERNAL && error.message[0],
              "allocation %d of rank %d fails: expected status %d, found %d", n, victim,
              DT_ERR_INTERNAL, status);
        dt_watchdog_stop(watchdog);
    }
}

/* Steps 0 to 2 are taken by all; in step 3 one rank or all do something else. */
typedef struct standstill {
    const char *name;
    int hosts;
    int rank; /* -1: all */
    void (*act)(dt_comm *comm, dt_watchdog *watchdog);
} standstill;

static void sleep_on(dt_comm *comm, dt_watchdog *watchdog)
{
    (void)comm, (void)watchdog;
    dt_watchdog_beat(watchdog, 3, DT_PHASE_GATHER);
    for (;;)
        harness_sleep(100000);
}

static void suspend(dt_comm *comm, dt_watchdog *watchdog)
{
    (void)comm;
    dt_watchdog_beat(watchdog, 3, DT_PHASE_BACKWARD);
    raise(SIGSTOP);
}

/* All come to the end but one, which is suspended before. */
static void never_come_to_the_end(dt_comm *comm, dt_watchdog *watchdog)
{
    dt_watchdog_beat(watchdog, 3, DT_PHASE_SAVE);
    if (dt_comm_rank(comm) == 1)
        raise(SIGSTOP);
    dt_watchdog_beat(watchdog, 4, DT_PHASE_OTHER);
    dt_watchdog_stop(watchdog);
}

static void wait_without_a_beat(int milliseconds)
{
    for (int i = 0; i < milliseconds; i += 20)
        harness_sleep(20000);
}

/* The test suspends all of them as soon as they are ready. The thread has seen the last beat then,
 * and once they go on, it looks before the next one comes. */
static void go_on(dt_comm *comm, dt_watchdog *watchdog)
{
    dt_watchdog_beat(watchdog, 3, DT_PHASE_FORWARD);
    wait_without_a_beat(200);
    if (dt_comm_rank(comm) == 0)
        harness_ready();
    wait_without_a_beat(500);
    for (double end = dt_clock() + 1; dt_clock() < end;) {
        dt_watchdog_beat(watchdog, 3, DT_PHASE_FORWARD);
        harness_sleep(20000);
    }
}

static const standstill standstills[] = {
    {"sleeps", 1, 1, sleep_on},
    {"stopped", 1, 1, suspend},
    {"first-stopped", 1, 0, suspend},
    {"all-sleep", 1, -1, sleep_on},
    {"host-sleeps", 2, 1, sleep_on},
    {"host-stopped", 2, 1, suspend},
    {"end", 1, -1, never_come_to_the_end},
    {"suspended", 1, -1, go_on},
};

static void stand_still(dt_comm *comm, const standstill *how)
{
    if (dt_comm_hosts(comm) != how->hosts)
        return;
    dt_watchdog *watchdog = begin(comm, 1);
    for (int number = 0; number < 3; number++)
        step(comm, watchdog, number, 1000);
    if (how->rank < 0 || how->rank == dt_comm_rank(comm))
        how->act(comm, watchdog);
    step(comm, watchdog, 3, 0);
    dt_watchdog_stop(watchdog);
}

static void test(dt_comm *comm)
{
    if (!scenario) {
        test_signals(comm); /* before another watchdog could change the mask */
        test_off(comm);
        test_end_is_quick(comm);
        test_failures(comm);
        if (dt_comm_hosts(comm) == 1 && dt_comm_size(comm) <= 3)
            test_slow_ranks_live(comm);
        return;
    }
    bool found = false;
    for (size_t i = 0; i < sizeof standstills / sizeof *standstills; i++)
        if (strcmp(standstills[i].name, scenario) == 0) {
            found = true;
            stand_still(comm, &standstills[i]);
        }
    check(found, "no standstill is called %s", scenario);
}

int main(int argc, char **argv)
{
    scenario = argv[1];
    return harness_run(argc, argv, test);
}
