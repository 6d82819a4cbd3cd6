/* A run directory, its lock and its holders, and what the lock said. */
#ifndef DT_TESTS_LOCK_SCENE_H
#define DT_TESTS_LOCK_SCENE_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "base/log.h"
#include "lock_fixture.h"
#include "run/lock.h"
#include "scratch_folder.h"

static int terminal;

/* What the lock says goes to a file, "said". */
static FILE *said;

static inline void set_up(void)
{
    lock_fault = (lock_faults){.fake_clock = true};
    make_folder();
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

static inline void tear_down(void)
{
    dup2(terminal, 2);
    close(terminal);
    dt_log_set_file(NULL);
    fclose(said);
    lock_fault = (lock_faults){0};
    remove_folder();
}

static inline const char *run(void)
{
    return scratch_path(folder, "run");
}

static inline const char *lock_path(void)
{
    return scratch_path(folder, "run/lock");
}

static inline bool has_said(const char *text)
{
    size_t size;
    char *all = scratch_read(scratch_path(folder, "said"), &size);
    bool found = all && strstr(all, text);
    free(all);
    return found;
}

static inline dt_run_lock *take(void)
{
    dt_run_lock *lock = NULL;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_run_lock_take(run(), 0, &lock, &error), DT_OK);
    CU_ASSERT_STRING_EQUAL(error.message, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(lock);
    CU_ASSERT_EQUAL(scratch_entries(run()), 1);
    return lock;
}

static inline void take_and_release(void)
{
    dt_run_lock *lock = take();
    CU_ASSERT_EQUAL(dt_run_lock_check(lock, NULL), DT_OK);
    dt_run_lock_release(lock);
    CU_ASSERT_EQUAL(scratch_entries(run()), 0);
}

/* The lock cannot be had: the message, and that nothing has changed. */
static inline void assert_refused(double wait, dt_status expected, const char *reason)
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
static inline pid_t start_holder(bool ends)
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

static inline void reap(pid_t child)
{
    CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
}

/* The text of a lock with the line "NAME ..." replaced by "NAME VALUE". */
static inline void forge(const char *name, const char *value)
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
static inline void leave_foreign_lock(void)
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

#endif
