#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/hash.h"
#include "lock_scene.h"

CU_SuiteInfo dt_suite_run_lock_beats(void);

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

CU_SuiteInfo dt_suite_run_lock_beats(void)
{
    static CU_TestInfo tests[] = {
        {"a silent host is dead after a minute", a_silent_host_is_dead_after_a_minute},
        {"a heartbeat from elsewhere is respected", a_heartbeat_from_elsewhere_is_respected},
        {"an observer that stood still saw nothing", an_observer_that_stood_still_has_seen_nothing},
        {"beats are rare and seen", beats_are_rare_and_seen},
        {"a lost lock is noticed and left alone", a_lost_lock_is_noticed_and_left_alone},
        {"a removed lock is put back", a_removed_lock_is_put_back},
        {"a release during a take-over", a_release_during_a_take_over_leaves_it_alone},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "run_lock_beats",
                          .pSetUpFunc = set_up,
                          .pTearDownFunc = tear_down,
                          .pTests = tests};
}
