#define _GNU_SOURCE /* unshare */
#include "train/stop.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

CU_SuiteInfo dt_suite_stop(void);

/* Requests stay for the life of a process: every case has one of its own. Returns how it ended. */
static int in_a_child(void (*act)(const void *argument), const void *argument)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        alarm(10);
        act(argument);
        _exit(0);
    }
    CU_ASSERT_FATAL(child > 0);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    return status;
}

static void expect(bool holds)
{
    if (!holds)
        _exit(1);
}

typedef struct sequence {
    int signals[4]; /* 0 at the end */
    dt_stop_reason expected;
} sequence;

static void get(const void *argument)
{
    const sequence *case_ = argument;
    dt_error error;
    expect(dt_stop_install(&error) == DT_OK);
    dt_stop_defer(true);
    expect(dt_stop_requested() == DT_STOP_NONE);
    for (int i = 0; i < 4 && case_->signals[i]; i++) {
        errno = 4711;
        kill(getpid(), case_->signals[i]);
        expect(errno == 4711);
    }
    expect(dt_stop_requested() == case_->expected);
    expect(dt_stop_requested() == case_->expected);
}

static void the_most_urgent_request_counts(void)
{
    static const sequence cases[] = {
        {{0}, DT_STOP_NONE},
        {{SIGUSR1}, DT_STOP_USR1},
        {{SIGTERM}, DT_STOP_TERM},
        {{SIGHUP}, DT_STOP_HUP},
        {{SIGPIPE, SIGPIPE}, DT_STOP_PIPE},
        {{SIGPIPE, SIGINT, SIGPIPE}, DT_STOP_INT},
        {{SIGINT}, DT_STOP_INT},
        {{SIGXCPU, SIGXCPU, SIGPIPE}, DT_STOP_XCPU},
        {{SIGUSR1, SIGUSR1, SIGUSR1, SIGUSR1}, DT_STOP_USR1},
        {{SIGTERM, SIGHUP, SIGTERM, SIGTERM}, DT_STOP_TERM},
        {{SIGUSR1, SIGTERM, SIGUSR1}, DT_STOP_TERM},
        {{SIGTERM, SIGUSR1}, DT_STOP_TERM},
        {{SIGUSR1, SIGINT, SIGUSR1, SIGTERM}, DT_STOP_INT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CU_ASSERT_EQUAL(in_a_child(get, &cases[i]), 0);
}

static void a_second_interrupt_ends_at_once(void)
{
    static const sequence twice = {{SIGINT, SIGINT}, DT_STOP_INT},
                          apart = {{SIGINT, SIGUSR1, SIGTERM, SIGINT}, DT_STOP_INT};
    int status = in_a_child(get, &twice);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    status = in_a_child(get, &apart);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

typedef struct ending {
    int signal;
    bool deferred; /* asked for first, which dt_stop_end answers */
} ending;

static void end_by(const void *argument)
{
    const ending *case_ = argument;
    dt_error error;
    expect(dt_stop_install(&error) == DT_OK);
    dt_stop_end(); /* nobody has asked */
    dt_stop_defer(true);
    dt_stop_defer(case_->deferred);
    kill(getpid(), SIGUSR1);
    kill(getpid(), case_->signal);
    expect(case_->deferred);
    dt_stop_end();
}

static void at_once_unless_deferred(void)
{
    static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGPIPE, SIGXCPU};
    for (int i = 0; i < 10; i++) {
        ending case_ = {signals[i / 2], i % 2};
        int status = in_a_child(end_by, &case_);
        CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == case_.signal);
    }
}

/* The first process of a container, which no default action ends. A machine may not let us. */
static void the_first_process_ends_too(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
            _exit(128 + SIGTERM);
        _exit(WEXITSTATUS(in_a_child(end_by, &(ending){SIGTERM, false})));
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 128 + SIGTERM);
}

static void get_while_ignored(const void *argument)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1};
    (void)argument;
    dt_error error;
    for (int i = 0; i < 5; i++)
        signal(signals[i], SIG_IGN);
    expect(dt_stop_install(&error) == DT_OK);
    dt_stop_defer(true);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGINT);
    kill(getpid(), SIGPIPE);
    expect(dt_stop_requested() == DT_STOP_NONE);
    kill(getpid(), SIGUSR1);
    expect(dt_stop_requested() == DT_STOP_USR1);
    kill(getpid(), SIGTERM);
    expect(dt_stop_requested() == DT_STOP_TERM);
}

static void what_a_parent_ignores_stays_ignored(void)
{
    CU_ASSERT_EQUAL(in_a_child(get_while_ignored, NULL), 0);
}

/* The child tells when it is about to read; signals come while it reads, then a byte. */
static void read_on(const void *argument)
{
    const int(*pipes)[2] = argument;
    char byte = 'r';
    dt_error error;
    expect(dt_stop_install(&error) == DT_OK);
    dt_stop_defer(true);
    expect(write(pipes[1][1], &byte, 1) == 1);
    expect(read(pipes[0][0], &byte, 1) == 1 && byte == 'x');
    expect(dt_stop_requested() == DT_STOP_TERM);
}

static void system_calls_go_on(void)
{
    int pipes[2][2], status;
    char byte;
    CU_ASSERT_FATAL(pipe(pipes[0]) == 0 && pipe(pipes[1]) == 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(10);
        read_on(pipes);
        _exit(0);
    }
    CU_ASSERT_EQUAL(read(pipes[1][0], &byte, 1), 1);
    for (int i = 0; i < 20; i++) {
        usleep(2000);
        kill(child, i < 10 ? SIGUSR1 : SIGTERM);
    }
    CU_ASSERT_EQUAL(write(pipes[0][1], "x", 1), 1);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    for (int i = 0; i < 4; i++)
        close(pipes[i / 2][i % 2]);
}

static void reasons_have_texts(void)
{
    for (int i = DT_STOP_NONE; i <= DT_STOP_INT; i++)
        for (int j = DT_STOP_NONE; j < i; j++)
            CU_ASSERT_STRING_NOT_EQUAL(dt_stop_reason_text((dt_stop_reason)i),
                                       dt_stop_reason_text((dt_stop_reason)j));
    CU_ASSERT_STRING_EQUAL(dt_stop_reason_text(DT_STOP_USR1), "SIGUSR1");
    CU_ASSERT_STRING_EQUAL(dt_stop_reason_text(DT_STOP_INT), "SIGINT");
}

CU_SuiteInfo dt_suite_stop(void)
{
    static CU_TestInfo tests[] = {
        {"the most urgent request counts", the_most_urgent_request_counts},
        {"SIGTERM, SIGHUP and SIGINT end the process unless deferred", at_once_unless_deferred},
        {"the first process of a container ends too", the_first_process_ends_too},
        {"a second SIGINT ends the process at once", a_second_interrupt_ends_at_once},
        {"what a parent ignores stays ignored", what_a_parent_ignores_stays_ignored},
        {"system calls go on", system_calls_go_on},
        {"every reason has a text of its own", reasons_have_texts},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "stop", .pTests = tests};
}
