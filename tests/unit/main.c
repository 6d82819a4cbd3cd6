/* Runs all suites, or the one that the argument names. */
#include <CUnit/Basic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SUITE(name) CU_SuiteInfo dt_suite_##name(void);
#include "suites.h"
#undef SUITE

static const struct {
    const char *name;
    CU_SuiteInfo (*suite)(void);
} suites[] = {
#define SUITE(name) {#name, dt_suite_##name},
#include "suites.h"
#undef SUITE
};

int main(int argc, char **argv)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
    int chosen = 0;
    /* A shell that starts the tests in the background has them ignore some. */
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        if (argc > 1 && strcmp(argv[1], suites[i].name) != 0)
            continue;
        CU_SuiteInfo list[] = {suites[i].suite(), CU_SUITE_INFO_NULL};
        if (CU_register_suites(list) != CUE_SUCCESS) {
            fprintf(stderr, "suite %s: %s\n", suites[i].name, CU_get_error_msg());
            return 1;
        }
        chosen++;
    }
    if (chosen == 0) {
        fprintf(stderr, "no suite is called %s\n", argv[1]);
        return 1;
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    int failed = (int)CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);
    CU_cleanup_registry();
    return failed > 0;
}
