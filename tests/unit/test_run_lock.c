#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/run_lock.h"
#include "lock_fixture.h"
#include "scratch.h"

CU_SuiteInfo dt_suite_run_lock(void);

lock_faults lock_fault;

static void disturb(void)
{
    if (lock_fault.random == 0)
        return;
    lock_fault.random = lock_fault.random * 6364136223846793005u + 1442695040888963407u;
    uint32_t drawn = (uint32_t)(lock_fault.random >> 33) % 1024;
    if (drawn < lock_fault.die)
        _exit(0);
    if (drawn >= 1024 - lock_fault.pause) {
        struct timespec pause = {.tv_nsec = (long)(lock_fault.random >> 40 & 0x7ffff)};
        syscall(SYS_nanosleep, &pause, NULL);
    }
}

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    if (lock_fault.link_error) {
        errno = lock_fault.link_error;
        return -1;
    }
    disturb();
    int result = (int)syscall(SYS_linkat, from, old, to, new, flags);
    int reason = errno;
    disturb();
    errno = reason;
    if (lock_fault.link_reply_lost) {
        errno = EEXIST;
        return -1;
    }
    return result;
}

int renameat(int from, const char *old, int to, const char *new)
{
    disturb();
    int result = (int)syscall(SYS_renameat, from, old, to, new);
    int reason = errno;
    disturb();
    errno = reason;
    return result;
}

int unlinkat(int directory, const char *name, int flags)
{
    disturb();
    int result = (int)syscall(SYS_unlinkat, directory, name, flags);
    int reason = errno;
    disturb();
    errno = reason;
    return result;
}

int futimens(int file, const struct timespec times[2])
{
    __atomic_fetch_add(&lock_fault.touches, 1, __ATOMIC_SEQ_CST);
    return (int)syscall(SYS_utimensat, file, NULL, times, 0);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!lock_fault.fake_clock || clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, now);
    double seconds = 1e6 + lock_fault.slept;
    now->tv_sec = (time_t)seconds;
    now->tv_nsec = (long)(1e9 * (seconds - (double)now->tv_sec));
    return 0;
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
    if (!lock_fault.fake_clock)
        return (int)syscall(SYS_nanosleep, time, left);
    lock_fault.slept += (double)time->tv_sec + 1e-9 * (double)time->tv_nsec;
    if (lock_fault.on_sleep)
        lock_fault.on_sleep();
    return 0;
}

static char folder[SCRATCH_SIZE];
static int terminal;

/* What the lock says goes to a file, "said". */
static FILE *said;

static void set_up(void)
{
    lock_fault = (lock_faults){.fake_clock = true};
    scratch_create(folder);
    CU_ASSERT_EQUAL_FATAL(mkdir(scratch_path(folder, "run"), 0777), 0);
    said = fopen(scratch_path(folder, "said"), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(said);
    dt_log_set_file(said);
    fflush(stderr);
    terminal = dup(2);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 2);
    close(null);
}

static void tear_down(void)
{
    dup2(terminal, 2);
    close(terminal);
    dt_log_set_file(NULL);
    fclose(said);
    lock_fault = (lock_faults){0};
    scratch_remove(folder);
}

static const char *run(void)
{
    return scratch_path(folder, "run");
}

static const char *lock_path(void)
{
    return scratch_path(folder, "run/lock");
}

static bool has_said(const char *text)
{
    size_t size;
    char *all = scratch_read(scratch_path(folder, "said"), &size);
    bool found = all && strstr(all, text);
    free(all);
    return found;
}

static dt_run_lock *take(void)
{
    dt_run_lock *lock = NULL;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_run_lock_take(run(), 0, &lock, &error), DT_OK);
    CU_ASSERT_STRING_EQUAL(error.message, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(lock);
    CU_ASSERT_EQUAL(scratch_entries(run()), 1);
    return lock;
}

static void take_and_release(void)
{
    dt_run_lock *lock = take();
    CU_ASSERT_EQUAL(dt_run_lock_check(lock, NULL), DT_OK);
    dt_run_lock_release(lock);
    CU_ASSERT_EQUAL(scratch_entries(run()), 0);
}

/* The lock cannot be had: the message, and that nothing has changed. */
static void assert_refused(double wait, dt_status expected, const char *reason)
{
    size_t size;
    char *before = scratch_read(lock_path(), &size);
    int entries = scratch_entries(run());
    dt_run_lock *lock = NULL;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_run_lock_take(run(), wait, &lock, &error), expected);
    CU_ASSERT_PTR_NULL(lock);
    CU_ASSERT_EQUAL(strncmp(error.message, run(), strlen(run())), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    CU_ASSERT_EQUAL(scratch_entries(run()), entries);
    if (before)
        CU_ASSERT_TRUE(scratch_holds(lock_path(), before, size));
    free(before);
}

