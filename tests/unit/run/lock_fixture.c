#include "lock_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

lock_faults lock_fault;

static void disturb(void)
{
    if (lock_fault.random == 0)
        return;
    lock_fault.random = lock_fault.random * 6364136223846793005u + 1442695040888963407u;
    uint32_t drawn = (uint32_t)(lock_fault.random >> 33) % 1024;
    if (drawn < lock_fault.die)
        _exit(0);
    if (drawn >= 1024 - lock_fault.pause) {
        struct timespec pause = {.tv_nsec = (long)(lock_fault.random >> 40 & 0x7ffff)};
        syscall(SYS_nanosleep, &pause, NULL);
    }
}

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    if (lock_fault.link_error) {
        errno = lock_fault.link_error;
        return -1;
    }
    disturb();
    int result = (int)syscall(SYS_linkat, from, old, to, new, flags);
    int reason = errno;
    disturb();
    errno = reason;
    if (lock_fault.link_reply_lost) {
        errno = EEXIST;
        return -1;
    }
    return result;
}

int renameat(int from, const char *old, int to, const char *new)
{
    disturb();
    int result = (int)syscall(SYS_renameat, from, old, to, new);
    int reason = errno;
    disturb();
    errno = reason;
    return result;
}

int unlinkat(int directory, const char *name, int flags)
{
    disturb();
    int result = (int)syscall(SYS_unlinkat, directory, name, flags);
    int reason = errno;
    disturb();
    errno = reason;
    return result;
}

int futimens(int file, const struct timespec times[2])
{
    __atomic_fetch_add(&lock_fault.touches, 1, __ATOMIC_SEQ_CST);
    return (int)syscall(SYS_utimensat, file, NULL, times, 0);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!lock_fault.fake_clock || clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, now);
    double seconds = 1e6 + lock_fault.slept;
    now->tv_sec = (time_t)seconds;
    now->tv_nsec = (long)(1e9 * (seconds - (double)now->tv_sec));
    return 0;
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
    if (!lock_fault.fake_clock)
        return (int)syscall(SYS_nanosleep, time, left);
    lock_fault.slept += (double)time->tv_sec + 1e-9 * (double)time->tv_nsec;
    if (lock_fault.on_sleep)
        lock_fault.on_sleep();
    return 0;
}
