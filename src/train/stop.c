#include "train/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

/* A global, which the house forbids elsewhere: a signal belongs to the process, and its handler is
 * given nothing but a number. */
static atomic_int requested;

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a signal handler may not wait for a lock");

static const struct {
    int signal;
    dt_stop_reason reason;
    bool may_be_ignored; /* by a parent's choice */
} requests[] = {
    {SIGUSR1, DT_STOP_USR1, false},
    {SIGTERM, DT_STOP_TERM, false},
    {SIGHUP, DT_STOP_TERM, true},
    {SIGINT, DT_STOP_INT, true},
};

enum { REQUESTS = sizeof requests / sizeof *requests };

/* The signal's default action, once this handler has returned. */
static void end_by(int signal)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signal, &action, NULL);
    raise(signal);
}

static void request(int signal)
{
    int saved_errno = errno;
    int reason = DT_STOP_NONE, before = atomic_load(&requested);
    for (int i = 0; i < REQUESTS; i++)
        if (requests[i].signal == signal)
            reason = (int)requests[i].reason;
    if (reason == DT_STOP_INT && before == DT_STOP_INT)
        end_by(signal);
    /* Another thread may be in a handler of its own. */
    while (reason > before && !atomic_compare_exchange_weak(&requested, &before, reason))
        continue;
    errno = saved_errno;
}

dt_status dt_stop_install(dt_error *error)
{
    for (int i = 0; i < REQUESTS; i++) {
        struct sigaction action = {.sa_handler = request, .sa_flags = SA_RESTART}, before;
        sigemptyset(&action.sa_mask);
        int failed = sigaction(requests[i].signal, NULL, &before);
        if (!failed && requests[i].may_be_ignored && before.sa_handler == SIG_IGN)
            continue;
        if (failed || sigaction(requests[i].signal, &action, NULL))
            return dt_fail(error, DT_ERR_INTERNAL, "signal %d: no handler: %s", requests[i].signal,
                           strerror(errno));
    }
    return DT_OK;
}

dt_stop_reason dt_stop_requested(void)
{
    return (dt_stop_reason)atomic_load_explicit(&requested, memory_order_relaxed);
}

const char *dt_stop_reason_text(dt_stop_reason reason)
{
    static const char *const texts[] = {"none", "SIGUSR1", "SIGTERM or SIGHUP", "SIGINT"};
    return texts[reason];
}
