/* Runs all suites, or those that the arguments name. */
#include <CUnit/Basic.h>
#include <signal.h>
#include <stdbool.h>
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

static bool is_among(const char *name, int count, char *const *names)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Says which of the names is no suite's. */
static bool all_are_suites(int count, char *const *names)
{
    for (int i = 0; i < count; i++) {
        bool known = false;
        for (size_t j = 0; j < sizeof suites / sizeof *suites; j++)
            known |= strcmp(names[i], suites[j].name) == 0;
        if (!known) {
            fprintf(stderr, "no suite is called %s\n", names[i]);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
    /* A shell that starts the tests in the background has them ignore some. */
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
    if (!all_are_suites(argc - 1, argv + 1) || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        if (argc > 1 && !is_among(suites[i].name, argc - 1, argv + 1))
            continue;
        CU_SuiteInfo list[] = {suites[i].suite(), CU_SUITE_INFO_NULL};
        if (CU_register_suites(list) != CUE_SUCCESS) {
            fprintf(stderr, "suite %s: %s\n", suites[i].name, CU_get_error_msg());
            return 1;
        }
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    int failed = (int)CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);
    CU_cleanup_registry();
    return failed > 0;
}
