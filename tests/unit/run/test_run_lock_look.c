#include "run/lock.h"

#include <stdlib.h>
#include <sys/wait.h>

#include "scratch_folder.h"

CU_SuiteInfo dt_suite_run_lock_look(void);

static dt_run_lock_state look(char holder[DT_RUN_LOCK_TEXT])
{
    dt_run_lock_state state;
    CU_ASSERT_EQUAL(dt_run_lock_look(folder, &state, holder, NULL), DT_OK);
    return state;
}

static void a_look_tells_who_writes_and_changes_nothing(void)
{
    char holder[DT_RUN_LOCK_TEXT], process[32];
    dt_run_lock *lock;
    CU_ASSERT_EQUAL(look(holder), DT_RUN_LOCK_FREE);
    CU_ASSERT_STRING_EQUAL(holder, "");
    CU_ASSERT_EQUAL(scratch_entries(folder), 0);

    CU_ASSERT_EQUAL_FATAL(dt_run_lock_take(folder, 0, &lock, NULL), DT_OK);
    size_t size;
    char *before = scratch_read(scratch_path(folder, DT_FILE_LOCK), &size);
    CU_ASSERT_EQUAL(look(holder), DT_RUN_LOCK_HELD);
    snprintf(process, sizeof process, "process %d on host ", getpid());
    CU_ASSERT_EQUAL(strncmp(holder, process, strlen(process)), 0);
    CU_ASSERT_TRUE(scratch_holds(scratch_path(folder, DT_FILE_LOCK), before, size));
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
    dt_run_lock_release(lock);
    CU_ASSERT_EQUAL(look(holder), DT_RUN_LOCK_FREE);
    free(before);
}

static void a_lock_that_was_left_behind_is_told(void)
{
    char holder[DT_RUN_LOCK_TEXT];
    pid_t child = fork();
    if (child == 0) {
        dt_run_lock *lock;
        _exit(dt_run_lock_take(folder, 0, &lock, NULL) == DT_OK ? 0 : 1);
    }
    int status = 1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(look(holder), DT_RUN_LOCK_DEAD);
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);

    scratch_write(scratch_path(folder, DT_FILE_LOCK), "what is this?");
    CU_ASSERT_EQUAL(look(holder), DT_RUN_LOCK_UNSEEN);
    CU_ASSERT_STRING_EQUAL(holder, "an unknown process (its lock cannot be understood)");
    CU_ASSERT_EQUAL(unlink(scratch_path(folder, DT_FILE_LOCK)), 0);
    CU_ASSERT_EQUAL(mkdir(scratch_path(folder, DT_FILE_LOCK), 0700), 0);
    dt_run_lock_state state;
    CU_ASSERT_EQUAL(dt_run_lock_look(folder, &state, holder, NULL), DT_ERR_NO_INPUT);
}

CU_SuiteInfo dt_suite_run_lock_look(void)
{
    static CU_TestInfo tests[] = {
        {"a look tells who writes and changes nothing",
         a_look_tells_who_writes_and_changes_nothing},
        {"a lock that was left behind is told", a_lock_that_was_left_behind_is_told},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "run_lock_look",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
