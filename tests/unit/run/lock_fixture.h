/* System calls that fail, wait or end the process on demand, and a clock that can be told to run,
 * for the tests of the run lock: they stand in for those of the C library. */
#ifndef DT_TESTS_LOCK_FIXTURE_H
#define DT_TESTS_LOCK_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct lock_faults {
    int link_error;       /* linkat fails with this errno */
    bool link_reply_lost; /* linkat links and says EEXIST */
    /* A clock that stands still but for sleeps, which take no time. */
    bool fake_clock;
    double slept;           /* seconds so far */
    void (*on_sleep)(void); /* called after each */
    int touches;            /* calls of futimens */
    /* Of 1024 calls of linkat, renameat, unlinkat: how many are preceded, and how many followed, by
     * the end of the process; and how many by a pause. */
    uint32_t die, pause;
    uint64_t random;
} lock_faults;

extern lock_faults lock_fault;

#endif
