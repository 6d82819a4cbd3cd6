/* What a confined child cannot do, whatever runs in it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "file/confined.h"

CU_SuiteInfo dt_suite_confined(void);

enum { ECHO, CRASH, LOOP, HOG, SILENCE, LEAVE, TRY, OPEN_FILES, SET_UP };

static char is_set_up;

__attribute__((constructor)) static void set_up(void)
{
    is_set_up = 1;
}

/* What a child tries: each returns a negative number, or NULL, as it must not come to pass. */
static bool can_open(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY) >= 0 ||
           syscall(SYS_openat, AT_FDCWD, "/tmp/hdf5-planted", O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool can_connect(void)
{
    int ends[2];
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0;
}

static bool can_start_processes(void)
{
    char name[] = "true", *const arguments[] = {name, NULL};
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0 || execv("/bin/true", arguments) == 0;
}

static bool can_touch_others(void)
{
    return kill(getppid(), 0) == 0 || unlink("/tmp/nothing") == 0 || errno == ENOENT ||
           syscall(SYS_tgkill, 1 << 30, 1 << 30, 0) == 0 || errno != EPERM;
}

static bool can_make_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static bool can_see_environment(void)
{
    return getenv("PATH") != NULL;
}

static bool (*const tries[])(void) = {can_open,         can_connect,   can_start_processes,
                                      can_touch_others, can_make_code, can_see_environment};

enum { TRIES = sizeof tries / sizeof *tries };

static void hog(void)
{
    for (;;) {
        char *block = malloc(1 << 20);
        if (block)
            memset(block, 1, 1 << 20);
    }
}

static void try_all(void)
{
    for (int i = 0; i < TRIES; i++) {
        char could = (char)tries[i]();
        dt_confined_tell(&could, 1);
    }
}

static void work(void)
{
    static volatile int endless = 1;
    char what;
    dt_confined_hear(&what, 1);
    if (what == CRASH) {
        signal(SIGSEGV, SIG_DFL); /* which sanitizers have a handler for */
        raise(SIGSEGV);
    }
    while (what == LOOP && endless)
        ;
    if (what == HOG)
        hog();
    if (what == TRY)
        try_all();
    if (what == LEAVE)
        _exit(7);
    char files = 0;
    for (int i = 0; what == OPEN_FILES && i < 1024; i++)
        files = (char)(files + (write(i, "", 0) == 0));
    dt_confined_tell(what == OPEN_FILES ? &files : what == SET_UP ? &is_set_up : &what, 1);
    dt_confined_hear(&what, 1);
}

static dt_confined *started(char what)
{
    dt_confined *child;
    dt_error error = {0};
    const dt_confined_limits limits = {(size_t)64 << 20, 1, what == SILENCE ? 2 : 90};
    CU_ASSERT_EQUAL(dt_confined_start(work, limits, &child, &error), DT_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(child);
    CU_ASSERT_EQUAL(dt_confined_send(child, &what, 1, &error), DT_OK);
    return child;
}

static void assert_ends(char what, const char *reason)
{
    char answer;
    dt_error error = {0};
    dt_confined *child = started(what);
    CU_ASSERT_EQUAL(dt_confined_receive(child, &answer, 1, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    if (!strstr(error.message, reason))
        fprintf(stderr, "\nexpected '%s', found '%s'\n", reason, error.message);
    CU_ASSERT_EQUAL(dt_confined_receive(child, &answer, 1, &error), DT_ERR_DATA);
    CU_ASSERT_EQUAL(dt_confined_send(child, &answer, 1, &error), DT_ERR_DATA);
    dt_confined_end(child);
}

static void a_child_that_ends_is_said(void)
{
    assert_ends(CRASH, "at which its reader fails (Segmentation fault)");
    assert_ends(LOOP, "that takes its reader more than 1 s");
    assert_ends(LEAVE, "at which its reader fails (without a word)");
#ifndef __SANITIZE_ADDRESS__
    assert_ends(HOG, "that takes its reader more than 64 MB of memory");
#endif
}

static void a_silent_child_is_not_waited_for_forever(void)
{
    char answer[2];
    dt_error error = {0};
    dt_confined *child = started(SILENCE);
    time_t begin = time(NULL);
    CU_ASSERT_EQUAL(dt_confined_receive(child, answer, 2, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "silent for 2 s"));
    CU_ASSERT_TRUE(time(NULL) - begin < 30);
    dt_confined_end(child);
}

static _Noreturn void be_parent(int ready)
{
    const char what = LOOP;
    dt_confined *child;
    const dt_confined_limits limits = {(size_t)64 << 20, 60, 1};
    if (!dt_confined_start(work, limits, &child, NULL) && !dt_confined_send(child, &what, 1, NULL))
        (void)!write(ready, "", 1);
    for (;;)
        pause();
}

static void a_child_does_not_outlive_its_parent_for_long(void)
{
    int ready[2], how = 0, by = 0;
    char said;
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* the child becomes one of this process */
    pid_t parent = fork();
    if (parent == 0)
        be_parent(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &said, 1), 1);
    kill(parent, SIGKILL);
    for (time_t begin = time(NULL); by != SIGALRM && time(NULL) - begin < 30; usleep(10000))
        if (waitpid(-1, &how, WNOHANG) > 0)
            by = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    CU_ASSERT_EQUAL(by, SIGALRM);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    close(ready[0]);
    close(ready[1]);
}

static void a_child_can_do_nothing_but_answer(void)
{
    char could[TRIES + 1], files = 0;
    dt_error error = {0};
    CU_ASSERT_TRUE(dt_confined_can_seal());
    dt_confined *child = started(TRY);
    CU_ASSERT_EQUAL(dt_confined_receive(child, could, sizeof could, &error), DT_OK);
    for (int i = 0; i < TRIES; i++)
        CU_ASSERT_EQUAL(could[i], 0);
    dt_confined_end(child);

    int file = open("/dev/null", O_WRONLY); /* without O_CLOEXEC */
    child = started(OPEN_FILES);
    CU_ASSERT_EQUAL(dt_confined_receive(child, &files, 1, &error), DT_OK);
    CU_ASSERT_TRUE(files <= 4);
    dt_confined_end(child);
    close(file);
}

static void children_come_and_go(void)
{
    for (int i = 0; i < 20; i++) {
        char answer = 0;
        dt_confined *child = started(ECHO), *other = started(ECHO);
        CU_ASSERT_EQUAL(dt_confined_receive(child, &answer, 1, NULL), DT_OK);
        CU_ASSERT_EQUAL(answer, ECHO);
        dt_confined_end(child);
        CU_ASSERT_EQUAL(dt_confined_receive(other, &answer, 1, NULL), DT_OK);
        dt_confined_end(other);
    }
    dt_confined_end(NULL);
}

/* Libraries would take their time, and start threads. */
static void a_child_comes_before_libraries_are_set_up(void)
{
    char answer = 1;
    CU_ASSERT_EQUAL(is_set_up, 1);
    dt_confined *child = started(SET_UP);
    CU_ASSERT_EQUAL(dt_confined_receive(child, &answer, 1, NULL), DT_OK);
    CU_ASSERT_EQUAL(answer, 0);
    dt_confined_end(child);
}

static bool crashes(void)
{
    char answer;
    dt_error error = {0};
    dt_confined *child = started(CRASH);
    dt_status status = dt_confined_receive(child, &answer, 1, &error);
    dt_confined_end(child);
    return status == DT_ERR_DATA && strstr(error.message, "(Segmentation fault)");
}

/* All that a file of /proc says of a process, with its zeros. */
static size_t read_of(int pid, const char *name, char *text, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(text, 1, size - 1, file) : 0;
    text[length] = '\0';
    if (file)
        fclose(file);
    return length;
}

/* The child of this process that starts others; 0: there is none that is ready. */
static int what_starts_children(void)
{
    static char children[4096];
    char list[64], name[64];
    int pid;
    snprintf(list, sizeof list, "task/%d/children", (int)getpid());
    read_of(getpid(), list, children, sizeof children);
    for (char *at = children, *end; (pid = (int)strtol(at, &end, 10)) > 0; at = end) {
        read_of(pid, "comm", name, sizeof name);
        if (strcmp(name, "dist-train-read\n") == 0)
            return pid;
    }
    return 0;
}

/* It costs less than one that is started when it is needed. */
static void what_starts_children_is_there_from_the_begin(void)
{
    static char text[1 << 16];
    int pid = what_starts_children();
    for (int i = 0; i < 1000 && !pid; i++) {
        usleep(10000);
        pid = what_starts_children();
    }
    CU_ASSERT_TRUE_FATAL(pid > 0);
    CU_ASSERT_TRUE(read_of(pid, "cmdline", text, sizeof text) > 0);
    CU_ASSERT_EQUAL(strncmp(text, "dist-train-reader", strlen(text)), 0);
    size_t size = read_of(pid, "environ", text, sizeof text);
    for (size_t i = 0; i < size; i++)
        CU_ASSERT_EQUAL(text[i], '\0');
}

static void what_starts_children_may_be_ended(void)
{
    char path[64];
    int pid = 0;
    CU_ASSERT_TRUE(crashes());
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(children);
    while (fscanf(children, "%d", &pid) == 1)
        kill(pid, SIGKILL);
    fclose(children);
    CU_ASSERT_TRUE(pid > 0);
    CU_ASSERT_TRUE(crashes());
}

static void a_fork_has_children_of_its_own(void)
{
    int how = -1;
    CU_ASSERT_TRUE(crashes());
    pid_t fork_of_this = fork();
    if (fork_of_this == 0)
        _exit(!crashes());
    CU_ASSERT_TRUE(crashes());
    CU_ASSERT_EQUAL(waitpid(fork_of_this, &how, 0), fork_of_this);
    CU_ASSERT_EQUAL(how, 0);
}

CU_SuiteInfo dt_suite_confined(void)
{
    static CU_TestInfo tests[] = {
        {"what starts children is there from the begin",
         what_starts_children_is_there_from_the_begin},
        {"a child that ends is said", a_child_that_ends_is_said},
        {"a silent child is not waited for forever", a_silent_child_is_not_waited_for_forever},
        {"a child does not outlive its parent for long",
         a_child_does_not_outlive_its_parent_for_long},
        {"a child can do nothing but answer", a_child_can_do_nothing_but_answer},
        {"children come and go", children_come_and_go},
        {"a child comes before libraries are set up", a_child_comes_before_libraries_are_set_up},
        {"what starts children may be ended", what_starts_children_may_be_ended},
        {"a fork has children of its own", a_fork_has_children_of_its_own},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "confined", .pTests = tests};
}
