/* Many processes that take, hold, lose their lives and take over one lock, with pauses and deaths
 * before and after every link, rename and removal. LOCK_STRESS=SECONDS for longer. */
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "lock_fixture.h"
#include "run/lock.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_run_lock_stress(void);

enum { PROCESSES = 8 };

/* Shared by all processes. */
typedef struct board {
    _Atomic int owner; /* process that believes to hold the lock; 0: none */
    _Atomic int held, released, refused, failed, met;
} board;

static bool lives(int process)
{
    char path[64], text[256], *end, state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    FILE *file = fopen(path, "r");
    if (file && fgets(text, sizeof text, file) && (end = strrchr(text, ')')))
        state = end[2];
    if (file)
        fclose(file);
    return state != 'Z' && state != 'X';
}

/* Holds for a moment: two at once meet here. */
static void hold(board *shared, int self, uint64_t random)
{
    int before = atomic_exchange(&shared->owner, self);
    if (before != 0 && lives(before))
        shared->met++;
    shared->held++;
    struct timespec time = {.tv_nsec = (long)(random % 300000)};
    syscall(SYS_nanosleep, &time, NULL);
    int expected = self;
    if (!atomic_compare_exchange_strong(&shared->owner, &expected, 0))
        shared->met++;
}

static void live(board *shared, uint64_t seed, double until)
{
    int self = getpid();
    dt_log_set_level(DT_LOG_SILENT);
    lock_fault = (lock_faults){.die = 24, .pause = 200, .random = seed | 1};
    while (dt_clock() < until) {
        dt_run_lock *lock;
        dt_error error;
        dt_status status = dt_run_lock_take(folder, lock_fault.random >> 40 & 1, &lock, &error);
        if (status) {
            bool in_use = status == DT_ERR_CREATE && strstr(error.message, "in use by process");
            (*(in_use ? &shared->refused : &shared->failed))++;
            if (!in_use)
                fprintf(stderr, "%s\n", error.message);
            continue;
        }
        hold(shared, self, lock_fault.random);
        if (dt_run_lock_check(lock, NULL))
            shared->met++;
        if (lock_fault.random >> 50 & 1)
            _exit(0);
        dt_run_lock_release(lock);
        shared->released++;
    }
    _exit(0);
}

enum { LONGEST = 60 };

/* Too little for the test to mean something: on a busy machine it goes on for LONGEST seconds. */
static bool has_met_little(const board *shared)
{
    return shared->held <= 20 || shared->released <= 5;
}

static void never_two_and_always_one_in_the_end(void)
{
    const char *wish = getenv("LOCK_STRESS");
    double begin = dt_clock(), until = begin + (wish ? atof(wish) : 1.0);
    board *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_NOT_EQUAL_FATAL(shared, MAP_FAILED);
    pid_t children[PROCESSES] = {0};
    uint64_t seed = wish ? (uint64_t)time(NULL) : 1;
    int born = 0, died = 0, killed = 0;
    bool any = true;
    fflush(NULL);
    while (any) {
        any = false;
        for (int i = 0; i < PROCESSES; i++) {
            if (children[i] && waitpid(children[i], NULL, WNOHANG) == children[i]) {
                children[i] = 0;
                died++;
            }
            if (!children[i] && dt_clock() < until) {
                children[i] = fork();
                CU_ASSERT_TRUE_FATAL(children[i] >= 0);
                born++;
                if (children[i] == 0)
                    live(shared, (seed << 32) + (uint64_t)born * 0x9e3779b97f4a7c15u, until);
            }
            any |= children[i] != 0;
        }
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int victim = (int)(seed >> 33) % PROCESSES;
        if (children[victim] && (seed >> 40) % 8 == 0 && kill(children[victim], SIGKILL) == 0)
            killed++;
        if (!any && has_met_little(shared) && dt_clock() < begin + LONGEST) {
            until = dt_clock() + 1;
            any = true;
        }
        usleep(1000);
    }
    CU_ASSERT_EQUAL(born, died);
    CU_ASSERT_EQUAL(shared->met, 0);
    CU_ASSERT_EQUAL(shared->failed, 0);
    CU_ASSERT_FALSE(has_met_little(shared));
    if (wish)
        printf("%d processes, %d killed; %d times held, %d released, %d refused\n", born, killed,
               shared->held, shared->released, shared->refused);

    dt_run_lock *lock = NULL;
    dt_log_set_level(DT_LOG_SILENT);
    CU_ASSERT_EQUAL(dt_run_lock_take(folder, 0, &lock, NULL), DT_OK);
    dt_log_set_level(DT_LOG_INFO);
    dt_run_lock_release(lock);
    /* Half-written temporary files of the killed may be left, nothing else. */
    CU_ASSERT_TRUE(scratch_entries(folder) <= killed);
    munmap(shared, sizeof *shared);
}

CU_SuiteInfo dt_suite_run_lock_stress(void)
{
    static CU_TestInfo tests[] = {
        {"never two at once, always one in the end", never_two_and_always_one_in_the_end},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "run_lock_stress",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
