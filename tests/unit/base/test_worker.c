#include "base/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

CU_SuiteInfo dt_suite_worker(void);

enum { JOBS = 1000 };

typedef struct job {
    int number;
    int *order;
    atomic_int *done;
} job;

static void note(void *argument)
{
    job *it = argument;
    it->order[*it->done] = it->number;
    atomic_fetch_add(it->done, 1);
}

static void nap(long nanoseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL);
}

static void test_order(void)
{
    dt_error error;
    dt_worker *worker;
    job jobs[JOBS];
    int order[JOBS];
    atomic_int done = 0;
    CU_ASSERT_EQUAL_FATAL(dt_worker_create(true, &worker, &error), DT_OK);
    CU_ASSERT(dt_worker_wait(worker, 0)); /* nothing to wait for */
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (job){i, order, &done};
        dt_worker_do(worker, note, &jobs[i]);
        CU_ASSERT(i + 1 - done <= DT_WORKER_QUEUE + 1);
    }
    CU_ASSERT(dt_worker_wait(worker, 10));
    CU_ASSERT_EQUAL(done, JOBS);
    for (int i = 0; i < JOBS; i++)
        CU_ASSERT_EQUAL(order[i], i);
    dt_worker_destroy(worker);
}

static void slow(void *argument)
{
    nap(20000000);
    atomic_fetch_add((atomic_int *)argument, 1);
}

/* Ending waits for what is left; waiting waits for the job at work too. */
static void test_ending(void)
{
    dt_error error;
    dt_worker *worker;
    atomic_int done = 0;
    CU_ASSERT_EQUAL_FATAL(dt_worker_create(false, &worker, &error), DT_OK);
    dt_worker_do(worker, slow, &done);
    CU_ASSERT_FALSE(dt_worker_wait(worker, 0.0001));
    CU_ASSERT(dt_worker_wait(worker, 10));
    CU_ASSERT_EQUAL(done, 1);
    for (int i = 0; i < DT_WORKER_QUEUE; i++)
        dt_worker_do(worker, slow, &done);
    dt_worker_destroy(worker);
    CU_ASSERT_EQUAL(done, 1 + DT_WORKER_QUEUE);
    dt_worker_destroy(NULL);
}

static void blocked_signals(void *argument)
{
    pthread_sigmask(SIG_SETMASK, NULL, argument);
}

/* Signals are for the main thread, whose own mask stays. */
static void test_signals(void)
{
    dt_error error;
    dt_worker *worker;
    sigset_t theirs, ours;
    CU_ASSERT_EQUAL_FATAL(dt_worker_create(false, &worker, &error), DT_OK);
    dt_worker_do(worker, blocked_signals, &theirs);
    CU_ASSERT(dt_worker_wait(worker, 10));
    CU_ASSERT_EQUAL(sigismember(&theirs, SIGUSR1), 1);
    CU_ASSERT_EQUAL(sigismember(&theirs, SIGTERM), 1);
    pthread_sigmask(SIG_SETMASK, NULL, &ours);
    CU_ASSERT_EQUAL(sigismember(&ours, SIGUSR1), 0);
    dt_worker_destroy(worker);
}

CU_SuiteInfo dt_suite_worker(void)
{
    static CU_TestInfo tests[] = {
        {"jobs are done in the order in which they came", test_order},
        {"waiting and ending", test_ending},
        {"signals are not for the thread", test_signals},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "worker", .pTests = tests};
}