/* A process that takes the lock and then ends (without a release), or waits to be killed. */
static pid_t start_holder(bool ends)
{
    int ready[2];
    char byte = 0;
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t child = fork();
    CU_ASSERT_TRUE_FATAL(child >= 0);
    if (child == 0) {
        dt_run_lock *lock;
        if (dt_run_lock_take(run(), 0, &lock, NULL) != DT_OK || write(ready[1], "r", 1) != 1)
            _exit(1);
        while (!ends)
            pause();
        _exit(0);
    }
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void reap(pid_t child)
{
    CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
}

/* The text of a lock with the line "NAME ..." replaced by "NAME VALUE". */
static void forge(const char *name, const char *value)
{
    size_t size;
    char *text = scratch_read(lock_path(), &size), changed[4096], key[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    snprintf(key, sizeof key, "\n%s ", name);
    char *line = strstr(text, key);
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    snprintf(changed, sizeof changed, "%.*s%s%s%s", (int)(line - text), text, key, value,
             strchr(line + 1, '\n'));
    free(text);
    scratch_write(lock_path(), changed);
}

/* Leaves a lock of this living process that says it is on another host. */
static void leave_foreign_lock(void)
{
    dt_run_lock_release(NULL);
    dt_run_lock *lock = take();
    size_t size;
    char *text = scratch_read(lock_path(), &size);
    dt_run_lock_release(lock);
    scratch_write(lock_path(), text);
    free(text);
    forge("boot", "11111111-2222-3333-4444-555555555555");
    forge("host", "elsewhere");
    forge("machine", "77777777777777777777777777777777");
}

static void one_has_it_until_the_release(void)
{
    take_and_release();
    dt_run_lock *lock = take();
    struct stat status;
    CU_ASSERT_EQUAL(lstat(lock_path(), &status), 0);
    CU_ASSERT_TRUE(S_ISREG(status.st_mode));
    CU_ASSERT_EQUAL(status.st_nlink, 1);
    char reason[128];
    snprintf(reason, sizeof reason, ": in use by process %d on host ", (int)getpid());
    assert_refused(0, DT_ERR_CREATE, reason);
    assert_refused(3, DT_ERR_CREATE, "; wait for it, or choose another --output");
    CU_ASSERT_TRUE(lock_fault.slept >= 3 && lock_fault.slept < 3.3);
    CU_ASSERT_TRUE(has_said("waiting for it to end"));
    dt_run_lock_release(lock);
    CU_ASSERT_EQUAL(scratch_entries(run()), 0);
    take_and_release();
}

static pid_t to_kill;

static void kill_later(void)
{
    if (lock_fault.slept > 1 && to_kill) {
        kill(to_kill, SIGKILL);
        reap(to_kill);
        to_kill = 0;
    }
}

static void a_killed_holder_is_waited_for(void)
{
    to_kill = start_holder(false);
    lock_fault.on_sleep = kill_later;
    dt_run_lock *lock = NULL;
    CU_ASSERT_EQUAL(dt_run_lock_take(run(), 5, &lock, NULL), DT_OK);
    CU_ASSERT_TRUE(lock_fault.slept > 1 && lock_fault.slept < 1.5);
    CU_ASSERT_TRUE(has_said(", which has ended"));
    CU_ASSERT_EQUAL(dt_run_lock_check(lock, NULL), DT_OK);
    dt_run_lock_release(lock);
    CU_ASSERT_EQUAL(scratch_entries(run()), 0);
}

static void dead_processes_hold_nothing(void)
{
    pid_t child = start_holder(true);
    siginfo_t end;
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT), 0);
    take_and_release(); /* a zombie */
    reap(child);

    child = start_holder(true);
    reap(child);
    char whose[64];
    snprintf(whose, sizeof whose, "taken over from process %d on host ", (int)child);
    CU_ASSERT_FALSE(has_said(whose));
    take_and_release();
    CU_ASSERT_TRUE(has_said(whose));

    dt_run_lock *lock = take();
    forge("started", "1"); /* another process had this number before */
    take_and_release();
    CU_ASSERT_EQUAL(lock_fault.slept, 0);
    dt_run_lock_release(lock);
}

