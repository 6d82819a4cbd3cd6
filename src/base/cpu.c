/* A program that was built for a newer CPU says so, instead of dying of an unknown instruction.
 *
 * By default the compiler builds for the CPU at hand (-march=native), and any function, main too,
 * may begin with an instruction that another CPU lacks. So this looks before main, in functions
 * that are compiled for every CPU of their kind. */
#include "base/cpu.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"

#ifdef __x86_64__

/* The first feature that the compiler was allowed to use and this CPU lacks; NULL: none. */
DT_EVERY_CPU static const char *find_missing(void)
{
#define NEEDS(feature)                                                                             \
    if (!__builtin_cpu_supports(feature))                                                          \
        return feature;
    __builtin_cpu_init();
#ifdef __POPCNT__
    NEEDS("popcnt")
#endif
#ifdef __SSE4_2__
    NEEDS("sse4.2")
#endif
#ifdef __AVX__
    NEEDS("avx")
#endif
#ifdef __AVX2__
    NEEDS("avx2")
#endif
#ifdef __FMA__
    NEEDS("fma")
#endif
#ifdef __BMI__
    NEEDS("bmi")
#endif
#ifdef __BMI2__
    NEEDS("bmi2")
#endif
#ifdef __AVX512F__
    NEEDS("avx512f")
#endif
#ifdef __AVX512DQ__
    NEEDS("avx512dq")
#endif
#ifdef __AVX512BW__
    NEEDS("avx512bw")
#endif
#ifdef __AVX512VL__
    NEEDS("avx512vl")
#endif
#ifdef __AVX512CD__
    NEEDS("avx512cd")
#endif
#ifdef __AVX512VBMI__
    NEEDS("avx512vbmi")
#endif
    return NULL;
}

#elif defined __aarch64__

#include <sys/auxv.h>

static const char *find_missing(void)
{
#if defined __ARM_FEATURE_ATOMICS && defined HWCAP_ATOMICS
    if (!(getauxval(AT_HWCAP) & HWCAP_ATOMICS))
        return "atomics";
#endif
#if defined __ARM_FEATURE_SVE && defined HWCAP_SVE
    if (!(getauxval(AT_HWCAP) & HWCAP_SVE))
        return "sve";
#endif
    return NULL;
}

#else

static const char *find_missing(void)
{
    return NULL;
}

#endif

DT_EVERY_CPU bool dt_cpu_fits(void)
{
    return !find_missing();
}

DT_EVERY_CPU static void say(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written; /* nobody is left to be told */
}

/* One process of a host speaks for all that a launcher started there. */
DT_EVERY_CPU static int is_first_of_host(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID",
                                        "SLURM_LOCALID"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *rank = getenv(names[i]);
        if (rank)
            return strcmp(rank, "0") == 0;
    }
    return 1;
}

DT_EVERY_CPU __attribute__((constructor)) static void check_cpu(void)
{
    const char *missing = find_missing();
    if (!missing)
        return;
    if (is_first_of_host()) {
        say("dist-train: this program was built for a CPU with ");
        say(missing);
        say(", which this one lacks: build it here (make clean; make), or for any recent CPU "
            "(make ARCH=x86-64-v3)\n");
    }
    _exit(DT_ERR_CONFIG);
}
