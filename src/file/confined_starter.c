/* A process that starts the confined children of this one. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confined_child.h"

enum { PATIENCE = 90000 }; /* milliseconds: machines are busy */

/* One for each process, like its standard files; that of a process is not that of its forks. */
static struct {
    pthread_mutex_t lock;
    pid_t owner, pid;
    int socket;
} starter = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool confined_fork(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(ends[1], CONFINED_SOCKET) < 0)
            _exit(1);
        return true;
    }
    /* No standard file, which may not be open. */
    int socket = pid > 0 ? fcntl(ends[0], F_DUPFD_CLOEXEC, CONFINED_SOCKET) : -1;
    if (socket >= 0) {
        starter.pid = pid;
        starter.socket = socket;
        starter.owner = getpid();
    }
    close(ends[0]);
    close(ends[1]);
    return false;
}

/* Signals are the parent's affair: the starter, which ignores those that people send, lets them
 * through once it does. */
static int set_up(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int socket)
{
    sigset_t all;
    sigfillset(&all);
    int failed = posix_spawn_file_actions_adddup2(actions, socket, CONFINED_SOCKET);
    if (!failed)
        failed = posix_spawnattr_setsigmask(attributes, &all);
    return failed ? failed : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK);
}

static int spawn(int socket, pid_t *pid)
{
    const char *arguments[] = {CONFINED_NAME, CONFINED_OPTION, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (!failed) {
        failed = set_up(&actions, &attributes, socket);
        /* The environment is for the loader: the starter forgets it. */
        if (!failed)
            failed = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, (char **)arguments,
                                 environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static int launch(void)
{
    int ends[2];
    if (starter.owner) /* that of the process of which this is a fork */
        close(starter.socket);
    starter.owner = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return errno;
    int failed = spawn(ends[1], &starter.pid);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        return failed;
    }
    starter.socket = ends[0];
    starter.owner = getpid();
    return 0;
}

static void forget(void)
{
    close(starter.socket);
    starter.owner = 0;
    kill(starter.pid, SIGKILL);
    while (waitpid(starter.pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* Somebody must wait for it: where process 1 does not, as in some containers, it would stay. */
static __attribute__((destructor)) void end_starter(void)
{
    if (starter.owner == getpid() && pthread_mutex_trylock(&starter.lock) == 0)
        forget();
}

static int send_request(const confined_request *request, int socket)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof socket)];
    } control;
    struct iovec content = {(void *)request, sizeof *request};
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    memset(&control, 0, sizeof control);
    control.head = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof socket), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.head), &socket, sizeof socket);
    while (sendmsg(starter.socket, &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

static int receive_answer(pid_t *child)
{
    struct pollfd socket = {.fd = starter.socket, .events = POLLIN};
    int32_t answer;
    int ready;
    while ((ready = poll(&socket, 1, PATIENCE)) < 0 && errno == EINTR)
        ;
    if (ready <= 0)
        return ready < 0 ? errno : ETIMEDOUT;
    if (recv(starter.socket, &answer, sizeof answer, MSG_DONTWAIT) != sizeof answer)
        return EPIPE;
    *child = answer;
    return 0;
}

int confined_ask(const confined_request *request, int socket, pid_t *child)
{
    pthread_mutex_lock(&starter.lock);
    int failed = starter.owner == getpid() ? 0 : launch();
    if (!failed) {
        failed = send_request(request, socket);
        if (!failed)
            failed = receive_answer(child);
        if (failed)
            forget();
        else if (*child < 0)
            failed = -*child;
    }
    pthread_mutex_unlock(&starter.lock);
    return failed;
}