static int moving_beats;
static double last_beat;

static void beat_from_elsewhere(void)
{
    if (moving_beats > 0 && lock_fault.slept - last_beat > 55) {
        const struct timespec times[2] = {{.tv_sec = 1000 - moving_beats},
                                          {.tv_sec = 1000 - moving_beats}};
        CU_ASSERT_EQUAL(utimensat(AT_FDCWD, lock_path(), times, 0), 0);
        moving_beats--;
        last_beat = lock_fault.slept;
    }
}

static void a_silent_host_is_dead_after_a_minute(void)
{
    static const time_t stamps[] = {0, 2000000000};
    for (size_t i = 0; i < 2; i++) {
        leave_foreign_lock();
        const struct timespec times[2] = {{.tv_sec = stamps[i]}, {.tv_sec = stamps[i]}};
        CU_ASSERT_EQUAL(utimensat(AT_FDCWD, lock_path(), times, 0), 0);
        lock_fault.slept = 0;
        take_and_release();
        CU_ASSERT_TRUE(lock_fault.slept >= DT_RUN_LOCK_SILENCE);
        CU_ASSERT_TRUE(lock_fault.slept < DT_RUN_LOCK_SILENCE + 1);
    }
    CU_ASSERT_TRUE(has_said("on host elsewhere"));
    CU_ASSERT_TRUE(has_said("watching for its heartbeat, up to 60 s"));
    CU_ASSERT_TRUE(has_said("has given no sign of life"));
}

static void a_heartbeat_from_elsewhere_is_respected(void)
{
    leave_foreign_lock();
    lock_fault.on_sleep = beat_from_elsewhere;
    moving_beats = 1000;
    last_beat = 0;
    assert_refused(0, DT_ERR_CREATE, "on host elsewhere");
    CU_ASSERT_TRUE(lock_fault.slept > 55 && lock_fault.slept < 56);
    assert_refused(600, DT_ERR_CREATE, "on host elsewhere");

    moving_beats = 3;
    double begin = lock_fault.slept, last = last_beat;
    dt_run_lock *lock = NULL;
    CU_ASSERT_EQUAL(dt_run_lock_take(run(), 600, &lock, NULL), DT_OK);
    CU_ASSERT_EQUAL(moving_beats, 0);
    CU_ASSERT_TRUE(last_beat > last && lock_fault.slept - begin > 160);
    CU_ASSERT_TRUE(lock_fault.slept - last_beat >= DT_RUN_LOCK_SILENCE);
    dt_run_lock_release(lock);
}

static void stand_still(void)
{
    if (lock_fault.slept < 1000)
        lock_fault.slept += 1000;
}

static void an_observer_that_stood_still_has_seen_nothing(void)
{
    leave_foreign_lock();
    lock_fault.on_sleep = stand_still;
    take_and_release();
    CU_ASSERT_TRUE(lock_fault.slept >= 1000 + DT_RUN_LOCK_SILENCE - 2);
}

static int64_t modified(void)
{
    struct stat status;
    CU_ASSERT_EQUAL(stat(lock_path(), &status), 0);
    return (int64_t)status.st_mtim.tv_sec;
}

static void make_old(void)
{
    const struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 5}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, lock_path(), times, 0), 0);
}

static void *beat_often(void *lock)
{
    for (int i = 0; i < 1000; i++)
        dt_run_lock_beat(lock);
    return NULL;
}

static void beats_are_rare_and_seen(void)
{
    dt_run_lock *lock = take();
    make_old();
    lock_fault.slept += DT_RUN_LOCK_BEAT - 0.1;
    dt_run_lock_beat(lock);
    CU_ASSERT_EQUAL(modified(), 5);
    lock_fault.slept += 0.2;
    lock_fault.touches = 0;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, beat_often, lock), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_TRUE(modified() > 5);
    CU_ASSERT_EQUAL(lock_fault.touches, 1);
    dt_run_lock_release(lock);
}

static void a_lost_lock_is_noticed_and_left_alone(void)
{
    dt_run_lock *lock = take();
    forge("pid", "4711");
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_run_lock_check(lock, &error), DT_ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "taken over by process 4711"));
    size_t size;
    char *text = scratch_read(lock_path(), &size);
    dt_run_lock_release(lock);
    CU_ASSERT_TRUE(scratch_holds(lock_path(), text, size));
    CU_ASSERT_EQUAL(scratch_entries(run()), 1);
    free(text);
}

