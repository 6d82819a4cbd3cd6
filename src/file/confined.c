#define _GNU_SOURCE
#include "file/confined.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "base/memory.h"
#include "confined_child.h"

struct dt_confined {
    pid_t pid; /* 0: it has ended */
    int socket;
    dt_confined_limits limits;
};

static dt_status cannot_start(dt_error *error, int reason)
{
    return dt_fail(error, DT_ERR_INTERNAL,
                   "cannot start a process that reads files: /proc/self/exe: %s%s",
                   strerror(reason), reason == ENOENT ? "; is /proc mounted?" : "");
}

static int start(dt_confined *self, void (*work)(void))
{
    int ends[2];
    confined_request request = {confined_place(work), self->limits.memory,
                                (uint64_t)self->limits.seconds, (uint64_t)self->limits.patience};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return errno;
    int failed = confined_ask(&request, ends[1], &self->pid);
    close(ends[1]);
    if (failed)
        close(ends[0]);
    else
        self->socket = ends[0];
    return failed;
}

dt_status dt_confined_start(void (*work)(void), dt_confined_limits limits, dt_confined **out,
                            dt_error *error)
{
    *out = NULL;
    dt_confined *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return DT_ERR_INTERNAL;
    self->limits = limits;
    int failed = start(self, work);
    if (failed == EPIPE) /* somebody has ended what starts them */
        failed = start(self, work);
    if (failed) {
        dt_free(self);
        return cannot_start(error, failed);
    }
    *out = self;
    return DT_OK;
}

/* How the child ended, or ends now. */
static int end_child(dt_confined *self)
{
    int how = 0;
    if (self->pid == 0)
        return 0;
    kill(self->pid, SIGKILL); /* no matter for one that is ending already */
    while (waitpid(self->pid, &how, 0) < 0 && errno == EINTR)
        ;
    self->pid = 0;
    return how;
}

static dt_status has_ended(dt_confined *self, dt_error *error)
{
    int how = end_child(self), by = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    const char *const found = "expected a file that can be read, found one";
    if (WIFEXITED(how) && WEXITSTATUS(how) == DT_ERR_INTERNAL)
        return dt_fail(error, DT_ERR_DATA, "%s that takes its reader more than %zu MB of memory",
                       found, self->limits.memory >> 20);
    if (by == SIGXCPU)
        return dt_fail(error, DT_ERR_DATA, "%s that takes its reader more than %d s", found,
                       self->limits.seconds);
    return dt_fail(error, DT_ERR_DATA, "%s at which its reader fails (%s)", found,
                   by ? strsignal(by) : "without a word");
}

static dt_status is_late(dt_confined *self, dt_error *error)
{
    end_child(self);
    return dt_fail(error, DT_ERR_DATA,
                   "expected a file that can be read, found one at which its reader is silent for "
                   "%d s",
                   self->limits.patience);
}

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* Moves all of the bytes, one way or the other. */
static dt_status move(dt_confined *self, bool out, void *bytes, size_t size, dt_error *error)
{
    struct pollfd socket = {.fd = self->socket, .events = out ? POLLOUT : POLLIN};
    long long deadline = now() + 1000LL * self->limits.patience;
    char *at = bytes;
    while (size > 0) {
        long long left = deadline - now();
        int ready = self->pid ? poll(&socket, 1, left > 0 ? (int)left : 0) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return self->pid ? is_late(self, error) : has_ended(self, error);
        ssize_t done = out ? send(socket.fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT)
                           : recv(socket.fd, at, size, MSG_DONTWAIT);
        if (done < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (done <= 0)
            return has_ended(self, error);
        at += done;
        size -= (size_t)done;
    }
    return DT_OK;
}

dt_status dt_confined_send(dt_confined *child, const void *bytes, size_t size, dt_error *error)
{
    return move(child, true, (void *)bytes, size, error);
}

dt_status dt_confined_receive(dt_confined *child, void *bytes, size_t size, dt_error *error)
{
    return move(child, false, bytes, size, error);
}

void dt_confined_end(dt_confined *child)
{
    if (!child)
        return;
    end_child(child);
    close(child->socket);
    dt_free(child);
}

bool dt_confined_can_seal(void)
{
    /* source: seccomp(2) and prctl(2): a filter that is nowhere is a bad address, where there are
     * filters. */
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) == -1 && errno == EFAULT;
}
