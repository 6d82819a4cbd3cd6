#include "train/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/leftover.h"

/* Globals, which the house forbids elsewhere: a signal belongs to the process, and its handler is
 * given nothing but a number. */
static atomic_int requested;
static atomic_bool deferred;

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_BOOL_LOCK_FREE == 2,
               "a signal handler may not wait for a lock");

static const struct {
    int signal;
    const char *name;
    bool may_be_ignored; /* by a parent's choice */
} signals[] = {
    [DT_STOP_NONE] = {0, "none", false},         [DT_STOP_USR1] = {SIGUSR1, "SIGUSR1", false},
    [DT_STOP_PIPE] = {SIGPIPE, "SIGPIPE", true}, [DT_STOP_XCPU] = {SIGXCPU, "SIGXCPU", false},
    [DT_STOP_HUP] = {SIGHUP, "SIGHUP", true},    [DT_STOP_TERM] = {SIGTERM, "SIGTERM", false},
    [DT_STOP_INT] = {SIGINT, "SIGINT", true},
};

enum { REASONS = sizeof signals / sizeof *signals, SHELL_SIGNALED = 128 };

/* By the signal's default action. The first process of a container (number 1) has none; it exits
 * with what a shell makes of the signal. */
static void end_by(int signal)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t own;
    dt_leftovers_remove();
    sigaction(signal, &action, NULL);
    sigemptyset(&own);
    sigaddset(&own, signal);
    raise(signal);
    pthread_sigmask(SIG_UNBLOCK, &own, NULL);
    _exit(SHELL_SIGNALED + signal);
}

static void take(int signal)
{
    int saved_errno = errno;
    int reason = DT_STOP_NONE, before = atomic_load(&requested);
    for (int i = 0; i < REASONS; i++)
        if (signals[i].signal == signal)
            reason = i;
    bool again = reason == DT_STOP_INT && before == DT_STOP_INT;
    if (reason != DT_STOP_USR1 && (again || !atomic_load(&deferred)))
        end_by(signal);
    /* Another thread may be in a handler of its own. */
    while (reason > before && !atomic_compare_exchange_weak(&requested, &before, reason))
        continue;
    errno = saved_errno;
}

dt_status dt_stop_install(dt_error *error)
{
    for (int i = DT_STOP_USR1; i < REASONS; i++) {
        struct sigaction action = {.sa_handler = take, .sa_flags = SA_RESTART}, before;
        sigemptyset(&action.sa_mask);
        int failed = sigaction(signals[i].signal, NULL, &before);
        if (!failed && signals[i].may_be_ignored && before.sa_handler == SIG_IGN)
            continue;
        if (failed || sigaction(signals[i].signal, &action, NULL))
            return dt_fail(error, DT_ERR_INTERNAL, "%s: no handler: %s", signals[i].name,
                           strerror(errno));
    }
    return DT_OK;
}

void dt_stop_defer(bool yes)
{
    atomic_store(&deferred, yes);
}

dt_stop_reason dt_stop_requested(void)
{
    return (dt_stop_reason)atomic_load_explicit(&requested, memory_order_relaxed);
}

void dt_stop_end(void)
{
    dt_stop_reason reason = dt_stop_requested();
    if (reason != DT_STOP_NONE)
        end_by(signals[reason].signal);
}

const char *dt_stop_reason_text(dt_stop_reason reason)
{
    return signals[reason].name;
}