static void a_removed_lock_is_put_back(void)
{
    dt_run_lock *lock = take();
    size_t size;
    char *text = scratch_read(lock_path(), &size);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(unlink(lock_path()), 0);
        CU_ASSERT_EQUAL(dt_run_lock_check(lock, NULL), DT_OK);
        CU_ASSERT_TRUE(scratch_holds(lock_path(), text, size));
        make_old();
        lock_fault.slept += DT_RUN_LOCK_BEAT + 1;
        dt_run_lock_beat(lock);
        CU_ASSERT_TRUE(modified() > 5);
        assert_refused(0, DT_ERR_CREATE, "in use by process");
    }
    CU_ASSERT_EQUAL(unlink(lock_path()), 0);
    dt_error error = {0};
    scratch_limit_files(10);
    CU_ASSERT_EQUAL(dt_run_lock_check(lock, &error), DT_ERR_IO);
    scratch_limit_files(RLIM_INFINITY);
    CU_ASSERT_EQUAL(scratch_entries(run()), 0);
    dt_run_lock_release(lock);
    CU_ASSERT_EQUAL(scratch_entries(run()), 0);
    free(text);
}

static void a_release_during_a_take_over_leaves_it_alone(void)
{
    dt_run_lock *lock = take();
    size_t size;
    char *text = scratch_read(lock_path(), &size), hash[DT_HASH_TEXT], claim[64];
    snprintf(claim, sizeof claim, "run/.lock.%s", dt_hash_text(dt_hash(text, size), hash));
    scratch_write(scratch_path(folder, claim), "somebody claims it");
    dt_run_lock_release(lock);
    CU_ASSERT_TRUE(scratch_holds(lock_path(), text, size));
    CU_ASSERT_EQUAL(scratch_entries(run()), 2);
    free(text);
}

/* ".lock.A.B...": claims of a dead process on its own lock, one on the other. */
static void leave_dead_claims(int count)
{
    reap(start_holder(true));
    size_t size;
    char *text = scratch_read(lock_path(), &size), hash[DT_HASH_TEXT],
         claim[NAME_MAX] = "run/.lock";
    dt_hash_text(dt_hash(text, size), hash);
    for (int i = 0; i < count; i++) {
        snprintf(claim + strlen(claim), sizeof claim - strlen(claim), ".%s", hash);
        scratch_write(scratch_path(folder, claim), text);
    }
    scratch_write(scratch_path(folder, "run/.lock.0123456789abcdef.tmp"), text);
    free(text);
}

static void dead_claims_are_taken_over_and_swept(void)
{
    for (int count = 1; count < 7; count++) {
        leave_dead_claims(count);
        take_and_release();
    }
    leave_dead_claims(7);
    assert_refused(0, DT_ERR_CREATE, "too many processes died");
}

static void what_the_living_prepare_is_not_swept(void)
{
    leave_foreign_lock();
    CU_ASSERT_EQUAL(rename(lock_path(), scratch_path(folder, "foreign")), 0);
    dt_run_lock *lock = take();
    CU_ASSERT_EQUAL(link(lock_path(), scratch_path(folder, "run/.lock.0123456789abcdef.tmp")), 0);
    dt_run_lock_release(lock);
    CU_ASSERT_EQUAL(
        rename(scratch_path(folder, "foreign"), scratch_path(folder, "run/.lock.fedcba.tmp")), 0);
    scratch_write(scratch_path(folder, "run/.lock.1.tmp"), "half");
    CU_ASSERT_EQUAL(dt_run_lock_take(run(), 0, &lock, NULL), DT_OK);
    CU_ASSERT_EQUAL(scratch_entries(run()), 4);
    dt_run_lock_release(lock);
    CU_ASSERT_EQUAL(scratch_entries(run()), 3);

    /* Of another day: whoever was to write it is gone. */
    const struct timespec old[2] = {{.tv_sec = 86400}, {.tv_sec = 86400}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, scratch_path(folder, "run/.lock.1.tmp"), old, 0), 0);
    CU_ASSERT_EQUAL(dt_run_lock_take(run(), 0, &lock, NULL), DT_OK);
    CU_ASSERT_EQUAL(scratch_entries(run()), 3);
    dt_run_lock_release(lock);
}

