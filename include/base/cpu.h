/* The CPU that the program was built for, and the one it runs on. */
#ifndef DT_BASE_CPU_H
#define DT_BASE_CPU_H

#include <stdbool.h>

/* For a function that any CPU of this kind can run, whatever the compiler was allowed to use. Those
 * it calls are not. */
#ifdef __x86_64__
#define DT_EVERY_CPU                                                                               \
    __attribute__((target("arch=x86-64,no-avx,no-bmi,no-bmi2,no-lzcnt,no-movbe,no-popcnt")))
#else
#define DT_EVERY_CPU
#endif

/* Whether this CPU has what the compiler was allowed to use. If not, the program ends before main
 * and says so; what runs before that must ask. */
bool dt_cpu_fits(void);

#endif
