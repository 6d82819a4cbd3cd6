#define _GNU_SOURCE
#include "confined_child.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"

#if defined __SANITIZE_ADDRESS__
#define HUGE_ADDRESS_SPACE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HUGE_ADDRESS_SPACE 1
#endif
#endif
#ifndef HUGE_ADDRESS_SPACE
#define HUGE_ADDRESS_SPACE 0
#endif

/* What memory, time and the end of a process need, and the socket that is open. */
static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack), /* AddressSanitizer asks for it where a function does not return */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(alarm),
    SCMP_SYS(setitimer), /* which alarm is where there is no such call */
    SCMP_SYS(getrusage),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Memory of its own, which is never code. */
static const int allowed_without_code[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};

#define COUNT_OF(list) (sizeof(list) / sizeof *(list))

/* All other system calls fail with EPERM. Where the kernel does not do that the other limits stand
 * alone (dt_confined_can_seal). */
static void seal(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        _exit(DT_ERR_INTERNAL);
    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; i < COUNT_OF(allowed_without_code); i++)
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_without_code[i], 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    seccomp_load(filter);
    seccomp_release(filter);
}

static void limit(int resource, size_t soft, size_t hard)
{
    struct rlimit limits = {soft, hard};
    if (setrlimit(resource, &limits) == 0)
        return;
    /* What is less already stays so. */
    if (getrlimit(resource, &limits) || limits.rlim_cur > soft)
        _exit(1);
}

static size_t address_space(void)
{
    char text[64];
    dt_read_start("/proc/self/statm", text, sizeof text);
    return (size_t)strtoull(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static void close_others(void)
{
    struct rlimit files = {0};
    for (int i = 0; i < CONFINED_SOCKET; i++)
        close(i);
    dt_file_hold_standard();
    if (syscall(SYS_close_range, CONFINED_SOCKET + 1, ~0u, 0) == 0)
        return;
    getrlimit(RLIMIT_NOFILE, &files);
    for (rlim_t i = CONFINED_SOCKET + 1; i < files.rlim_cur && i < 1 << 20; i++)
        close((int)i);
}

/* What people, mpirun and Slurm send to all of a job is for the parent, whose end ends the child;
 * what a program may have been started without, as a limit of time, is for the child. */
static void ignore_signals(void)
{
    static const int signals[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE};
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        signal(signals[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void confine(size_t memory, size_t seconds)
{
    if (!HUGE_ADDRESS_SPACE)
        limit(RLIMIT_AS, address_space() + memory, address_space() + memory);
    limit(RLIMIT_CPU, seconds, seconds + 1);
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_FSIZE, 0, 0);
    limit(RLIMIT_NPROC, 0, 0);
    limit(RLIMIT_NOFILE, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        _exit(1);
    seal();
}

/* Seconds in which a child must have an answer. Its parent has no longer patience, but may have
 * been ended, which a child that computes does not notice. */
static unsigned patience;

static _Noreturn void be_child(const confined_request *request, int socket)
{
    dup2(socket, CONFINED_SOCKET);
    close(socket);
    patience = 2 * (unsigned)request->patience;
    confine((size_t)request->memory, (size_t)request->seconds);
    ((void (*)(void))((uintptr_t)dt_confined_start + (uintptr_t)request->work))();
    _exit(0);
}

/* False when the parent has ended. */
static bool hear_request(confined_request *request, int *socket)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof *socket)];
    } control;
    struct iovec content = {request, sizeof *request};
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    if (recvmsg(CONFINED_SOCKET, &message, MSG_CMSG_CLOEXEC) != sizeof *request ||
        message.msg_controllen < CMSG_LEN(sizeof *socket))
        return false;
    memcpy(socket, CMSG_DATA(&control.head), sizeof *socket);
    return true;
}

/* The arguments and the environment, which lie behind each other; lists of processes show the name.
 */
static void forget_start(char **argv, char **environment)
{
    char *end = argv[0];
    for (char **i = argv; *i; i++)
        end = *i + strlen(*i);
    for (char **i = environment; *i; i++)
        memset(*i, 0, strlen(*i));
    memset(argv[0], 0, (size_t)(end - argv[0]));
    snprintf(argv[0], (size_t)(end - argv[0]), "%s", CONFINED_NAME);
    clearenv();
}

/* Children are copies of the starter, which is small, has one thread, and has read no file. Their
 * parent is its parent (CLONE_PARENT), which so learns how they end. */
static _Noreturn void be_starter(char **argv, char **environment)
{
    confined_request request;
    int socket;
    forget_start(argv, environment);
    ignore_signals();
    close_others();
    prctl(PR_SET_NAME, "dist-train-read", 0, 0, 0);
    while (hear_request(&request, &socket)) {
        int32_t answer = (int32_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
        if (answer == 0)
            be_child(&request, socket);
        answer = answer < 0 ? -errno : answer;
        close(socket);
        if (send(CONFINED_SOCKET, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
            break;
    }
    _exit(0);
}

/* Before libraries are set up: that of MPI takes 0.1 s and more, and starts threads. Those of file
 * formats need nothing of the kind. */
static __attribute__((noinline)) void begin(int argc, char **argv, char **environment)
{
    if ((argc == 2 && strcmp(argv[1], CONFINED_OPTION) == 0) || confined_fork())
        be_starter(argv, environment);
}

DT_EVERY_CPU static void come_first(int argc, char **argv, char **environment)
{
    if (dt_cpu_fits())
        begin(argc, argv, environment);
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **,
                                                                            char **) = come_first;

void dt_confined_tell(const void *bytes, size_t size)
{
    const char *at = bytes;
    alarm(0);
    while (size > 0) {
        ssize_t done = send(CONFINED_SOCKET, at, size, MSG_NOSIGNAL);
        if (done < 0 && errno != EINTR)
            _exit(0);
        at += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    alarm(patience);
}

void dt_confined_hear(void *bytes, size_t size)
{
    char *at = bytes;
    alarm(0);
    while (size > 0) {
        ssize_t done = recv(CONFINED_SOCKET, at, size, MSG_WAITALL);
        if (done == 0 || (done < 0 && errno != EINTR))
            _exit(0);
        at += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    alarm(patience);
}