static void locks_that_are_no_locks(void)
{
    static const char *const texts[] = {"", "garbage", "dist-train run lock\npid -1\nend\n",
                                        "dist-train run lock\npid 1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        scratch_write(lock_path(), texts[i]);
        double before = lock_fault.slept;
        take_and_release();
        CU_ASSERT_TRUE(lock_fault.slept - before >= DT_RUN_LOCK_SILENCE);
    }
    CU_ASSERT_TRUE(has_said("an unknown process"));
    CU_ASSERT_EQUAL(mkdir(lock_path(), 0777), 0);
    assert_refused(0, DT_ERR_CREATE, "cannot read: Is a directory");
    CU_ASSERT_EQUAL(rmdir(lock_path()), 0);
    CU_ASSERT_EQUAL(symlink("nowhere", lock_path()), 0);
    assert_refused(0, DT_ERR_CREATE, "cannot read: ");
    CU_ASSERT_EQUAL(unlink(lock_path()), 0);
    CU_ASSERT_EQUAL(mkfifo(lock_path(), 0666), 0);
    dt_run_lock *lock = NULL;
    CU_ASSERT_EQUAL(dt_run_lock_take(run(), 0, &lock, NULL), DT_ERR_CREATE);
}

static void failures_leave_nothing(void)
{
    for (long n = 1; n <= 2; n++) {
        dt_run_lock *lock = NULL;
        dt_memory_fail_at(n);
        CU_ASSERT_EQUAL(dt_run_lock_take(run(), 0, &lock, NULL), DT_ERR_INTERNAL);
        dt_memory_fail_at(0);
        CU_ASSERT_PTR_NULL(lock);
    }
    scratch_limit_files(10);
    assert_refused(0, DT_ERR_IO, strerror(EFBIG));
    scratch_limit_files(0);
    assert_refused(0, DT_ERR_IO, strerror(EFBIG));
    scratch_limit_files(RLIM_INFINITY);
    lock_fault.link_error = EPERM;
    assert_refused(0, DT_ERR_CREATE, "hard link: Operation not permitted");
    lock_fault.link_error = 0;
    CU_ASSERT_EQUAL(scratch_entries(run()), 0);

    dt_run_lock *lock = NULL;
    CU_ASSERT_EQUAL(dt_run_lock_take("/nowhere/at/all", 0, &lock, NULL), DT_ERR_CREATE);
    CU_ASSERT_EQUAL(dt_run_lock_take("/dev/null", 0, &lock, NULL), DT_ERR_CREATE);
}

static void a_lost_reply_is_no_failure(void)
{
    dt_run_lock *lock = NULL;
    lock_fault.link_reply_lost = true;
    CU_ASSERT_EQUAL(dt_run_lock_take(run(), 0, &lock, NULL), DT_OK);
    lock_fault.link_reply_lost = false;
    CU_ASSERT_EQUAL(dt_run_lock_check(lock, NULL), DT_OK);
    CU_ASSERT_EQUAL(scratch_entries(run()), 1);
    dt_run_lock_release(lock);

    reap(start_holder(true));
    lock_fault.link_reply_lost = true;
    CU_ASSERT_EQUAL(dt_run_lock_take(run(), 0, &lock, NULL), DT_OK);
    lock_fault.link_reply_lost = false;
    CU_ASSERT_EQUAL(dt_run_lock_check(lock, NULL), DT_OK);
    dt_run_lock_release(lock);
}

CU_SuiteInfo dt_suite_run_lock(void)
{
    static CU_TestInfo tests[] = {
        {"one has it until the release", one_has_it_until_the_release},
        {"a killed holder is waited for", a_killed_holder_is_waited_for},
        {"dead processes hold nothing", dead_processes_hold_nothing},
        {"a silent host is dead after a minute", a_silent_host_is_dead_after_a_minute},
        {"a heartbeat from elsewhere is respected", a_heartbeat_from_elsewhere_is_respected},
        {"an observer that stood still saw nothing", an_observer_that_stood_still_has_seen_nothing},
        {"beats are rare and seen", beats_are_rare_and_seen},
        {"a lost lock is noticed and left alone", a_lost_lock_is_noticed_and_left_alone},
        {"a removed lock is put back", a_removed_lock_is_put_back},
        {"a release during a take-over", a_release_during_a_take_over_leaves_it_alone},
        {"dead claims are taken over and swept", dead_claims_are_taken_over_and_swept},
        {"what the living prepare is not swept", what_the_living_prepare_is_not_swept},
        {"locks that are no locks", locks_that_are_no_locks},
        {"failures leave nothing", failures_leave_nothing},
        {"a lost reply is no failure", a_lost_reply_is_no_failure},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){
        .pName = "run_lock", .pSetUpFunc = set_up, .pTearDownFunc = tear_down, .pTests = tests};
}
