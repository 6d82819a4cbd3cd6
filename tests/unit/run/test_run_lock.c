#include <errno.h>
#include <time.h>

#include "base/hash.h"
#include "base/memory.h"
#include "lock_scene.h"

CU_SuiteInfo dt_suite_run_lock(void);

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
    assert_refused(0, DT_ERR_CREATE, "lock: expected a regular file, found a directory");
    CU_ASSERT_EQUAL(rmdir(lock_path()), 0);
    CU_ASSERT_EQUAL(symlink("nowhere", lock_path()), 0);
    assert_refused(0, DT_ERR_CREATE, "lock: expected a regular file, found a symbolic link");
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
        {"dead claims are taken over and swept", dead_claims_are_taken_over_and_swept},
        {"what the living prepare is not swept", what_the_living_prepare_is_not_swept},
        {"locks that are no locks", locks_that_are_no_locks},
        {"failures leave nothing", failures_leave_nothing},
        {"a lost reply is no failure", a_lost_reply_is_no_failure},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){
        .pName = "run_lock", .pSetUpFunc = set_up, .pTearDownFunc = tear_down, .pTests = tests};
}
